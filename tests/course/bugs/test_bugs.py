"""Planted bugs: each does what it says, changes what the network computes, and leaves nothing behind."""

import math

import pytest
import torch

from lessons_lib.course.bugs import boxes, every, masks, prices
from lessons_lib.course.bugs.bug import Bug, _find, planted
from lessons_lib.data.sample import collate
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes
from lessons_lib.models.instance import detections, faster_rcnn, mask_rcnn, regions, rpn
from lessons_lib.models.instance.mask_config import MaskConfig
from lessons_lib.models.zoo import build_model
from lessons_lib.ops import anchors, matching
from lessons_lib.ops.grid import Grid
from lessons_lib.shipped import load_checkpoint

SCENES = draw_scenes(range(4), PRESETS["clear"], seed=1)
BY_NAME = {bug.name: bug for bug in boxes.BUGS}


def outcome() -> list[float]:
    """The losses of a step of the shipped detector, and what it detects."""
    model = build_model("faster_rcnn", len(CLASSES))
    load_checkpoint("faster_rcnn", model)
    torch.manual_seed(0)
    with torch.no_grad():
        losses = model(collate(SCENES))
        found = torch.cat([one.boxes.flatten() for one in model.predict([scene.image for scene in SCENES])])
    return [*torch.stack(list(losses.values())).tolist(), *found.tolist()]


@pytest.fixture(scope="module")
def right():
    return outcome()


SELDOM = {"best anchor, other object"}
"""Only where an anchor is the best of an object and overlaps another one more: not in these scenes."""


@pytest.mark.parametrize("bug", boxes.BUGS, ids=lambda bug: bug.name)
def test_a_bug_changes_the_network_and_goes_away_again(bug, right):
    with planted(bug):
        assert (outcome() != right) == (bug.name not in SELDOM)
    assert outcome() == right


@pytest.mark.parametrize("bug", [bug for bug in boxes.BUGS if not bug.learns], ids=lambda bug: bug.name)
def test_a_bug_of_predictions_leaves_the_losses_alone(bug, right):
    with planted(bug):
        assert outcome()[:4] == right[:4]


def test_the_bug_goes_also_after_an_error():
    right = rpn.match
    with pytest.raises(KeyError), planted(BY_NAME["no best anchor"]):
        assert rpn.match is not right
        raise KeyError
    assert rpn.match is right


def test_a_target_that_is_no_function_of_the_library_is_refused():
    with pytest.raises(ValueError, match=r"targets must name functions of the library, got 'ops\.anchors:nothing'"):
        _find("ops.anchors:nothing")
    with pytest.raises(ValueError, match="targets must name"), planted(Bug("", "", "", ("ops.nms:no",), lambda f: f)):
        pass


def test_names_are_unique_and_said():
    assert len(BY_NAME) == len(boxes.BUGS) >= 12
    assert all((bug.says and bug.says[0].islower()) or bug.says[:3] == "RPN" for bug in boxes.BUGS)


def test_square_anchors_are_square():
    with planted(BY_NAME["square anchors"]):
        wrong = faster_rcnn.anchor_shapes([8], [0.25, 4.0])
    assert wrong.tolist() == [[-2, -2, 2, 2], [-8, -8, 8, 8]]


def test_anchors_at_the_corner():
    with planted(BY_NAME["anchors at the corner"]):
        assert anchors.cell_centres(Grid(8, 3.0), 3).tolist() == [0, 8, 16]


def test_labels_of_anchors():
    iou = torch.tensor([[0.5, 0.3], [0.1, 0.2], [0.0, 0.0]])
    assert [x.tolist() for x in rpn.match(iou, 0.6, 0.25, force_best=True)] == [[0, 1, 0], [1, 0, 0]]
    two = torch.tensor([[0.5, 0.3], [0.1, 0.2], [0.9, 0.0]])  # anchor 0 is the best of object 1, but overlaps 0 more
    assert [x.tolist() for x in rpn.match(two, 0.6, 0.25, force_best=True)] == [[1, 1, 0], [1, 0, 1]]
    with planted(BY_NAME["best anchor, other object"]):
        assert [x.tolist() for x in rpn.match(two, 0.6, 0.25, force_best=True)] == [[0, 1, 0], [1, 0, 1]]


