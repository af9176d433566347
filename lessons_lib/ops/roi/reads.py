"""Weighted reads: what RoIAlign and RoIWarp have in common. Every bin is a weighted sum of cells of a map.

All bins together are a sparse matrix, with a row for each bin and a column for each cell, times the map. It is never
built: `embedding_bag` goes through the reads, and backward goes through them turned round, cell by cell.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from jaxtyping import Bool, Float, Int32, Int64
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

PART = 128
"""Regions that are read together on a CPU: their reads and bins then fit into its cache, and little memory is taken."""


SPREAD = 4096
"""Cells among which a GPU deals out the reads that are none, when it goes through all reads backward."""


@dataclass(frozen=True, eq=False)
class Reads:
    """What every bin reads along one axis: K cells, each times a weight; where not `real`, nothing at all."""

    cell: Int64[Tensor, "R bins K"]
    weight: Float[Tensor, "R bins K"]
    real: Bool[Tensor, "R bins K"]


Axis = Callable[[slice], Reads]
"""Makes the reads of some regions along one axis, anew whenever they are needed: all together take much memory."""

ALL = slice(None)


def weighted_reads(
    features: Float[Tensor, "B C H W"], image: Int64[Tensor, " R"], rows: Axis, columns: Axis
) -> Float[Tensor, "R C P Q"]:
    """Each bin as the weighted sum of the cells where its rows meet its columns: one sparse matrix times the map."""
    height, width = features.shape[2:]
    out = read_cells(table_of([features]), image * (height * width), width, rows, columns)
    return out.to(features.dtype)


def table_of(maps: Sequence[Float[Tensor, "B C _ _"]]) -> Float[Tensor, "cells_1 C"]:
    """The cells of all images, one per row: those of image b and row y begin at row (b·H + y)·W of their map; the maps
    follow one another, and after them all comes a row of zeros. Half precision becomes float32.
    """
    ends = list(accumulate(len(x) * x.shape[2] * x.shape[3] for x in maps))
    dtype = torch.promote_types(maps[0].dtype, torch.float32)
    table = maps[0].new_zeros(ends[-1] + 1, maps[0].shape[1], dtype=dtype)
    for x, start, end in zip(maps, [0, *ends], ends, strict=False):  # copied, since strided rows would be read slowly
        table[start:end].view(len(x), *x.shape[2:], x.shape[1]).copy_(x.permute(0, 2, 3, 1))
    return table


def read_cells(
    table: Float[Tensor, "cells_1 C"],
    first: Int64[Tensor, " R"],
    width: int | Int64[Tensor, " R"],
    rows: Axis,
    columns: Axis,
) -> Float[Tensor, "R C P Q"]:
    """Weighted sums over the rows and columns of maps that stand in one table, cell after cell.

    `first` is where in the table each region's map begins, and `width` how many cells a row of it has. Differentiable,
    once, in the table and in the weights, so in whatever these came from. A read that is not real finds the row of
    zeros, since 0 · ∞ and 0 · NaN are no 0.
    """
    if isinstance(width, int):
        width = torch.full_like(first, width)  # as a tensor it would be copied to a GPU, which would wait for it
    part = next(_parts(first), ALL)
    begun = rows(part), columns(part)  # of the first regions, often of all
    moved = any(reads.weight.requires_grad for reads in begun)  # where the boxes want a gradient
    weights = [axis(ALL).weight for axis in (rows, columns) if moved]
    return _WeightedSums.apply(table, first, width, rows, columns, begun, *weights)


class _WeightedSums(torch.autograd.Function):
    """`read_cells` a part of the regions after the other.

    Backward remembers the reads of a part that is the only one. Of several it makes all again: they would take more
    memory than the bins. Weights are an argument, after the axes that make the same, where they want a gradient.
    """

    @staticmethod
    def forward(
        ctx: Any, table: Tensor, first: Tensor, width: Tensor, rows: Axis, columns: Axis, begun: tuple[Reads, Reads],
        *weights: Tensor,
    ) -> Tensor:  # fmt: skip
        """The bins of each region."""
        ctx.cells, ctx.axes, ctx.remembered = len(table), (rows, columns), None
        ctx.save_for_backward(first, width, *((table, *weights) if weights else ()))
        height, across = (reads.cell.shape[1] for reads in begun)
        # a GPU's convolutions like the channels of a cell side by side, as a bin's are made
        layout = torch.channels_last if table.is_cuda else torch.contiguous_format
        size = (len(first), table.shape[1], height, across)
        out = torch.empty(size, dtype=table.dtype, device=table.device, memory_format=layout)
        parts = [*_parts(first)]
        for part in parts:
            own = begun if part.start == 0 else (rows(part), columns(part))
            cells, weight = _reads(len(table), first[part], width[part], *own)
            if len(parts) == 1:
                ctx.remembered = begun, (cells, weight)
            bins = F.embedding_bag(
                cells.flatten(0, 2), table, per_sample_weights=weight.flatten(0, 2).to(table.dtype), mode="sum"
            )
            out[part] = bins.view(-1, height, across, table.shape[1]).permute(0, 3, 1, 2)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Of the table and of both axes' weights."""
        first, width, *moved = ctx.saved_tensors
        to_table = gradient.new_zeros(ctx.cells, gradient.shape[1]) if ctx.needs_input_grad[0] else None
        to_weights = [torch.zeros_like(weight) for weight in moved[1:]]
        for part in _parts(first):
            if ctx.remembered:
                (rows, columns), (cell, weight) = ctx.remembered
            else:
                rows, columns = (axis(part) for axis in ctx.axes)
                cell, weight = _reads(ctx.cells, first[part], width[part], rows, columns)
            per_bin = gradient[part].permute(0, 2, 3, 1)  # (r, P, Q, C)
            if to_table is not None:
                more = SPREAD if cell.is_cuda else 0
                to_table += _turned_round(ctx.cells, cell, weight, per_bin.flatten(0, 2), more)
            if to_weights:
                to_weights[0][part], to_weights[1][part] = _to_weights(moved[0], cell, rows, columns, per_bin)
        return to_table, None, None, None, None, None, *to_weights


