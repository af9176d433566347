"""Assembling: every cell of a region reads the map of its part, against torchvision and by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import ops

from lessons_lib.ops.assembling import assemble
from lessons_lib.ops.grid import Grid
from lessons_lib.ops.levels import multilevel_roi_align

PIXEL = Grid(1, 0.0)


def numbered(kinds, group, size=12):
    """Map of output k and part (row, column) is (k·G + row)·G + column in every cell."""
    return torch.arange(float(kinds * group**2)).view(1, -1, 1, 1).expand(1, -1, size, size).contiguous()


def random(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def random_boxes(images, regions, size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(images, regions, 2, 2, generator=generator, dtype=torch.float64) * 1.4 * size - 0.2 * size
    low, high = corners.amin(2), corners.amax(2)
    return torch.cat([low, high + 0.5], 2)


def test_by_hand():
    """Two parts a side over a ramp: cell 0 lies in part 0, whose map is the ramp; all other maps are 0 or 100."""
    scores = torch.zeros(1, 4, 4, 4)
    scores[0, 0], scores[0, 3] = torch.arange(4.0), 100
    box = torch.tensor([[[0.0, 0.0, 4.0, 4.0]]])
    assert assemble(scores, PIXEL, box, 2, 2)[0, 0, 0].tolist() == [[0.5, 0], [0, 100]]  # columns 0 and 1: 0 and 1
    assert assemble(scores, PIXEL, box, 4, 2)[0, 0, 0].tolist() == [[0, 1, 0, 0]] * 2 + [[0, 0, 100, 100]] * 2


def test_by_hand_with_two_outputs():
    """Channels 4 to 7 are the second output's."""
    box = torch.tensor([[[1.0, 1, 5, 5]]])
    assert assemble(numbered(2, 2), PIXEL, box, 2, 2)[0, 0].tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]


