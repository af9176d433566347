"""Semantic scores against a loop over the pixels, by hand, and with void and absent classes."""

import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lessons_lib.metrics.semantic import SemanticScores, confusion_matrix

NAMES = ("pixel_accuracy", "mean_accuracy", "miou", "fwiou")


def by_loops(prediction, target, classes):
    """The definitions as one would count them by hand: sets of pixels, no matrix."""
    pixels = [(p, t) for p, t in zip(prediction.flatten().tolist(), target.flatten().tolist(), strict=True) if t != 255]
    if not pixels:
        return dict.fromkeys(NAMES, math.nan), [math.nan] * classes
    iou, accuracy, weighted = [], [], 0.0
    for k in range(classes):
        both = sum(p == t == k for p, t in pixels)
        either = sum(k in (p, t) for p, t in pixels)
        true = sum(t == k for _, t in pixels)
        iou.append(both / either if either else math.nan)
        accuracy += [both / true] if true else []
        weighted += true / len(pixels) * iou[-1] if true else 0.0
    seen = [value for value in iou if not math.isnan(value)]
    right = sum(p == t for p, t in pixels) / len(pixels)
    values = (right, sum(accuracy) / len(accuracy), sum(seen) / len(seen), weighted)
    return dict(zip(NAMES, values, strict=True)), iou


def random_maps(seed, shape, classes, void):
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, classes, shape, generator=generator)
    prediction = torch.where(torch.rand(shape, generator=generator) < 0.5, target, target.flip(-1))
    target[torch.rand(shape, generator=generator) < void] = 255
    return prediction, target


@given(
    st.integers(0, 2**31),
    st.tuples(st.integers(0, 7), st.integers(0, 7)),
    st.integers(1, 12),
    st.sampled_from([0.0, 0.3, 1.0]),
)
@settings(max_examples=400, deadline=None)
def test_scores_are_the_loops(seed, shape, classes, void):
    prediction, target = random_maps(seed, shape, classes, void)
    scores = SemanticScores(classes)
    scores.update(prediction, target)
    got, (want, iou) = scores.compute(), by_loops(prediction, target, classes)
    assert {name: got[name] for name in NAMES} == pytest.approx(want, abs=1e-12, nan_ok=True)
    assert got["iou"].tolist() == pytest.approx(iou, abs=1e-12, nan_ok=True)


def test_by_hand():
    """Eight counted pixels: 5 of class 0, 3 of class 1; one 0 is called 1, one 1 is called 2; class 3 is nowhere."""
    target = torch.tensor([[0, 0, 0, 0, 0], [1, 1, 1, 255, 255]])
    prediction = torch.tensor([[0, 0, 0, 0, 1], [1, 1, 2, 0, 3]])
    scores = SemanticScores(4)
    scores.update(prediction, target)
    assert scores.confusion.tolist() == [[4, 1, 0, 0], [0, 2, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    got = scores.compute()
    assert got["pixel_accuracy"] == 6 / 8
    assert got["mean_accuracy"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert got["iou"].tolist() == pytest.approx([4 / 5, 2 / 4, 0, math.nan], nan_ok=True)  # 2 is predicted: 0; 3: none
    assert got["miou"] == pytest.approx((4 / 5 + 2 / 4 + 0) / 3)
    assert got["fwiou"] == pytest.approx(5 / 8 * 4 / 5 + 3 / 8 * 2 / 4)


def test_anything_may_be_predicted_at_void():
    """So a label map scores 1 against itself, though it holds 255."""
    _, target = random_maps(0, (6, 6), 3, 0.3)
    scores = SemanticScores(3)
    scores.update(target, target)
    assert [scores.compute()[name] for name in NAMES] == [1, 1, 1, 1]


def test_one_matrix_over_all_pictures_and_not_the_mean_of_each():
    """A class that fills one picture and is one lost pixel of the other: 0.9 together, 0.5 on average."""
    full, lost = torch.ones(1, 9, dtype=torch.int64), torch.tensor([[1, 0, 0, 0, 0, 0, 0, 0, 0]])
    scores = SemanticScores(2)
    scores.update(full, full)
    scores.update(torch.zeros_like(lost), lost)
    assert scores.compute()["iou"][1] == pytest.approx(9 / 10)


def test_merged_is_the_same_as_one_after_the_other():
    both, first, second = SemanticScores(5), SemanticScores(5), SemanticScores(5)
    for part, seed in ((first, 1), (second, 2)):
        maps = random_maps(seed, (7, 9), 5, 0.2)
        part.update(*maps)
        both.update(*maps)
    first.merge(pickle.loads(pickle.dumps(second)))
    assert torch.equal(first.confusion, both.confusion)


def test_many_pictures_at_once_and_strided_maps():
    prediction, target = random_maps(3, (2, 6, 5), 4, 0.1)
    whole = confusion_matrix(prediction, target, 4)
    assert torch.equal(whole, sum(confusion_matrix(*maps, 4) for maps in zip(prediction, target, strict=True)))
    assert torch.equal(whole, confusion_matrix(prediction.mT, target.mT, 4))


def test_most_classes_there_can_be():
    labels = torch.arange(255)[None]
    assert confusion_matrix(labels, labels, 255).trace() == 255


def test_nothing_counted_is_nan():
    got = SemanticScores(2).compute()
    assert all(math.isnan(got[name]) for name in NAMES) and got["iou"].isnan().all()
