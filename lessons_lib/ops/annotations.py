"""Annotations by hand: numbers of objects, colours as labels, run lengths, polygons, and connected pieces.

What the datasets' formats say about a pixel, in the smallest code that does it; the readers of `lessons_lib/data/` use
the published decoders instead. Formats: Pascal VOC 2012 development kit; common/maskApi.c of cocoapi.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from lessons_lib.checks import checked_int, checked_ints


def canonical_ids(id_map: Int64[Tensor, "H W"], void: int = 255) -> Int64[Tensor, "H W"]:
    """Object numbers renewed in reading order: the object whose pixel comes first, row by row, is 1, the next one 2, …

    0 and `void` stay. Two maps show the same objects exactly if their renewed maps are equal, whatever numbers an
    annotator chose. ValueError for negative numbers or a map that is no int64 (H, W).

    >>> canonical_ids(torch.tensor([[7, 0, 3], [255, 3, 7]])).tolist()
    [[1, 0, 2], [255, 2, 1]]
    """
    _check_map("id_map", id_map)
    if id_map.numel() and id_map.min() < 0:
        raise ValueError(f"id_map must be ≥ 0, got {id_map.min().item()}")
    renewed = torch.where(id_map == void, void, 0)
    order = dict.fromkeys(id_map.flatten().tolist())  # every number once, as it is first met
    objects = [number for number in order if number not in (0, void)]
    for place, number in enumerate(objects, start=1):
        renewed[id_map == number] = place + (place >= void > 0)  # an object never takes the number of void
    return renewed


def labels_of_colours(
    picture: UInt8[Tensor, "H W 3"],
    colours: Sequence[tuple[int, int, int]],
    void_colour: tuple[int, int, int] = (224, 224, 192),
    void: int = 255,
) -> Int64[Tensor, "H W"]:
    """The label map of a coloured one: `colours[label]` becomes label, `void_colour` becomes `void`.

    The default is the border colour of Pascal VOC, (R, G, B) in 0 to 255.
    ValueError for a colour that is neither, naming it and its first pixel: guessing a class for it would hide damage;
    and for colours that are not three numbers in 0 to 255.

    >>> image = torch.tensor([[[0, 0, 0], [128, 0, 0], [224, 224, 192]]], dtype=torch.uint8)
    >>> labels_of_colours(image, [(0, 0, 0), (128, 0, 0)]).tolist()
    [[0, 1, 255]]
    """
    if not isinstance(picture, Tensor) or picture.dtype != torch.uint8 or picture.dim() != 3 or picture.shape[2] != 3:
        raise ValueError(f"picture must be a uint8 tensor (H, W, 3), got {_kind(picture)}")
    for name, some in (("colours", colours), ("void_colour", [void_colour])):
        for colour in some:
            if len(colour) != 3 or not all(0 <= part <= 255 for part in colour):
                raise ValueError(f"{name} must be three numbers in 0 to 255, got {tuple(colour)}")
    label_map = torch.zeros(picture.shape[:2], dtype=torch.int64, device=picture.device)
    unknown = torch.ones_like(label_map, dtype=torch.bool)
    for label, colour in [*enumerate(colours), (void, void_colour)]:
        same = (picture == torch.tensor(colour, dtype=torch.uint8, device=picture.device)).all(2)
        label_map[same & unknown] = label
        unknown &= ~same
    if unknown.any():
        row, column = unknown.nonzero()[0].tolist()
        got = tuple(picture[row, column].tolist())
        raise ValueError(
            f"picture must hold the colours of classes or of void, got {got} at row {row}, column {column}"
        )
    return label_map


def run_lengths(mask: Bool[Tensor, "H W"]) -> list[int]:
    """COCO's run lengths of a mask: how many zeros, then ones, then zeros, … down one column after another.

    The first counts zeros, so it is 0 where the first pixel is set; no other is 0. The sum is H · W; an empty image
    gives []. ValueError for a mask that is not bool (H, W).

    >>> run_lengths(torch.tensor([[False, True], [True, True]]))
    [1, 3]
    """
    _check_mask(mask)
    pixels = mask.T.flatten().tolist()
    counts, value = [], False
    run = 0
    for pixel in pixels:
        if pixel != value:
            counts.append(run)
            value, run = pixel, 0
        run += 1
    return [*counts, run] if pixels else []


def mask_of_runs(counts: Sequence[int], size: tuple[int, int]) -> Bool[Tensor, "H W"]:
    """The mask of COCO's run lengths; `size` is (height, width).

    ValueError for a negative count, or counts whose sum is not height · width.

    >>> mask_of_runs([1, 3], size=(2, 2)).tolist()
    [[False, True], [True, True]]
    """
    height, width = checked_ints("size", size, 0, count=2)
    runs = [checked_int("counts", count, 0) for count in counts]
    if sum(runs) != height * width:
        raise ValueError(f"counts must sum to {height} · {width} = {height * width}, got {sum(runs)}")
    values = torch.arange(len(runs)) % 2 == 1  # zeros first
    pixels = values.repeat_interleave(torch.tensor(runs, dtype=torch.int64))
    return pixels.view(width, height).T.contiguous()


def polygon_mask(corners: Float[Tensor, "V 2"], size: tuple[int, int]) -> Bool[Tensor, "H W"]:
    """The pixels whose centres lie inside a polygon, by even and odd; corners are (x, y), the last meets the first.

    Pixel (row, column) has its centre at x = column + ½, y = row + ½. A ray from it to the right crosses the boundary
    an odd number of times exactly if it starts inside. An edge owns its upper end and not its lower one, so that no
    corner is crossed twice. `size` is (height, width); fewer than 3 corners give an empty mask.
    pycocotools draws the boundary on a grid five times finer and rounds, so the two differ along edges alone.

    >>> polygon_mask(torch.tensor([[1.0, 0], [3, 0], [3, 1], [1, 1]]), size=(1, 4)).tolist()
    [[False, True, True, False]]
    """
    if not isinstance(corners, Tensor) or corners.dim() != 2 or corners.shape[1] != 2:
        raise ValueError(f"corners must be a tensor (V, 2), got {_kind(corners)}")
    height, width = checked_ints("size", size, 0, count=2)
    y = torch.arange(height, dtype=torch.float64, device=corners.device)[:, None] + 0.5
    x = torch.arange(width, dtype=torch.float64, device=corners.device) + 0.5
    inside = torch.zeros(height, width, dtype=torch.bool, device=corners.device)
    ends = corners.double().tolist()
    for (x0, y0), (x1, y1) in zip(ends, ends[1:] + ends[:1], strict=True):
        if y0 == y1:
            continue  # a ray to the right never crosses a level edge
        spans = (y >= min(y0, y1)) & (y < max(y0, y1))
        crossing = x0 + (y - y0) * (x1 - x0) / (y1 - y0)  # where the edge is at the height of each row
        inside ^= spans & (x < crossing)
    return inside


def connected_pieces(mask: Bool[Tensor, "H W"]) -> Int64[Tensor, "H W"]:
    """The pieces of a mask, numbered from 1 in reading order; 0 outside. Pixels that touch, also at a corner, are one.

    ValueError for a mask that is not bool (H, W).

    >>> connected_pieces(torch.tensor([[True, False, True]])).tolist()
    [[1, 0, 2]]
    """
    _check_mask(mask)
    from scipy import ndimage  # only here: whoever cuts no mask into pieces needs no scipy

    pieces, _ = ndimage.label(mask.cpu().numpy(), structure=np.ones((3, 3)))
    return torch.from_numpy(pieces).to(mask.device, torch.int64)


def _check_mask(mask: object) -> None:
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.dim() != 2:
        raise ValueError(f"mask must be a bool tensor (H, W), got {_kind(mask)}")


def _check_map(name: str, labels: object) -> None:
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.dim() != 2:
        raise ValueError(f"{name} must be an int64 tensor (H, W), got {_kind(labels)}")


def _kind(value: object) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
