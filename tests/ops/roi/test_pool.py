"""RoIPool against torchvision's compiled operator, by hand, and where its two roundings put a bin."""

import pytest
import torch
from hypothesis import given, settings
from torchvision import ops

from lessons_lib.ops.roi import roi_pool
from lessons_lib.ops.roi.pool import pool_windows
from lessons_lib.ops.roi.regions import round_half_away
from tests.ops.roi.region_sets import region_sets, value_and_gradient


@given(region_sets())
@settings(max_examples=500, deadline=None)
def test_roi_pool_is_torchvisions(case):
    """500 region sets of every kind: values, and gradients to the features, ties included."""
    got = value_and_gradient(roi_pool, case.features, case.boxes, *case.arguments)
    want = value_and_gradient(ops.roi_pool, case.features, case.boxes, *case.arguments)
    for ours, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


@given(region_sets(dtype=torch.float32))
@settings(max_examples=300, deadline=None)
def test_roi_pool_in_float32(case):
    expected = ops.roi_pool(case.features, case.boxes, *case.arguments)
    torch.testing.assert_close(roi_pool(case.features, case.boxes, *case.arguments), expected, rtol=0, atol=0)


def test_by_hand():
    """An 8×8 map of 0 to 63. The cell of the box's end belongs to it: 0 to 7 is the whole map, 0 to 8 even more."""
    features = torch.arange(64.0).view(1, 1, 8, 8)
    assert roi_pool(features, torch.tensor([[0.0, 0, 0, 7, 7]]), 2).flatten().tolist() == [27, 31, 59, 63]
    assert roi_pool(features, torch.tensor([[0.0, 0, 0, 8, 8]]), 2).flatten().tolist() == [36, 39, 60, 63]


def test_windows_by_hand():
    """Stride 16: x from 40 to 100 px is 2.5 to 6.25 cells, rounded 3 to 6: 4 cells in 3 bins, which share two."""
    boxes = [torch.tensor([[40.0, 0, 100, 15]])]
    y0, y1, x0, x1 = pool_windows(torch.zeros(1, 1, 9, 9), boxes, (1, 3), 1 / 16)
    assert (x0.tolist(), x1.tolist()) == ([[3, 4, 5]], [[5, 6, 7]])
    assert (y0.tolist(), y1.tolist()) == ([[0]], [[2]])  # 15 px is 0.94 cells: rounded to cell 1, which belongs


def test_halves_round_away_from_zero():
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -2.5, 2.4, -2.6, 0.49999997])
    assert round_half_away(x).tolist() == [1, 2, 3, -1, -3, 2, -3, 0]
    assert torch.round(x[2]).item() == 2  # which is why torch's own does not do


def test_the_first_of_equal_cells_gets_the_gradient():
    features = torch.ones(1, 1, 2, 2, requires_grad=True)
    roi_pool(features, torch.tensor([[0.0, 0, 0, 1, 1]]), 1).sum().backward()
    assert features.grad.flatten().tolist() == [1, 0, 0, 0]


def test_gradcheck():
    features = torch.randn(2, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    boxes = torch.tensor([[0, 3.0, 1, 40, 30], [1, -9, 5, 20, 99]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda f: roi_pool(f, boxes, (2, 3), 1 / 8), features)


def test_boxes_get_no_gradient():
    boxes = torch.tensor([[0, 3.0, 1, 40, 30]], requires_grad=True)
    assert not roi_pool(torch.randn(1, 1, 5, 6), boxes, 2, 1 / 8).requires_grad


def test_boxes_as_rows_and_as_lists():
    features = torch.randn(3, 2, 6, 6)
    lists = [torch.rand(n, 4) * 6 for n in (2, 0, 3)]
    rows = torch.cat([torch.tensor([[0.0], [0], [2], [2], [2]]), torch.cat(lists)], 1)
    assert torch.equal(roi_pool(features, lists, 2), roi_pool(features, rows, 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_regions_and_no_images(dtype):
    features = torch.randn(1, 3, 4, 4).to(dtype)
    assert roi_pool(features, torch.zeros(0, 5), (2, 3)).shape == (0, 3, 2, 3)
    assert roi_pool(features[:0], [], 2).shape == (0, 3, 2, 2)
    assert roi_pool(features, torch.tensor([[0.0, 0, 0, 3, 3]]), 2).dtype == dtype
