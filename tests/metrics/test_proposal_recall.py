"""Recall of proposals against pycocotools without categories, by hand, and where there is nothing."""

import contextlib
import io
import math

import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lessons_lib.data.sample import Instances
from lessons_lib.metrics.coco import truth_json
from lessons_lib.metrics.proposal_recall import COUNTS, ProposalRecall
from tests.metrics.detection_cases import instances, random_pictures

OBJECT = Instances(torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([4]), None)


def proposals_of(prediction, generator):
    """Boxes best first: what was found, and as many beside it again."""
    moved = prediction.boxes + torch.randint(-3, 4, prediction.boxes.shape, generator=generator)
    moved[:, 2:] = torch.maximum(moved[:, 2:], moved[:, :2] + 1)
    boxes = torch.cat([prediction.boxes, moved, prediction.boxes.flip(0)])
    return boxes[torch.randperm(len(boxes), generator=generator)]


def by_pycocotools(pairs, count):
    """(recall at 0.5, mean over the thresholds) of the first proposals of each image, whatever their class."""
    truth = truth_json([target for _, target in pairs])
    results = []
    for number, (boxes, _) in enumerate(pairs, 1):
        for rank, (x0, y0, x1, y1) in enumerate(boxes.tolist()):
            box = [x0, y0, x1 - x0, y1 - y0]
            results.append({"image_id": number, "category_id": 1, "bbox": box, "score": 1 / (rank + 1)})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        scorer = COCOeval(coco, coco.loadRes(results), "bbox")
        scorer.params.useCats, scorer.params.maxDets = 0, [count]
        scorer.params.areaRng, scorer.params.areaRngLbl = [[0, 1e10]], ["all"]
        scorer.evaluate()
        scorer.accumulate()
    recall = scorer.eval["recall"]  # (thresholds, classes, areas, counts)
    return float(recall[0].mean()), float(recall.mean())


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.parametrize("seed", range(12))
def test_it_is_pycocotools_without_categories(seed):
    generator = torch.Generator().manual_seed(seed)
    pairs = [(proposals_of(found, generator), target) for found, target in random_pictures(seed, count=6)]
    recall = ProposalRecall(counts=(1, 3, 10, 40))
    for boxes, target in pairs:
        recall.update(boxes, target)
    computed = recall.compute()
    for count in recall.counts:
        first, mean = by_pycocotools(pairs, count)
        assert computed["recall50"][count] == pytest.approx(first, abs=1e-9)
        assert computed["recall"][count] == pytest.approx(mean, abs=1e-9)


def test_by_hand():
    """IoU 0.75 at the third place: found at 0.5 to 0.75, six of ten thresholds."""
    recall = ProposalRecall(counts=(2, 3))
    recall.update(torch.tensor([[20.0, 20, 30, 30], [0, 0, 4, 10], [0, 0, 10, 7.5]]), OBJECT)
    computed = recall.compute()
    assert computed["recall50"] == {2: 0.0, 3: 1.0}
    assert computed["recall"] == {2: 0.0, 3: pytest.approx(0.6)}


def test_one_proposal_finds_one_object():
    two = Instances(torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9]]), torch.tensor([1, 2]), None)
    recall = ProposalRecall(counts=(1, 2))
    recall.update(torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10]]), two)
    assert recall.compute()["recall50"] == {1: 0.5, 2: 1.0}


def test_a_crowd_is_no_object_and_takes_no_proposal_away():
    crowd = Instances(torch.tensor([[0.0, 0, 10, 10], [0, 0, 40, 40]]), torch.tensor([1, 1]), None)
    crowd = Instances(crowd.boxes, crowd.labels, None, is_crowd=torch.tensor([False, True]))
    recall = ProposalRecall(counts=(1,))
    recall.update(torch.tensor([[0.0, 0, 10, 10]]), crowd)
    assert recall.compute()["recall"] == {1: 1.0}


def test_an_object_of_any_size_can_be_found():
    """COCO's largest area is 1e10 pixels: the area of a box of 100,000 pixels a side."""
    box = torch.tensor([[0.0, 0, 200_000, 200_000]])
    recall = ProposalRecall(counts=(1,))
    recall.update(box, Instances(box, torch.tensor([1]), None))
    assert recall.compute()["recall"] == {1: 1.0}


def test_nothing_proposed_and_nothing_there():
    recall, nothing = ProposalRecall(), Instances(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), None)
    assert all(math.isnan(value) for value in recall.compute()["recall"].values())
    recall.update(torch.zeros(0, 4), nothing)
    recall.update(torch.tensor([[0.0, 0, 10, 10]]), nothing)
    assert all(math.isnan(value) for value in recall.compute()["recall50"].values())
    recall.update(torch.zeros(0, 4), OBJECT)
    assert recall.compute()["recall50"] == dict.fromkeys(COUNTS, 0.0)


def test_merged_it_is_as_if_counted_in_one():
    pairs = random_pictures(3, count=5)
    whole, parts = ProposalRecall(counts=(1, 4)), [ProposalRecall(counts=(1, 4)) for _ in range(2)]
    for number, (found, target) in enumerate(pairs):
        whole.update(found.boxes, target)
        parts[number >= 3].update(found.boxes, target)
    parts[0].merge(parts[1])
    assert parts[0].compute() == whole.compute()


def test_of_full_rectangles_masks_have_the_recall_of_boxes():
    by_box, by_mask = (ProposalRecall(counts=(1, 3, 9), kind=kind) for kind in ("box", "mask"))
    for found, target in random_pictures(5, count=4):
        filled = [instances(x.boxes.tolist(), x.labels.tolist()) for x in (found, target)]
        target = Instances(target.boxes, target.labels, filled[1].masks, is_crowd=target.is_crowd)
        by_box.update(found.boxes, target)
        by_mask.update(filled[0].masks, target)
    assert by_mask.compute() == by_box.compute()
