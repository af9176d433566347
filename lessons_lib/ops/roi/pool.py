"""RoIPool: a box rounded to whole cells, its bins rounded again, and the maximum of each bin."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lessons_lib.checks import Ints
from lessons_lib.ops.roi.maxima import range_maxima
from lessons_lib.ops.roi.regions import Boxes, checked_call, round_half_away, whole_bins


def roi_pool(
    features: Float[Tensor, "B C H W"], boxes: Boxes, output_size: Ints, spatial_scale: float = 1.0
) -> Float[Tensor, "R C P Q"]:
    """The largest feature in each of `output_size` bins of every box, as Fast R-CNN defines it.

    Both roundings are those of `pool_windows`. A bin with no cell on the map is 0; one with a NaN is NaN, and one where
    all is −∞ is −∞, as torch's own maximum has it. The gradient goes to the cell that won, the first in reading order
    where several are equal, and never to the boxes: rounding is flat. However large the bins are, each is four reads:
    `range_maxima` says how. Girshick, "Fast R-CNN" (arXiv:1504.08083), section 2.1, and its released code. Raises
    ValueError or TypeError naming the argument.

    >>> features = torch.arange(4.0).repeat(4, 1)[None, None]  # the value of a cell is its column
    >>> roi_pool(features, torch.tensor([[0.0, 0, 0, 3, 3]]), output_size=2)[0, 0, 0]
    tensor([1., 3.])
    """
    image, pixels, bins = checked_call(features, boxes, output_size, spatial_scale)
    y0, y1, x0, x1 = _windows(pixels * spatial_scale, bins, features.shape[2:])
    sides = (image[:, None, None], y0[:, :, None], x0[:, None, :], (y1 - y0)[:, :, None], (x1 - x0)[:, None, :])
    windows = torch.stack([side.expand(-1, *bins).flatten(1) for side in sides])  # (5, R, P*Q)
    return range_maxima(features, windows).unflatten(2, bins)


def pool_windows(
    features: Float[Tensor, "B C H W"], boxes: Boxes, output_size: Ints, spatial_scale: float = 1.0
) -> tuple[Int64[Tensor, "R P"], Int64[Tensor, "R P"], Int64[Tensor, "R Q"], Int64[Tensor, "R Q"]]:
    """The whole cells that each of RoIPool's bins reads: rows y0 to y1 and columns x0 to x1, ends exclusive.

    First rounding: the box's four numbers go to the nearest whole cell, halves away from zero, and the cell of the end
    belongs to the box, which is at least one cell large. Second rounding: each bin grows outwards to whole cells. What
    lies outside the map is cut off; a bin that is left with nothing has an end that is not after its start.
    """
    _, pixels, bins = checked_call(features, boxes, output_size, spatial_scale)
    return _windows(pixels * spatial_scale, bins, features.shape[2:])


def _windows(cells: Tensor, bins: tuple[int, int], size: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    start, last = round_half_away(cells.detach()).split(2, dim=1)
    length = (last - start + 1).clamp(min=1)  # (R, 2): x, y
    rows = whole_bins(start[:, 1], length[:, 1], bins[0], size[0])
    return *rows, *whole_bins(start[:, 0], length[:, 0], bins[1], size[1])
