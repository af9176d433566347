"""Scores of leaves: by hand, by brute force over label images as the challenge defines them, and of nothing at all."""

import math

import pytest
import torch

from lessons_lib.data.sample import Instances, tight_boxes
from lessons_lib.metrics.leaves import LeafScores, best_dice, symmetric_best_dice


def masks(*rows):
    """One mask for each text, of one row of pixels: "##." marks the first two of three."""
    return torch.tensor([[[letter == "#" for letter in row]] for row in rows])


def instances(found, scores=True, crowd=None):
    count = len(found)
    confidence = torch.linspace(1, 0.5, count) if scores else None
    labels = torch.ones(count, dtype=torch.int64)
    return Instances(tight_boxes(found), labels, found, confidence, None if crowd is None else torch.tensor(crowd))


def brute_dice(one, other):
    """Pixel by pixel, as the challenge's text has it."""
    both = sum(int(a and b) for a, b in zip(one.flatten().tolist(), other.flatten().tolist(), strict=True))
    return 2 * both / (int(one.sum()) + int(other.sum()))


def brute_best(some, others):
    return sum(max((brute_dice(a, b) for b in others), default=0.0) for a in some) / len(some)


def label_image(seed, count):
    """Disjoint masks, as a label image has them: each with at least a pixel."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, count + 1, (6, 7), generator=generator)
    labels.view(-1)[:count] = torch.arange(1, count + 1)
    return labels == torch.arange(1, count + 1)[:, None, None]


def test_by_hand():
    """A leaf found whole, one missed, one invented: Dice 1, 0 and 0 one way, 1 and 0 the other."""
    true, found = masks("##....", "..##.."), masks("##....", "....##")
    assert best_dice(found, true) == best_dice(true, found) == symmetric_best_dice(found, true) == 0.5
    half = masks("#.....", "...#..")  # each half of a leaf: 2·1 / (1 + 2)
    assert symmetric_best_dice(half, true) == pytest.approx(2 / 3)
    merged = masks("####..")  # both leaves as one: 2·2 / (4 + 2) for each of them
    assert best_dice(true, merged) == best_dice(merged, true) == pytest.approx(2 / 3)


def test_the_smaller_direction_counts():
    """One of two leaves found: every prediction is right, but the other leaf is missed."""
    true, found = masks("##....", "..##.."), masks("##....")
    assert (best_dice(found, true), best_dice(true, found), symmetric_best_dice(found, true)) == (1.0, 0.5, 0.5)
    assert symmetric_best_dice(true, found) == 0.5  # and both images may be either


@pytest.mark.parametrize("seed", range(6))
def test_as_brute_force_does(seed):
    one, other = label_image(seed, 1 + seed), label_image(seed + 100, 4)
    assert best_dice(one, other) == pytest.approx(brute_best(one, other), abs=1e-12)
    expected = min(brute_best(one, other), brute_best(other, one))
    assert symmetric_best_dice(one, other) == pytest.approx(expected, abs=1e-12)
    assert symmetric_best_dice(other, one) == symmetric_best_dice(one, other)
    assert symmetric_best_dice(one, one) == 1


def test_without_objects():
    none, some = torch.zeros(0, 1, 3, dtype=torch.bool), masks("##.")
    assert symmetric_best_dice(none, none) == 1.0 and symmetric_best_dice(none, some) == 0.0
    assert symmetric_best_dice(some, none) == 0.0
    assert best_dice(some, none) == 0.0 and math.isnan(best_dice(none, some))
    assert symmetric_best_dice(masks("..."), masks("...")) == 0.0  # an empty mask is never a match


def test_all_scores_by_hand():
    """Two images: two leaves of which one is found as drawn and one half; then one leaf, and two masks for it."""
    scores = LeafScores()
    scores.update(instances(masks("##....", "..#...")), instances(masks("##....", "..##.."), scores=False))
    scores.update(instances(masks("##....", "....##")), instances(masks("##...."), scores=False))
    found = scores.compute()
    assert found["sbd"] == pytest.approx(((1 + 2 / 3) / 2 + 0.5) / 2)
    assert (found["dic"], found["abs_dic"], found["count_exact"]) == (0.5, 0.5, 0.5)
    assert found["best_iou"] == pytest.approx((1 + 0.5 + 1) / 3)  # of three true leaves
    assert found["by_step"] == {1: 1.0, 2: pytest.approx(0.25)}


def test_too_few_and_too_many_do_not_cancel():
    scores = LeafScores()
    scores.update(instances(masks("##.", "..#")), instances(masks("##.")))
    scores.update(instances(masks("##.")), instances(masks("##.", "..#")))
    found = scores.compute()
    assert (found["dic"], found["abs_dic"], found["count_exact"]) == (0.0, 1.0, 0.0)


def test_the_order_of_the_confidence_is_that_of_the_steps():
    """Given in another order, the most confident is still the first step."""
    prediction = instances(masks("##..", "..##"))
    scores = LeafScores()
    scores.update(prediction[torch.tensor([1, 0])], instances(masks("##..")))
    assert scores.compute()["by_step"] == {1: 1.0, 2: 0.0}


def test_crowds_and_the_classes_do_not_count():
    scores = LeafScores()
    scores.update(instances(masks("##..")), instances(masks("##..", "..##"), crowd=[False, True]))
    found = scores.compute()
    assert found["abs_dic"] == 0 and found["sbd"] == found["best_iou"] == 1


def test_images_without_objects():
    none = torch.zeros(0, 1, 4, dtype=torch.bool)
    scores = LeafScores()
    scores.update(instances(none), instances(none))
    found = scores.compute()
    assert found["sbd"] == found["count_exact"] == 1 and math.isnan(found["best_iou"]) and found["by_step"] == {}
    scores.update(instances(masks("##..")), instances(none))  # one invented
    scores.update(instances(none), instances(masks("##..")))  # one missed
    found = scores.compute()
    assert found["sbd"] == pytest.approx(1 / 3) and found["best_iou"] == 0 and found["by_step"] == {}
    nothing = LeafScores().compute()
    assert all(math.isnan(nothing[name]) for name in ("sbd", "dic", "abs_dic", "count_exact", "best_iou"))


def test_merged_is_counted_together():
    cases = [(label_image(n, 2 + n), label_image(n + 50, 3)) for n in range(4)]
    whole, halves = LeafScores(), [LeafScores(), LeafScores()]
    for n, (found, true) in enumerate(cases):
        whole.update(instances(found), instances(true))
        halves[n // 2].update(instances(found), instances(true))
    halves[0].merge(halves[1])
    assert halves[0].compute() == whole.compute()
