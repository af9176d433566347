"""Feature pyramids: which level a box is read from, and RoIAlign over all levels at once."""

import math
from collections.abc import Sequence
from itertools import accumulate

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lessons_lib.checks import Ints, check_ints, check_tensor, checked_ints
from lessons_lib.ops.grid import Grid
from lessons_lib.ops.roi.align import axis_reads, sample_points
from lessons_lib.ops.roi.reads import Axis, Reads, read_cells, table_of
from lessons_lib.ops.roi.regions import describe

CANONICAL_SIZE, CANONICAL_LEVEL = 224.0, 4
"""A box of ImageNet's size, 224 × 224 pixels, is read from level 4, whose stride is 2⁴ = 16."""

TOLERANCE = 1e-6
"""Added to the level before it is rounded down, so that √ and log₂, which round too, do not lose a whole level."""


def assign_levels(
    boxes: Float[Tensor, "*batch 4"],
    lowest: int = 2,
    highest: int = 5,
    canonical_size: float = CANONICAL_SIZE,
    canonical_level: int = CANONICAL_LEVEL,
) -> Int64[Tensor, "*batch"]:
    """The pyramid level, `lowest` to `highest`, from which each box is read: a box of half the size, one level lower.

    k = ⌊k₀ + log₂(√(width · height) / size)⌋ with k₀ = `canonical_level` and size = `canonical_size` in the pixels of
    `boxes`; Lin et al., "Feature Pyramid Networks" (arXiv:1612.03144), equation 1. 1e-6 is added before rounding down,
    as torchvision does; Detectron and detectron2 add 1e-6 and 1e-8 to the quotient inside the logarithm. An empty or
    inverted box goes to `lowest`, as does NaN. Raises ValueError or TypeError naming the argument.

    >>> assign_levels(torch.tensor([[0.0, 0, 112, 112], [0, 0, 111, 112], [0, 0, 600, 400]]))
    tensor([3, 2, 5])
    """
    _check_boxes(boxes)
    check_ints(0, lowest=lowest, canonical_level=canonical_level)
    check_ints(lowest, highest=highest)
    if not (math.isfinite(canonical_size) and canonical_size > 0):
        raise ValueError(f"canonical_size must be > 0 pixels, got {canonical_size}")
    corners = boxes.detach().to(torch.promote_types(boxes.dtype, torch.float32))  # areas pass float16's largest number
    width, height = (corners[..., 2:] - corners[..., :2]).clamp(min=0).unbind(-1)
    level = (canonical_level + torch.log2((width * height).sqrt() / canonical_size) + TOLERANCE).floor()
    return level.nan_to_num(lowest).clamp(lowest, highest).long()


def multilevel_roi_align(
    maps: Sequence[Float[Tensor, "B C _ _"]],
    grids: Sequence[Grid],
    boxes: Float[Tensor, "B R 4"],
    output_size: Ints,
    sampling_ratio: int = 2,
    valid: Bool[Tensor, "B R"] | None = None,
    aligned: bool | None = None,
    canonical_size: float = CANONICAL_SIZE,
    canonical_level: int = CANONICAL_LEVEL,
) -> Float[Tensor, "B R C P Q"]:
    """RoIAlign of every box on its own level of a pyramid, all levels read by one sparse map.

    Args:
        maps: from the finest level to the coarsest.
        grids: of each map, where its cells lie in the image. Each stride must be twice the one before; the level of a
            map is log₂ of its stride, and `assign_levels` chooses among these.
        boxes: (B, R, 4), xyxy in pixels of the image, R for every image.
        valid: where it is false the result is 0 and nothing gets a gradient, whatever stands in the box.
        aligned: None places the cells where `grids` say. True and False are torchvision's two conventions, which know
            the stride alone: True has the middle of cell i at (i + 0.5) · stride; False at i · stride, and a box is
            taken to be one cell large at least. `roi_align` says more.

    Every shape depends on the arguments' shapes alone, and nothing waits for the device. Gradients reach the maps and
    the boxes. A box that is not finite gives NaN. Lin et al., "Feature Pyramid Networks" (arXiv:1612.03144), section
    4.2; He et al., "Mask R-CNN" (arXiv:1703.06870), section 3. Raises ValueError or TypeError naming the argument.

    >>> maps = [torch.full((1, 1, 8, 8), 2.0), torch.full((1, 1, 4, 4), 3.0)]  # strides 4 and 8
    >>> boxes = torch.tensor([[[0.0, 0, 16, 16], [0, 0, 200, 200]]])  # a small one, and a large one
    >>> multilevel_roi_align(maps, [Grid(4, 1.5), Grid(8, 3.5)], boxes, output_size=1).shape
    torch.Size([1, 2, 1, 1, 1])
    """
    bins = checked_ints("output_size", output_size, 1, count=2)
    check_ints(1, sampling_ratio=sampling_ratio)
    _check_pyramid(maps, grids, boxes, valid, aligned)
    count, channels, regions = *maps[0].shape[:2], boxes.shape[1]
    flat = boxes.flatten(0, 1).to(torch.promote_types(boxes.dtype, torch.float32))  # (B*R, 4)
    if valid is not None:
        flat = torch.where(valid.flatten()[:, None], flat, 0)
    lowest = grids[0].stride.bit_length() - 1
    level = assign_levels(flat, lowest, lowest + len(maps) - 1, canonical_size, canonical_level) - lowest
    sizes = [x.shape[2:] for x in maps]
    height, width = (_by_level(level, [size[a] for size in sizes]) for a in (0, 1))
    start = _by_level(level, [_middle_of_cell_0(grid, aligned) for grid in grids]).to(flat.dtype)[:, None]
    cells = (flat - start) / _by_level(level, [grid.stride for grid in grids])[:, None]  # cell i stands at i
    corner, extent = cells[:, :2], cells[:, 2:] - cells[:, :2]
    if aligned is False:
        extent = extent.clamp(min=1)
    chosen = torch.ones_like(level, dtype=torch.bool) if valid is None else valid.flatten()
    rows = _reads_along(corner[:, 1], extent[:, 1], height, chosen, bins[0], sampling_ratio)
    columns = _reads_along(corner[:, 0], extent[:, 0], width, chosen, bins[1], sampling_ratio)
    before = list(accumulate((h * w * count for h, w in sizes[:-1]), initial=0))
    image = torch.arange(count, device=flat.device).repeat_interleave(regions)
    first = _by_level(level, before) + image * height * width
    out = read_cells(table_of(maps), first, width, rows, columns)
    return out.view(count, regions, channels, *bins).to(maps[0].dtype)


