"""Range-maximum tables: the largest cell in any rectangle of a map, in four reads, whatever the rectangle's size.

The maxima of all windows of 2 × 2 cells are made from the cells, those of 4 × 4 from those of 2 × 2, and so on; each
step is one operation on the whole map. A side of 5 cells is covered by two windows of 4 that overlap, which a maximum
does not mind: so any rectangle is the maximum of four windows of powers of two, one in each of its corners.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int32, Int64, Shaped
from torch import Tensor

TABLE, AT_ONCE = 2**20, 2048
"""Numbers in a table, and windows that are read at once: so that both stay in a processor's cache."""


def range_maxima(maps: Float[Tensor, "B C H W"], windows: Int64[Tensor, "5 R n"]) -> Float[Tensor, "R C n"]:
    """The maximum of each window in each channel, and 0 where a window is empty.

    `windows` holds image, first row, first column, height and width, inside the map; a size < 1 is empty. A NaN makes
    the maximum NaN. The gradient goes to the cell that won, the first in reading order where several are equal.
    """
    return _RangeMaxima.apply(maps, windows)


class _RangeMaxima(torch.autograd.Function):
    """Remembers where the winner of each window and channel stood, in 32 bits."""

    @staticmethod
    def forward(ctx, maps: Float[Tensor, "B C H W"], windows: Int64[Tensor, "5 R n"]) -> Float[Tensor, "R C n"]:
        regions, each = windows.shape[1:]
        flat, channels = windows.flatten(1), maps.shape[1]
        groups = _by_size(flat)
        filled = sum(len(which) for _, _, which in groups) == flat.shape[1]
        out = (maps.new_empty if filled else maps.new_zeros)(flat.shape[1], channels)
        ctx.shape, places = maps.shape, []
        for block in _blocks(maps.shape):
            own = maps[:, block].permute(0, 2, 3, 1).contiguous()  # (B, H, W, c)
            if not ctx.needs_input_grad[0]:
                for which, values in _largest(own, groups, flat):
                    out[:, block].index_copy_(0, which, values)
                continue
            winners = torch.empty(len(out), own.shape[3], dtype=torch.int32, device=maps.device)
            if not filled:
                winners.fill_(own.numel())
            for which, keys in _largest(_keys(own), groups, flat):
                numbers = keys.to(torch.int32).bitwise_not_()  # the lower half, counted forwards again
                out[:, block].index_copy_(0, which, _values(keys, numbers, own))
                winners.index_copy_(0, which, numbers)
            places.append(winners)
        ctx.save_for_backward(*places)
        return out.view(regions, each, channels).transpose(1, 2)

    @staticmethod
    def backward(ctx, gradient: Float[Tensor, "R C n"]) -> tuple[Float[Tensor, "B C H W"], None]:
        batch, channels, height, width = ctx.shape
        total = gradient.new_zeros(batch, height, width, channels)
        for block, winners in zip(_blocks(ctx.shape), ctx.saved_tensors, strict=True):
            own = gradient[:, block].transpose(1, 2).flatten()  # (R * n * c,)
            size = batch * height * width * winners.shape[1]
            sums = own.new_zeros(size + 1).index_add(0, winners.flatten(), own)  # the last one is of empty windows
            total[..., block] = sums[:size].view(batch, height, width, -1)
        return total.permute(0, 3, 1, 2), None


