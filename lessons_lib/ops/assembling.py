"""Assembling: a region's values copied together from score maps, each part of the region from maps of its own.

A score map of part (row, column) answers one question of every pixel: would you be in *this part* of an object? A
region is divided into G × G parts, and each of its cells reads the map of the part that it lies in. So one pixel gives
different answers to two regions that overlap, although the maps were computed once for the whole image.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lessons_lib.checks import Ints, check_ints, check_tensor, checked_ints
from lessons_lib.ops.grid import Grid
from lessons_lib.ops.roi.align import axis_reads, sample_points
from lessons_lib.ops.roi.reads import Axis, Reads, read_cells, table_of
from lessons_lib.ops.roi.regions import describe


def assemble(
    scores: Float[Tensor, "B C H W"],
    grid: Grid,
    boxes: Float[Tensor, "B R 4"],
    output_size: Ints,
    group_size: int,
    sampling_ratio: int = 1,
    valid: Bool[Tensor, "B R"] | None = None,
) -> Float[Tensor, "B R K P Q"]:
    """The cells of every region, P × Q of them, each read from the map of its part: C = K · group_size² maps in, K out.

    Args:
        scores: output k of part (row, column) is channel (k·G + row)·G + column, as in `ps_roi_pool`.
        grid: where the cells of the maps lie in the image.
        boxes: xyxy in pixels of the image, R for every image.
        group_size: G parts a side; cell (p, q) belongs to part (⌊p·G/P⌋, ⌊q·G/Q⌋). 1: every cell reads the same maps,
            and this is RoIAlign.
        sampling_ratio: bilinear samples a side of each cell, averaged.
        valid: where it is false the result is 0 and nothing gets a gradient.

    Nothing is rounded: this is `ps_roi_pool` read as RoIAlign reads, and a sample more than one cell outside counts as
    0. Every shape depends on the arguments' shapes alone. Gradients reach the maps and the boxes. Li et al., "Fully
    Convolutional Instance-aware Semantic Segmentation" (arXiv:1611.07709), section 3.1, whose code rounds; the bilinear
    reads are those of Li et al., "Light-Head R-CNN" (arXiv:1711.07264). Raises ValueError or TypeError naming the
    argument.

    >>> scores = torch.arange(4.0).view(1, 4, 1, 1).expand(1, 4, 8, 8)  # map i is i everywhere: the number of its part
    >>> assemble(scores, Grid(1, 0.0), torch.tensor([[[2.0, 2, 6, 6]]]), output_size=4, group_size=2)[0, 0, 0]
    tensor([[0., 0., 1., 1.],
            [0., 0., 1., 1.],
            [2., 2., 3., 3.],
            [2., 2., 3., 3.]])
    """
    bins = checked_ints("output_size", output_size, 1, count=2)
    check_ints(1, group_size=group_size, sampling_ratio=sampling_ratio)
    _check(scores, boxes, valid, group_size)
    count, channels, height, width = scores.shape
    regions, kinds = boxes.shape[1], channels // group_size**2
    parts = scores.unflatten(1, (kinds, group_size, group_size)).permute(2, 3, 0, 1, 4, 5)  # (G, G, B, K, H, W)
    table = table_of([parts.flatten(0, 2)])  # a row for each cell; first all of part (0, 0), then (0, 1), …
    flat = boxes.flatten(0, 1).to(torch.promote_types(boxes.dtype, torch.float32))  # (B*R, 4)
    chosen = torch.ones(flat.shape[:1], dtype=torch.bool, device=flat.device) if valid is None else valid.flatten()
    cells = (torch.where(chosen[:, None], flat, 0) - grid.start - 0.5) / grid.stride  # cell i stands at i
    corner, extent = cells[:, :2], cells[:, 2:] - cells[:, :2]

    def along(axis: int, size: int, bins: int, to_next_part: int) -> Axis:
        part = torch.arange(bins, device=flat.device) * group_size // bins  # of each bin

        def reads(some: slice) -> Reads:
            at = sample_points(corner[some, axis], extent[some, axis], bins, sampling_ratio)
            own, here = axis_reads(at, size), chosen[some, None, None]
            return Reads(own.cell + part[:, None] * to_next_part, own.weight * here, own.real & here)

        return reads

    rows = along(1, height, bins[0], group_size * count * height)  # counted in rows of the maps
    columns = along(0, width, bins[1], count * height * width)
    image = torch.arange(count, device=flat.device).repeat_interleave(regions)
    out = read_cells(table, image * (height * width), width, rows, columns)
    return out.view(count, regions, kinds, *bins).to(scores.dtype)


def _check(scores: Tensor, boxes: Tensor, valid: Tensor | None, group_size: int) -> None:
    check_tensor("scores", scores, 4)
    if 0 in scores.shape[2:]:
        raise ValueError(f"scores must have at least one cell, got {tuple(scores.shape)}")
    if scores.shape[1] % group_size**2:
        raise ValueError(
            f"scores must have a multiple of {group_size}·{group_size} channels, one for each part, got "
            f"{scores.shape[1]}"
        )
    if not isinstance(boxes, Tensor) or not boxes.is_floating_point() or boxes.dim() != 3 or boxes.shape[2] != 4:
        raise ValueError(f"boxes must be a float tensor (B, R, 4), got {describe(boxes)}")
    if len(boxes) != len(scores) or boxes.device != scores.device:
        want = f"({len(scores)}, R, 4) on {scores.device}, as scores say"
        raise ValueError(f"boxes must be {want}, got {tuple(boxes.shape)} on {boxes.device}")
    if valid is not None and (valid.dtype != torch.bool or valid.shape != boxes.shape[:2]):
        raise ValueError(f"valid must be torch.bool {tuple(boxes.shape[:2])}, got {describe(valid)}")
