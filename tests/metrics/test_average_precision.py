"""AP step by step: matching, precision and recall, and the 101 points, by hand and against slow loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lessons_lib.metrics.average_precision import (
    IOU_THRESHOLDS,
    RECALLS,
    average_precision,
    interpolated_precision,
    match_in_order,
    precision_recall,
)


def test_each_object_is_taken_once_and_the_best_first():
    iou = torch.tensor([[0.6, 0.7], [0.6, 0.9], [0.55, 0.5]])
    assert match_in_order(iou, 0.5).tolist() == [1, 0, -1]  # the second likes object 1 more, but it is taken
    assert match_in_order(iou, 0.65).tolist() == [1, -1, -1]
    assert match_in_order(torch.tensor([[0.5]]), 0.5).tolist() == [0]  # the threshold itself is enough


def test_of_equal_objects_the_last_is_taken():
    assert match_in_order(torch.tensor([[0.6, 0.6, 0.2]]), 0.5).tolist() == [1]


def test_a_crowd_is_for_those_who_find_nothing_else_and_never_full():
    iou = torch.tensor([[0.6, 0.9], [0.6, 0.9], [0.1, 0.9]])
    crowd = torch.tensor([False, True])
    assert match_in_order(iou, 0.5, crowd).tolist() == [0, 1, 1]


def test_matching_nothing():
    assert match_in_order(torch.zeros(0, 3), 0.5).tolist() == []
    assert match_in_order(torch.zeros(2, 0), 0.5).tolist() == [-1, -1]


def test_precision_and_recall_by_hand():
    """✓ ✗ ✓ of 4 objects."""
    precision, recall = precision_recall(torch.tensor([True, False, True]), 4)
    assert precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert recall.tolist() == [1 / 4, 1 / 4, 2 / 4]


def test_what_does_not_count_is_passed_over():
    hits, counted = torch.tensor([False, True, True, False]), torch.tensor([False, True, False, True])
    precision, recall = precision_recall(hits, 2, counted)
    assert precision.tolist() == [0, 1, 1, 1 / 2]
    assert recall.tolist() == [0, 1 / 2, 1 / 2, 1 / 2]


def test_average_precision_by_hand():
    """✓ ✗ ✓ of 4: precision 1 up to recall 0.25 (26 points), then 2/3 up to 0.5 (25 points), then nothing."""
    hits = torch.tensor([True, False, True])
    curve = precision_recall(hits, 4)
    assert average_precision(hits, 4).item() == pytest.approx((26 + 25 * 2 / 3) / 101)
    points = interpolated_precision(*curve)
    assert [points[n].item() for n in (0, 25, 26, 50, 51)] == pytest.approx([1, 1, 2 / 3, 2 / 3, 0])


def test_without_detections_ap_is_0():
    assert average_precision(torch.zeros(0, dtype=torch.bool), 3).item() == 0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12), st.integers(1, 15))
@settings(max_examples=300, deadline=None)
def test_ap_is_the_slow_loop(ranks, more):
    hits = [hit and counts for hit, counts in ranks]
    positives = sum(hits) + more - 1 or 1
    curve, found, seen = [], 0, 0
    for hit, (_, counts) in zip(hits, ranks, strict=True):
        found, seen = found + hit, seen + counts
        curve.append((found / positives, found / seen if seen else 0.0))
    want = [max((p for r, p in curve if r >= level), default=0.0) for level in RECALLS.tolist()]
    tensors = [torch.tensor([pair[n] for pair in ranks], dtype=torch.bool) for n in (0, 1)]
    precision, recall = precision_recall(tensors[0], positives, tensors[1])
    assert interpolated_precision(precision, recall).tolist() == pytest.approx(want, abs=1e-12)
    if tensors[1].all():
        assert average_precision(tensors[0], positives).item() == pytest.approx(sum(want) / 101, abs=1e-12)


def test_many_curves_at_once():
    hits = torch.rand(2, 3, 9, generator=torch.Generator().manual_seed(0)) < 0.5
    positives = torch.tensor([5.0, 6, 7], dtype=torch.float64)[:, None].expand(2, 3, 1)
    got = average_precision(hits, positives)
    want = [[average_precision(row, 5 + n).item() for n, row in enumerate(rows)] for rows in hits]
    torch.testing.assert_close(got, torch.tensor(want, dtype=torch.float64))


def test_thresholds_and_recalls_are_cocos():
    assert torch.equal(IOU_THRESHOLDS, torch.from_numpy(np.linspace(0.5, 0.95, 10)))
    assert len(RECALLS) == 101 and RECALLS[-1] == 1
