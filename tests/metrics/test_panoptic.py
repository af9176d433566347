"""Panoptic quality against a loop over segments, by hand, and what void and crowds do."""

import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lessons_lib.data.sample import Instances
from lessons_lib.data.scenes import CLASSES, Scenes
from lessons_lib.metrics.panoptic import Panoptic, PanopticScores, panoptic_map

COUNTS = ("class_pq", "class_sq", "class_rq")


def by_loops(pairs, classes):
    """Pixel sets, segment by segment, as the paper says it."""
    found = {k: [0.0, 0, 0, 0] for k in range(classes)}  # sum of IoU, TP, FP, FN
    for prediction, target in pairs:
        void = set((target.ids.flatten() == 0).nonzero().flatten().tolist())
        mine, theirs = segments(prediction), segments(target)
        matched = set()
        for label, pixels, _ in mine:
            hit = False
            for g, (gt_label, gt_pixels, many) in enumerate(theirs):
                iou = len(pixels & gt_pixels) / len((pixels | gt_pixels) - (pixels & void))
                if gt_label == label and not many and iou > 0.5:
                    hit = True
                    matched.add(g)
                    found[label][0] += iou
                    found[label][1] += 1
            crowds = set().union(*(p for gt_label, p, many in theirs if many and gt_label == label))
            if not hit and len(pixels & (void | crowds)) <= len(pixels) / 2:
                found[label][2] += 1
        for g, (label, _, many) in enumerate(theirs):
            if g not in matched and not many:
                found[label][3] += 1
    values = []
    for total, tp, fp, fn in found.values():
        rq = tp / (tp + fp / 2 + fn / 2) if tp + fp + fn else math.nan
        sq = total / max(tp, 1) if tp + fp + fn else math.nan
        values.append((sq * rq, sq, rq))
    return values


def segments(panoptic):
    crowd = [False] * len(panoptic.labels) if panoptic.is_crowd is None else panoptic.is_crowd.tolist()
    rows = [(panoptic.ids.flatten() == n).nonzero().flatten().tolist() for n in range(1, len(crowd) + 1)]
    return [
        (label, set(pixels), many)
        for label, pixels, many in zip(panoptic.labels.tolist(), rows, crowd, strict=True)
        if pixels
    ]


