"""The seventeen mistakes that people make in detectors: each is named by an exercise, or a test fails when it is there.

`NAMED` holds the mistakes of lesson 13's exercises by number; `PLANTED` those that are put into the library, each with
a test that stands elsewhere and must fail then.
"""

import math
from dataclasses import replace

import pytest
import torch

from lessons_lib.course.bugs.boxes import BUGS, READERS
from lessons_lib.course.bugs.bug import Bug
from lessons_lib.course.exercises.lesson_13 import anchors, boxes, detections, labels
from lessons_lib.models.instance.truth import Truth
from tests.errors import test_detector_errors
from tests.models.instance import test_box_head, test_rpn
from tests.models.instance.planting import fails_where_planted
from tests.ops import test_anchors, test_box_coding, test_levels, test_matching_anchors, test_nms, test_sampling

BY_NAME = {bug.name: bug for bug in BUGS}
NUMBERS = range(1, 18)

# number → (exercise, its mistake)
NAMED = [
    (1, boxes.HEAD, "forgets_to_permute"),
    (2, anchors.SHAPES, "stays_square"),
    (3, anchors.PLACE, "begins_at_zero"),
    (3, anchors.PLACE, "stands_in_the_middle_of_blocks"),
    (4, labels.LABEL, "forces_the_label_alone"),
    (4, labels.LABEL, "loses_ties"),
    (5, labels.SAMPLE, "draws_what_is_ignored"),
    (6, labels.SAMPLE, "leaves_seats_empty"),
    (7, boxes.ENCODE, "divides_by_the_weights"),
    (8, boxes.ENCODE, "adds_one"),
    (9, detections.SUPPRESS, "mixes_classes"),
    (12, detections.CHOOSE, "takes_the_background_s_box"),
]


def background_deltas(right):
    """The head learns the deltas of class 0 whatever the true class."""
    return lambda logits, deltas, *rest: right(logits, deltas[:, :, :1], *rest)


def levels_of(level_of_size):
    """Levels by another formula of √(w·h)."""

    def wrong(right):
        def assign_levels(own, lowest=2, highest=5, canonical_size=224, canonical_level=4):
            sides = (own[..., 2:] - own[..., :2]).double().clamp(min=1e-3).prod(-1).sqrt()
            values = [level_of_size(side, canonical_size, canonical_level) for side in sides.flatten().tolist()]
            return torch.tensor(values, dtype=torch.int64).view(sides.shape).clamp(lowest, highest)

        return assign_levels

    return wrong


def log2(side, size):
    return math.log2(side / size) + 1e-6


def natural(side, size, level):
    return math.floor(level + math.log(side / size) + 1e-6)


def dummy_box(right):
    """An image without objects gets one object [0, 0, 0, 0] of class 1."""

    def pad_truth(instances, num_classes=None):
        truth = right(instances, num_classes)
        empty = ~(truth.single | truth.crowd).any(1, keepdim=True)
        single = truth.single | (empty & (torch.arange(truth.single.shape[1]) == 0))
        return Truth(truth.boxes, truth.labels.clamp(min=1), single, truth.crowd)

    return pad_truth


def in_the_order_of_sizes(right):
    """Features come back sorted by their regions' size, as if grouped by level and not put back."""

    def read(maps, grids, own, valid, config, size=None):
        order = (own[..., 2:] - own[..., :2]).prod(-1).argsort(dim=1)
        return right(maps, grids, own.gather(1, order[..., None].expand(-1, -1, 4)), valid, config, size)

    return read


def offset_by_class(right):
    """The trick that moves boxes apart by their class, on boxes that reach below zero."""

    def nms(own, scores, iou_threshold=0.5, groups=None, valid=None, rounds=None):
        if groups is not None:
            own = own + (groups.to(own.dtype) * (own.max() + 1))[..., None]
        return right(own, scores, iou_threshold, None, valid, rounds)

    return nms


