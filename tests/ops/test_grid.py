"""Grids against a brute force: the middle of what a cell sees, found by gradients and by one-hot stamps."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from lessons_lib.ops.grid import PIXELS, Grid, crop_offset
from lessons_lib.ops.transposed import bilinear_kernel


def middle_seen(chain, length, cell):
    """The middle pixel of what one output cell of a chain of convolutions sees, by gradient."""
    x = torch.zeros(1, 1, length, dtype=torch.float64, requires_grad=True)
    out = x
    for k, s, p, d in chain:
        out = F.conv1d(out, torch.ones(1, 1, k, dtype=torch.float64), stride=s, padding=p, dilation=d)
    out[0, 0, cell].backward()
    seen = x.grad[0, 0].nonzero()
    return (seen.min().item() + seen.max().item()) / 2


def test_one_layer_by_hand():
    assert PIXELS.down(3, padding=1) == Grid(1, 0.0)  # a 3-wide window with a pixel of padding sits on its pixel
    assert PIXELS.down(2, stride=2) == Grid(2, 0.5)  # pooling sits between two
    assert PIXELS.down(3, padding=100) == Grid(1, -99.0)
    assert PIXELS.down(3, dilation=4) == Grid(1, 4.0)
    assert Grid(4, 1.5).up(4, 2) == Grid(2, -1.5)
    assert Grid(4, 1.5).up(4, 2, padding=1) == Grid(2, 0.5)


layer = st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2))


@given(st.lists(layer, min_size=1, max_size=4))
@settings(deadline=None)
def test_a_chain_sees_around_its_grid(chain):
    grid = PIXELS
    for k, s, p, d in chain:
        grid = grid.down(k, s, p, d)
    length, cell = 500, 0
    while grid.start + grid.stride * cell < 150:  # far from the borders, where windows are whole
        cell += 1
    assert middle_seen(chain, length, cell) == grid.start + grid.stride * cell


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 3))
def test_up_is_the_way_back_of_down(kernel_size, stride, padding):
    grid = Grid(12 * stride, -7.5)
    assert grid.up(kernel_size, stride, padding).down(kernel_size, stride, padding) == grid


def test_a_stamp_lands_around_its_cell():
    x = torch.zeros(1, 1, 5)
    x[0, 0, 2] = 1
    stamped = F.conv_transpose1d(x, torch.ones(1, 1, 6), stride=4, padding=1)[0, 0].nonzero()
    grid = Grid(8, 3.5)
    fine = grid.up(6, 4, padding=1)
    ends = [fine.start + fine.stride * end.item() for end in (stamped.min(), stamped.max())]
    assert sum(ends) / 2 == grid.start + grid.stride * 2


def test_cells_before():
    assert Grid(16, -91.5).cells_before(Grid(16, -11.5)) == 5
    assert Grid(2, 0.0).cells_before(Grid(2, 1.0)) == 0.5
    assert PIXELS.cells_before(PIXELS) == 0


def test_the_receptive_field_of_a_hundred_layers_is_exact():
    grid = PIXELS
    for _ in range(100):
        grid = grid.down(3, padding=1).down(3, padding=0)
    assert grid == Grid(1, 100.0)


VGG_16 = [layer for depth in (2, 2, 3, 3, 3) for layer in [(3, 1, 1)] * depth + [(2, 2, 0)]]
FC6 = (7, 1, 0)


def test_crop_offsets_of_the_released_networks():
    padded_by_100 = [(3, 1, 100), *VGG_16[1:], FC6]
    assert crop_offset(padded_by_100, 64) == 19  # the number in the released FCN-32s
    assert crop_offset([*VGG_16, FC6], 64) == -80  # without the 100 pixels, 80 would be missing
    assert crop_offset([(7, 2, 3), (3, 2, 1)], 7) == 3
    assert crop_offset([], 1) == 0
    assert crop_offset([(2, 2, 0)], 3) == 0.5


down = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 1))


@given(st.lists(down, min_size=1, max_size=3), st.booleans())
@settings(deadline=None)
def test_crop_offset_by_a_ramp(layers, even):
    """A ramp that says its own columns is averaged on the way down and drawn as lines on the way up."""
    x = torch.arange(1000, dtype=torch.float64)[None, None]
    stride = 1
    for k, s, p in layers:
        x, stride = F.conv1d(x, torch.full((1, 1, k), 1 / k, dtype=torch.float64), stride=s, padding=p), stride * s
    kernel_size = 2 * stride - (not even)
    slope = bilinear_kernel(kernel_size, torch.float64)[kernel_size // 2]
    up = F.conv_transpose1d(x, (slope / slope[::stride].sum())[None, None], stride=stride)[0, 0, 200:600]
    said = torch.arange(200.0, 600.0, dtype=torch.float64) - crop_offset(layers, kernel_size)
    torch.testing.assert_close(up, said, rtol=0, atol=1e-9)
