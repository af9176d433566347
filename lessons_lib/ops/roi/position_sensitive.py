"""Position-sensitive RoI pooling: each bin averages a channel of its own, its part of the object."""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.checks import Ints, checked_int
from lessons_lib.ops.roi.regions import Boxes, checked_call, round_half_away, whole_bins

SMALLEST = 0.1  # cells: a smaller box is taken to be this large


def ps_roi_pool(
    features: Float[Tensor, "B C H W"],
    boxes: Boxes,
    output_size: Ints,
    spatial_scale: float = 1.0,
    group_size: int | None = None,
) -> Float[Tensor, "R K P Q"]:
    """The mean over each bin, read from the channel of that bin's part: C = K · group_size² channels in, K out.

    Bin (p, q) belongs to part (⌊p·G/P⌋, ⌊q·G/Q⌋) of a G × G grid, and output k reads channel (k·G + row)·G + column. G
    is `group_size`, or `output_size` where that is one number. The box's corners are rounded to whole pixels of the
    image, halves away from zero, and stay fractional on the map; its bins grow outwards to whole cells, and cells
    outside do not count. A bin without cells is 0; an infinite cell or a NaN spoils the bins that read it, and no
    other. Gradients reach the features only. Dai et al., "R-FCN" (arXiv:1605.06409), section 3, and its released code,
    but for ends, which are exclusive here. Raises ValueError or TypeError naming the argument.
    """
    image, pixels, bins = checked_call(features, boxes, output_size, spatial_scale)
    if group_size is None and bins[0] != bins[1]:
        raise ValueError(f"group_size must be given where output_size is not square, got output_size {bins}")
    group = bins[0] if group_size is None else checked_int("group_size", group_size, 1)
    if features.shape[1] % group**2:
        raise ValueError(
            f"features must have a multiple of {group}·{group} channels, one for each part, got {features.shape[1]}"
        )
    corners = round_half_away(pixels.detach()) * spatial_scale
    length = (corners[:, 2:] - corners[:, :2]).clamp(min=SMALLEST)
    y0, y1 = (side[:, None, :, None] for side in whole_bins(corners[:, 1], length[:, 1], bins[0], features.shape[2]))
    x0, x1 = (side[:, None, None, :] for side in whole_bins(corners[:, 0], length[:, 0], bins[1], features.shape[3]))
    row, column = (torch.arange(n, device=features.device) * group // n for n in bins)
    kind = torch.arange(features.shape[1] // group**2, device=features.device)[:, None, None]
    channel = (kind * group + row[:, None]) * group + column  # (K, P, Q)
    windows = (image[:, None, None, None], channel, y0, y1, x0, x1)
    total = _window_sums(_Finite.apply(features), *windows)
    if not features.isfinite().all():
        for spoilt, value in (
            (features == torch.inf, torch.inf),
            (features == -torch.inf, -torch.inf),
            (features.isnan(), torch.nan),
        ):
            total = total + torch.where(_window_sums(spoilt, *windows) > 0, value, 0.0)
    area = (y1 - y0).clamp(min=0) * (x1 - x0).clamp(min=0)
    return torch.where(area > 0, total / area.clamp(min=1), 0).to(features.dtype)


def _window_sums(
    maps: Shaped[Tensor, "B C H W"], image: Tensor, channel: Tensor, y0: Tensor, y1: Tensor, x0: Tensor, x1: Tensor
) -> Float[Tensor, "R K P Q"]:
    """The sum over each window: what lies above and left of a corner is added up once, and four of these give any sum.

    In float64 where the device has it, since a small sum is the difference of large ones.
    """
    wide = torch.float32 if maps.device.type == "mps" else torch.float64
    sums = F.pad(maps.to(wide).cumsum(2).cumsum(3), (1, 0, 1, 0))
    below = sums[image, channel, y1, x1] - sums[image, channel, y1, x0]
    return below - sums[image, channel, y0, x1] + sums[image, channel, y0, x0]


class _Finite(torch.autograd.Function):
    """0 for what is infinite or NaN, which would spoil every sum behind it; its gradient is the value's own."""

    @staticmethod
    def forward(ctx, features):
        return features.nan_to_num(0.0, 0.0, 0.0)

    @staticmethod
    def backward(ctx, gradient):
        return gradient
