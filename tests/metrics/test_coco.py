"""COCO evaluation through pycocotools: its JSON, its silence, and the traps that it sets."""

import copy
import json
import math
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lessons_lib.metrics.coco import CocoScores, box_annotations, evaluate_coco, results_json, truth_json
from lessons_lib.metrics.detection import NUMBERS, DetectionScores
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


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_sides_of_boxes_are_those_of_float64(dtype):
    """1000 − 3 = 997 has more digits than bfloat16, 4096 − 1 more than float16, 2²⁴ − ½ more than float32."""
    for start, end in ((3, 1000), (1, 4096), (0.5, 2**24)):
        if dtype is torch.float16 and end > 65504:
            continue
        (found,) = box_annotations([torch.tensor([[start, 0, end, 2]], dtype=dtype)], [torch.tensor([1])])
        assert found["bbox"] == [start, 0, end - start, 2] and found["area"] == 2 * (end - start)


def test_perfect_is_1_and_says_nothing(capsys):
    numbers = evaluate_coco(truth_json([TARGET]), results_json([FOUND]))
    assert numbers["ap"] == pytest.approx(1) and list(numbers) == list(NUMBERS)
    assert math.isnan(numbers["ap_large"])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("ids", [[0, 1], [1, 1], [7, 7], [-1, 0], [2, 1]])
def test_annotation_ids_do_not_matter(ids):
    """Two objects found perfectly, in two images. With the ids 0 and 1, or 1 and 1, pycocotools itself loses one."""
    truth = truth_json([TARGET, TARGET])
    for annotation, number in zip(truth["annotations"], ids * 2, strict=True):
        annotation["id"] = number
    for kind in ("mask", "box"):
        assert evaluate_coco(truth, results_json([FOUND, FOUND]), kind)["ap"] == pytest.approx(1)


def test_the_caller_keeps_truth_and_results():
    polygons = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 20, 20], "iscrowd": 0, "area": 400}
    polygons["segmentation"] = [[0, 0, 20, 0, 20, 20, 0, 20]]
    runs = {**polygons, "id": 2, "segmentation": {"size": [160, 160], "counts": [0, 20, 140, 20, 160 * 160 - 180]}}
    truth = {**truth_json([TARGET]), "annotations": [polygons, runs]}
    results = results_json([FOUND])
    before = copy.deepcopy((truth, results))
    for kind in ("mask", "box"):
        evaluate_coco(truth, results, kind)
        evaluate_coco(truth, [], kind)
    assert (truth, results) == before
    assert json.loads(json.dumps([truth, results])) == [truth, results]


def test_no_iscrowd_is_0_and_no_area_that_of_the_mask():
    """A ring's mask is small, its box medium; without a mask the box counts."""
    ring = instances([[0, 0, 40, 40]], [1])
    ring.masks[0, 4:36, 4:36] = False
    truth, found = truth_json([ring]), results_json([instances([[0, 0, 40, 40]], [1], scores=[0.9])])
    for name in ("iscrowd", "area"):
        del truth["annotations"][0][name]
    assert evaluate_coco(truth, found, "box")["ap_small"] == pytest.approx(1)
    del truth["annotations"][0]["segmentation"]
    numbers = evaluate_coco(truth, found, "box")
    assert numbers["ap_medium"] == pytest.approx(1) and math.isnan(numbers["ap_small"])


def test_boxes_without_masks():
    def bare(objects):
        return replace(objects, masks=None)

    for scores in (CocoScores("box"), DetectionScores("box")):
        scores.update(bare(FOUND), bare(TARGET))
        scores.update(bare(instances([], [], scores=[])), bare(instances([[0, 0, 50, 50]], [1])))
        numbers = scores.compute()
        assert (numbers["ap_small"], numbers["ap_medium"]) == (pytest.approx(1), 0)


def test_polygons_and_plain_run_lengths_as_results():
    """pycocotools takes compressed run lengths alone."""
    first, second = results_json([FOUND])
    first["segmentation"] = [[0, 0, 20, 0, 20, 20, 0, 20]]
    counts = [40 * 160, *[20, 140] * 19, 20, 140 + 100 * 160]
    second["segmentation"] = {"size": [160, 160], "counts": counts}
    assert evaluate_coco(truth_json([TARGET]), [first, second])["ap"] == pytest.approx(1)


@pytest.mark.parametrize("kind", ["mask", "box"])
def test_oddities_are_those_of_pycocotools(kind):
    """Images without detections or objects, categories without truth, and crowds; from scratch and by pycocotools."""
    crowd = instances([[0, 0, 90, 90], [100, 0, 130, 30]], [1, 2], is_crowd=[True, False])
    inside = instances([[5, 5, 30, 30], [100, 0, 130, 30], [0, 0, 9, 9]], [1, 2, 3], scores=[0.9, 0.8, 0.7])
    nothing, none_found = instances([], []), instances([], [], scores=[])
    pairs = [(inside, crowd), (FOUND, nothing), (none_found, TARGET), (none_found, nothing)]
    ours, theirs = DetectionScores(kind), CocoScores(kind)
    for pair in pairs:
        ours.update(*pair)
        theirs.update(*pair)
    numbers = ours.compute()
    want = theirs.compute()
    assert {name: numbers[name] for name in NUMBERS} == pytest.approx(want, abs=1e-12, nan_ok=True)
    assert want["ap"] == pytest.approx(0.5)  # class 1: nothing found, class 2: found, class 3: no object


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


@pytest.mark.parametrize(("kind", "style"), [("box", "bbox"), ("mask", "segm")])
def test_real_files_as_pycocotools_evaluates_them(kind, style):
    root = os.environ.get("LESSONS_REAL_DATA")
    if not root:
        pytest.skip("LESSONS_REAL_DATA is not set: it names the folder that holds coco_eval_parity")
    folder = Path(root) / "coco_eval_parity"
    names = ("instances_val2014_100", f"instances_val2014_fake{style}100_results", "expected_stats")
    truth, results, want = (json.loads((folder / f"{name}.json").read_text("utf-8")) for name in names)
    assert list(evaluate_coco(truth, results, kind).values()) == pytest.approx(want[style], abs=1e-9)