def test_samples():
    labels = torch.tensor([1, 0, 0, 0, 0, matching.IGNORED])
    random = torch.tensor([0.5, 0.4, 0.3, 0.2, 0.1, 0.9])
    with planted(BY_NAME["ignored as background"]):
        chosen, valid = rpn.sample(labels, random, 3, 0.5)
        assert chosen[valid].tolist() == [0, 5, 1]
    with planted(BY_NAME["fixed share of background"]):
        for sample in (rpn.sample, regions.sample):
            chosen, valid = sample(labels, random, 4, 0.5)
            assert chosen[valid].tolist() == [0, 1, 2]  # 2 seats for background, 1 object, 1 seat empty


def test_codes():
    box, anchor = torch.tensor([[0.0, 0, 7, 3]]), torch.tensor([[0.0, 0, 3, 3]])
    with planted(BY_NAME["widths with +1"]):
        code = rpn.encode_boxes(box, anchor)
    assert code[0].tolist() == pytest.approx([0.5, 0, math.log(2), 0])
    with planted(BY_NAME["decoded without weights"]):
        moved = detections.decode_boxes(torch.tensor([[1.0, 0, 0, 0]]), anchor, (10.0, 10.0, 5.0, 5.0))
    assert moved.tolist() == [[3, 0, 6, 3]]


def test_suppression_across_classes():
    boxes_, scores = torch.tensor([[0.0, 0, 9, 9], [0.0, 0, 9, 8]]), torch.tensor([0.9, 0.8])
    with planted(BY_NAME["NMS across classes"]):
        assert detections.nms(boxes_, scores, 0.5, torch.tensor([1, 2])).tolist() == [True, False]


def test_one_image_may_get_all_proposals():
    config = build_model("faster_rcnn", 3).config
    own = [torch.tensor([[4.0 * i, 0, 4 * i + 4, 4] for i in range(40)])]
    scores, moves = [torch.stack([torch.full((40,), 5.0), torch.full((40,), -5.0)])], [torch.zeros(2, 40, 4)]
    sizes = torch.tensor([[200, 200]] * 2)
    assert faster_rcnn.propose(own, scores, moves, sizes, config, True)[1].valid.sum(1).tolist() == [32, 32]
    with planted(BY_NAME["top-k over the batch"]):
        _, after = faster_rcnn.propose(own, scores, moves, sizes, config, True)
    assert after.valid.sum(1).tolist() == [40, 24]


def test_regions():
    maps, grids = {"p2": torch.arange(36.0).view(1, 1, 6, 6)}, {"p2": Grid(4, 1.0)}
    config = build_model("faster_rcnn", 3).config
    boxes_ = torch.tensor([[[0.0, 0, 24, 24], [2.0, 4, 6, 12]]])
    read = {name: None for name in ("y before x", "regions out of order", "regions off by half a cell")}
    valid = torch.ones(1, 2, dtype=torch.bool)
    right = faster_rcnn.read_regions(maps, grids, boxes_, valid, config)[0]
    for name in read:
        with planted(BY_NAME[name]):
            read[name] = faster_rcnn.read_regions(maps, grids, boxes_, valid, config)[0]
    turned = {"p2": maps["p2"].mT}  # y and x exchanged in the box: as if the map were turned, and its features back
    expected = faster_rcnn.read_regions(turned, grids, boxes_, valid, config)[0].mT
    torch.testing.assert_close(read["y before x"], expected)
    torch.testing.assert_close(read["regions out of order"], right.flip(0))
    torch.testing.assert_close(
        right[1].mean() - read["regions off by half a cell"][1].mean(), torch.tensor(-7 * 1.5 / 4)
    )


