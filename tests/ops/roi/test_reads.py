"""Weighted reads: the same whatever how many regions are read together, by hand, and little is kept for backward."""

import pytest
import torch

from lessons_lib.ops.grid import Grid
from lessons_lib.ops.levels import multilevel_roi_align
from lessons_lib.ops.roi import reads, roi_align
from lessons_lib.ops.roi.reads import Reads, read_cells, table_of


def test_one_bin_by_hand():
    """Rows 0 and 1 with weights 1 and 2, column 2 with weight 10: 1 · 10 · 3 + 2 · 10 · 6."""
    features = torch.arange(1.0, 7).view(1, 1, 2, 3).requires_grad_()
    rows = Reads(torch.tensor([[[0, 1]]]), torch.tensor([[[1.0, 2]]]), torch.ones(1, 1, 2, dtype=torch.bool))
    columns = Reads(torch.tensor([[[2]]]), torch.tensor([[[10.0]]]), torch.ones(1, 1, 1, dtype=torch.bool))
    out = read_cells(
        table_of([features]), torch.zeros(1, dtype=torch.int64), 3, lambda part: rows, lambda part: columns
    )
    assert out.tolist() == [[[[150.0]]]]
    out.sum().backward()
    assert features.grad.tolist() == [[[[0, 0, 10], [0, 0, 20]]]]


def test_what_is_not_real_is_not_read():
    features = torch.full((1, 1, 1, 2), torch.inf).requires_grad_()
    real = torch.tensor([[[False]]])
    rows = Reads(torch.zeros(1, 1, 1, dtype=torch.int64), torch.ones(1, 1, 1), real)
    out = read_cells(table_of([features]), torch.zeros(1, dtype=torch.int64), 2, lambda part: rows, lambda part: rows)
    out.sum().backward()
    assert out.item() == 0 and not features.grad.any()


@pytest.mark.parametrize("more", [1, 5, 40000])
def test_reads_that_are_none_can_be_dealt_out(more):
    """As a GPU wants it: no cell of the maps gets another sum, though most reads find the row of zeros."""
    generator = torch.Generator().manual_seed(0)
    cell = torch.randint(0, 60, (5, 3, 3, 4), generator=generator).clamp(max=19).int()  # two of three find row 19
    weights, per_bin = torch.rand(5, 3, 3, 4, generator=generator), torch.rand(45, 6, generator=generator)
    together, dealt = (reads._turned_round(20, cell, weights, per_bin, count) for count in (0, more))
    torch.testing.assert_close(dealt[:19], together[:19])
    assert dealt.shape == together.shape and together[19].any() and not dealt[19].any()


@pytest.mark.parametrize("part", [1, 3, 7, 100])
def test_it_does_not_matter_how_many_regions_are_read_together(part, monkeypatch):
    """Values, and gradients to both maps and to the boxes, against one region after the other in its own call."""
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(2, 3, side, side, dtype=torch.float64, generator=generator).requires_grad_() for side in (8, 4)]
    corner = torch.rand(2, 7, 2, dtype=torch.float64, generator=generator) * 20
    boxes = torch.cat([corner, corner + 4 + torch.rand(2, 7, 2, generator=generator) * 20], 2).requires_grad_()
    grids, weights = [Grid(4, 1.0), Grid(8, 3.0)], torch.rand(2, 7, 3, 2, 3, dtype=torch.float64, generator=generator)

    def results(some):
        out = multilevel_roi_align(maps, grids, boxes[:, some], (2, 3), 2, canonical_size=16.0, canonical_level=3)
        return out.detach(), *torch.autograd.grad((out * weights[:, some]).sum(), [*maps, boxes])

    single = [results(slice(i, i + 1)) for i in range(7)]
    monkeypatch.setattr(reads, "PART", part)
    values, *gradients = results(slice(None))
    torch.testing.assert_close(values, torch.cat([values for values, *_ in single], 1))
    for number, gradient in enumerate(gradients, start=1):
        torch.testing.assert_close(gradient, sum(result[number] for result in single))


@pytest.mark.parametrize("regions", [1, 140, 300])
def test_gradients_of_more_regions_than_are_read_together(regions):
    """To maps and boxes, by differences, along one random direction."""
    generator = torch.Generator().manual_seed(regions)
    features = torch.randn(1, 2, 9, 9, dtype=torch.float64, generator=generator).requires_grad_()
    corner = torch.rand(regions, 2, dtype=torch.float64, generator=generator) * 5
    boxes = torch.cat([torch.zeros(regions, 1), corner, corner + 2.3], 1).requires_grad_()

    def value(features, boxes):
        return (roi_align(features, boxes, 2, 1.0, 2) ** 2).sum()

    gradients = torch.autograd.grad(value(features, boxes), [features, boxes])
    step = [1e-7 * torch.randn(x.shape, dtype=x.dtype, generator=generator) for x in (features, boxes)]
    step[1][:, 0] = 0  # the image's number
    ahead, behind = (value(features + s * step[0], boxes + s * step[1]) for s in (1, -1))
    expected = sum((gradient * one).sum() for gradient, one in zip(gradients, step, strict=True))
    assert ((ahead - behind) / 2).item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-12)


def test_little_is_kept_for_backward():
    """Which map each region reads, not where on each axis, and not all the reads of its bins, more than the result."""
    kept = []

    def keep(tensor):
        kept.append(tensor.untyped_storage().nbytes())
        return tensor

    features, boxes = torch.randn(1, 64, 20, 20, requires_grad=True), torch.rand(400, 5) * 8
    boxes[:, 0], boxes[:, 3:] = 0, boxes[:, 1:3] + 9
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = roi_align(features, boxes, 7, 1.0, 2)
    assert sum(kept) < 0.01 * out.numel() * out.element_size()
