"""The box head: its losses against torchvision's and in closed form, its regions and its detections."""

import math
from dataclasses import replace

import pytest
import torch
from torchvision.models.detection.roi_heads import fastrcnn_loss
from torchvision.ops import MultiScaleRoIAlign

from lessons_lib.data.sample import Instances
from lessons_lib.models.instance.box_head import BoxPredictor, box_losses, region_costs
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.detections import class_boxes, detections
from lessons_lib.models.instance.regions import (
    Regions,
    hardest_regions,
    label_proposals,
    read_regions,
    sample_regions,
)
from lessons_lib.models.instance.rpn import Proposals
from lessons_lib.models.instance.truth import pad_truth
from lessons_lib.ops.box_coding import encode_boxes
from lessons_lib.ops.grid import Grid

CONFIG = DetectorConfig(regions=8)


def truth_of(boxes, labels, crowd=None):
    is_crowd = None if crowd is None else torch.tensor(crowd)
    return pad_truth(
        [Instances(torch.tensor(boxes).float().view(-1, 4), torch.tensor(labels).long(), None, None, is_crowd)]
    )


PROPOSALS = torch.tensor([[[0.8, 1.1, 3.2, 2.8], [2.3, 2.5, 7, 8]]])
OBJECTS = [[1.0, 1, 3, 3], [2, 2, 6, 6]]
TWO = Regions(PROPOSALS, torch.tensor([[1, 2]]), torch.tensor([[0, 1]]), torch.ones(1, 2, dtype=torch.bool))


@pytest.mark.parametrize("agnostic", [True, False])
def test_detectron2s_losses_in_closed_form(agnostic):
    """detectron2, test_fast_rcnn.py: L1, weights 10, 10, 5, 5, two regions; 4.0357 with its random deltas."""
    config = replace(CONFIG, box_beta=0.0)
    deltas = torch.zeros(1, 2, 1 if agnostic else 6, 4)
    losses = box_losses(torch.zeros(1, 2, 6), deltas, TWO, truth_of(OBJECTS, [1, 2]), config)
    assert losses["box"].item() == pytest.approx(4.03632, abs=1e-4)
    assert losses["classification"].item() == pytest.approx(math.log(6), abs=1e-6)


def test_losses_are_torchvisions():
    torch.manual_seed(0)
    logits, deltas = torch.randn(1, 9, 5), torch.randn(1, 9, 5, 4)
    start = torch.rand(1, 9, 2) * 20
    boxes = torch.cat([start, start + 1 + torch.rand(1, 9, 2) * 20], 2)
    regions = Regions(
        boxes, torch.tensor([[0, 1, 2, 0, 4, 4, 0, 3, 0]]), torch.randint(0, 2, (1, 9)), torch.ones(1, 9) > 0
    )
    truth = truth_of([[1, 1, 12, 9], [4, 5, 30, 32]], [1, 2])
    codes = encode_boxes(truth.boxes[0][regions.matched[0]], boxes[0], CONFIG.box_weights)
    want = fastrcnn_loss(logits[0], deltas[0].flatten(1), [regions.labels[0]], [codes])
    got = box_losses(logits, deltas, regions, truth, CONFIG)
    torch.testing.assert_close((got["classification"], got["box"]), want)
    ranked = region_costs(logits, deltas, regions, truth, CONFIG)
    torch.testing.assert_close(ranked[0].mean(), want[0])


def test_a_seat_that_nobody_took_counts_for_nothing():
    half = replace(TWO, valid=torch.tensor([[True, False]]))
    one = Regions(*(x[:, :1] for x in (TWO.boxes, TWO.labels, TWO.matched, TWO.valid)))
    logits, deltas, truth = torch.randn(1, 2, 6), torch.randn(1, 2, 6, 4), truth_of(OBJECTS, [1, 2])
    got, want = (
        box_losses(logits, deltas, half, truth, CONFIG),
        box_losses(logits[:, :1], deltas[:, :1], one, truth, CONFIG),
    )
    torch.testing.assert_close(got, want)


def test_without_objects_the_box_loss_is_zero_and_every_weight_takes_part():
    proposals = Proposals(PROPOSALS, torch.ones(1, 2), torch.ones(1, 2) > 0)
    truth = truth_of([], [])
    regions = sample_regions(proposals, truth, torch.rand(1, 3), CONFIG)
    assert regions.valid.sum() == 2 and not regions.objects.any()
    head = BoxPredictor(4, 6)
    answers = [x[None] for x in head(torch.randn(8, 4))]
    losses = box_losses(*answers, regions, truth, CONFIG)
    assert losses["box"] == 0 and losses["classification"] > 0
    sum(losses.values()).backward()
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_regions_get_the_class_of_their_object():
    """One on the object (IoU 0.6), one beside it, one in a crowd, one that is no proposal; and the true box itself."""
    boxes = torch.tensor([[[0.0, 0, 10, 6], [0, 0, 10, 4], [50, 50, 60, 60], [0, 0, 10, 10]]])
    truth = truth_of([[0, 0, 10, 10], [40, 40, 90, 90]], [7, 3], [False, True])
    proposals = Proposals(boxes, torch.ones(1, 4), torch.tensor([[True, True, True, False]]))
    regions, found = label_proposals(proposals, truth, CONFIG)
    assert found.tolist() == [[1, -1, 1, 0, -1, -1]]  # true box, crowd's box, then the proposals
    assert regions.labels.tolist() == [[7, 0, 7, 0, 0, 0]]
    taken = sample_regions(proposals, truth, torch.rand(1, 6), replace(CONFIG, region_share=0.5))
    assert sorted(taken.labels[taken.valid].tolist()) == [0, 7, 7]


