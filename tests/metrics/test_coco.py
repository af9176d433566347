"""COCO evaluation through pycocotools: its JSON, its silence, and the two traps that it sets."""

import json
import math
import pickle

import pytest
import torch

from lessons_lib.metrics.coco import CocoScores, evaluate_coco, results_json, truth_json
from lessons_lib.metrics.detection import NUMBERS
from tests.metrics.detection_cases import instances, random_pictures

BOXES = [[0, 0, 20, 20], [40, 0, 60, 20]]
TARGET, FOUND = instances(BOXES, [1, 1]), instances(BOXES, [1, 1], scores=[0.9, 0.8])


def test_json_by_hand():
    truth = truth_json([instances([], []), instances([[2, 1, 4, 5]], [3], size=6, is_crowd=[True])])
    assert [image["id"] for image in truth["images"]] == [1, 2]
    (annotation,) = truth["annotations"]
    assert {name: annotation[name] for name in ("id", "image_id", "category_id", "area", "iscrowd", "bbox")} == {
        **{"id": 1, "image_id": 2, "category_id": 3, "area": 8, "iscrowd": 1, "bbox": [2, 1, 2, 4]}
    }
    (result,) = results_json([instances([[2, 1, 4, 5]], [3], size=6, scores=[0.5])])
    assert result == {
        **{k: annotation[k] for k in ("category_id", "bbox", "segmentation")},
        "image_id": 1,
        "score": 0.5,
    }
    assert json.loads(json.dumps(truth)) == truth


def test_perfect_is_1_and_says_nothing(capsys):
    numbers = evaluate_coco(truth_json([TARGET]), results_json([FOUND]))
    assert numbers["ap"] == pytest.approx(1) and list(numbers) == list(NUMBERS)
    assert math.isnan(numbers["ap_large"])
    assert capsys.readouterr() == ("", "")


def test_ids_from_0_are_refused_since_they_lose_an_object(monkeypatch):
    """Two objects found perfectly: with the ids 0 and 1, pycocotools takes the first for missed, and prints 0.252."""
    truth = truth_json([TARGET])
    for annotation in truth["annotations"]:
        annotation["id"] -= 1
    with pytest.raises(ValueError, match=r"truth must number its annotations from 1, got the id 0"):
        evaluate_coco(truth, results_json([FOUND]))
    monkeypatch.setattr("lessons_lib.metrics.coco._check_truth", lambda truth: None)
    assert evaluate_coco(truth, results_json([FOUND]))["ap"] == pytest.approx(0.2525, abs=1e-3)


def test_the_area_of_a_result_is_that_of_its_kind():
    """A ring's mask is small, its box medium. pycocotools takes the box's area where a result has one."""
    ring = instances([[0, 0, 40, 40]], [1], scores=[0.9])
    ring.masks[0, 4:36, 4:36] = False  # 576 pixels in a box of 1,600
    target = instances([[100, 100, 110, 110]], [1])  # a small object, which the ring does not touch
    got = evaluate_coco(truth_json([target]), results_json([ring]))
    assert got["ap_small"] == 0
    truth = truth_json([target])
    both = results_json([ring]) + results_json([instances([[100, 100, 110, 110]], [1], scores=[0.8])])
    assert evaluate_coco(truth, both, "mask")["ap_small"] == pytest.approx(0.5)  # small, so it is wrong
    assert evaluate_coco(truth, both, "box")["ap_small"] == pytest.approx(1)  # medium, so it is passed by


def test_results_are_left_as_they_were():
    results = results_json([FOUND])
    before = json.dumps(results)
    evaluate_coco(truth_json([TARGET]), results)
    assert json.dumps(results) == before


def test_no_results():
    assert evaluate_coco(truth_json([TARGET]), [])["ap"] == 0


def test_merged_is_the_same_as_one_after_the_other():
    pairs = random_pictures(2, count=6)
    whole, first, second = CocoScores("box"), CocoScores("box"), CocoScores("box")
    for n, pair in enumerate(pairs):
        whole.update(*pair)
        (first if n < 3 else second).update(*pair)
    first.merge(pickle.loads(pickle.dumps(second)))
    assert first.compute() == pytest.approx(whole.compute(), nan_ok=True)
    assert isinstance(first.compute()["ap"], float) and not isinstance(first.compute()["ap"], torch.Tensor)
