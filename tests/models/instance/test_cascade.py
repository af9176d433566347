"""The pieces of a cascade: masking by hand, the IoU of a mask with the whole object, what each stage loses."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from lessons_lib.models.instance.cascade import (
    Look,
    MaskStage,
    MaskTruth,
    cascade_losses,
    mask_truth,
    masked,
    region_mask_iou,
)
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.mnc_config import TINY_MNC, MNCConfig
from lessons_lib.models.instance.regions import Regions
from lessons_lib.models.instance.truth import Truth
from lessons_lib.ops.pasting import paste_masks

ONE = MNCConfig(mask_size=2)


def test_masking_by_hand():
    """Four cells of a mask are averaged to one of the features'; what the mask leaves out is 0."""
    features = torch.tensor([[[[2.0, 4], [6, 8]]]])
    probs = torch.tensor([[[1.0, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]])
    assert masked(features, probs).tolist() == [[[[2, 0], [3, 0]]]]


@pytest.mark.parametrize("cells", [14, 21, 28])
def test_masking_has_the_gradient_of_a_product(cells):
    draw = torch.Generator().manual_seed(0)
    features = torch.rand(1, 2, 7, 7, generator=draw, dtype=torch.float64, requires_grad=True)
    probs = torch.rand(1, cells, cells, generator=draw, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(masked, (features, probs[:, :cells, :cells]), raise_exception=False)
    ones = torch.ones(1, cells, cells, dtype=torch.float64)
    torch.testing.assert_close(masked(features, ones), features)


@pytest.mark.parametrize("shrink", [False, True])
def test_the_mask_stage_starts_undecided_and_takes_no_regions(shrink):
    torch.manual_seed(0)
    stage = MaskStage(5, 14, replace(TINY_MNC, shrink=shrink))
    assert stage(torch.rand(3, 5, 14, 14)).sigmoid().sub(0.5).abs().max() < 0.05
    assert stage(torch.rand(0, 5, 14, 14)).shape == (0, 28, 28)
    x = torch.rand(1, 5, 14, 14)
    by_hand = x if stage.conv is None else F.relu(stage.conv(x))
    by_hand = stage.predictor(F.relu(stage.fc(by_hand.flatten(1)))).view(1, 28, 28)
    torch.testing.assert_close(stage(x), by_hand)


def regions_of(boxes, labels, matched=None):
    boxes, labels = torch.tensor(boxes, dtype=torch.float32)[None], torch.tensor(labels)[None]
    matched = torch.zeros_like(labels) if matched is None else torch.tensor(matched)[None]
    return Regions(boxes, labels, matched, torch.ones_like(labels, dtype=torch.bool))


def test_mask_iou_by_hand():
    """A box over the left half of an object of 4 × 4 pixels: the best mask in it has an IoU of ½, a half of it ¼."""
    mask = torch.ones(1, 4, 4, dtype=torch.bool)
    regions = regions_of([[0, 0, 2, 4]] * 3, [1, 1, 1])
    truth = mask_truth([mask], regions, ONE)
    assert truth.targets.tolist() == [[[[1, 1], [1, 1]]] * 3] and truth.areas.tolist() == [[16, 16, 16]]
    probs = torch.tensor([[[[1.0, 1], [1, 1]], [[1, 1], [0, 0]], [[0, 0], [0, 0]]]])
    assert region_mask_iou(probs, truth, regions.boxes, 0.4).tolist() == [[0.5, 0.25, 0]]


def test_mask_iou_is_that_of_the_pasted_masks():
    """In pixels, in the whole image, but for the cells that a pixel does not resolve."""
    y, x = torch.meshgrid(torch.arange(60.0), torch.arange(60.0), indexing="ij")
    mask = ((y - 30) ** 2 + (x - 25) ** 2 < 18**2)[None]
    boxes = [[5.3, 9.1, 50.2, 44.6], [10.0, 12.0, 40.0, 60.0], [0.0, 0.0, 20.0, 60.0]]
    regions = regions_of(boxes, [1, 1, 1])
    truth = mask_truth([mask], regions, MNCConfig())
    probs = torch.rand(1, 3, 7, 7, generator=torch.Generator().manual_seed(1))
    probs = F.interpolate(probs, (28, 28), mode="bilinear")
    found = region_mask_iou(probs, truth, regions.boxes, 0.5)[0]
    pasted = paste_masks(probs[0], regions.boxes[0], (60, 60))
    right = (pasted & mask).sum((1, 2)) / (pasted | mask).sum((1, 2))
    torch.testing.assert_close(found, right, atol=0.03, rtol=0)


def test_targets_are_binary_stay_in_the_region_and_are_0_without_an_object():
    mask = torch.zeros(2, 8, 8, dtype=torch.bool)
    mask[1, :, :4] = True
    regions = regions_of([[0, 0, 8, 8], [4, 0, 8, 8], [0, 0, 8, 8]], [3, 3, 0], [1, 1, 1])
    truth = mask_truth([mask], regions, replace(ONE, mask_size=4))
    assert truth.targets[0, 0].tolist() == [[1, 1, 0, 0]] * 4
    assert not truth.targets[0, 1:].any() and truth.areas.tolist() == [[32, 32, 32]]
    assert mask_truth([mask[:0]], regions_of([[0, 0, 8, 8]], [0]), ONE).areas.tolist() == [[0]]


def look_of(count, classes=3, mask=0.0, cells=2):
    zeros = torch.zeros(1, count, classes)
    return Look(torch.zeros(1, count, 1, 2, 2), torch.full((1, count, cells, cells), mask), zeros, zeros.clone(),
                torch.zeros(1, count, 1, 4))  # fmt: skip


def test_losses_by_hand():
    """One object found exactly, one background: ln 2 for masks, ln 3 for three classes, no move needed."""
    regions = regions_of([[0, 0, 4, 4], [4, 4, 8, 8]], [2, 0])
    truth = Truth(regions.boxes[:, :1], torch.tensor([[2]]), torch.tensor([[True]]), torch.tensor([[False]]))
    seen = MaskTruth(torch.ones(1, 2, 2, 2), torch.full((1, 2), 16.0))
    found = cascade_losses(look_of(2), regions, truth, seen, ONE, DetectorConfig())
    right = {"mask": math.log(2), "classification": math.log(3), "box_classification": math.log(3), "box": 0.0}
    assert {name: loss.item() for name, loss in found.items()} == pytest.approx(right)


@pytest.mark.parametrize(("mask", "label"), [(2.0, 2), (-2.0, 0)])
def test_the_class_is_the_objects_only_where_the_mask_is_good(mask, label):
    """The box alone is right in both cases, so what the box classifier learns does not change."""
    regions = regions_of([[0, 0, 4, 4]], [2])
    truth = Truth(regions.boxes, torch.tensor([[2]]), torch.tensor([[True]]), torch.tensor([[False]]))
    seen = MaskTruth(torch.ones(1, 1, 2, 2), torch.full((1, 1), 16.0))
    look = look_of(1, mask=mask)
    logits, by_box = torch.zeros(1, 1, 3, requires_grad=True), torch.zeros(1, 1, 3, requires_grad=True)
    found = cascade_losses(replace(look, logits=logits, box_logits=by_box), regions, truth, seen, ONE, DetectorConfig())
    sum(found.values()).backward()
    assert logits.grad[0, 0].argmin() == label and by_box.grad[0, 0].argmin() == 2


def test_a_seat_that_nobody_took_loses_nothing():
    regions = regions_of([[0, 0, 4, 4], [0, 0, 0, 0]], [2, 1])
    regions = replace(regions, valid=torch.tensor([[True, False]]))
    truth = Truth(regions.boxes[:, :1], torch.tensor([[2]]), torch.tensor([[True]]), torch.tensor([[False]]))
    seen = MaskTruth(torch.ones(1, 2, 2, 2), torch.full((1, 2), 16.0))
    look = look_of(2)
    masks, logits = torch.zeros(1, 2, 2, 2, requires_grad=True), torch.zeros(1, 2, 3, requires_grad=True)
    changed = replace(look, masks=masks, logits=logits)
    sum(cascade_losses(changed, regions, truth, seen, ONE, DetectorConfig()).values()).backward()
    assert not masks.grad[0, 1].any() and not logits.grad[0, 1].any() and masks.grad[0, 0].all()
