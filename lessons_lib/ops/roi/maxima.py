"""Range-maximum tables: the largest cell in any rectangle of a map, in four reads or fewer, however large it is.

The maxima of all windows of 2 × 2 cells are made from the cells, those of 4 × 4 from those of 2 × 2, and so on; each
step is one operation on the whole map. A side of 5 cells is covered by two windows of 4 that overlap, which a maximum
does not mind: so any rectangle is the maximum of four windows of powers of two, one in each of its corners. A side of 4
cells needs one window along it and not two, so many rectangles take fewer reads.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor
from torch.nn import functional as F

TABLE, AT_ONCE = 2**20, 1024
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
        flat = windows.flatten(1)
        groups = _by_size(flat)
        empty = sum(len(group.which) for group in groups) < flat.shape[1]
        ctx.shape, places, maxima = maps.shape, [], []
        for block in _blocks(maps.shape):
            cells = maps[:, block].permute(0, 2, 3, 1).contiguous()  # (B, H, W, c)
            size = (flat.shape[1], cells.shape[3])
            if not ctx.needs_input_grad[0]:
                largest = cells.new_zeros(size) if empty else cells.new_empty(size)
                for which, values in _largest(cells, groups, flat):
                    largest.index_copy_(0, which, values)
            else:
                winners = torch.full(size, cells.numel(), dtype=torch.int32, device=maps.device)
                for which, keys in _largest(_keys(cells), groups, flat):
                    winners.index_copy_(0, which, keys.to(torch.int32).bitwise_not_())  # the lower half, forwards again
                values = F.pad(cells.flatten(), (0, 1)) if empty else cells.flatten()  # 0 at the end for empty windows
                largest = values.index_select(0, winners.flatten()).view(size)
                places.append(winners)
            maxima.append(largest)
        ctx.save_for_backward(*places)
        out = maxima[0] if len(maxima) == 1 else torch.cat([maps.new_empty(len(flat[0]), 0), *maxima], 1)
        return out.view(*windows.shape[1:], maps.shape[1]).transpose(1, 2)

    @staticmethod
    def backward(ctx, gradient: Float[Tensor, "R C n"]) -> tuple[Float[Tensor, "B C H W"], None]:
        batch, channels, height, width = ctx.shape
        regions, _, each = gradient.shape
        step = max(1, regions if gradient.is_cuda else AT_ONCE // max(each, 1))
        total = gradient.new_empty(batch, height, width, channels)
        for block, winners in zip(_blocks(ctx.shape), ctx.saved_tensors, strict=True):
            size = batch * height * width * winners.shape[1]
            sums = gradient.new_zeros(size + 1)  # the last one is of empty windows
            for first in range(0, regions, step):
                some = _turned(gradient[first : first + step, block])
                sums.index_add_(0, winners[first * each : (first + step) * each].flatten(), some.flatten())
            total[..., block] = sums[:size].view(batch, height, width, -1)
        return total.permute(0, 3, 1, 2), None


def _turned(matrices: Float[Tensor, "R C n"]) -> Float[Tensor, "R n C"]:
    """Each matrix turned round, in new memory: a CPU copies a single one in tiles, which takes half as long."""
    if matrices.is_cuda:
        return matrices.transpose(1, 2).contiguous()
    turned = matrices.new_empty(len(matrices), matrices.shape[2], matrices.shape[1])
    for place, matrix in zip(turned, matrices, strict=True):
        place.copy_(matrix.t())
    return turned


def _blocks(shape: Sequence[int]) -> Iterator[slice]:
    """Slices of some channels each, at least 16."""
    batch, channels, height, width = shape
    step = max(16, TABLE // max(batch * height * width, 1) // 16 * 16)
    return (slice(first, first + step) for first in range(0, channels, step))


class _Group(NamedTuple):
    """Windows that are read alike: the powers of two that fit into their sides, and which sides are longer."""

    tall: int
    wide: int
    taller: bool
    wider: bool
    which: Int64[Tensor, " _"]


def _by_size(windows: Int64[Tensor, "5 m"]) -> list[_Group]:
    """The windows that are not empty, by what is read of them, from small to large."""
    filled = (windows[3:] > 0).all(0).nonzero()[:, 0]
    sides = windows[3:].index_select(1, filled)
    powers = 2 ** torch.arange(31, device=windows.device)
    exponents = torch.bucketize(sides, powers, right=True) - 1  # ⌊log₂⌋
    longer = sides > powers[exponents]
    kinds, order = (exponents[0] * 128 + exponents[1] * 4 + longer[0] * 2 + longer[1]).short().sort(stable=True)
    kinds, counts = kinds.unique_consecutive(return_counts=True)
    parts = filled[order].split(counts.tolist())
    return [
        _Group(kind // 128, kind // 4 % 32, bool(kind & 2), bool(kind & 1), which)
        for kind, which in zip(kinds.tolist(), parts, strict=True)
    ]


def _largest(
    cells: Shaped[Tensor, "B H W c"], groups: list[_Group], windows: Int64[Tensor, "5 m"]
) -> Iterator[tuple[Int64[Tensor, " _"], Shaped[Tensor, "_ c"]]]:
    """(some of the windows, the maximum of each), until all had their turn.

    `groups` go from small to large, so that each table is made from the one before.
    """
    tall = table = cells
    tall_exponent = wide_exponent = 0
    for i, j, taller, wider, group in groups:
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
            corners = [(image * rows + y) * columns + x]
            if taller:
                corners += [corners[0] + (h - 2**i) * columns]
            if wider:
                corners += [corner + w - 2**j for corner in corners]
            best = flat.index_select(0, corners[0])
            for corner in corners[1:]:
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
        keys = torch.empty_like(place).scatter_(0, flat.argsort(dim=0, descending=True, stable=True), place)
    else:
        plain = values.float() + 0.0  # no −0
        bits = plain.masked_fill_(plain.isnan(), torch.nan).view(torch.int32)  # one kind of NaN
        keys = bits.bitwise_xor_((bits >> 31).bitwise_and_(0x7FFFFFFF)).long()  # below 0 all bits but the sign turn
    backwards = torch.arange(2**32 - 1, 2**32 - 1 - values.numel(), -1, device=values.device)
    return keys.view(values.shape).bitwise_left_shift_(32).bitwise_or_(backwards.view(values.shape))
