"""Boundary scores against distances by scipy and loops over pixels, by hand, and what void does to them."""

import math
import pickle
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lessons_lib.data.scenes import CLASSES, PRESETS, Scenes
from lessons_lib.metrics.boundary import BoundaryScores, ThinRecall, boundary_pixels

COUNTS = ("right", "predicted", "left_out", "found", "true")


def edge_pixels(labels, void):
    """Boundary pixels as a loop over pixels and their four neighbours."""
    height, width = labels.shape
    found = torch.zeros(height, width, dtype=torch.bool)
    for y in range(height):
        for x in range(width):
            for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if 0 <= v < height and 0 <= u < width and not void[y, x] and not void[v, u]:
                    found[y, x] |= labels[y, x] != labels[v, u]
    return found


def distance_to(mask):
    """Straight-line distance of every pixel to the nearest pixel of the mask; infinite where it is empty."""
    if not mask.any():
        return torch.full(mask.shape, math.inf, dtype=torch.float64)
    return torch.from_numpy(ndimage.distance_transform_edt(~mask.numpy()))


def counts_by_distances(prediction, target, tolerance):
    void = target == 255
    claim, truth = edge_pixels(prediction, torch.zeros_like(void)), edge_pixels(target, void)
    judged = claim & (distance_to(void) > tolerance + 1)
    right = found = 0
    for label in set(target.flatten().tolist() + prediction.flatten().tolist()) - {255}:
        mine, theirs = claim & (prediction == label), truth & (target == label)
        right += int((judged & mine & (distance_to(theirs) <= tolerance)).sum())
        found += int((theirs & (distance_to(mine) <= tolerance)).sum())
    return right, int(judged.sum()), int((claim & ~judged).sum()), found, int(truth.sum())


def patches(seed, height, width, classes, void):
    """Maps of a few rectangles; the prediction is the truth moved, with other rectangles laid over it."""
    generator = torch.Generator().manual_seed(seed)

    def number(most):
        return int(torch.randint(0, most + 1, (), generator=generator))

    def lay(labels, label):
        y, x = number(height), number(width)
        labels[y : y + 1 + number(4), x : x + 1 + number(4)] = label

    target = torch.zeros(height, width, dtype=torch.int64)
    for _ in range(4):
        lay(target, number(classes - 1))
    prediction = target.roll((number(1), number(1)), (0, 1))
    lay(prediction, number(classes - 1))
    for _ in range(void):
        lay(target, 255)
    return prediction, target


@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(1, 12), st.integers(0, 2), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_counts_are_those_of_distances(seed, height, width, void, tolerance):
    prediction, target = patches(seed, height, width, 4, void)
    scores = BoundaryScores(tolerance)
    scores.update(prediction, target)
    assert tuple(getattr(scores, name) for name in COUNTS) == counts_by_distances(prediction, target, tolerance)


@pytest.mark.parametrize("less", [1, 2, 2**63 - 1])
def test_classes_below_0_are_classes_too(less):
    """The classes' numbers do not matter, but for void: −1 is no other name for "no boundary here"."""
    for seed in range(30):
        prediction, target = patches(seed, 9, 9, 4, 1)
        renamed = torch.where(target == 255, target, target - less)
        scores = BoundaryScores(1)
        scores.update(prediction - less, renamed)
        assert tuple(getattr(scores, name) for name in COUNTS) == counts_by_distances(prediction, target, 1)


def two_halves(edge, width=10, height=4):
    labels = torch.zeros(height, width, dtype=torch.int64)
    labels[:, edge:] = 1
    return labels


def test_by_hand():
    """An edge that is one pixel off: at tolerance 0 the pixel column of neither class is where it should be."""
    for tolerance, f in ((0, 0.0), (1, 1.0)):
        scores = BoundaryScores(tolerance)
        scores.update(two_halves(5), two_halves(4))
        assert (scores.predicted, scores.true) == (8, 8)
        assert scores.compute()["boundary_f"] == f


def test_precision_and_recall_by_hand():
    """The edge is found, and another one made up: 8 of 16 right, 8 of 8 found, F = 2/3."""
    prediction = two_halves(3)
    prediction[:, 8:] = 0
    scores = BoundaryScores()
    scores.update(prediction, two_halves(3))
    want = {"boundary_f": 2 / 3, "boundary_precision": 0.5, "boundary_recall": 1.0, "boundary_left_out": 0.0}
    assert scores.compute() == pytest.approx(want)


def test_the_right_place_with_the_wrong_class_is_wrong():
    scores = BoundaryScores()
    scores.update(two_halves(4) + 2, two_halves(4))
    assert scores.compute()["boundary_f"] == 0


