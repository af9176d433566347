"""Images of any size: a model sees them at the size it was trained at, and its predictions return to the image's own.

A photograph of 12 megapixels shows its objects twenty times larger than a model of 200-pixel squares has ever seen
them. So it is resized as in training, or, for a semantic model whose images must not shrink, read in tiles.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.models.contract import InstanceModel, SemanticModel, predict_one_by_one
from lessons_lib.training.tasks import Answer

MOST_OBLONG = 4
"""The longer side of what a model sees is at most this many times the shorter side that it was trained at."""

OVERLAP = 4
"""Neighbouring tiles share a fourth of their side."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model predicts: a label map of the image's own size, or instances at the size at which it saw the image.

    `size` is (height, width) of the image, `grid` that of the answer; `how` says in words what the model saw.
    """

    answer: Answer
    size: tuple[int, int]
    grid: tuple[int, int]
    how: str

    def at(self, size: tuple[int, int], chosen: slice | Tensor = slice(None)) -> Answer:
        """The prediction at any (height, width): a label map by the nearest pixel, or the `chosen` instances.

        A mask covers a pixel where it covers at least half of it, by linear interpolation. Of a large image with many
        objects, choose a few at a time.
        """
        if isinstance(self.answer, Tensor):
            if self.grid == size:
                return self.answer
            return F.interpolate(self.answer[None, None].float(), size, mode="nearest-exact")[0, 0].long()
        found = self.answer[chosen]
        if self.grid == size:
            return found
        down, across = size[0] / self.grid[0], size[1] / self.grid[1]
        boxes, masks = found.boxes * found.boxes.new_tensor([across, down, across, down]), found.masks
        if masks is not None:
            larger = [F.interpolate(one[None, None].float(), size, mode="bilinear")[0, 0] >= 0.5 for one in masks]
            masks = torch.stack(larger) if larger else masks.new_zeros(0, *size)
        return replace(found, boxes=boxes, masks=masks)


def seen_size(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """(height, width) at which an image is seen: its shorter side as in training, unless that makes it too long.

    >>> seen_size((300, 200), 100), seen_size((3000, 200), 100)
    ((150, 100), (400, 27))
    """
    factor = min(short_side / min(size), MOST_OBLONG * short_side / max(size))
    height, width = (max(1, round(side * factor)) for side in size)
    return height, width


def predict_resized(
    model: SemanticModel | InstanceModel, image: Float[Tensor, "3 H W"], short_side: int | None
) -> Seen:
    """What a model predicts for an image whose shorter side is resized to `short_side`; None leaves the image as it is.

    The image is on the model's device; what returns is on the CPU.
    """
    size = (image.shape[1], image.shape[2])
    target = size if short_side is None else seen_size(size, short_side)
    how = "at its own size" if target == size else f"resized to {target[1]} × {target[0]} pixels"
    small = image
    if target != size:
        small = F.interpolate(image[None], target, mode="bilinear", antialias=True)[0].clamp(0, 1)
    if isinstance(model, InstanceModel):
        (found,) = model.predict([small])
        return Seen(found.to("cpu"), size, target, how)
    (label_map,) = predict_one_by_one(model, lambda one: _enlarged(model.logits(one[None])[0], size), [small])
    return Seen(label_map.cpu(), size, size, how)


def _enlarged(logits: Float[Tensor, "K h w"], size: tuple[int, int]) -> Int64[Tensor, "H W"]:
    """The likeliest class of each pixel of a larger image, one class after another, since all would need K images."""
    if logits.shape[1:] == size:
        return logits.argmax(0)
    best = logits.new_full(size, -torch.inf)
    label_map = torch.zeros(size, dtype=torch.int64, device=logits.device)
    for label, scores in enumerate(logits):
        large = F.interpolate(scores[None, None], size, mode="bilinear", align_corners=False)[0, 0]
        label_map[large > best] = label
        best = best.maximum(large)
    return label_map


def predict_tiles(model: SemanticModel, image: Float[Tensor, "3 H W"], tile: int) -> Seen:
    """The label map of an image at its own size, in squares of `tile` pixels that overlap by a fourth.

    Each pixel is that of the tile whose border is farthest from it, since a model knows least at a border. Equal to
    one prediction of the whole image wherever the model's receptive field reaches no farther than half the overlap.
    """
    height, width = image.shape[1:]
    label_map = torch.zeros(height, width, dtype=torch.int64)
    for top, bottom, rows in _spans(height, tile):
        for left, right, columns in _spans(width, tile):
            (part,) = model.predict([image[:, top:bottom, left:right]])
            inner = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
            label_map[rows, columns] = part.cpu()[inner]
    how = f"in tiles of {tile} × {tile} pixels that overlap by {tile // OVERLAP}"
    return Seen(label_map, (height, width), (height, width), how)


def _spans(length: int, tile: int) -> Iterator[tuple[int, int, slice]]:
    """Start and end of each tile along one side, and the part of the side that it answers for."""
    tile = min(tile, length)
    starts = tile_starts(length, tile, tile // OVERLAP)
    borders = [0, *((before + tile + after) // 2 for before, after in pairwise(starts)), length]
    for start, (first, last) in zip(starts, pairwise(borders), strict=True):
        yield start, start + tile, slice(first, last)


def tile_starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles of `tile` ≤ `length` pixels begin along a side; the last is moved back to end where the side ends.

    >>> tile_starts(10, 4, 1)
    [0, 3, 6]
    """
    return [*range(0, length - tile, max(1, tile - overlap)), length - tile]
