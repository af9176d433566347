"""Pasting: a small square of probabilities, laid over its box, becomes a mask of the image's own pixels.

The m × m cells of a mask divide its box evenly, whatever the box's size and wherever it lies: cell j covers the part
from j/m to (j + 1)/m. A pixel asks for the probability at its middle, which lies between four cells (bilinear); beyond
the box's outermost cells there is nothing, so the probability fades to 0 within one cell. Each axis is a matrix of
weights, and a pasted mask is rows · probabilities · columnsᵀ. No corner is rounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lessons_lib.checks import Ints, check_tensor, checked_ints
from lessons_lib.ops.roi.regions import describe

CONVENTIONS = ("exact", "torchvision")
"""Where a mask's cells lie. "exact": on the box. "torchvision": on whole pixels, as `Cells` says."""

CHUNK = 2**27
"""Pixels that a GPU computes at once, all masks together: half a gigabyte."""


def paste_masks(
    probs: Float[Tensor, "N m n"],
    boxes: Float[Tensor, "N 4"],
    size: Ints,
    threshold: float = 0.5,
    convention: str = "exact",
) -> Bool[Tensor, "N H W"]:
    """The masks, in an image of `size` (height, width), of all objects whose probabilities and boxes are given.

    A pixel belongs to an object where the probability at its middle is more than `threshold`, which must be ≥ 0. Boxes
    are xyxy in the image's pixels; what lies outside the image is cut off, and a box without area, or that is not
    finite, has an empty mask. `convention` is one of `CONVENTIONS`. The same as `paste_probs(…) > threshold`, but a CPU
    computes only around each box. He et al., "Mask R-CNN" (arXiv:1703.06870), section 3, resizes the mask to the box
    and thresholds it at 0.5. Raises ValueError or TypeError naming the argument.

    >>> paste_masks(torch.ones(1, 2, 2), torch.tensor([[1.0, 0, 3, 1]]), (2, 4)).int().tolist()
    [[[0, 1, 1, 0], [0, 0, 0, 0]]]
    """
    height, width = _check(probs, boxes, size, convention)
    probs = probs.detach()
    if not threshold >= 0:
        raise ValueError(f"threshold must be ≥ 0, got {threshold}")
    if probs.device.type != "cpu":
        step = max(1, CHUNK // max(1, height * width))
        parts = [
            paste_probs(some, own, size, convention) > threshold
            for some, own in zip(probs.split(step), boxes.split(step), strict=True)
        ]
        return torch.cat(parts) if parts else probs.new_zeros(0, height, width, dtype=torch.bool)
    masks = torch.zeros(len(probs), height, width, dtype=torch.bool, device=probs.device)
    y, x = cells_of(boxes, probs.shape[1:], convention)
    for mask, square, rows, columns in zip(masks, probs, y.windows(height), x.windows(width), strict=True):
        (top, by_row), (left, by_column) = rows, columns
        pasted = by_row @ square.to(by_row.dtype) @ by_column.T
        torch.gt(pasted, threshold, out=mask[top : top + len(by_row), left : left + len(by_column)])
    return masks


def paste_probs(
    probs: Float[Tensor, "N m n"], boxes: Float[Tensor, "N 4"], size: Ints, convention: str = "exact"
) -> Float[Tensor, "N H W"]:
    """The probability at every pixel of the image, before any threshold; `paste_masks` says what the arguments mean.

    >>> paste_probs(torch.ones(1, 1, 1), torch.tensor([[1.0, 0, 3, 1]]), (1, 4))  # from the middle to one cell outside
    tensor([[[0.2500, 0.7500, 0.7500, 0.2500]]])
    """
    height, width = _check(probs, boxes, size, convention)
    y, x = cells_of(boxes, probs.shape[1:], convention)
    return y.weights(height) @ probs.to(y.start.dtype) @ x.weights(width).mT


@dataclass(frozen=True, eq=False)
class Cells:
    """Where the cells of N masks lie along one axis of the image: cell j covers start + length · [j, j + 1)."""

    start: Float[Tensor, " N"]
    length: Float[Tensor, " N"]
    count: int

    def weights(self, pixels: int) -> Float[Tensor, "N pixels count"]:
        """How much each cell counts at the middle of each of the first `pixels` pixels: by its nearness."""
        every = torch.arange(pixels, device=self.start.device)
        return self._near(every[None, :], self.start[:, None], self.length[:, None])

    def windows(self, pixels: int) -> list[tuple[int, Float[Tensor, "_ count"]]]:
        """(first pixel, weights) of each mask, only where a weight may be more than 0."""
        reach = self.length.nan_to_num(0).clamp(min=0) * (self.count + 0.5)
        low = (self.start - self.length / 2 - 0.5).floor().nan_to_num(0).clamp(0, pixels).long()
        high = (self.start + reach + 0.5).ceil().nan_to_num(0).clamp(0, pixels).long()
        sizes = (high - low).clamp(min=0)
        mask = torch.arange(len(sizes), device=sizes.device).repeat_interleave(sizes)  # of each row of weights
        ends = sizes.cumsum(0)
        pixel = torch.arange(len(mask), device=sizes.device) + (low - ends + sizes)[mask]
        together = self._near(pixel, self.start[mask], self.length[mask])
        return list(zip(low.tolist(), together.split(sizes.tolist()), strict=True))

    def _near(self, pixel: Tensor, start: Tensor, length: Tensor) -> Float[Tensor, "... count"]:
        at = (pixel + 0.5 - start) / length - 0.5  # in cells, cell j standing at j
        at = torch.where((length > 0) & length.isfinite() & at.isfinite(), at, -2.0)
        cell = torch.arange(self.count, device=at.device)
        return (1 - (at[..., None] - cell).abs()).clamp(min=0)


def cells_of(boxes: Float[Tensor, "N 4"], counts: Sequence[int], convention: str = "exact") -> tuple[Cells, Cells]:
    """(rows, columns): where the cells of masks over `boxes` lie.

    "exact": they divide the box. "torchvision": the mask has one more cell of zeros around it, the box grows with it,
    its corners are cut down to whole numbers, and then it is taken to be one pixel longer than they say: cells lie up
    to a pixel off, and are a little too large (torchvision's `paste_masks_in_image`, as Detectron's before it).
    """
    corners = boxes.detach().to(torch.promote_types(boxes.dtype, torch.float32))
    axes = []
    for axis, count in zip((1, 0), counts, strict=True):
        start, length = corners[:, axis], corners[:, axis + 2] - corners[:, axis]
        if convention == "exact":
            axes.append(Cells(start, length / count, count))
            continue
        middle, half = (corners[:, axis] + corners[:, axis + 2]) * 0.5, length * 0.5 * ((count + 2) / count)
        first, last = (middle - half).trunc(), (middle + half).trunc()
        cell = (last - first + 1).clamp(min=1) / (count + 2)
        axes.append(Cells(first + cell, cell, count))
    return axes[0], axes[1]


def _check(probs: Tensor, boxes: Tensor, size: Ints, convention: str) -> tuple[int, ...]:
    """(height, width) of a call, or an error that names the argument."""
    check_tensor("probs", probs, 3)
    fits = isinstance(boxes, Tensor) and boxes.shape == (len(probs), 4) and boxes.is_floating_point()
    if not fits:
        raise ValueError(f"boxes must be a float tensor ({len(probs)}, 4), one for each mask, got {describe(boxes)}")
    if convention not in CONVENTIONS:
        raise ValueError(f"convention must be {' or '.join(map(repr, CONVENTIONS))}, got {convention!r}")
    return checked_ints("size", size, 0, count=2)
