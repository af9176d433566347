"""RoIPool: a box rounded to whole cells, its bins rounded again, and the maximum of each bin."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lessons_lib.checks import Ints
from lessons_lib.ops.roi.regions import Boxes, checked_call, round_half_away, whole_bins


def roi_pool(
    features: Float[Tensor, "B C H W"], boxes: Boxes, output_size: Ints, spatial_scale: float = 1.0
) -> Float[Tensor, "R C P Q"]:
    """The largest feature in each of `output_size` bins of every box, as Fast R-CNN defines it.

    Both roundings are those of `pool_windows`. A bin with no cell on the map is 0; one with a NaN is NaN, and one where
    all is −∞ is −∞, as torch's own maximum has it. The gradient goes to the cell that won, the first in reading order
    where several are equal, and never to the boxes: rounding is flat. Girshick, "Fast R-CNN" (arXiv:1504.08083),
    section 2.1, and its released code. Raises ValueError or TypeError naming the argument.
    """
    image, pixels, bins = checked_call(features, boxes, output_size, spatial_scale)
    y0, y1, x0, x1 = _windows(pixels * spatial_scale, bins, features.shape[2:])
    table = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])  # (B*H*W, C)
    winners = _winners(table.detach(), image, (y0, y1, x0, x1), features.shape[2:])  # (R, P, Q, C)
    values = table.gather(0, winners.flatten(0, 2)).view(winners.shape)
    empty = (y1 <= y0)[:, :, None] | (x1 <= x0)[:, None, :]  # (R, P, Q)
    return values.masked_fill(empty[..., None], 0).permute(0, 3, 1, 2)


def pool_windows(
    features: Float[Tensor, "B C H W"], boxes: Boxes, output_size: Ints, spatial_scale: float = 1.0
) -> tuple[Int64[Tensor, "R P"], Int64[Tensor, "R P"], Int64[Tensor, "R Q"], Int64[Tensor, "R Q"]]:
    """The whole cells that each of RoIPool's bins reads: rows y0 to y1 and columns x0 to x1, ends exclusive.

    First rounding: the box's four numbers go to the nearest whole cell, halves away from zero, and the cell of the end
    belongs to the box, which is at least one cell large. Second rounding: each bin grows outwards to whole cells. What
    lies outside the map is cut off; a bin that is left with nothing has an end that is not behind its start.
    """
    _, pixels, bins = checked_call(features, boxes, output_size, spatial_scale)
    return _windows(pixels * spatial_scale, bins, features.shape[2:])


def _windows(cells: Tensor, bins: tuple[int, int], size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    start, last = round_half_away(cells.detach()).split(2, dim=1)
    length = (last - start + 1).clamp(min=1)  # (R, 2): x, y
    rows = whole_bins(start[:, 1], length[:, 1], bins[0], size[0])
    return *rows, *whole_bins(start[:, 0], length[:, 0], bins[1], size[1])


def _winners(
    table: Float[Tensor, "cells C"],
    image: Int64[Tensor, " R"],
    windows: tuple[Tensor, Tensor, Tensor, Tensor],
    size: tuple[int, int],
) -> Int64[Tensor, "R P Q C"]:
    """Row of `table` with each bin's maximum: all bins look at their first cell, then all at their next, and so on."""
    y0, y1, x0, x1 = windows
    shape = (len(image), y0.shape[1], x0.shape[1], table.shape[1])
    best = table.new_full(shape, -torch.inf)
    heights, widths = (y1 - y0)[:, :, None], (x1 - x0)[:, None, :]
    corner = (image[:, None, None] * size[0] + y0[:, :, None]) * size[1] + x0[:, None, :]  # (R, P, Q)
    corner = torch.where((heights > 0) & (widths > 0), corner, 0)  # an empty bin has no cell, and gets any
    winner = corner[..., None].expand(shape).clone()  # the first cell, where all are −∞
    tallest, widest = (int(side.max()) if side.numel() else 0 for side in (heights, widths))
    for dy in range(tallest):
        for dx in range(widest):
            here = ((dy < heights) & (dx < widths)).nonzero(as_tuple=True)  # the bins that reach this far
            cell = corner[here] + dy * size[1] + dx
            value, standing = table[cell], best[here]
            better = (value > standing) | (value.isnan() & ~standing.isnan())
            best[here] = torch.where(better, value, standing)
            winner[here] = torch.where(better, cell[:, None], winner[here])
    return winner
