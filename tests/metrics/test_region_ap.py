"""AP^r by hand, against a plain reading of the rules, and where every mask is a full rectangle."""

import math

import pytest
import torch

from lessons_lib.data.sample import Instances
from lessons_lib.metrics.average_precision import area_under_curve
from lessons_lib.metrics.region_ap import THRESHOLDS, RegionScores
from lessons_lib.ops.boxes import pairwise_box_iou
from lessons_lib.ops.masks import pairwise_mask_iou
from tests.metrics.detection_cases import instances, random_pictures


def row(length, label=1, score=None, size=20):
    """One object, a bar of so many pixels at the left of an image of one row."""
    mask = (torch.arange(size) < length)[None, None]
    box = torch.tensor([[0.0, 0, length, 1]])
    return Instances(box, torch.tensor([label]), mask, None if score is None else torch.tensor([score]))


def ap_of(pairs, **which):
    scores = RegionScores()
    for found, target in pairs:
        scores.update(found, target)
    return scores.compute()


def plainly(pairs, label, threshold):
    """The published rule: from the highest score down, each takes the best object that is not yet covered."""
    rows = [
        (found.scores[n].item(), -image, -n)
        for image, (found, _) in enumerate(pairs)
        for n in range(len(found))
        if found.labels[n] == label
    ]
    covered, hits = set(), []
    objects = [(i, g) for i, (_, t) in enumerate(pairs) for g in range(len(t)) if t.labels[g] == label]
    for _, image, n in sorted(rows, reverse=True):
        found, target = pairs[-image]
        best, value = None, threshold
        for i, g in objects:
            if i == -image and (i, g) not in covered:
                iou = pairwise_mask_iou(found.masks[-n][None], target.masks[g][None]).item()
                if iou > value:
                    best, value = (i, g), iou
        covered.add(best)
        hits.append(best is not None)
    ranked, total = [sum(hits[: k + 1]) / (k + 1) for k in range(len(hits))], 0.0
    for k, hit in enumerate(hits):
        total += max(ranked[k:]) * hit / len(objects)
    return total


@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_published_rule(seed):
    pairs = [(found, Instances(t.boxes, t.labels, t.masks)) for found, t in random_pictures(seed, count=4, size=60)]
    scores = RegionScores()
    for found, target in pairs:
        scores.update(found, target)
    labels = sorted({label for _, target in pairs for label in target.labels.tolist()})
    table = {t: [plainly(pairs, label, t) for label in labels] for t in THRESHOLDS}
    for number, label in enumerate(labels):
        assert scores.class_ap(label, THRESHOLDS) == pytest.approx([table[t][number] for t in THRESHOLDS])
    found, mean = scores.compute(), sum(map(sum, table.values())) / max(1, len(labels)) / 9
    assert found["class_ap"] == pytest.approx(dict(zip(labels, table[0.5], strict=True)))
    assert found["ap_r"] == pytest.approx(sum(table[0.5]) / len(labels)) and found["volume"] == pytest.approx(mean)
    assert found["ap_r70"] == pytest.approx(sum(table[0.7]) / len(labels))


def test_area_under_the_curve_by_hand():
    """Right, wrong, right, of three objects: 1, then 2/3."""
    assert area_under_curve(torch.tensor([True, False, True]), 3).item() == pytest.approx((1 + 2 / 3) / 3)
    assert area_under_curve(torch.tensor([False, True, True]), 2).item() == pytest.approx(2 / 3)  # made to fall
    assert area_under_curve(torch.zeros(0, dtype=torch.bool), 2).item() == 0
    both = area_under_curve(torch.tensor([[True, False], [False, True]]), torch.tensor([[1.0], [2.0]]).double())
    assert both.tolist() == [1, 0.25]


def test_an_iou_of_exactly_the_threshold_is_too_little():
    """10 of 20 pixels: IoU 0.5. COCO takes it."""
    assert ap_of([(row(10, score=0.9), row(20))])["ap_r"] == 0
    assert ap_of([(row(11, score=0.9), row(20))])["ap_r"] == 1


def test_the_volume_is_the_mean_over_nine_thresholds():
    """IoU 0.65: right at 0.1 to 0.6."""
    found = ap_of([(row(13, score=0.9), row(20))])
    assert found["volume"] == pytest.approx(6 / 9) and found["ap_r70"] == 0


def test_a_second_region_on_the_same_object_is_wrong():
    twice = Instances(
        *(torch.cat([x, x]) for x in (row(20).boxes, row(20).labels, row(20).masks)), torch.tensor([0.5, 0.9])
    )
    assert ap_of([(twice, row(20)), (row(20, score=0.3), row(20))])["ap_r"] == pytest.approx((1 + 2 / 3) / 2)


def test_of_full_rectangles_it_is_the_ap_of_the_boxes():
    pairs = [
        (
            instances(f.boxes.tolist(), f.labels.tolist(), 160, f.scores.tolist()),
            instances(t.boxes.tolist(), t.labels.tolist(), 160),
        )
        for f, t in random_pictures(1, count=5)
    ]
    by_boxes = RegionScores()
    for found, target in pairs:
        by_boxes.update(found, target)
        torch.testing.assert_close(
            by_boxes.images[-1].iou, pairwise_box_iou(found.boxes.double(), target.boxes.double())
        )


def test_nothing_found_and_nothing_there():
    nothing = Instances(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 1, 20, dtype=torch.bool))
    found = Instances(nothing.boxes, nothing.labels, nothing.masks, torch.zeros(0))
    assert math.isnan(ap_of([])["ap_r"]) and math.isnan(ap_of([(row(3, score=0.5), nothing)])["volume"])
    assert ap_of([(found, row(20))])["class_ap"] == {1: 0.0}
    assert ap_of([(row(20, label=2, score=0.9), row(20))])["class_ap"] == {1: 0.0}  # a class without objects is none


def test_a_crowd_is_no_object():
    crowd = row(20)
    crowd = Instances(crowd.boxes, crowd.labels, crowd.masks, is_crowd=torch.tensor([True]))
    assert math.isnan(ap_of([(row(20, score=0.9), crowd)])["ap_r"])
    assert ap_of([(row(20, score=0.9), crowd), (row(20, score=0.8), row(20))])["ap_r"] == 0.5


def test_merged_it_is_as_if_counted_in_one():
    pairs, whole, parts = random_pictures(4, count=4, size=60), RegionScores(), [RegionScores(), RegionScores()]
    for number, (found, target) in enumerate(pairs):
        whole.update(found, target)
        parts[number >= 2].update(found, target)
    parts[0].merge(parts[1])
    assert parts[0].compute() == whole.compute()
