"""RoIWarp: one bilinear sample a bin, at its upper left corner, differentiable in the box."""

import torch
from jaxtyping import Float
from torch import Tensor

from lessons_lib.checks import Ints
from lessons_lib.ops.roi.reads import Reads, weighted_reads
from lessons_lib.ops.roi.regions import Boxes, checked_call


def roi_warp(
    features: Float[Tensor, "B C H W"], boxes: Boxes, output_size: Ints, spatial_scale: float = 1.0
) -> Float[Tensor, "R C P Q"]:
    """The map resampled to `output_size` in every box, as the paper on MNC writes it: κ(x + (u′/W′)·w − u).

    κ(a) = max(0, 1 − |a|) in each axis, over all cells u of the map: so cell u stands at u, sample u′ at the upper left
    corner of its bin, and what lies outside the map fades to 0 within one cell. No coordinate is rounded; the released
    code does round. Gradients reach the features and the boxes. An inverted box is read backwards. MNC takes the
    maximum of 2 × 2 bins afterwards. Dai, He and Sun, "Instance-aware Semantic Segmentation via Multi-task Network
    Cascades" (arXiv:1512.04412), section 3.2. Raises ValueError or TypeError naming the argument.

    >>> features = torch.arange(4.0).repeat(4, 1)[None, None]  # the value of a cell is its column
    >>> roi_warp(features, torch.tensor([[0.0, 0, 0, 3, 3]]), output_size=2)[0, 0, 0]
    tensor([0.0000, 1.5000])
    """
    image, pixels, bins = checked_call(features, boxes, output_size, spatial_scale)
    x0, y0, x1, y1 = (pixels * spatial_scale).unbind(1)
    height, width = features.shape[2:]
    return weighted_reads(
        features,
        image,
        lambda part: _axis_reads(y0[part], (y1 - y0)[part], bins[0], height),
        lambda part: _axis_reads(x0[part], (x1 - x0)[part], bins[1], width),
    )


def _axis_reads(start: Float[Tensor, " R"], length: Float[Tensor, " R"], bins: int, size: int) -> Reads:
    """The two cells on either side of each sample, weighted by κ; cells that the map does not have weigh 0."""
    at = start[:, None] + torch.arange(bins, device=start.device) * length[:, None] / bins  # (R, bins)
    low = at.detach().floor()
    cell = torch.stack([low, low + 1], -1)
    nearness = torch.stack([1 - (at - low), at - low], -1)
    real = (cell >= 0) & (cell < size)
    return Reads(cell.clamp(0, size - 1).long(), nearness * real, real)