def test_the_box_loss_is_four_times_as_heavy():
    torch.manual_seed(0)
    model = build_model("faster_rcnn", len(CLASSES))
    torch.manual_seed(1)
    right = model(collate(SCENES))
    torch.manual_seed(1)
    with planted(BY_NAME["box loss over objects"]):
        wrong = model(collate(SCENES))
    assert wrong["box"].item() == pytest.approx(4 * right["box"].item())
    assert wrong["classification"].item() == right["classification"].item()


MASKS = {bug.name: bug for bug in masks.BUGS}


def mask_outcome(bug) -> tuple[list[float], list[float]]:
    """The losses of a step of the shipped Mask R-CNN, and the pixels of each object that it finds."""
    torch.manual_seed(0)
    with planted(bug):
        model = build_model("mask_rcnn", len(CLASSES), **bug.options)
        load_checkpoint("mask_rcnn", model)
        torch.manual_seed(0)
        with torch.no_grad():
            losses = model(collate(SCENES[:2]))
            found = torch.cat([o.known_masks.sum((1, 2)) for o in model.predict([s.image for s in SCENES[:2]])])
    return torch.stack(list(losses.values())).tolist(), found.tolist()


@pytest.mark.parametrize("bug", masks.BUGS, ids=lambda bug: bug.name)
def test_a_bug_of_masks_changes_what_is_learned_or_what_is_drawn(bug):
    (right, drawn), (losses, wrong) = mask_outcome(every.NO_BUG), mask_outcome(bug)
    assert len(drawn) > 0
    assert (losses != right) == bug.learns
    assert bug.learns or wrong != drawn


def test_the_target_of_the_object_s_box():
    mask = torch.zeros(1, 8, 8, dtype=torch.bool)
    mask[0, 2:6, 2:6] = True
    one, region = torch.zeros(1, 2, dtype=torch.int64), torch.tensor([[[0.0, 0, 8, 8], [0, 0, 8, 8]]])
    valid = torch.tensor([[True, False]])
    with planted(MASKS["target of the object's box"]):
        target = mask_rcnn.mask_targets([mask], region, one, valid, 2)
    assert target.tolist() == [[[[1, 1], [1, 1]], [[0, 0], [0, 0]]]]
    with planted(MASKS["target of the object's box"]):
        assert not mask_rcnn.mask_targets([mask[:0]], region, one, valid & False, 2).any()


def test_which_mask_is_taken():
    logits, labels = torch.tensor([[[[0.0]], [[4.0]], [[0.4]]]]), torch.tensor([2])
    with planted(MASKS["mask of another class"]):
        assert mask_rcnn.own_masks(logits, labels, MaskConfig()).item() == pytest.approx(torch.tensor(4.0).sigmoid())
    with planted(MASKS["threshold of logits"]):
        assert mask_rcnn.own_masks(logits, labels, MaskConfig()).item() == pytest.approx(0.4, abs=1e-5)


def test_every_bug_has_a_name_of_its_own():
    names = [bug.name for bug in (every.NO_BUG, *every.BUGS)]
    assert len(set(names)) == len(names) and set(every.CAREFUL) <= set(names)


def rows(**by_bug):
    measured = {bug: [{"mask": {"ap": ap}} for ap in values] for bug, values in by_bug.items()}
    return [{"bug": bug, "measured": row} for bug, found in measured.items() for row in found]


def test_what_a_bug_costs_is_said_with_both_numbers(monkeypatch):
    monkeypatch.setattr(prices, "_runs", lambda: rows(none=[0.42, 0.40], bad=[0.26, 0.24], idle=[0.40, 0.41]))
    assert prices.price("bad") == " Small networks with this mistake reached mask AP 0.25 instead of 0.41."
    assert prices.price("idle") == " Small networks with this mistake did as well: mask AP 0.41, and 0.41 without it."
    assert prices.price("never measured") == ""
    assert prices.aps("none") == [0.42, 0.40]


def test_a_copy_without_the_table_says_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(prices, "RESULTS", tmp_path)
    prices._runs.cache_clear()
    try:
        assert prices.price("RoIPool") == ""
    finally:
        prices._runs.cache_clear()
