"""Mistake 22 and the cascade's own: each is named by an exercise of lesson 15, and a test fails when it is planted."""

import copy
from functools import partial

import pytest
import torch

from lessons_lib.course.bugs.bug import Bug
from lessons_lib.course.exercises.lesson_15 import boxes, masks, votes
from lessons_lib.ops.boxes import pairwise_box_iou
from tests.models.instance import test_cascade, test_mnc
from tests.models.instance.planting import fails_where_planted
from tests.ops import test_voting

NAMED = [
    (boxes.NEXT, "always_detached"), (boxes.NEXT, "never_detached"), (boxes.WARP, "rounded"),
    (masks.MASKING, "detached"), (votes.LABELS, "inside_the_box"), (votes.VOTE, "all_vote"),
]  # fmt: skip


def detached(right):
    """The next stage's losses never move a box."""
    return lambda self, look, regions, sizes: right(self, look, regions, sizes).detach()


def weights_of_its_own(right):
    """Every second look, that of stages 4 and 5, draws with a copy of stage 2's layers."""
    looks = []

    def look(self, maps, regions, valid):
        looks.append(self)
        other = copy.copy(self)
        other._modules = {**self._modules, "mask_stage": copy.deepcopy(self.mask_stage)}
        return right(self if len(looks) % 2 else other, maps, regions, valid)

    return look


def off_by_a_little(right):
    """A box is read where it is, but its gradient is that of a box twice as far, as if a factor were forgotten."""
    return lambda self, maps, regions, valid, levels=None: right(
        self, maps, regions + (regions - regions.detach()), valid, levels
    )


def mask_is_a_constant(right):
    """The class's loss does not train the mask."""
    return lambda features, probs: right(features, probs.detach())


def inside_the_box(right):
    """An object's area is what the box shows of it."""

    def iou(probs, truth, corners, threshold):
        cell = (corners[..., 2:] - corners[..., :2]).prod(-1) / probs.shape[-1] ** 2
        return right(probs, type(truth)(truth.targets, truth.targets.sum((2, 3)) * cell), corners, threshold)

    return iou


MODEL, PIECES = "models.instance.mnc:MNC", "models.instance.cascade"
difference = partial(test_mnc.test_the_gradient_to_the_boxes_is_that_of_finite_differences, 5)
PLANTED = [
    (Bug("detached", "", "", (f"{MODEL}.moved",), detached),
     test_mnc.test_the_boxes_carry_the_gradient_back_and_do_not_where_detached),
    (Bug("detached", "", "", (f"{MODEL}.moved",), detached), difference),
    (Bug("another factor", "", "", (f"{MODEL}.warp",), off_by_a_little), difference),
    (Bug("not shared", "", "", (f"{MODEL}.look",), weights_of_its_own),
     test_mnc.test_stages_4_and_5_have_the_weights_of_2_and_3),
    (Bug("mask is a constant", "", "", (f"{PIECES}:masked",), mask_is_a_constant),
     partial(test_cascade.test_masking_has_the_gradient_of_a_product, 28)),
    (Bug("area in the box", "", "", (f"{PIECES}:region_mask_iou",), inside_the_box),
     test_cascade.test_mask_iou_by_hand),
]  # fmt: skip


@pytest.mark.parametrize(("exercise", "name"), NAMED)
def test_the_exercise_names_it(exercise, name):
    assert name in {mistake.name for mistake in exercise.mistakes}


@pytest.mark.parametrize(("bug", "check"), PLANTED, ids=[bug.name for bug, _ in PLANTED])
def test_a_test_fails_when_it_is_planted(bug, check):
    fails_where_planted(bug, check)


def test_a_vote_of_everybody_is_found(monkeypatch):
    """With an IoU of 1 for every pair each prediction votes, and the test of who votes fails."""
    everybody = lambda chosen, others: torch.ones_like(pairwise_box_iou(chosen, others))  # noqa: E731
    monkeypatch.setattr("lessons_lib.ops.voting.pairwise_box_iou", everybody)
    with pytest.raises(AssertionError):
        test_voting.test_only_those_that_overlap_vote()
