"""AP from scratch against pycocotools: on COCO, on 200 sets made up at random, and on a case worked by hand."""

import contextlib
import io
import json
import math
import os
import pickle
from pathlib import Path

import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import Params

from lessons_lib.metrics.average_precision import IOU_THRESHOLDS, match_in_order
from lessons_lib.metrics.coco import CocoScores
from lessons_lib.metrics.detection import NUMBERS, DetectionScores
from lessons_lib.metrics.detection_matching import area_ranges, match_pairs
from lessons_lib.metrics.detection_pairs import paired
from lessons_lib.ops.boxes import pairwise_box_iou
from lessons_lib.ops.masks import pairwise_rle_iou
from tests.metrics.detection_cases import instances, random_pictures


def both(pairs, kind):
    """The twelve numbers, ours and pycocotools' ones."""
    ours, theirs = DetectionScores(kind), CocoScores(kind)
    for prediction, target in pairs:
        ours.update(prediction, target)
        theirs.update(prediction, target)
    numbers = ours.compute()
    return {name: numbers[name] for name in NUMBERS}, theirs.compute()


@pytest.mark.parametrize("kind", ["mask", "box"])
def test_200_sets_with_crowds_are_pycocotools(kind):
    counted = dict.fromkeys(NUMBERS, 0)
    for seed in range(200):
        got, want = both(random_pictures(seed), kind)
        assert got == pytest.approx(want, abs=1e-12, nan_ok=True), seed
        for name in NUMBERS:
            counted[name] += want[name] > 0
    assert min(counted.values()) > 50  # every number was put to the test


def test_other_sizes_are_pycocotools_with_other_areas():
    for seed in range(20):
        sizes = (3.0 + seed % 4, 8.0 + seed % 3)
        ours, theirs = DetectionScores("mask", sizes), CocoScores("mask")
        for prediction, target in random_pictures(seed):
            ours.update(prediction, target)
            theirs.update(prediction, target)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Params, "setDetParams", with_areas(Params.setDetParams, sizes))
            want = theirs.compute()
        assert {name: ours.compute()[name] for name in NUMBERS} == pytest.approx(want, abs=1e-12, nan_ok=True), seed


def with_areas(usual, sizes):
    """pycocotools' settings, with other ends of small and medium."""

    def settings(self):
        usual(self)
        first, second = (side**2 for side in sizes)
        self.areaRng = [[0, 1e10], [0, first], [first, second], [second, 1e10]]

    return settings


def test_sizes_that_do_not_grow_are_refused():
    for sizes in ((5.0, 5.0), (0.0, 3.0)):
        with pytest.raises(ValueError, match="sizes must be 0 < small < large"):
            DetectionScores("box", sizes)
    with pytest.raises(ValueError, match=r"sizes \(32.0, 96.0\), got kind 'box', sizes \(1.0, 2.0\)"):
        DetectionScores("box").merge(DetectionScores("box", (1.0, 2.0)))


def test_areas_end_where_pycocotools_lets_them():
    published = Params("segm")
    assert {name: list(ends) for name, ends in area_ranges().items()} == dict(
        zip(published.areaRngLbl, published.areaRng, strict=True)
    )


@pytest.mark.parametrize("kind", ["box", "mask"])
def test_coco_parity(kind):
    """The 24 numbers of 100 pictures of COCO, as pycocotools prints them."""
    root = os.environ.get("LESSONS_REAL_DATA")
    if not root:
        pytest.skip("LESSONS_REAL_DATA is not set: it names the folder that holds coco_eval_parity")
    folder = Path(root) / "coco_eval_parity"
    style = {"box": "bbox", "mask": "segm"}[kind]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "instances_val2014_100.json"))
        found = truth.loadRes(str(folder / f"instances_val2014_fake{style}100_results.json"))
    scores = DetectionScores(kind)
    for image in sorted(truth.getImgIds()):
        objects, detections = truth.imgToAnns[image], found.imgToAnns[image]
        crowd = torch.tensor([bool(entry["iscrowd"]) for entry in objects])
        if kind == "box":
            iou = pairwise_box_iou(*(xyxy([e["bbox"] for e in entries]) for entries in (detections, objects)), crowd)
        else:
            rles = ([coco.annToRLE(e) for e in es] for coco, es in ((found, detections), (truth, objects)))
            iou = pairwise_rle_iou(*rles, crowd)
        mine, theirs = ([e["category_id"] for e in entries] for entries in (detections, objects))
        scores.add(
            iou,
            torch.tensor([e["score"] for e in detections], dtype=torch.float64),
            torch.tensor(mine, dtype=torch.int64),
            torch.tensor([e["area"] for e in detections], dtype=torch.float64),
            torch.tensor(theirs, dtype=torch.int64),
            torch.tensor([e["area"] for e in objects], dtype=torch.float64),
            crowd,
        )
    numbers = scores.compute()
    want = json.loads((folder / "expected_stats.json").read_text("utf-8"))[style]
    assert [numbers[name] for name in NUMBERS] == pytest.approx(want, abs=1e-9)


def xyxy(boxes):
    boxes = torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4)
    return torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)


def small_case():
    """Three objects of 20×20 and a crowd; five detections: right, moved by 4, twice, in the crowd, of nothing."""
    target = instances(
        [[0, 0, 20, 20], [40, 0, 60, 20], [80, 0, 100, 20], [0, 60, 100, 100]], [1] * 4, is_crowd=[False] * 3 + [True]
    )
    found = [[0, 0, 20, 20], [44, 0, 64, 20], [0, 0, 20, 20], [10, 70, 30, 90], [120, 120, 140, 140]]
    return instances(found, [1] * 5, scores=[0.9, 0.8, 0.7, 0.6, 0.95]), target