LEVEL = ("ops.levels:assign_levels",)
MORE = {
    bug.name: bug
    for bug in (
        Bug("loses ties", "", "", ("ops.matching:TIE",), lambda right: 0.0),
        Bug("offset by class", "", "", ("ops.nms:nms",), offset_by_class),
        Bug("deltas of the background", "", "", ("models.instance.box_head:region_costs",), background_deltas),
        Bug("natural logarithm", "", "", LEVEL, levels_of(natural)),
        Bug("rounded level", "", "", LEVEL, levels_of(lambda s, size, k: round(k + log2(s, size)))),
        Bug("pixels and units mixed", "", "", LEVEL, levels_of(lambda s, size, k: math.floor(k + log2(s, 1)))),
        Bug("size before resizing", "", "", LEVEL, levels_of(lambda s, size, k: math.floor(k + log2(s / 2, size)))),
        Bug("regions in the order of sizes", "", "", READERS[:1], in_the_order_of_sizes),
        Bug("crowd as background", "", "", ("ops.matching:ignore_crowds",), lambda right: lambda own, *rest: own),
        Bug("IoU with a crowd", "", "", ("ops.matching:overlaps",), lambda right: lambda *two: (right(*two)[0],) * 2),
        Bug("dummy box", "", "", ("models.instance.truth:pad_truth",), dummy_box),
        Bug("dummy box let in", "", "", ("models.instance.truth:_check",), lambda right: lambda *rest: None),
        Bug("box loss over positives", "", "", ("models.instance.box_head:box_losses",),
            lambda right: lambda a, b, c, d, config: right(a, b, c, d, replace(config, divide_by="objects"))),
    )
}  # fmt: skip


def wrong_truth():
    test_detector_errors.test_wrong_truth_names_the_image(*test_detector_errors.CASES[3])


forced = test_matching_anchors.test_a_forced_box_belongs_to_the_object_that_forced_it
seats = test_sampling.test_seats_without_positives_go_to_negatives_and_ignored_ones_never_come


def levels_of_regions():
    test_box_head.test_regions_are_read_from_the_level_of_their_size(True)


# (number, the bug that is planted, the test that must fail)
PLANTED = [
    (1, BY_NAME["flat before permuted"], test_rpn.test_the_head_answers_in_the_order_of_torchvisions),
    (2, BY_NAME["square anchors"], test_anchors.test_by_hand),
    (3, BY_NAME["anchors at the corner"], test_anchors.test_anchors_lie_in_the_middle_of_what_their_cell_sees),
    (4, BY_NAME["best anchor, other object"], forced),
    (4, MORE["loses ties"], test_matching_anchors.test_ties_count_all),
    (5, BY_NAME["ignored as background"], seats),
    (6, BY_NAME["fixed share of background"], seats),
    (7, BY_NAME["decoded without weights"], test_box_head.test_the_class_has_its_own_box_and_the_background_none),
    (8, BY_NAME["widths with +1"], test_box_coding.test_by_hand),
    (9, BY_NAME["NMS across classes"], test_box_head.test_two_classes_may_share_a_place),
    (9, MORE["offset by class"], test_nms.test_boxes_below_zero_stay_apart),
    (10, BY_NAME["top-k over the batch"], test_rpn.test_top_k_is_of_each_image),
    (11, BY_NAME["box loss over objects"], test_box_head.test_losses_are_torchvisions),
    (11, MORE["box loss over positives"], test_box_head.test_losses_are_torchvisions),
    (12, MORE["deltas of the background"], test_box_head.test_losses_are_torchvisions),
    (13, BY_NAME["y before x"], levels_of_regions),
    (14, MORE["natural logarithm"], test_levels.test_levels_by_hand),
    (14, MORE["rounded level"], test_levels.test_levels_by_hand),
    (14, MORE["pixels and units mixed"], test_levels.test_levels_by_hand),
    (14, MORE["size before resizing"], test_levels.test_levels_by_hand),
    (15, MORE["regions in the order of sizes"], levels_of_regions),
    (16, MORE["crowd as background"], test_rpn.test_a_crowd_is_neither_object_nor_background),
    (16, MORE["IoU with a crowd"], test_rpn.test_a_crowd_is_neither_object_nor_background),
    (17, MORE["dummy box"], test_box_head.test_without_objects_the_box_loss_is_zero_and_every_weight_takes_part),
    (17, MORE["dummy box let in"], wrong_truth),
]  # fmt: skip


def test_no_mistake_is_left_out():
    assert {number for number, *_ in NAMED} | {number for number, *_ in PLANTED} == set(NUMBERS)


@pytest.mark.parametrize(("number", "exercise", "name"), NAMED)
def test_the_exercise_names_it(number, exercise, name):
    assert name in {mistake.name for mistake in exercise.mistakes}, f"mistake {number}"


@pytest.mark.parametrize(("number", "bug", "check"), PLANTED, ids=lambda x: getattr(x, "name", None))
def test_a_test_fails_where_it_is_planted(number, bug, check):
    fails_where_planted(bug, check)
