"""Hierarchical grouping: the two neighbouring regions that are most alike are joined, again and again, until one is
left.

Uijlings et al., "Selective Search for Object Recognition" (IJCV 2013), section 3.2: how alike two regions are is a sum
of four numbers in [0, 1], each computed from what the two regions have stored, without a look at the pixels again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

ALL = ("colour", "texture", "size", "fill")
"""The four similarities: of colours, of edges; joining small regions first; and those that fit into each other."""

COLOURS, GRADIENTS = 16, 8
"""Bins of a channel's histogram of colours, and of each of its four histograms of gradients."""


@dataclass(frozen=True, eq=False)
class Stored:
    """What is stored of N regions: histograms that sum to 1, area in pixels, tight box (xyxy, exclusive ends)."""

    colour: Float64[np.ndarray, "N c"]
    texture: Float64[np.ndarray, "N t"]
    area: Float64[np.ndarray, " N"]
    box: Float64[np.ndarray, "N 4"]

    def of(self, chosen: np.ndarray | list[int] | slice) -> "Stored":
        """Some of the regions; of a slice they share their memory with these."""
        return Stored(self.colour[chosen], self.texture[chosen], self.area[chosen], self.box[chosen])


@dataclass(frozen=True, eq=False)
class Tree:
    """Every region of a grouping, 2S − 1 of S superpixels, in the order in which they came to be.

    members (R, S). born, died (R,): the numbers of the joins that made and that swallowed a region; a superpixel was
    born at 0, and what is left at the end died at S.
    """

    members: Bool[np.ndarray, "R S"]
    born: Int64[np.ndarray, " R"]
    died: Int64[np.ndarray, " R"]


def similarity(one: Stored, others: Stored, pixels: int, names: Sequence[str] = ALL) -> Float64[np.ndarray, " N"]:
    """How alike one region is to each of N others, or N regions to one each: the sum of the named similarities, each in
    [0, 1].

    colour, texture: the intersection of the two histograms. size: 1 less the share of the image, of `pixels` pixels,
    that the two have together. fill: 1 less the share of the image that their common box has beyond them. ValueError
    for another name.
    """
    total = np.zeros(len(others.area))
    for name in names:
        if name in ("colour", "texture"):
            ours, theirs = getattr(one, name), getattr(others, name)
            total += np.minimum(theirs, ours).sum(1)
        elif name == "size":
            total += 1 - (one.area + others.area) / pixels
        elif name == "fill":
            corner = np.minimum(one.box, others.box)[:, :2], np.maximum(one.box, others.box)[:, 2:]
            total += 1 - ((corner[1] - corner[0]).prod(1) - one.area - others.area) / pixels
        else:
            raise ValueError(f"similarities must be among {', '.join(ALL)}, got {name!r}")
    return total


def joined(one: Stored, other: Stored) -> Stored:
    """What is stored of the union of two regions (N = 1 each): histograms weighted by area, areas added, one box."""
    area = one.area + other.area
    part = (one.area / area)[:, None]
    box = np.concatenate([np.minimum(one.box, other.box)[:, :2], np.maximum(one.box, other.box)[:, 2:]], 1)
    mixed = {name: part * getattr(one, name) + (1 - part) * getattr(other, name) for name in ("colour", "texture")}
    return replace(one, area=area, box=box, **mixed)


def group(image: Float[Tensor, "3 H W"], label_map: Int64[Tensor, "H W"], names: Sequence[str] = ALL) -> Tree:
    """Joins the superpixels of an image, the most similar neighbours first; of equal pairs the first in their order.

    `label_map` numbers the superpixels from 0 on without gaps. Neighbours share an edge of a pixel, not only a corner.

    >>> import torch
    >>> image = torch.tensor([[[0.0, 0.1, 1.0]]] * 3)
    >>> group(image, torch.tensor([[0, 1, 2]]), ("colour",)).members[3].tolist()  # the two dark ones, joined first
    [True, True, False]
    """
    labels = label_map.cpu().numpy()
    return grow(describe(image, labels), neighbours(labels), labels.size, names)


