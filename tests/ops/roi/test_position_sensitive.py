"""Position-sensitive pooling against a loop over cells, and against torchvision inside the map."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import ops

from lessons_lib.ops.roi import ps_roi_pool
from tests.ops.roi.region_sets import region_sets, value_and_gradient


def half_away(x):
    return math.copysign(math.floor(abs(x) + 0.5), x)


def cells_of(start, length, p, bins, size):
    first, end = math.floor(start + p * length / bins), math.ceil(start + (p + 1) * length / bins)
    return range(max(first, 0), min(end, size))


def by_counting(features, boxes, output_size, stride, group):
    """Cell by cell, in Python numbers."""
    rows, columns = output_size
    kinds = features.shape[1] // group**2
    out = torch.zeros(len(boxes), kinds, rows, columns, dtype=features.dtype)
    for r, (image, *xyxy) in enumerate(boxes.tolist()):
        x0, y0, x1, y1 = (half_away(v) / stride for v in xyxy)
        for k in range(kinds):
            for p in range(rows):
                for q in range(columns):
                    channel = (k * group + p * group // rows) * group + q * group // columns
                    ys = cells_of(y0, max(y1 - y0, 0.1), p, rows, features.shape[2])
                    xs = cells_of(x0, max(x1 - x0, 0.1), q, columns, features.shape[3])
                    values = [features[int(image), channel, y, x].item() for y in ys for x in xs]
                    out[r, k, p, q] = sum(values) / max(len(values), 1)
    return out


@given(region_sets(most=2), st.integers(1, 3), st.integers(1, 2))
@settings(max_examples=300, deadline=None)
def test_it_is_counting(case, group, kinds):
    """Every kind of region, bins unlike groups. Strides are powers of two, so that both round alike."""
    stride = 2 ** (case.stride // 2 % 5)
    generator = torch.Generator().manual_seed(case.stride + kinds)
    shape = (len(case.features), kinds * group**2, *case.features.shape[2:])
    features = torch.randn(shape, generator=generator, dtype=torch.float64)
    boxes = case.boxes.clone()
    boxes[:, 1:] *= stride / case.stride
    expected = by_counting(features, boxes, case.output_size, stride, group)
    got = ps_roi_pool(features, boxes, case.output_size, 1 / stride, group)
    near_a_step = on_a_step(boxes, case.output_size, stride)
    torch.testing.assert_close(got[~near_a_step], expected[~near_a_step], rtol=0, atol=1e-9)


def on_a_step(boxes, output_size, stride):
    """Regions with an inner bin edge so near a whole cell that the order of two additions decides the rounding."""
    near = torch.zeros(len(boxes), dtype=torch.bool)
    for r, (_, x0, y0, x1, y1) in enumerate(boxes.tolist()):
        for low, high, bins in ((y0, y1, output_size[0]), (x0, x1, output_size[1])):
            start, end = half_away(low) / stride, half_away(high) / stride
            edges = [start + p * max(end - start, 0.1) / bins for p in range(bins + 1)]
            near[r] |= any(0 < abs(edge - round(edge)) < 1e-9 for edge in edges)
    return near


@st.composite
def interior(draw):
    """Whole-cell boxes inside the map and one cell away from its end, which torchvision never pools."""
    group, kinds, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.sampled_from((1, 8, 16)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    features = torch.randn(2, kinds * group**2, 12, 10, generator=generator, dtype=torch.float64)
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        x0, y0 = draw(st.integers(0, 7)), draw(st.integers(0, 9))
        x1, y1 = draw(st.integers(x0 + 1, 9)), draw(st.integers(y0 + 1, 11))
        rows.append([draw(st.integers(0, 1)), *(stride * v for v in (x0, y0, x1, y1))])
    return features, torch.tensor(rows, dtype=torch.float64), group, 1 / stride


@given(interior())
@settings(max_examples=500, deadline=None)
def test_inside_the_map_it_is_torchvisions(case):
    features, boxes, group, scale = case
    got = value_and_gradient(ps_roi_pool, features, boxes, group, scale)
    want = value_and_gradient(ops.ps_roi_pool, features, boxes, group, scale)
    for ours, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_the_last_row_counts_here():
    """torchvision cuts its windows at H − 1, so that its forward never sees the last row; its backward does."""
    features = torch.zeros(1, 1, 4, 4)
    features[:, :, 3] = 1
    box = torch.tensor([[0.0, 0, 0, 4, 4]])
    assert ps_roi_pool(features, box, 1).item() == 0.25
    assert ops.ps_roi_pool(features, box, 1).item() == 0


def test_each_part_reads_its_own_channel():
    """Maps that are constant, channel c everywhere c: the answer names the channels, 0 to 3 and then 4 to 7."""
    features = torch.arange(8.0).view(1, 8, 1, 1).expand(1, 8, 6, 6)
    box = torch.tensor([[0.0, 1, 1, 5, 5]])
    assert ps_roi_pool(features, box, 2).flatten().tolist() == list(range(8))
    finer = ps_roi_pool(features, box, 4, group_size=2)[0, 0]
    assert finer.tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]


def test_one_group_is_the_mean_of_the_box():
    features = torch.randn(1, 3, 6, 6)
    out = ps_roi_pool(features, torch.tensor([[0.0, 1, 2, 4, 6]]), 1)
    torch.testing.assert_close(out[0, :, 0, 0], features[0, :, 2:6, 1:4].mean((1, 2)))


def test_gradcheck_also_at_the_border():
    """torchvision's own fails here: it reads other cells forward than backward."""
    features = torch.randn(1, 4, 5, 6, dtype=torch.float64, requires_grad=True)
    boxes = torch.tensor([[0, 17.0, 9, 48, 40], [0, -20, -3, 13, 90]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda f: ps_roi_pool(f, boxes, 2, 1 / 8), features)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_small_sums_of_large_maps_stay_exact(dtype):
    features = torch.full((1, 1, 200, 200), 1000.0, dtype=dtype)
    features[0, 0, 199, 199] = 0.5
    out = ps_roi_pool(features, torch.tensor([[0.0, 199, 199, 200, 200]]), 1)
    assert out.item() == 0.5 and out.dtype == dtype


def test_no_regions():
    assert ps_roi_pool(torch.randn(1, 9, 4, 4), torch.zeros(0, 5), 3).shape == (0, 1, 3, 3)