def random_pair(seed, height, width, classes):
    """A map of stripes and patches, and the same with some pixels in other segments, other classes and more void."""
    generator = torch.Generator().manual_seed(seed)
    count = int(torch.randint(1, 6, (), generator=generator))
    ids = torch.randint(0, count + 1, (height, 1), generator=generator).expand(height, width).contiguous()
    ids[: height // 2, : width // 2] = int(torch.randint(0, count + 1, (), generator=generator))
    labels = torch.randint(0, classes, (count,), generator=generator)
    crowd = torch.rand(count, generator=generator) < 0.25
    moved = torch.where(torch.rand(height, width, generator=generator) < 0.8, ids, ids.flip(0))
    other = torch.where(torch.rand(count, generator=generator) < 0.8, labels, labels.flip(0))
    return Panoptic(moved, other), Panoptic(ids, labels, crowd)


@given(st.integers(0, 2**31), st.integers(1, 8), st.integers(1, 8), st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_pq_is_the_loops(seed, height, width, classes):
    pairs = [random_pair(seed + n, height, width, classes) for n in range(3)]
    scores = PanopticScores(classes)
    for pair in pairs:
        scores.update(*pair)
    got = scores.compute()
    for name, want in zip(COUNTS, zip(*by_loops(pairs, classes), strict=True), strict=True):
        assert got[name].tolist() == pytest.approx(list(want), abs=1e-12, nan_ok=True)
    torch.testing.assert_close(got["class_pq"], got["class_sq"] * got["class_rq"], equal_nan=True)


def stripe(*ids):
    return torch.tensor([ids])


def test_by_hand():
    """Class 0: 8 pixels found as 7, IoU 7/8. Class 1: an object of 4 found as 3, one of 2 missed, one of 1 made up."""
    target = Panoptic(stripe(1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3), torch.tensor([0, 1, 1]))
    prediction = Panoptic(stripe(1, 1, 1, 1, 1, 1, 1, 3, 2, 2, 2, 0, 0, 0), torch.tensor([0, 1, 1]))
    scores = PanopticScores(3)
    scores.update(prediction, target)
    got = scores.compute()
    assert got["class_sq"].tolist() == pytest.approx([7 / 8, 3 / 4, math.nan], nan_ok=True)
    assert got["class_rq"].tolist() == pytest.approx([1, 1 / 2, math.nan], nan_ok=True)
    assert got["pq"] == pytest.approx((7 / 8 + 3 / 8) / 2)
    assert got["sq"] * got["rq"] != pytest.approx(got["pq"])  # the means do not multiply


def test_half_is_no_match():
    """IoU of exactly one half: two segments could both claim it."""
    scores = PanopticScores(1)
    scores.update(Panoptic(stripe(1, 0), torch.tensor([0])), Panoptic(stripe(1, 1), torch.tensor([0])))
    assert scores.compute()["pq"] == 0


def test_void_is_left_out_of_the_union():
    """A segment of 3 pixels found as 5, two of them over void: IoU 1."""
    scores = PanopticScores(1)
    scores.update(
        Panoptic(stripe(1, 1, 1, 1, 1), torch.tensor([0])), Panoptic(stripe(1, 1, 1, 0, 0), torch.tensor([0]))
    )
    assert scores.compute()["pq"] == 1


@pytest.mark.parametrize(("over_void", "wrong"), [(2, 1), (3, 0)])
def test_more_than_half_over_void_is_excused(over_void, wrong):
    target = Panoptic(stripe(*[0] * over_void, *[1] * (4 - over_void), 1, 1, 1, 1), torch.tensor([0]))
    prediction = Panoptic(stripe(2, 2, 2, 2, 1, 1, 1, 1), torch.tensor([0, 1]))
    scores = PanopticScores(2)
    scores.update(prediction, target)
    assert scores.counts[1].tolist() == [0, wrong]


@pytest.mark.parametrize(("label", "wrong"), [(0, 0), (1, 1)])
def test_inside_a_crowd_of_its_class_is_excused(label, wrong):
    """And the crowd is not missed, nor found."""
    target = Panoptic(stripe(1, 1, 1, 1), torch.tensor([0]), torch.tensor([True]))
    scores = PanopticScores(2)
    scores.update(Panoptic(stripe(1, 1, 0, 0), torch.tensor([label])), target)
    assert scores.counts.sum(1).tolist() == [0, wrong, 0]


def test_the_map_of_a_scene():
    """Every pixel that is not void is in a segment of its class; things are apart, stuff is one; itself scores 1."""
    for sample in Scenes(length=6):
        panoptic = panoptic_map(sample.label_map, sample.instances)
        void = sample.label_map == 255
        assert torch.equal(panoptic.ids == 0, void)
        assert torch.equal(panoptic.labels[panoptic.ids[~void] - 1], sample.label_map[~void])
        stuff = sample.label_map[~void & ~sample.instances.masks.any(0)].unique()
        assert len(panoptic.labels) == len(sample.instances) + len(stuff)
        scores = PanopticScores(len(CLASSES))
        scores.update(panoptic, panoptic)
        assert scores.compute()["pq"] == 1


def test_the_first_instance_keeps_a_pixel_and_a_covered_one_goes():
    sample = Scenes(length=1)[0]
    fields = [getattr(sample.instances, name) for name in ("boxes", "labels", "masks")]
    twice = Instances(*(torch.cat([field, field]) for field in fields))
    once, both = panoptic_map(sample.label_map, sample.instances), panoptic_map(sample.label_map, twice)
    assert torch.equal(once.ids, both.ids) and torch.equal(once.labels, both.labels)


def test_nothing_counted_is_nan():
    scores = PanopticScores(2)
    nothing = Panoptic(torch.zeros(2, 2, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    scores.update(nothing, nothing)
    assert math.isnan(scores.compute()["pq"])


def test_merged_is_the_same_as_one_after_the_other():
    both, first, second = PanopticScores(3), PanopticScores(3), PanopticScores(3)
    for part, seed in ((first, 1), (second, 2)):
        pair = random_pair(seed, 6, 7, 3)
        part.update(*pair)
        both.update(*pair)
    first.merge(pickle.loads(pickle.dumps(second)))
    assert torch.equal(first.counts, both.counts) and torch.equal(first.iou, both.iou)