def test_the_hardest_regions_without_those_they_cover():
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60], [70, 70, 80, 80]]])
    everything = Regions(boxes, torch.zeros(1, 4).long(), torch.zeros(1, 4).long(), torch.ones(1, 4) > 0)
    two = replace(CONFIG, regions=2)
    hard = hardest_regions(everything, torch.zeros(1, 4).long(), torch.tensor([[5.0, 4, 1, 2]]), two)
    assert hard.boxes[0].tolist() == [boxes[0, 0].tolist(), boxes[0, 3].tolist()]


@pytest.mark.parametrize("half_pixel", [True, False])
def test_regions_are_read_from_the_level_of_their_size(half_pixel):
    """torchvision's pooler in its own convention; in ours the same after the shift by half a pixel less half a cell."""
    torch.manual_seed(0)
    maps = {f"p{k}": torch.randn(2, 3, 256 >> k, 256 >> k) for k in (2, 3, 4, 5)}
    grids = {f"p{k}": Grid(1 << k, 0.0) for k in (2, 3, 4, 5)}
    start = torch.rand(2, 6, 2) * 100
    boxes = torch.cat([start, start + 8 + torch.rand(2, 6, 2) * 140], 2)
    config = replace(CONFIG, half_pixel=half_pixel)
    got = read_regions(maps, grids, boxes, torch.ones(2, 6) > 0, config)
    pooler = MultiScaleRoIAlign(list(maps), 7, 2)
    shifted = boxes - 0.5 if half_pixel else boxes
    want = pooler(maps, list(shifted), [(256, 256)] * 2).unflatten(0, (2, 6))
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def test_pooled_regions_are_read_from_their_level_too():
    maps = {f"p{k}": torch.full((1, 1, 256 >> k, 256 >> k), float(k)) for k in (2, 3, 4, 5)}
    grids = {f"p{k}": Grid(1 << k, 0.0) for k in (2, 3, 4, 5)}
    boxes = torch.tensor([[[0.0, 0, 20, 20], [0, 0, 120, 120], [0, 0, 230, 230], [0, 0, 30, 30]]])
    valid = torch.tensor([[True, True, True, False]])
    got = read_regions(maps, grids, boxes, valid, replace(CONFIG, operator="pool"))
    assert got.mean((2, 3, 4)).tolist() == [[2, 3, 4, 0]]


def test_classes_do_not_suppress_each_other():
    """The published pair (a trick of offsets loses the second): boxes of two classes, and one that covers the first."""
    probs = torch.tensor([[0.1, 0.9, 0.0], [0.1, 0.0, 0.8], [0.3, 0.7, 0.0], [0.96, 0.02, 0.02]])
    boxes = torch.tensor([[90.0, 90, 100, 100], [0, 0, 9, 9], [90, 90, 100, 99], [0, 0, 50, 50]])[:, None]
    found, region = detections(probs, boxes, CONFIG)
    assert found.labels.tolist() == [1, 2] and region.tolist() == [0, 1]
    torch.testing.assert_close(found.scores, torch.tensor([0.9, 0.8]))
    assert found.masks is None


def test_two_classes_may_share_a_place():
    """Two boxes of IoU 0.9: as two classes both stay, as one the less confident goes."""
    boxes = torch.tensor([[10.0, 10, 30, 30], [10, 10, 30, 28]])[:, None]
    two, _ = detections(torch.tensor([[0.1, 0.9, 0.0], [0.2, 0.0, 0.8]]), boxes, CONFIG)
    one, _ = detections(torch.tensor([[0.1, 0.9, 0.0], [0.2, 0.8, 0.0]]), boxes, CONFIG)
    assert two.labels.tolist() == [1, 2] and one.labels.tolist() == [1]


def test_the_class_has_its_own_box_and_the_background_none():
    deltas = torch.zeros(1, 3, 4)
    deltas[0, 2, 0] = 5.0  # half a width to the right: the head's weight of x is 10
    boxes = class_boxes(deltas, torch.tensor([[10.0, 10, 30, 20]]), (100, 35), CONFIG)
    assert boxes[0, 2].tolist() == [20, 10, 35, 20]  # clipped at 35
    found, _ = detections(torch.tensor([[0.1, 0.2, 0.7]]), boxes, CONFIG)
    assert found.boxes.tolist() == [[20, 10, 35, 20], [10, 10, 30, 20]]


def test_at_most_so_many_and_none_without_confidence():
    boxes = (torch.arange(200.0)[:, None] * 20 + torch.tensor([0.0, 0, 10, 10]))[:, None]
    probs = torch.stack([torch.linspace(0.1, 0.9, 200), 1 - torch.linspace(0.1, 0.9, 200)], 1)
    found, _ = detections(probs, boxes, CONFIG)
    assert len(found) == 100 and found.scores[0] == probs[0, 1]
    assert len(detections(torch.tensor([[0.96, 0.04]]), boxes[:1], CONFIG)[0]) == 0
    assert len(detections(torch.zeros(0, 2), torch.zeros(0, 1, 4), CONFIG)[0]) == 0