@pytest.mark.parametrize(("group", "output"), [(1, 1), (2, 2), (3, 3), (3, 9), (7, 21), (3, 7), (2, (4, 6))])
def test_maps_of_one_value_return_the_number_of_the_part(group, output):
    rows, columns = (output, output) if isinstance(output, int) else output
    got = assemble(numbered(2, group), PIXEL, torch.tensor([[[2.3, 3.1, 9.9, 10.2], [1, 1, 11, 11]]]), output, group)
    row, column = torch.arange(rows) * group // rows, torch.arange(columns) * group // columns
    expected = torch.stack([(k * group + row[:, None]) * group + column for k in (0, 1)]).float()
    torch.testing.assert_close(got, expected.expand(1, 2, -1, -1, -1))


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_it_is_torchvisions_where_bins_are_parts(group, kinds, stride_power, samples, seed):
    """Boxes inside, across the border and outside; torchvision knows only as many bins as parts."""
    stride = 2**stride_power
    scores, boxes = random((2, kinds * group**2, 6, 7), seed), random_boxes(2, 3, 6 * stride, seed)
    got = assemble(scores, Grid(stride, (stride - 1) / 2), boxes, group, group, samples)
    expected = ops.ps_roi_align(scores, list(boxes), group, 1 / stride, samples)
    torch.testing.assert_close(got.flatten(0, 1), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("times", [2, 3])
def test_more_bins_than_parts_are_torchvisions_with_every_map_repeated(times):
    scores, boxes = random((2, 2 * 9, 8, 8)), random_boxes(2, 4, 16)
    repeated = scores.view(2, 2, 3, 3, 8, 8).repeat_interleave(times, 2).repeat_interleave(times, 3).flatten(1, 3)
    expected = ops.ps_roi_align(repeated, list(boxes), 3 * times, 0.5, 1)
    got = assemble(scores, Grid(2, 0.5), boxes, 3 * times, 3)
    torch.testing.assert_close(got.flatten(0, 1), expected, rtol=0, atol=1e-9)


def test_whole_cells_inside_are_torchvisions_position_sensitive_pooling():
    """Bins of 2 × 2 whole cells, a sample in the middle of each: nothing is left to round."""
    scores, boxes = random((1, 3 * 9, 14, 14)), torch.tensor([[[1.0, 2, 7, 8], [6, 5, 12, 11]]], dtype=torch.float64)
    expected = ops.ps_roi_pool(scores, list(boxes), 3, 1.0)
    torch.testing.assert_close(assemble(scores, PIXEL, boxes, 3, 3, 2)[0], expected, rtol=0, atol=1e-12)


def test_one_part_is_roi_align_and_with_one_bin_the_mean():
    scores, boxes = random((2, 3, 9, 9)), random_boxes(2, 4, 18).float()
    expected = multilevel_roi_align([scores], [Grid(2, 0.5)], boxes, 5, 1)
    torch.testing.assert_close(assemble(scores, Grid(2, 0.5), boxes, 5, 1), expected)
    whole = torch.tensor([[[2.0, 1, 6, 5]]])
    torch.testing.assert_close(
        assemble(scores[:1], PIXEL, whole, 1, 1, 4)[0, 0, :, 0, 0], scores[0, :, 1:5, 2:6].mean((1, 2))
    )


def test_channels_in_another_order_are_noticed():
    """Output and part exchanged, or row and column: other values, although the shapes are the same."""
    scores, box = random((1, 2 * 9, 12, 12)), torch.tensor([[[1.0, 1, 10, 10]]])
    right = assemble(scores, PIXEL, box, 3, 3)
    part_major = scores.view(1, 2, 9, 12, 12).transpose(1, 2).flatten(1, 2)
    columns_first = scores.view(1, 2, 3, 3, 12, 12).transpose(2, 3).flatten(1, 3)
    for wrong in (part_major, columns_first):
        assert (assemble(wrong, PIXEL, box, 3, 3) - right).abs().max() > 0.1
    torch.testing.assert_close(assemble(columns_first.mT, PIXEL, box, 3, 3).mT, right)  # turned as a whole


def test_a_pixel_answers_two_regions_differently_with_parts_alone():
    """Translation-variant: the same pixels, seen from a box beside, speak as another part. One part: they do not."""
    box = torch.tensor([[[2.0, 2, 8, 8], [4, 2, 10, 8]]])  # the second, 2 to the right: its column j is column j + 2
    for group, same in ((1, True), (3, False)):
        first, second = assemble(random((1, group**2, 12, 12)), PIXEL, box, 6, group)[0, :, 0]
        assert torch.equal(first[:, 2:], second[:, :-2]) == same


def test_gradients_of_scores_and_boxes():
    scores = random((2, 2 * 4, 5, 6)).requires_grad_()
    boxes = torch.tensor([[[0.4, 0.3, 4.1, 3.7]], [[1.2, 0.7, 5.4, 4.6]]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s, b: assemble(s, PIXEL, b, 4, 2), (scores, boxes))


def test_seats_that_nobody_took_are_zero_and_learn_nothing():
    scores = random((1, 9, 6, 6)).requires_grad_()
    boxes = torch.tensor([[[0.0, 0, 6, 6], [float("nan")] * 4]])
    got = assemble(scores, PIXEL, boxes, 3, 3, valid=torch.tensor([[True, False]]))
    assert got.isfinite().all() and not got[0, 1].any() and got[0, 0].any()
    got[0, 1].sum().backward()
    assert not scores.grad.any()


def test_no_regions_and_one_cell():
    assert assemble(torch.ones(2, 8, 3, 3), PIXEL, torch.zeros(2, 0, 4), 4, 2).shape == (2, 0, 2, 4, 4)
    one = assemble(torch.full((1, 4, 1, 1), 7.0), PIXEL, torch.tensor([[[0.0, 0, 1, 1]]]), 2, 2)
    assert one.tolist() == [[[[[7.0, 7], [7, 7]]]]]
    outside = assemble(torch.ones(1, 4, 3, 3), PIXEL, torch.tensor([[[20.0, 20, 22, 22]]]), 2, 2)
    assert not outside.any()


def test_half_precision_is_read_in_float32():
    scores, box = random((1, 8, 6, 6)).half(), torch.tensor([[[0.7, 0.2, 5.1, 4.9]]])
    got = assemble(scores, PIXEL, box, 4, 2)
    assert got.dtype == torch.float16
    torch.testing.assert_close(got, assemble(scores.float(), PIXEL, box, 4, 2).half())
