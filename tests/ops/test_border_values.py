"""The border value itself: where a condition changes, the value exactly there, by hand and against torchvision."""

import pytest
import torch
from torchvision import ops

from lessons_lib.metrics.average_precision import match_in_order, precision_recall
from lessons_lib.metrics.detection_matching import in_ranges
from lessons_lib.ops.boxes import pairwise_box_iou
from lessons_lib.ops.convolution import input_sizes_for, output_size, pool_output_size
from lessons_lib.ops.coverage import pairwise_soft_iou, score_loss
from lessons_lib.ops.roi import roi_align, roi_align_loops
from lessons_lib.ops.roi.align import bilinear

ONES = torch.ones(1, 1, 4, 4)
STEP = 2**-20


@pytest.mark.parametrize(
    ("start", "value"), [(-2.0, 1.0), (-2 - STEP, 0.0), (-2 + STEP, 1.0), (3.0, 1.0), (3 + STEP, 0.0), (3 - STEP, 1.0)]
)
def test_a_sample_at_the_very_border_of_roi_align(start, value):
    """A box of two cells has one sample in its middle, `start` + 1: −1 and H = 4 still count, beyond them is 0."""
    for box in ([0.0, start, 1, start + 2, 3], [0.0, 1, start, 3, start + 2]):
        boxes = torch.tensor([box])
        for form in (roi_align, roi_align_loops, ops.roi_align):
            assert form(ONES, boxes, 1, 1.0, 1).item() == value


def test_the_border_of_bilinear_reading():
    for at, value in ((-1.0, 1.0), (4.0, 1.0), (-1 - STEP, 0.0), (4 + STEP, 0.0), (3.0, 1.0), (0.0, 1.0)):
        inner = torch.tensor(1.5)
        assert bilinear(ONES[0], torch.tensor(at), inner).item() == value
        assert bilinear(ONES[0], inner, torch.tensor(at)).item() == value


def test_a_box_of_exactly_one_cell_is_not_made_larger():
    ramp = torch.arange(16.0).view(1, 1, 4, 4)
    for size in (1.0, 1.5):
        boxes = torch.tensor([[0.0, 1, 1, 1 + size, 1 + size]])
        assert roi_align(ramp, boxes, 1, 1.0, 1).item() == ops.roi_align(ramp, boxes, 1, 1.0, 1).item()


def test_boxes_that_only_touch_share_nothing():
    one, other = torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[2.0, 0, 4, 2], [0, 2, 2, 4], [2, 2, 4, 4]])
    assert pairwise_box_iou(one, other).tolist() == [[0, 0, 0]]


def test_an_iou_of_exactly_the_threshold_matches():
    assert match_in_order(torch.tensor([[0.5]]), 0.5).tolist() == [0]
    assert match_in_order(torch.tensor([[0.5]]), 0.5 + STEP).tolist() == [-1]


def test_areas_of_exactly_32_and_96_squared_belong_to_both_sides():
    areas = torch.tensor([0.0, 1024, 1025, 9216, 9217, 1023], dtype=torch.float64)
    assert in_ranges(areas).int().tolist() == [
        [1, 1, 1, 1, 1, 1],
        [1, 1, 0, 0, 0, 1],
        [0, 1, 1, 1, 0, 0],
        [0, 0, 0, 1, 1, 0],
    ]
    largest = torch.tensor([1e10, 1e10 + 1], dtype=torch.float64)  # 100,000 · 100,000, COCO's end of "all"
    assert in_ranges(largest)[0].tolist() == [True, False]


def test_one_positive_is_enough_and_no_detection_has_no_precision():
    precision, recall = precision_recall(torch.tensor([True]), 1)
    assert (precision.item(), recall.item()) == (1, 1)


def test_masks_of_exactly_0_and_1_are_allowed():
    masks = torch.tensor([[[0.0, 1.0]]])
    assert pairwise_soft_iou(masks, masks).item() == 1
    assert score_loss(torch.tensor([1.0, 0.0]), 1).item() == 0


def test_a_window_as_large_as_the_map_stands_once():
    assert output_size(5, 5) == output_size(3, 5, padding=1) == output_size(5, 3, dilation=2) == 1
    assert input_sizes_for(1, 3, 2) == [3, 4]
    assert pool_output_size(1, 2, 2, 1, ceil_mode=True) == 1  # a second window would start behind the last pixel
    assert pool_output_size(3, 2, ceil_mode=True) == 2 and pool_output_size(3, 2) == 1
