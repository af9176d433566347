"""Weighted reads: what RoIAlign and RoIWarp have in common. Every bin is a weighted sum of cells of a map.

All bins together are a sparse matrix, with a row for each bin and a column for each cell, times the map. It is never
built: `embedding_bag` goes through the reads, and backward goes through them turned round, cell by cell.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

PART = 128
"""Regions that are read together on a CPU: their reads and bins then fit into its cache, and little memory is taken."""


@dataclass(frozen=True, eq=False)
class Reads:
    """What every bin reads along one axis: K cells, each times a weight; where not `real`, nothing at all."""

    cell: Int64[Tensor, "R bins K"]
    weight: Float[Tensor, "R bins K"]
    real: Bool[Tensor, "R bins K"]


def weighted_reads(
    features: Float[Tensor, "B C H W"], image: Int64[Tensor, " R"], rows: Reads, columns: Reads
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
    rows: Reads,
    columns: Reads,
) -> Float[Tensor, "R C P Q"]:
    """Weighted sums over the rows and columns of maps that stand in one table, cell after cell.

    `first` is where in the table each region's map begins, and `width` how many cells a row of it has. Differentiable,
    once, in the table and in the weights, so in whatever these came from. A read that is not real finds the row of
    zeros, since 0 · ∞ and 0 · NaN are no 0.
    """
    width = torch.as_tensor(width, device=first.device).expand(len(first))
    axes = [x for axis in (rows, columns) for x in (torch.where(axis.real, axis.cell, -1).int(), axis.weight)]
    return _WeightedSums.apply(table, first, width, *axes)


class _WeightedSums(torch.autograd.Function):
    """`read_cells` a part of the regions after the other. Backward remembers no read: it makes them again."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, *reads: Tensor) -> Tensor:
        """The bins of each region."""
        ctx.cells = len(table)
        ctx.save_for_backward(*reads, *([table] if ctx.needs_input_grad[4] or ctx.needs_input_grad[6] else []))
        (count, height, _), columns = reads[2].shape, reads[4].shape[1]
        out = table.new_empty(count, table.shape[1], height, columns)
        for part, mine in _parts(reads):
            cells, weights = _reads(len(table), *mine)
            bins = F.embedding_bag(
                cells.flatten(0, 2), table, per_sample_weights=weights.flatten(0, 2).to(table.dtype), mode="sum"
            )
            out[part] = bins.view(-1, height, columns, table.shape[1]).permute(0, 3, 1, 2)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Of the table and of both axes' weights."""
        reads, table = ctx.saved_tensors[:6], ctx.saved_tensors[6:]
        to_table = gradient.new_zeros(ctx.cells, gradient.shape[1]) if ctx.needs_input_grad[0] else None
        to_rows, to_columns = (torch.zeros_like(reads[i]) if table else None for i in (3, 5))
        for part, mine in _parts(reads):
            per_bin = gradient[part].permute(0, 2, 3, 1)  # (r, P, Q, C)
            if to_table is not None:
                to_table += _turned_round(ctx.cells, *_reads(ctx.cells, *mine), per_bin.flatten(0, 2))
            if to_rows is not None and to_columns is not None:
                to_rows[part], to_columns[part] = _to_weights(table[0], mine, per_bin)
        return to_table, None, None, None, to_rows, None, to_columns


def _parts(reads: Sequence[Tensor]) -> Iterator[tuple[slice, list[Tensor]]]:
    """Some regions after the other; on a GPU, which has enough to do only with many, all at once."""
    count = len(reads[0])
    step = max(count, 1) if reads[0].is_cuda else PART
    for start in range(0, count, step):
        part = slice(start, start + step)
        yield part, [tensor[part] for tensor in reads]


def _reads(
    cells: int, first: Tensor, width: Tensor, row: Tensor, row_weight: Tensor, column: Tensor, column_weight: Tensor
) -> tuple[Int64[Tensor, "R P Q K"], Float[Tensor, "R P Q K"]]:
    """(row of the table, weight) of every read of every bin, where the rows of its axis meet the columns.

    Rows and columns of −1 are no reads.
    """
    begin = first[:, None, None] + row * width[:, None, None]
    cell = begin[:, :, None, :, None] + column[:, None, :, None, :]
    real = (row >= 0)[:, :, None, :, None] & (column >= 0)[:, None, :, None, :]
    weights = row_weight[:, :, None, :, None] * column_weight[:, None, :, None, :]
    return torch.where(real, cell, cells - 1).flatten(3), weights.flatten(3)


def _turned_round(
    cells: int, cell: Int64[Tensor, "R P Q K"], weights: Float[Tensor, "R P Q K"], per_bin: Float[Tensor, "bins C"]
) -> Float[Tensor, "cells C"]:
    """The same matrix the other way: of each cell the weighted sum over the bins that read it."""
    sorted_cell, order = cell.flatten().sort()
    starts = torch.searchsorted(sorted_cell, torch.arange(cells, device=cell.device))
    mine = weights.flatten()[order].to(per_bin.dtype)
    return F.embedding_bag(order // cell.shape[3], per_bin, starts, per_sample_weights=mine, mode="sum")


def _to_weights(
    table: Tensor, reads: Sequence[Tensor], per_bin: Float[Tensor, "R P Q C"]
) -> tuple[Float[Tensor, "R P K"], Float[Tensor, "R Q L"]]:
    """The gradients of the weights along both axes."""
    cell, _ = _reads(len(table), *reads)
    rows, columns = reads[3], reads[5]
    apart = (table[cell] @ per_bin[..., None].to(table.dtype)).view(*cell.shape[:3], rows.shape[2], columns.shape[2])
    apart = apart.to(rows.dtype)  # (R, P, Q, K, K'), of each product of a row's and a column's weight
    return torch.einsum("rpqkl,rql->rpk", apart, columns), torch.einsum("rpqkl,rpk->rql", apart, rows)
