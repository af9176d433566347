"""Position-sensitive RoI pooling: each bin averages a channel of its own, its part of the object."""

import torch
from jaxtyping import Float, Int32, Int64
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
    column = torch.arange(bins[1], device=features.device) * group // bins[1]  # (Q,)
    map_of = column * len(features) + image[:, None]  # (R, Q), in a table (G, B, H, W) of one row of parts
    row = features.shape[3]
    first = map_of * (features.shape[2] * row) + x0  # (R, Q), were the window to begin in the map's first row
    height, width = (y1 - y0).clamp(min=0).T, (x1 - x0).clamp(min=0)  # (P, R), (R, Q)
    columns = _progressions(first.flatten().int(), width.flatten().int(), 1)
    region = torch.arange(len(width), device=width.device).repeat_interleave(width.sum(1), output_size=len(columns))
    region = region.expand(bins[0], -1)
    tops = columns + (y0.T * row).int().gather(1, region)  # (P, columns); `index_select` of ints takes 3 times as long
    cells = _progressions(tops.flatten(), height.int().gather(1, region).flatten(), row)
    return _Means.apply(features, cells, height[:, :, None] * width, group)


def _progressions(first: Int32[Tensor, " n"], count: Int32[Tensor, " n"], step: int) -> Int32[Tensor, " total"]:
    """first, first + step, first + 2 · step, …: `count` numbers of each, one after the other.

    The differences from one number to the next are `step`, but for jumps where a progression begins; their running sum
    is the numbers. A progression that is empty leaves its jump to the next.
    """
    if not len(first):
        return first
    ends = count.cumsum(0, dtype=torch.int32)
    after = torch.add(first, count, alpha=step)  # where each would go on
    differences = torch.full((int(ends[-1]) + 1,), step, dtype=torch.int32, device=first.device)
    differences[0] = first[0]
    differences.scatter_add_(0, ends[:-1].long(), first[1:] - after[:-1])
    return differences.cumsum_(0)[:-1]


class _Means(torch.autograd.Function):
    """Means over windows that are given cell by cell, for one row of parts after the other.

    Their channels stand side by side in a table, because they are read together. The gradient of a window goes in equal
    shares to its cells.
    """

    @staticmethod
    def forward(
        ctx, features: Float[Tensor, "B C H W"], cells: Int32[Tensor, " n"], counts: Int64[Tensor, "P R Q"], group: int
    ) -> Float[Tensor, "R K P Q"]:
        ctx.shape, ctx.group = features.shape, group
        kinds = features.shape[1] // group**2
        parts = features.unflatten(1, (kinds, group, group)).permute(2, 3, 0, 4, 5, 1)  # (G, G, B, H, W, K)
        wide = torch.promote_types(features.dtype, torch.float32)
        means = features.new_empty(len(counts), kinds, counts[0].numel(), dtype=wide)
        flat = counts.flatten(1)
        before = (flat.cumsum(1) - flat).int()
        divisors = flat.clamp(min=1).to(wide)
        ctx.save_for_backward(cells, flat, divisors)
        for p, own in enumerate(cells.split(flat.sum(1).tolist())):
            table = parts[p * group // len(counts)].to(wide).reshape(-1, kinds).contiguous()
            sums = F.embedding_bag(own, table, before[p], mode="sum")  # (R·Q, K), 0 where a window is empty
            torch.div(sums.t(), divisors[p], out=means[p])
        return means.view(len(counts), kinds, *counts.shape[1:]).permute(2, 1, 0, 3).to(features.dtype)

    @staticmethod
    def backward(ctx, gradient: Float[Tensor, "R K P Q"]) -> tuple[Float[Tensor, "B C H W"], None, None, None]:
        cells, counts, divisors = ctx.saved_tensors  # counts and divisors: (P, R·Q)
        batch, channels, height, width = ctx.shape
        kinds, group = channels // ctx.group**2, ctx.group
        total = divisors.new_empty(kinds, group, group * batch * height * width)
        shares = gradient.permute(2, 1, 0, 3).flatten(2) / divisors[:, None]  # (P, K, R·Q)
        parts = [p * group // len(counts) for p in range(len(counts))]  # of each row of bins, its row of parts
        split = cells.split(counts.sum(1).tolist())
        for row in range(group):
            sums = total[:, row].zero_()  # just before it is added to, so that it is in the cache
            for p in (p for p, part in enumerate(parts) if part == row):
                source = torch.repeat_interleave(counts[p], output_size=len(split[p]))
                every = shares[p].gather(1, source.expand(kinds, -1))
                sums.scatter_add_(1, split[p].long().expand(kinds, -1), every)
        total = total.view(kinds, group, group, batch, height, width).permute(3, 0, 1, 2, 4, 5)
        return total.reshape(ctx.shape).to(gradient.dtype), None, None, None