def _reads_along(start: Tensor, length: Tensor, size: Tensor, chosen: Tensor, bins: int, samples: int) -> Axis:
    """What regions read along one axis; those that are not chosen read nothing."""

    def reads(part: slice) -> Reads:
        own = axis_reads(sample_points(start[part], length[part], bins, samples), size[part])
        here = chosen[part, None, None]
        return Reads(own.cell, own.weight * here, own.real & here)

    return reads


def _by_level(level: Int64[Tensor, " R"], values: Sequence[int] | Sequence[float]) -> Tensor:
    """`values[level]`, without copying the values to a GPU, which would wait for it."""
    chosen = torch.full_like(level, values[0], dtype=torch.int64 if isinstance(values[0], int) else torch.float32)
    for number, value in enumerate(values[1:], 1):
        chosen = torch.where(level == number, value, chosen)
    return chosen


def _middle_of_cell_0(grid: Grid, aligned: bool | None) -> float:
    """In the coordinates of boxes, in which pixel 0 reaches from 0 to 1."""
    if aligned is None:
        return grid.start + 0.5
    return grid.stride / 2 if aligned else 0.0


def _check_boxes(boxes: Tensor) -> None:
    if not isinstance(boxes, Tensor) or not boxes.is_floating_point() or boxes.dim() < 1 or boxes.shape[-1] != 4:
        raise ValueError(f"boxes must be a float tensor (…, 4), got {describe(boxes)}")


def _check_pyramid(
    maps: Sequence[Tensor], grids: Sequence[Grid], boxes: Tensor, valid: Tensor | None, aligned: bool | None
) -> None:
    if len(maps) == 0 or len(maps) != len(grids):
        raise ValueError(f"maps must be at least one, with a grid for each, got {len(maps)} and {len(grids)} grids")
    for number, features in enumerate(maps):
        check_tensor(f"maps[{number}]", features, 4)
        if features.shape[:2] != maps[0].shape[:2] or 0 in features.shape[2:]:
            want = "({}, {}, H, W) with at least one cell, as maps[0] says".format(*maps[0].shape[:2])
            raise ValueError(f"maps[{number}] must be {want}, got {tuple(features.shape)}")
    strides = [grid.stride for grid in grids]
    if strides[0].bit_count() != 1 or strides != [strides[0] << number for number in range(len(strides))]:
        raise ValueError(f"grids must have strides that double, each a power of two, got {strides}")
    _check_boxes(boxes)
    if boxes.dim() != 3 or len(boxes) != len(maps[0]) or boxes.device != maps[0].device:
        want = f"({len(maps[0])}, R, 4) on {maps[0].device}, as maps[0] says"
        raise ValueError(f"boxes must be {want}, got {tuple(boxes.shape)} on {boxes.device}")
    if valid is not None and (valid.dtype != torch.bool or valid.shape != boxes.shape[:2]):
        raise ValueError(f"valid must be torch.bool {tuple(boxes.shape[:2])}, got {describe(valid)}")
    if aligned not in (None, True, False):
        raise TypeError(f"aligned must be True, False or None, got {aligned!r}")