def _parts(first: Int64[Tensor, " R"]) -> Iterator[slice]:
    """Some regions after the other; on a GPU, which has enough to do only with many, all at once."""
    count = len(first)
    step = max(count, 1) if first.is_cuda else PART
    return (slice(start, start + step) for start in range(0, count, step))


def _reads(
    cells: int, first: Int64[Tensor, " R"], width: Int64[Tensor, " R"], rows: Reads, columns: Reads
) -> tuple[Int32[Tensor, "R P Q K"], Float[Tensor, "R P Q K"]]:
    """(row of the table, weight) of every read of every bin, where the rows of its axis meet the columns.

    A bin's reads are its rows' cells, each with all of its columns' cells. Along either axis what is not real begins at
    the row of zeros, and no sum gets beyond that.
    """
    none, times, each = cells - 1, columns.cell.shape[2], rows.cell.shape[2]
    begin = torch.where(rows.real, first[:, None, None] + rows.cell * width[:, None, None], none)
    along = torch.where(columns.real, columns.cell, none)
    # 32 bits: half as much to move and to sort
    down, across = begin.int().repeat_interleave(times, 2), along.int().repeat(1, 1, each)  # (R, P, K), (R, Q, K)
    cell = (down[:, :, None] + across[:, None]).clamp_(max=none)
    weights = rows.weight.repeat_interleave(times, 2)[:, :, None] * columns.weight.repeat(1, 1, each)[:, None]
    return cell, weights


def _turned_round(
    cells: int, cell: Int32[Tensor, "R P Q K"], weights: Float[Tensor, "R P Q K"], per_bin: Float[Tensor, "bins C"],
    more: int = 0,
) -> Float[Tensor, "cells C"]:  # fmt: skip
    """The same matrix the other way: of each cell the weighted sum over the bins that read it.

    The last cell, the row of zeros, stands for all reads that are none, often a million. A GPU gives every cell to one
    group of its threads, for which all others would wait: there they are dealt out to `more` cells beyond the table.
    """
    number = torch.int16 if cells + more <= 2**15 else cell.dtype  # the shorter, the sooner they are sorted
    reader = cell.flatten()
    if more:
        dealt = torch.arange(len(reader), dtype=cell.dtype, device=cell.device) % more + cells
        reader = torch.where(reader == cells - 1, dealt, reader)
    sorted_cell, order = reader.to(number).sort()
    if cell.is_cuda:  # which would wait for what `bincount` finds
        starts = torch.searchsorted(sorted_cell, torch.arange(cells + more, dtype=number, device=cell.device))
    else:
        counts = torch.bincount(reader, minlength=cells)
        starts = counts.cumsum(0) - counts
    bins = torch.arange(len(per_bin), dtype=cell.dtype, device=cell.device)[:, None].expand(-1, cell.shape[3])
    mine = weights.flatten().index_select(0, order).to(per_bin.dtype)
    read = bins.flatten().index_select(0, order)  # the bin of each read
    return F.embedding_bag(read, per_bin, starts.to(read.dtype), per_sample_weights=mine, mode="sum")[:cells]


def _to_weights(
    table: Tensor, cell: Int32[Tensor, "R P Q n"], rows: Reads, columns: Reads, per_bin: Float[Tensor, "R P Q C"]
) -> tuple[Float[Tensor, "R P K"], Float[Tensor, "R Q L"]]:
    """The gradients of the weights along both axes."""
    across, along = rows.weight, columns.weight
    read = table.index_select(0, cell.flatten()).view(*cell.shape, -1)  # twice as fast as table[cell]
    apart = (read @ per_bin[..., None].to(table.dtype)).view(*cell.shape[:3], across.shape[2], along.shape[2])
    apart = apart.to(across.dtype)  # (R, P, Q, K, K'), of each product of a row's and a column's weight
    return torch.einsum("rpqkl,rql->rpk", apart, along), torch.einsum("rpqkl,rpk->rql", apart, across)
