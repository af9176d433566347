"""Position-sensitive RoI pooling: each bin averages a channel of its own, its part of the object."""

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

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

    >>> features = torch.arange(4.0).view(1, 4, 1, 1).expand(1, 4, 4, 4)  # bin i of 2 × 2 reads channel i
    >>> ps_roi_pool(features, torch.tensor([[0.0, 0, 0, 4, 4]]), output_size=2).tolist()
    [[[[0.0, 1.0], [2.0, 3.0]]]]
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
    y0, y1 = whole_bins(corners[:, 1], length[:, 1], bins[0], features.shape[2])  # (R, P)
    x0, x1 = whole_bins(corners[:, 0], length[:, 0], bins[1], features.shape[3])  # (R, Q)
    row, column = (torch.arange(n, device=features.device) * group // n for n in bins)
    part = row[:, None] * group + column  # (P, Q)
    windows = _corners(part, image, (y0, y1, x0, x1), features.shape)
    finite = features.isfinite()
    if finite.all():
        total = _WindowSums.apply(features, windows, group)
    else:
        total = _WindowSums.apply(_Finite.apply(features), windows, group)
        for spoilt, value in (
            (features == torch.inf, torch.inf),
            (features == -torch.inf, -torch.inf),
            (features.isnan(), torch.nan),
        ):
            total = total + torch.where(_WindowSums.apply(spoilt, windows, group) > 0.5, value, 0.0)
    area = (y1 - y0).clamp(min=0)[:, :, None] * (x1 - x0).clamp(min=0)[:, None, :]  # (R, P, Q)
    means = total.view(*area.shape, features.shape[1] // group**2) / area.clamp(min=1)[..., None]
    return means.masked_fill(area[..., None] == 0, 0).to(features.dtype).permute(0, 3, 1, 2)


def _corners(
    part: Int64[Tensor, "P Q"], image: Int64[Tensor, " R"], windows: tuple[Tensor, ...], shape: tuple[int, ...]
) -> Int64[Tensor, "4 n"]:
    """Where in a table (parts, B, H + 1, W + 1) each window has its corners, in the order of their signs + − − +."""
    batch, _, height, width = shape
    y0, y1, x0, x1 = windows
    map_of = (part * batch + image[:, None, None]) * (height + 1)  # (R, P, Q)
    top, bottom = ((map_of + y[:, :, None]) * (width + 1) for y in (y0, y1))
    left, right = x0[:, None, :], x1[:, None, :]
    return torch.stack([bottom + right, bottom + left, top + right, top + left]).flatten(1)


class _WindowSums(torch.autograd.Function):
    """Sums over windows by a summed-area table: what lies above and left of a corner is added up once for all.

    Four corners give the sum over any window, however large. In float64 where the device has it, since a small sum is
    the difference of large ones. The channels of a part stand side by side, because they are read together. The
    gradient goes the same way backwards: each window's is written at its four corners, and what lies below and right
    of a cell is added up.
    """

    @staticmethod
    def forward(ctx, features: Shaped[Tensor, "B C H W"], corners: Int64[Tensor, "4 n"], group: int) -> Tensor:
        batch, channels, height, width = ctx.shape = features.shape
        kinds, wide = channels // group**2, torch.float32 if features.device.type == "mps" else torch.float64
        ctx.group = group
        ctx.save_for_backward(corners)
        table = torch.zeros(group**2, batch, height + 1, width + 1, kinds, dtype=wide, device=features.device)
        parts = features.view(batch, kinds, group**2, height, width)
        table[:, :, 1:, 1:] = parts.permute(2, 0, 3, 4, 1)
        flat = table.cumsum_(3).cumsum_(2).view(-1, kinds)
        plus, minus, also_minus, also_plus = (flat.index_select(0, corner) for corner in corners)
        return plus.sub_(minus).sub_(also_minus).add_(also_plus)  # (n, K)

    @staticmethod
    def backward(ctx, gradient: Float[Tensor, "n K"]) -> tuple[Tensor, None, None]:
        batch, _, height, width = ctx.shape
        kinds = gradient.shape[1]
        table = gradient.new_zeros(ctx.group**2 * batch * (height + 1) * (width + 1), kinds)
        (corners,) = ctx.saved_tensors
        for corner, signed in zip(corners, (gradient, -gradient, -gradient, gradient), strict=True):
            table.index_add_(0, corner, signed)
        table = table.view(ctx.group**2, batch, height + 1, width + 1, kinds)
        for axis in (3, 2):
            table.cumsum_(axis)
            last = table.narrow(axis, table.shape[axis] - 1, 1)
            table = last - table.narrow(axis, 0, table.shape[axis] - 1)  # what comes behind each cell
        return table.permute(1, 4, 0, 2, 3).reshape(ctx.shape), None, None


class _Finite(torch.autograd.Function):
    """0 for what is infinite or NaN, which would spoil every sum behind it; its gradient is the value's own."""

    @staticmethod
    def forward(ctx, features):
        return features.nan_to_num(0.0, 0.0, 0.0)

    @staticmethod
    def backward(ctx, gradient):
        return gradient
