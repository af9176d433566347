"""Levels of a pyramid by hand and against torchvision, and RoIAlign over all levels against one level at a time."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import ops
from torchvision.ops.poolers import LevelMapper

from lessons_lib.ops.grid import Grid
from lessons_lib.ops.levels import assign_levels, multilevel_roi_align
from lessons_lib.ops.roi import roi_align


def square(*sides):
    return torch.tensor([[3.0, 5, 3 + side, 5 + side] for side in sides])


def test_levels_by_hand():
    """224 pixels are level 4; half of that, one level lower; and the levels end at 2 and 5."""
    assert assign_levels(square(224, 223, 112, 111, 448, 447, 10, 1e5)).tolist() == [4, 3, 3, 2, 5, 4, 2, 5]
    assert assign_levels(torch.tensor([[0.0, 0, 448, 112]])).tolist() == [4]  # the geometric mean counts
    assert assign_levels(square(40, 20, 19), 1, 3, canonical_size=40.0, canonical_level=2).tolist() == [2, 1, 1]


def test_a_size_on_the_border_does_not_fall_a_level():
    """Without the tolerance, √ and log₂ of float32 lose some of the sizes that are exactly 224 · 2ⁿ."""
    sides = 224 * 2.0 ** torch.arange(-1, 2)
    shifts = torch.rand(500, 2, generator=torch.Generator().manual_seed(0)).round(decimals=2) * 700
    boxes = torch.cat([shifts, shifts], 1)[:, None] + torch.stack([0 * sides, 0 * sides, sides, sides], 1)
    rounded = boxes[..., 2:] - boxes[..., :2]
    near = ((rounded / sides[:, None] - 1).abs() < 5e-7).all(-1)
    assert torch.equal(assign_levels(boxes)[near], torch.tensor([3, 4, 5]).expand(500, 3)[near])


def test_boxes_without_area_go_to_the_lowest_level():
    boxes = torch.tensor([[5.0, 5, 5, 5], [9, 0, 0, 900], [9, 9, 0, 0], [torch.nan, 0, 1, 1], [0, 0, torch.inf, 9]])
    assert assign_levels(boxes).tolist() == [2, 2, 2, 2, 5]
    assert assign_levels(torch.zeros(0, 4)).tolist() == [] and assign_levels(torch.zeros(2, 0, 4)).shape == (2, 0)


@given(st.integers(0, 2**31), st.sampled_from((torch.float32, torch.float64)))
@settings(max_examples=100)
def test_levels_are_torchvisions(seed, dtype):
    boxes = random_boxes(seed, 1, 200, 1000, dtype)[0]
    assert torch.equal(assign_levels(boxes), LevelMapper(2, 5)([boxes]) + 2)


def random_boxes(seed, images, regions, size, dtype=torch.float64):
    """Boxes of every size, some across the border, some with whole corners."""
    generator = torch.Generator().manual_seed(seed)
    extent = size * 2 ** (-6 * torch.rand(images, regions, 2, generator=generator, dtype=dtype))
    corner = torch.rand(images, regions, 2, generator=generator, dtype=dtype) * size - extent / 2
    boxes = torch.cat([corner, corner + extent], -1)
    return boxes.where(torch.rand(images, regions, 1, generator=generator) < 0.7, boxes.round())


def pyramid(seed, images=2, channels=3, size=(192, 256), strides=(4, 8, 16, 32), dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(images, channels, *(-(-side // s) for side in size)) for s in strides]
    return [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes]


def values_and_gradients(out, inputs):
    direction = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)
    return [out.detach(), *torch.autograd.grad((out * direction).sum(), inputs)]


def level_by_level(maps, grids, boxes, bins, samples, aligned):
    """One `roi_align` for each level: with the boxes moved to where its half-pixel convention has the cells."""
    out = boxes.new_zeros(*boxes.shape[:2], maps[0].shape[1], *bins)
    lowest = grids[0].stride.bit_length() - 1
    levels = assign_levels(boxes, lowest, lowest + len(maps) - 1) - lowest
    for number, (features, grid) in enumerate(zip(maps, grids, strict=True)):
        image, region = (levels == number).nonzero(as_tuple=True)
        own = boxes[image, region]
        if aligned is None:
            own = own - (grid.start - (grid.stride - 1) / 2)
        rows = torch.cat([image[:, None].to(boxes.dtype), own], 1)
        pooled = roi_align(features, rows, bins, 1 / grid.stride, samples, aligned is not False)
        out = out.index_put((image, region), pooled)
    return out


@given(st.integers(0, 2**31), st.sampled_from((None, True, False)), st.integers(1, 3), st.booleans())
@settings(max_examples=150)
def test_all_levels_at_once_are_one_after_the_other(seed, aligned, samples, fine):
    """Values, and gradients to every map and to the boxes."""
    strides = (2, 4) if fine else (4, 8, 16, 32)
    maps, grids = pyramid(seed, size=(50, 70), strides=strides), [Grid(s, s / 2 - 1) for s in strides]
    boxes = random_boxes(seed, 2, 7, 900 if fine else 600).requires_grad_()
    got = multilevel_roi_align(maps, grids, boxes, (3, 2), samples, aligned=aligned)
    want = level_by_level(maps, grids, boxes, (3, 2), samples, aligned)
    inputs = [*maps, boxes]
    for ours, theirs in zip(values_and_gradients(got, inputs), values_and_gradients(want, inputs), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


@given(st.integers(0, 2**31))
@settings(max_examples=60)
def test_in_the_old_convention_it_is_torchvisions(seed):
    """MultiScaleRoIAlign, which finds the strides from the sizes of maps and images: values and gradients."""
    maps, boxes = pyramid(seed), random_boxes(seed, 2, 9, 250)
    names = ["0", "1", "2", "3"]
    pooler = ops.MultiScaleRoIAlign(names, (4, 5), 2)
    want = pooler(dict(zip(names, maps, strict=True)), list(boxes), [(192, 256)] * 2)
    got = multilevel_roi_align(maps, [Grid(s, 0.0) for s in (4, 8, 16, 32)], boxes, (4, 5), aligned=False)
    pairs = zip(values_and_gradients(got.flatten(0, 1), maps), values_and_gradients(want, maps), strict=True)
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("aligned", [None, True])
def test_a_ramp_is_read_where_the_cells_lie(aligned):
    """Maps that say the x of their own cells, in the coordinates of boxes: every bin of every level says its centre,
    but where the cells do not lie as the half-pixel convention supposes, it is off by the difference."""
    grids = [Grid(4, 1.0), Grid(8, 3.0)]
    maps = [
        (grid.start + 0.5 + grid.stride * torch.arange(400 // grid.stride, dtype=torch.float64)).expand(1, 1, 9, -1)
        for grid in grids
    ]
    boxes = torch.tensor([[[40.0, 5, 90, 20], [33.3, 0, 333.3, 30]]], dtype=torch.float64)
    out = multilevel_roi_align(maps, grids, boxes, (1, 2), 2, aligned=aligned, canonical_level=3)[0, :, 0, 0]
    centres = boxes[0, :, :1] + (boxes[0, :, 2:3] - boxes[0, :, :1]) * torch.tensor([[0.25, 0.75]])
    torch.testing.assert_close(out, centres - (0.5 if aligned else 0))


def test_what_is_not_valid_is_0_and_has_no_gradient():
    maps, grids = pyramid(0, strides=(4, 8)), [Grid(4, 1.5), Grid(8, 3.5)]
    boxes = random_boxes(1, 2, 6, 200)
    valid = torch.tensor([[True, False] * 3, [False] * 6])
    boxes[~valid] = torch.nan
    boxes.requires_grad_()
    out = multilevel_roi_align(maps, grids, boxes, 2, valid=valid)
    *gradients, to_boxes = torch.autograd.grad(out.sum(), [*maps, boxes])
    assert not out[~valid].any() and out[valid].all() and not to_boxes[~valid].any()
    assert all(gradient.isfinite().all() and not gradient[1].any() for gradient in gradients)


def test_a_box_that_is_not_finite_gives_nan():
    maps, grids = pyramid(0, strides=(4,)), [Grid(4, 1.5)]
    boxes = torch.tensor([[[0.0, 0, torch.nan, 9], [0, 0, 9, 9]]] * 2, dtype=torch.float64)
    out = multilevel_roi_align(maps, grids, boxes, 2)
    assert out[:, 0].isnan().any() and out[:, 1].isfinite().all()


def test_no_regions_and_no_images():
    maps, grids = pyramid(0), [Grid(s, 0.0) for s in (4, 8, 16, 32)]
    assert multilevel_roi_align(maps, grids, torch.zeros(2, 0, 4).double(), (2, 3)).shape == (2, 0, 3, 2, 3)
    none = [x[:0] for x in maps]
    assert multilevel_roi_align(none, grids, torch.zeros(0, 5, 4).double(), 2).shape == (0, 5, 3, 2, 2)


def test_half_precision_maps_with_float_boxes():
    """As under autocast: where the samples stand is computed in the boxes' dtype."""
    maps, grids = pyramid(0, dtype=torch.float32), [Grid(s, 0.0) for s in (4, 8, 16, 32)]
    boxes = random_boxes(0, 2, 5, 250, torch.float32)
    out = multilevel_roi_align([x.bfloat16() for x in maps], grids, boxes, 2)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), multilevel_roi_align(maps, grids, boxes, 2), rtol=0.05, atol=0.05)