@pytest.mark.parametrize("kind", ["mask", "box"])
def test_by_hand(kind):
    """In order: nothing ✗, right ✓, moved ✓ up to IoU 16/24 = 0.667, twice ✗, in the crowd: not counted. 3 objects.

    Thresholds 0.5 to 0.65 (four): ✗ ✓ ✓ ✗, precision 2/3 up to recall 2/3, that is at 67 of the 101 recalls.
    Thresholds 0.7 to 0.95 (six): ✗ ✓ ✗ ✗, precision 1/2 up to recall 1/3, at 34 recalls.
    """
    low, high = 67 / 101 * 2 / 3, 34 / 101 / 2
    got, theirs = both([small_case()], kind)
    ap, ar = (4 * low + 6 * high) / 10, (4 * 2 / 3 + 6 * 1 / 3) / 10
    want = {"ap": ap, "ap50": low, "ap75": high, "ap_small": ap, "ar1": 0, "ar10": ar, "ar100": ar, "ar_small": ar}
    want |= dict.fromkeys(["ap_medium", "ap_large", "ar_medium", "ar_large"], math.nan)
    assert got == pytest.approx(want, abs=1e-12, nan_ok=True)
    assert theirs == pytest.approx(want, abs=1e-12, nan_ok=True)


def test_classes_apart():
    """The right box with the wrong class finds nothing; a class without objects does not lower the mean."""
    target = instances([[0, 0, 20, 20], [40, 0, 60, 20]], [1, 2])
    prediction = instances([[0, 0, 20, 20], [40, 0, 60, 20]], [1, 3], scores=[0.9, 0.8])
    scores = DetectionScores()
    scores.update(prediction, target)
    assert scores.compute()["class_ap"] == {1: pytest.approx(1), 2: 0}
    assert scores.compute()["ap"] == pytest.approx(0.5)


def test_more_than_100_detections_of_a_class():
    """The hundred and first is not looked at, though it is right; another class has its own hundred."""
    boxes = [[50, 50, 60, 60]] * 100 + [[0, 0, 20, 20]] * 2
    prediction = instances(boxes, [1] * 101 + [2], scores=[0.9] * 100 + [0.1, 0.1])
    target = instances([[0, 0, 20, 20], [0, 0, 20, 20]], [1, 2])
    got, want = both([(prediction, target)], "box")
    assert got == pytest.approx(want, abs=1e-12, nan_ok=True)
    assert got["ap50"] == pytest.approx(0.5)


def test_an_area_on_the_border_lies_in_both_ranges():
    pair = instances([[0, 0, 32, 32]], [1], scores=[1.0]), instances([[0, 0, 32, 32]], [1])
    got, want = both([pair], "box")
    assert got == pytest.approx(want, abs=1e-12, nan_ok=True)
    assert (got["ap_small"], got["ap_medium"]) == (pytest.approx(1), pytest.approx(1))


def test_areas_of_the_annotation_decide():
    """A mask of 20×20 pixels whose annotation says 5,000 is medium."""
    scores = DetectionScores()
    pair = instances([[0, 0, 20, 20]], [1], scores=[1.0]), instances([[0, 0, 20, 20]], [1])
    scores.update(*pair, areas=torch.tensor([5000.0]))
    assert math.isnan(scores.compute()["ap_small"]) and scores.compute()["ap_medium"] == 1


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [(instances([], [], scores=[]), instances([], []))],
        [(instances([], [], scores=[]), instances([[0, 0, 9, 9]], [1]))],
        [(instances([[0, 0, 9, 9]], [1], scores=[0.5]), instances([], []))],
        [(instances([[0, 0, 9, 9]], [1], scores=[0.5]), instances([[0, 0, 9, 9]], [1], is_crowd=[True]))],
    ],
    ids=["no pictures", "nothing", "nothing found", "no objects", "only a crowd"],
)
def test_with_little_or_nothing(pairs):
    got, want = both(pairs, "mask")
    assert got == pytest.approx(want, abs=1e-12, nan_ok=True)


def test_many_at_once_match_as_one_after_the_other():
    """Hits of the first area range, at every threshold, are those of the loop over detections."""
    scores = DetectionScores("box")
    for prediction, target in random_pictures(5, count=30, classes=1):
        scores.update(prediction, target)
    hits, counted = match_pairs(paired(scores.pictures))
    start = 0
    for picture in scores.pictures:
        iou = pairwise_box_iou(*picture.shapes, picture.is_crowd)
        iou = iou[picture.scores.argsort(descending=True, stable=True)]
        for t, threshold in enumerate(IOU_THRESHOLDS.tolist()):
            matches = match_in_order(iou, threshold, picture.is_crowd)
            on_crowd = torch.tensor([m >= 0 and bool(picture.is_crowd[m]) for m in matches.tolist()], dtype=torch.bool)
            own = slice(start, start + len(matches))
            assert torch.equal(hits[0, t, own], (matches >= 0) & ~on_crowd)
            assert torch.equal(counted[0, t, own], ~on_crowd)
        start += len(matches)
    assert start == hits.shape[-1] > 200


def test_merged_is_the_same_as_one_after_the_other():
    pairs = random_pictures(1, count=8)
    first, second = DetectionScores(), DetectionScores()
    for n, pair in enumerate(pairs):
        (first if n < 4 else second).update(*pair)
    first.merge(pickle.loads(pickle.dumps(second)))
    got = first.compute()
    assert {name: got[name] for name in NUMBERS} == pytest.approx(both(pairs, "mask")[0], nan_ok=True)
