"""Superpixels: small connected pieces of one colour that hardly ever cross the border of an object.

Felzenszwalb and Huttenlocher, "Efficient Graph-Based Image Segmentation" (IJCV 2004). Every pixel is a node, neighbours
are joined by edges, and an edge's weight is how much the two colours differ. Edges are looked at from the lightest up;
one that is no heavier than what both pieces hold inside anyway, plus a bonus for small pieces, joins them.
"""

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from lessons_lib.checks import check_ints, checked_int

STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""(down, right) to four of a pixel's eight neighbours; the other four are reached from the other side."""


def superpixels(image: Float[Tensor, "3 H W"], scale: float = 0.6, min_size: int = 5) -> Int64[Tensor, "H W"]:
    """The number of each pixel's superpixel, from 0 on, in the order in which their first pixels come, row by row.

    scale: the bonus of a piece of n pixels is scale / n, in the unit of the colours, which are in [0, 1]: a larger
        scale gives larger pieces (the paper's k).
    min_size: pieces of fewer pixels are joined to the neighbour that is most alike.

    Edges of equal weight are taken in the order of `STEPS`, then by row and column. The result is on the image's
    device, the work is done on a CPU. Raises ValueError for an image that is not (3, H, W) or a scale < 0.

    >>> superpixels(torch.tensor([[[0.0, 0.0, 1.0, 1.0]]] * 3), scale=0.1, min_size=1)
    tensor([[0, 0, 1, 1]])
    """
    check_image(image)
    check_ints(1, min_size=min_size)
    if not scale >= 0:
        raise ValueError(f"scale must be ≥ 0, got {scale}")
    height, width = image.shape[1:]
    first, second, weight = edges(image)
    root = np.array(_join(height * width, first, second, weight, scale, min_size), dtype=np.int64)
    _, place, number = np.unique(root, return_index=True, return_inverse=True)
    renewed = np.empty(len(place), dtype=np.int64)
    renewed[place.argsort()] = np.arange(len(place))
    return torch.from_numpy(renewed[number].reshape(height, width)).to(image.device)


def few_superpixels(
    image: Float[Tensor, "3 H W"], scale: float = 0.6, min_size: int = 5, most: int = 400
) -> Int64[Tensor, "H W"]:
    """`superpixels`, at most `most` of them: scale and min_size are doubled until they are as few."""
    most = checked_int("most", most, 1)
    label_map = superpixels(image, scale, min_size)
    while label_map.numel() and int(label_map.max()) >= most:
        scale, min_size = 2 * scale, 2 * min_size
        label_map = superpixels(image, scale, min_size)
    return label_map


def edges(
    image: Float[Tensor, "3 H W"],
) -> tuple[Int64[np.ndarray, " E"], Int64[np.ndarray, " E"], Float64[np.ndarray, " E"]]:
    """(pixel, neighbour, weight) of all pairs of neighbouring pixels: the Euclidean distance of their colours."""
    colours = image.detach().cpu().double().permute(1, 2, 0).numpy()
    height, width = colours.shape[:2]
    number = np.arange(height * width).reshape(height, width)
    found = []
    for down, right in STEPS:
        here = slice(0, max(0, height - down)), slice(max(0, -right), max(0, width - max(0, right)))
        there = slice(down, height), slice(max(0, right), max(0, width + min(0, right)))
        distance = np.sqrt(((colours[here] - colours[there]) ** 2).sum(-1))
        found.append((number[here].ravel(), number[there].ravel(), distance.ravel()))
    first, second, weight = (np.concatenate(rows) for rows in zip(*found, strict=True))
    return first, second, weight


def _join(
    count: int, first: np.ndarray, second: np.ndarray, weight: np.ndarray, scale: float, min_size: int
) -> list[int]:
    """The piece of each pixel, by the number of one of its pixels.

    Most edges lie inside a piece by the time they are looked at, so what is looked up must be at hand: every pixel
    knows its piece, and when two are joined, the pixels of the smaller one learn the number of the larger. The pixels
    of a piece are a ring, in which each knows the next; two rings become one when two of their pixels swap what they
    know.
    """
    order = weight.argsort(kind="stable")
    first, second = first[order], second[order]
    piece, following, size = list(range(count)), list(range(count)), [1] * count
    limit = [scale] * count  # the heaviest edge inside a piece, plus its bonus

    def join(a: int, b: int) -> int:
        if size[a] < size[b]:
            a, b = b, a
        pixel = b
        while piece[pixel] != a:
            piece[pixel] = a
            pixel = following[pixel]
        following[a], following[b] = following[b], following[a]
        size[a] += size[b]
        return a

    for p, q, w in zip(first.tolist(), second.tolist(), weight[order].tolist(), strict=True):
        a, b = piece[p], piece[q]
        if a == b or w > limit[a] or w > limit[b]:
            continue
        a = join(a, b)
        limit[a] = w + scale / size[a]
    ends, sizes = np.array(piece, dtype=np.int64)[np.stack([first, second])], np.array(size, dtype=np.int64)
    small = (ends[0] != ends[1]) & (sizes[ends].min(0) < min_size)
    for p, q in zip(first[small].tolist(), second[small].tolist(), strict=True):  # again the lightest come first
        a, b = piece[p], piece[q]
        if a != b and min(size[a], size[b]) < min_size:
            join(a, b)
    return piece


def check_image(image: Tensor) -> None:
    """ValueError for anything but a float tensor (3, H, W)."""
    if not isinstance(image, Tensor) or image.dim() != 3 or image.shape[0] != 3 or not image.is_floating_point():
        got = f"{image.dtype} {tuple(image.shape)}" if isinstance(image, Tensor) else repr(image)
        raise ValueError(f"image must be a float tensor (3, H, W), got {got}")
