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
    value, gradient = value_and_gradient(roi_pool, case.features, case.boxes, *case.arguments)
    expected, slope = value_and_gradient(ops.roi_pool, case.features, case.boxes, *case.arguments)
    torch.testing.assert_close(value, expected, rtol=0, atol=0)
    torch.testing.assert_close(gradient, slope, rtol=0, atol=1e-5)
    assert torch.equal(roi_pool(case.features, case.boxes, *case.arguments), expected)  # without gradient


def by_window(features, boxes, bins, direction):
    """The maximum of each bin, and where `direction` goes: to the first NaN, or the first of the largest cells."""
    image = boxes[:, 0].long().tolist()
    y0, y1, x0, x1 = (side.tolist() for side in pool_windows(features, boxes, bins))
    out, slope = features.new_zeros(direction.shape), torch.zeros_like(features)
    channels = torch.arange(features.shape[1])
    for r in range(len(boxes)):
        for p in range(bins[0]):
            for q in range(bins[1]):
                rows, columns = slice(y0[r][p], y1[r][p]), slice(x0[r][q], x1[r][q])
                cells = features[image[r], :, rows, columns].flatten(1)
                if not cells.shape[1]:
                    continue
                out[r, :, p, q] = cells.amax(1)
                won = (cells == out[r, :, p, q, None]) | cells.isnan()
                first = (won.cumsum(1) == 0).sum(1)
                width = columns.stop - columns.start
                slope[image[r], channels, y0[r][p] + first // width, x0[r][q] + first % width] += direction[r, :, p, q]
    return out, slope


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("channels", [3, 230])
def test_large_maps_many_regions_and_cells_of_every_kind(dtype, channels):
    """Windows of 1 to 70 cells a side, channels in more than one block, and more regions than are read at once."""
    generator = torch.Generator().manual_seed(channels)
    features = torch.randn(2, channels, 71, 73, generator=generator).to(dtype)
    kinds = torch.randint(2000, features.shape, generator=generator)
    for kind, value in enumerate((torch.inf, -torch.inf, torch.nan, -torch.nan, 0.0, -0.0)):
        features[kinds == kind] = value
    features[:, 1] = features[:, 1].abs().neg()  # nothing but cells below 0
    features[:, 2] = features[:, 2].round()  # many equal cells
    corners = (torch.rand(24, 2, 2, generator=generator) * 90 - 9).sort(1).values.flatten(1)
    boxes = torch.cat([torch.arange(24.0)[:, None] % 2, corners], 1)
    for bins in ((7, 7), (1, 2)):
        direction = torch.randint(-1, 2, (24, channels, *bins), generator=generator).to(dtype)
        leaf = features.clone().requires_grad_()
        got = roi_pool(leaf, boxes, bins)
        got.backward(direction)
        want, slope = by_window(features, boxes, bins, direction)
        torch.testing.assert_close(got.detach(), want, rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(roi_pool(features, boxes, bins), want, rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(leaf.grad, slope, rtol=0, atol=0)


def test_no_channels():
    features = torch.zeros(1, 0, 4, 4, requires_grad=True)
    out = roi_pool(features, torch.tensor([[0.0, 0, 0, 3, 3]]), 2)
    out.sum().backward()
    assert out.shape == (1, 0, 2, 2) and features.grad.shape == features.shape


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