def test_tolerance_is_a_straight_line():
    """A pixel one step aside and one down is 1.41 pixels away."""
    one = torch.zeros(9, 9, dtype=torch.int64)
    other = one.clone()
    one[4, 4], other[5, 5] = 1, 1
    scores = BoundaryScores(1)
    scores.update(one, other)
    assert scores.right == 2 + 0 and scores.predicted == 5  # the corners that both crosses share, no centre
    scores = BoundaryScores(2)
    scores.update(one, other)
    assert scores.right == 5


def test_the_frame_is_no_boundary():
    scores = BoundaryScores()
    scores.update(torch.ones(5, 5, dtype=torch.int64), torch.ones(5, 5, dtype=torch.int64))
    assert (scores.predicted, scores.true) == (0, 0)
    assert all(math.isnan(value) for value in scores.compute().values())


def test_nothing_predicted_or_nothing_true_is_0():
    flat = torch.zeros(4, 10, dtype=torch.int64)
    for pair, name in (((flat, two_halves(5)), "precision"), ((two_halves(5), flat), "recall")):
        scores = BoundaryScores()
        scores.update(*pair)
        got = scores.compute()
        assert got["boundary_f"] == 0 and math.isnan(got[f"boundary_{name}"])


def test_void_makes_no_boundary():
    target = torch.zeros(9, 9, dtype=torch.int64)
    target[3:6, 3:6] = 255
    assert not boundary_pixels(target, target == 255).any()


@pytest.mark.parametrize("tolerance", [0, 1, 2, 4])
def test_void_never_makes_a_right_boundary_wrong(tolerance):
    """Voiding any part of a map that is predicted perfectly, or within tolerance, costs nothing: F stays 1."""
    for seed in range(60):
        _, whole = patches(seed, 14, 14, 4, 0)
        _, target = patches(seed, 14, 14, 4, 2)
        scores = BoundaryScores(tolerance)
        scores.update(whole, target)
        assert scores.right == scores.predicted and scores.found == scores.true


def test_what_void_hides_is_said():
    """An edge under void, as VOC draws it: nothing is left to judge, and the share left out is 1, not silence."""
    target = two_halves(5)
    target[:, 4:6] = 255
    for prediction in (two_halves(5), two_halves(6)):
        scores = BoundaryScores()
        scores.update(prediction, target)
        got = scores.compute()
        assert got["boundary_left_out"] == 1 and math.isnan(got["boundary_f"])


@pytest.mark.parametrize(("void_border", "least", "most"), [(True, 0.3, 0.5), (False, 0, 0)])
def test_the_void_borders_of_scenes_hide_a_third_of_the_boundaries(void_border, least, most):
    """And without them nothing is hidden, so that is how lessons judge; the shores of lakes have no void at all."""
    scores = BoundaryScores()
    for sample in Scenes(replace(PRESETS["easy"], void_border=void_border), length=4):
        scores.update(sample.label_map.where(sample.label_map != 255, 0), sample.label_map)
    assert least <= scores.compute()["boundary_left_out"] <= most


def test_merged_is_the_same_as_one_after_the_other():
    both, first, second = BoundaryScores(2), BoundaryScores(2), BoundaryScores(2)
    for part, seed in ((first, 1), (second, 2)):
        maps = patches(seed, 11, 13, 3, 1)
        part.update(*maps)
        both.update(*maps)
    first.merge(pickle.loads(pickle.dumps(second)))
    assert vars(first) == vars(both)


def test_an_empty_picture():
    nothing = torch.zeros(0, 5, dtype=torch.int64)
    scores = BoundaryScores()
    scores.update(nothing, nothing)
    assert math.isnan(scores.compute()["boundary_f"])


RING, POLE = CLASSES.index("ring"), CLASSES.index("pole")


def test_thin_recall_by_hand():
    """Five thin pixels: three found, one called the other thin thing, one lost; the ball and void do not count."""
    target = torch.tensor([[RING, RING, RING, POLE, POLE, 1, 255]])
    prediction = torch.tensor([[RING, RING, 0, POLE, RING, 1, RING]])
    first, second = ThinRecall((RING, POLE)), ThinRecall((POLE, RING))
    first.update(prediction, target)
    assert first.compute() == {"thin_recall": 3 / 5}
    second.update(target, target)
    first.merge(second)
    assert first.compute() == {"thin_recall": 8 / 10}


def test_thin_recall_without_thin_things_is_nan():
    recall = ThinRecall((RING,))
    recall.update(torch.ones(2, 2, dtype=torch.int64), torch.ones(2, 2, dtype=torch.int64))
    assert math.isnan(recall.compute()["thin_recall"])
