"""Mistakes 18 to 21, those of masks: each is named by an exercise of lesson 14, and a test fails when it is planted."""

from dataclasses import replace

import pytest

from lessons_lib.course.bugs.bug import Bug
from lessons_lib.course.bugs.masks import BUGS
from lessons_lib.course.exercises.lesson_14 import pasting, targets
from lessons_lib.models.instance.mask_head import softmax_mask_loss
from tests.models.instance import test_mask_rcnn, test_torchvision_masks
from tests.models.instance.planting import fails_where_planted
from tests.ops import test_mask_targets, test_pasting

BY_NAME = {bug.name: bug for bug in BUGS}

# number → (exercise, its mistake)
NAMED = [
    (18, targets.LOSS, "lets_the_classes_compete"),
    (18, pasting.CHOOSE, "compete"),
    (19, pasting.CHOOSE, "off_by_one"),
    (20, targets.TARGET, "own_box"),
    (21, pasting.PASTE, "whole_pixels"),
]


def competes_when_drawn(right):
    """Probabilities of a head that was trained with sigmoids are its shares in a softmax."""
    return lambda logits, labels, config: right(logits, labels, replace(config, loss="softmax"))


def competes_in_the_loss(right):
    """The softmax's loss, whatever the configuration says."""
    return lambda self, features, labels, cells, valid: softmax_mask_loss(
        self.mask_head(features), cells, labels, valid
    )


def learns_in_the_mask_before(right):
    """The background has no mask in training."""
    return lambda labels, config: right((labels - 1).clamp(min=0), config)


HEAD, MODEL = "models.instance.mask_head", "models.instance.mask_rcnn"
chosen = test_torchvision_masks.test_the_chosen_masks_are_torchvisions
gradient = test_mask_rcnn.test_gradient_reaches_the_true_class_alone
cut = test_mask_targets.test_the_target_is_cut_by_the_region_not_by_the_objects_box

# (number or 0 for one more of ours, the bug that is planted, the test that must fail)
PLANTED = [
    (18, Bug("softmax when drawn", "", "", (f"{HEAD}:own_masks",), competes_when_drawn), chosen),
    (18, Bug("softmax in the loss", "", "", (f"{MODEL}:MaskRCNN.loss",), competes_in_the_loss), gradient),
    (19, BY_NAME["mask of another class"], chosen),
    (19, Bug("mask before in training", "", "", (f"{HEAD}:channels_of",), learns_in_the_mask_before), gradient),
    (20, BY_NAME["target of the object's box"], cut),
    (21, BY_NAME["pasted on whole pixels"], test_pasting.test_a_full_mask_is_its_box),
    (21, BY_NAME["pasted on whole pixels"], test_pasting.test_what_is_cut_out_and_pasted_comes_back),
    (0, BY_NAME["target off by half a pixel"], test_mask_targets.test_by_hand),
    (0, BY_NAME["threshold of logits"], chosen),
]


def test_no_mistake_is_left_out():
    assert {number for number, *_ in NAMED} == {number for number, *_ in PLANTED} - {0} == {18, 19, 20, 21}


@pytest.mark.parametrize(("number", "exercise", "name"), NAMED)
def test_the_exercise_names_it(number, exercise, name):
    assert name in {mistake.name for mistake in exercise.mistakes}, f"mistake {number}"


@pytest.mark.parametrize(("number", "bug", "check"), PLANTED, ids=lambda x: getattr(x, "name", None))
def test_a_test_fails_where_it_is_planted(number, bug, check):
    fails_where_planted(bug, check)
