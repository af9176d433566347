"""Mistake 23 and its neighbours, those of position-sensitive maps: exercises name them, and a test fails with each."""

import pytest
import torch

from lessons_lib.course.bugs.bug import Bug
from lessons_lib.course.exercises.lesson_16 import head, joint, parts
from lessons_lib.ops.grid import Grid
from tests.models.instance import test_fcis, test_joint_head
from tests.models.instance.planting import fails_where_planted
from tests.ops import test_assembling

# number, or 0 for one of the paper's pitfalls → (exercise, its mistake)
NAMED = [
    (23, joint.JOINT, "softmax_first"),
    (23, joint.JOINT, "lets_the_classes_compete"),
    (0, joint.JOINT, "exchanged"),
    (0, joint.LOSS, "teaches_every_class"),
    (0, parts.CHANNEL, "part_major"),
    (0, parts.ASSEMBLE, "half_pixel"),
    (0, head.HARDEST, "takes_ignored"),
]


def averages_probabilities(right):
    """A softmax over the classes in every cell, averaged over the region."""
    return lambda pairs: pairs.amax(-3).softmax(-3).mean((-2, -1)).log()


def takes_the_largest_class(right):
    """A max over the classes in every cell: no name is left."""
    return lambda pairs: right(pairs.amax(-4, keepdim=True).expand_as(pairs))


def averages_the_pair(right):
    """The mean of outside and inside in place of the larger."""
    return lambda pairs: pairs.mean((-3, -2, -1))


def exchanges_the_pair(right):
    """Inside first."""
    return lambda pairs: -right(pairs)


def of_the_first_class(right):
    """The mask of class 0, whatever the label."""
    return lambda maps, labels: right(maps, torch.zeros_like(labels))


def part_major(right):
    """Channels ordered by part first."""

    def wrong(scores, grid, boxes, output_size, group_size, *more, **named):
        parts = scores.unflatten(1, (group_size**2, -1)).transpose(1, 2).flatten(1, 2)
        return right(parts, grid, boxes, output_size, group_size, *more, **named)

    return wrong


def half_a_cell_off(right):
    """The middle of a cell at its corner."""

    def wrong(scores, grid, *more, **named):
        return right(scores, Grid(grid.stride, grid.start + 0.5), *more, **named)

    return wrong


HEAD, OPS = "models.instance.joint_head", "ops.assembling:assemble"
loop, loss = test_joint_head.test_against_a_loop, test_fcis.test_the_masks_learn_from_the_true_class_alone

# (the bug that is planted, the test that must fail)
PLANTED = [
    (Bug("softmax first", "", "", (f"{HEAD}:class_logits",), averages_probabilities), loop),
    (Bug("max over the classes", "", "", (f"{HEAD}:class_logits",), takes_the_largest_class), loop),
    (Bug("mean of the pair", "", "", (f"{HEAD}:class_logits",), averages_the_pair), loop),
    (Bug("pair exchanged", "", "", (f"{HEAD}:mask_logits",), exchanges_the_pair), loop),
    (Bug("mask of class 0", "", "", (f"{HEAD}:of_label",), of_the_first_class), loss),
    (Bug("part first", "", "", (OPS,), part_major), test_assembling.test_by_hand_with_two_outputs),
    (Bug("half a cell", "", "", (OPS,), half_a_cell_off), test_assembling.test_by_hand),
]


@pytest.mark.parametrize(("number", "exercise", "name"), NAMED)
def test_the_exercise_names_it(number, exercise, name):
    assert name in {mistake.name for mistake in exercise.mistakes}, f"mistake {number}"


@pytest.mark.parametrize(("bug", "check"), PLANTED, ids=lambda x: getattr(x, "name", None))
def test_a_test_fails_where_it_is_planted(bug, check):
    fails_where_planted(bug, check)