def _blocks(shape: Sequence[int]) -> Iterator[slice]:
    """Slices of some channels each, at least 16."""
    batch, channels, height, width = shape
    step = max(16, TABLE // max(batch * height * width, 1) // 16 * 16)
    return (slice(first, first + step) for first in range(0, channels, step))


def _by_size(windows: Int64[Tensor, "5 m"]) -> list[tuple[int, int, Int64[Tensor, " _"]]]:
    """The windows that are not empty, by the powers of two 2ⁱ and 2ʲ that fit into their sides: (i, j, which)."""
    filled = (windows[3:] > 0).all(0).nonzero()[:, 0]
    powers = 2 ** torch.arange(31, device=windows.device)
    exponents = torch.bucketize(windows[3:, filled].contiguous(), powers, right=True) - 1  # ⌊log₂⌋
    kind = exponents[0] * len(powers) + exponents[1]
    kinds, counts = kind.unique(return_counts=True)
    parts = filled[kind.argsort(stable=True)].split(counts.tolist())
    return [(*divmod(number, len(powers)), which) for number, which in zip(kinds.tolist(), parts, strict=True)]


def _largest(
    cells: Shaped[Tensor, "B H W c"], groups: list[tuple[int, int, Tensor]], windows: Int64[Tensor, "5 m"]
) -> Iterator[tuple[Int64[Tensor, " _"], Shaped[Tensor, "_ c"]]]:
    """(some of the windows, the maximum of each), until all had their turn.

    `groups` go from small to large, so that each table is made from the one before.
    """
    tall = table = cells
    tall_exponent = wide_exponent = 0
    for i, j, group in groups:
        if i != tall_exponent:
            for exponent in range(tall_exponent, i):
                tall = _doubled(tall, 1, 2**exponent)
            table, tall_exponent, wide_exponent = tall, i, 0
        for exponent in range(wide_exponent, j):
            table = _doubled(table, 2, 2**exponent)
        wide_exponent = j
        _, rows, columns, channels = table.shape
        flat = table.view(-1, channels)
        for which in group.split(AT_ONCE):
            image, y, x, h, w = windows.index_select(1, which)
            first = (image * rows + y) * columns + x
            down, across = (h - 2**i) * columns, w - 2**j
            best = flat.index_select(0, first)
            for corner in (first + across, first + down, first + down + across):
                torch.maximum(best, flat.index_select(0, corner), out=best)
            yield which, best


def _doubled(table: Shaped[Tensor, "B H W c"], axis: int, side: int) -> Shaped[Tensor, "B _ _ c"]:
    """Maxima of windows twice as long: each meets the one that begins where it ends."""
    fit = table.shape[axis] - side
    return torch.maximum(table.narrow(axis, 0, fit), table.narrow(axis, side, fit))


def _keys(values: Float[Tensor, "B H W c"]) -> Int64[Tensor, "B H W c"]:
    """Whole numbers in the order of the values, NaN above all; of equal values the first cell has the largest number.

    The upper 32 bits order the values: the bits of a float32 do so almost by themselves, float64 is sorted. The lower
    32 bits count the values, cell after cell, backwards from 2³² − 1 on.
    """
    cells = values[..., 0].numel()
    if values.dtype == torch.float64:
        flat = values.view(cells, values.shape[3])
        place = torch.arange(cells, 0, -1, device=values.device)[:, None].expand_as(flat)
        order = torch.empty_like(place).scatter_(0, flat.argsort(dim=0, descending=True, stable=True), place)
    else:
        plain = torch.where(values.isnan(), torch.nan, values.float() + 0.0)  # one kind of NaN, and no −0
        order = _flipped(plain.view(torch.int32)).long().view(cells, values.shape[3])
    backwards = torch.arange(2**32 - 1, 2**32 - 1 - values.numel(), -1, device=values.device)
    return (order << 32).view(values.shape).bitwise_or_(backwards.view(values.shape))


def _values(
    keys: Int64[Tensor, "m c"], numbers: Int32[Tensor, "m c"], values: Float[Tensor, "B H W c"]
) -> Float[Tensor, "m c"]:
    """The values of these numbers: out of the keys' upper halves, or where these only count, out of the map."""
    if values.dtype == torch.float64:
        return values.flatten()[numbers.long()]
    return _flipped((keys >> 32).to(torch.int32)).view(torch.float32).to(values.dtype)


def _flipped(bits: Int32[Tensor, "*shape"]) -> Int32[Tensor, "*shape"]:
    """The bits of floats as whole numbers in the same order, and back again: below 0 all bits but the sign turn."""
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)