def grow(stored: Stored, near: Bool[np.ndarray, "S S"], pixels: int, names: Sequence[str] = ALL) -> Tree:
    """`group`, from what is stored of S superpixels of an image of so many pixels, and which are neighbours."""
    count = len(near)
    stored, near = stored.of(np.arange(count)), near.copy()
    members = np.concatenate([np.eye(count, dtype=bool), np.zeros((max(0, count - 1), count), dtype=bool)])
    born, died = np.zeros(len(members), dtype=np.int64), np.full(len(members), count)
    alike = np.full((count, count), -np.inf)
    one, other = near.nonzero()
    alike[one, other] = similarity(stored.of(one), stored.of(other), pixels, names)
    now = np.arange(count)  # which region of the tree each place holds
    for step in range(1, count):
        i, j = sorted(divmod(int(alike.argmax()), count))
        new = count + step - 1
        members[new] = members[now[i]] | members[now[j]]
        born[new], died[now[i]], died[now[j]] = step, step, step
        now[i] = new
        both = joined(stored.of(slice(i, i + 1)), stored.of(slice(j, j + 1)))
        for name in ("colour", "texture", "area", "box"):
            getattr(stored, name)[i] = getattr(both, name)[0]
        near[i] |= near[j]
        near[i, [i, j]] = False
        near[j] = near[:, j] = False
        near[:, i] = near[i]
        beside = near[i].nonzero()[0]
        alike[[i, j]] = alike[:, [i, j]] = -np.inf
        alike[i, beside] = alike[beside, i] = similarity(both, stored.of(beside), pixels, names)
    return Tree(members, born, died)


def describe(image: Float[Tensor, "3 H W"], labels: Int64[np.ndarray, "H W"]) -> Stored:
    """What is stored of each superpixel."""
    pixels = image.detach().cpu().double().permute(1, 2, 0).numpy()
    count = int(labels.max()) + 1
    area = np.bincount(labels.ravel(), minlength=count).astype(np.float64)
    box = np.empty((count, 4))
    for axis, place in enumerate(reversed(np.indices(labels.shape))):  # columns, then rows
        touched = np.zeros((count, place.max() + 1), dtype=bool)
        touched[labels, place] = True
        box[:, axis], box[:, axis + 2] = touched.argmax(1), touched.shape[1] - touched[:, ::-1].argmax(1)
    return Stored(_histograms(pixels, labels, COLOURS), _histograms(gradients(pixels), labels, GRADIENTS), area, box)


def gradients(pixels: Float64[np.ndarray, "H W 3"]) -> Float64[np.ndarray, "H W 12"]:
    """How each channel changes down, to the right and along both diagonals, brought to [0, 1]: 0.5 is no change."""
    padded = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")
    down = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    right = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    four = [down, right, (down + right) / np.sqrt(2), (down - right) / np.sqrt(2)]
    return np.clip(0.5 + 2 * np.concatenate(four, -1), 0, 1)


def _histograms(values: Float64[np.ndarray, "H W c"], labels: np.ndarray, bins: int) -> Float64[np.ndarray, "N d"]:
    """The histogram of every channel in every superpixel, one after the other; all of a superpixel sum to 1.

    A value below 0 or above 1 falls into the first or the last bin.
    """
    count = int(labels.max()) + 1
    cell = (values * bins).clip(0, bins - 1).astype(np.int64)
    rows = [
        np.bincount((labels * bins + cell[..., c]).ravel(), minlength=count * bins).reshape(count, bins)
        for c in range(values.shape[-1])
    ]
    table = np.concatenate(rows, 1).astype(np.float64)
    return table / table.sum(1, keepdims=True)


def neighbours(labels: Int64[np.ndarray, "H W"]) -> Bool[np.ndarray, "N N"]:
    """Which superpixels share an edge of a pixel."""
    count = int(labels.max()) + 1
    near = np.zeros((count, count), dtype=bool)
    for one, other in ((labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])):
        near[one.ravel(), other.ravel()] = True
    near |= near.T
    np.fill_diagonal(near, False)
    return near
