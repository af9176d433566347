"""The region proposal network against torchvision's: the order of its answers, its proposals, labels and losses."""

from dataclasses import replace

import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.rpn import RegionProposalNetwork, concat_box_prediction_layers
from torchvision.models.detection.rpn import RPNHead as TheirHead

from lessons_lib.data.sample import Instances
from lessons_lib.models.instance import rpn
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.rpn import ROUNDS, Proposals, RPNHead, propose, rpn_labels, rpn_losses
from lessons_lib.models.instance.truth import pad_truth
from lessons_lib.ops.box_coding import decode_boxes
from lessons_lib.ops.nms import nms

SIZES = [(64, 80), (50, 77)]
LEVELS = [(16, 20), (8, 10)]
EVERYTHING = DetectorConfig(
    rpn_levels=("p2", "p3"), anchor_sizes=((12,), (24,)), before_nms=(300, 100), after_nms=(80, 40), rpn_samples=9999,
    rpn_share=1.0,
)  # fmt: skip


def objects(*boxes, crowd=None):
    boxes = torch.tensor(boxes, dtype=torch.float32).view(-1, 4)
    is_crowd = None if crowd is None else torch.tensor(crowd)
    return Instances(boxes, torch.ones(len(boxes), dtype=torch.int64), None, is_crowd=is_crowd)


TRUTH = [objects([3, 4, 20, 30], [40, 10, 70, 50]), objects([0, 0, 50, 45])]


def theirs(config=EVERYTHING, channels=8):
    generator = AnchorGenerator(config.anchor_sizes, (config.anchor_ratios,) * 2)
    counts = [dict(zip(("training", "testing"), pair, strict=True)) for pair in (config.before_nms, config.after_nms)]
    return RegionProposalNetwork(
        generator, TheirHead(channels, 3), config.rpn_high, config.rpn_low, config.rpn_samples, config.rpn_share,
        *counts, config.rpn_nms,
    )  # fmt: skip


@pytest.fixture
def case():
    """Anchors at random places, and random answers for two images."""
    torch.manual_seed(0)
    anchors = []
    for (h, w), (side,) in zip(LEVELS, EVERYTHING.anchor_sizes, strict=True):
        start = torch.rand(3 * h * w, 2) * 60 - 5
        anchors.append(torch.cat([start, start + side * (0.5 + torch.rand(3 * h * w, 2))], 1))
    objectness = [torch.randn(2, len(a)) for a in anchors]
    deltas = [torch.randn(2, len(a), 4) * 0.4 for a in anchors]
    return anchors, objectness, deltas


def test_the_head_answers_in_the_order_of_torchvisions():
    ours, head = RPNHead(8, 3), TheirHead(8, 3)
    pairs = [(ours.convs[0], head.conv[0][0]), (ours.objectness, head.cls_logits), (ours.deltas, head.bbox_pred)]
    for own, other in pairs:
        torch.nn.init.normal_(other.weight)
        own.load_state_dict(other.state_dict())
    maps = [torch.randn(2, 8, h, w) for h, w in LEVELS]
    objectness, deltas = ours(maps)
    want = concat_box_prediction_layers(*head(maps))
    torch.testing.assert_close(torch.cat(objectness, 1).flatten(), want[0].flatten())
    torch.testing.assert_close(torch.cat(deltas, 1).flatten(0, 1), want[1])


@pytest.mark.parametrize("training", [True, False])
def test_proposals_are_torchvisions(case, training):
    anchors, objectness, deltas = case
    other = theirs().train(training)
    every = torch.cat(anchors)
    boxes = other.box_coder.decode(torch.cat(deltas, 1).flatten(0, 1), [every, every]).view(2, -1, 4)
    want = other.filter_proposals(boxes, torch.cat(objectness, 1), SIZES, [len(a) for a in anchors])
    before, after = propose(anchors, objectness, deltas, torch.tensor(SIZES), EVERYTHING, training)
    assert before.boxes.shape[1] == sum(min(EVERYTHING.before_nms[not training], len(a)) for a in anchors)
    for b in range(2):
        got = after.boxes[b][after.valid[b]]
        torch.testing.assert_close(got, want[0][b])
        torch.testing.assert_close(after.scores[b][after.valid[b]], want[1][b])


def test_losses_are_torchvisions(case):
    """All anchors are sampled, so that no dice decide."""
    every = torch.cat(case[0])
    logits, moves = torch.cat(case[1], 1).requires_grad_(), torch.cat(case[2], 1).requires_grad_()
    other = theirs()
    labels, matched = other.assign_targets_to_anchors([every, every], [{"boxes": o.boxes} for o in TRUTH])
    targets = other.box_coder.encode(matched, [every, every])
    want = other.compute_loss(logits.view(-1, 1), moves.view(-1, 4), labels, targets)
    random = torch.rand(2, len(every))
    got = rpn_losses(every, logits, moves, pad_truth(TRUTH), random, EVERYTHING)
    torch.testing.assert_close(got["rpn_objectness"], want[0])
    torch.testing.assert_close(got["rpn_box"], want[1])
    fewer = rpn_losses(every, logits, moves, pad_truth(TRUTH), random, replace(EVERYTHING, divide_by="objects"))
    assert fewer["rpn_box"] > got["rpn_box"]  # fewer than a quarter of the anchors are objects


def test_an_image_without_objects(case):
    """Every anchor is background, no box is learned, and every answer takes part."""
    every, logits, moves = torch.cat(case[0]), torch.cat(case[1], 1).requires_grad_(), torch.cat(case[2], 1)
    moves.requires_grad_()
    truth = pad_truth([objects(), objects()])
    _, labels = rpn_labels(every, truth, EVERYTHING)
    assert bool((labels == 0).all())
    losses = rpn_losses(every, logits, moves, truth, torch.rand(2, len(every)), EVERYTHING)
    assert losses["rpn_box"] == 0 and losses["rpn_objectness"] > 0
    sum(losses.values()).backward()
    assert bool((moves.grad == 0).all()) and bool((logits.grad != 0).any())


def test_a_crowd_is_neither_object_nor_background():
    anchors = torch.tensor([[10.0, 10, 20, 20], [60, 60, 70, 70]])
    truth = pad_truth([objects([0, 0, 50, 50], crowd=[True])])
    assert rpn_labels(anchors, truth, EVERYTHING)[1].tolist() == [[-1, 0]]


def test_a_proposal_without_area_is_none():
    """Moved out of the image, a box is clipped to a line."""
    anchors = [torch.tensor([[0.0, 0, 10, 10], [70, 0, 90, 10]])]
    config = replace(EVERYTHING, rpn_levels=("p2",), anchor_sizes=((12,),))
    size = torch.tensor([[64, 64]])
    before, after = propose(anchors, [torch.zeros(1, 2)], [torch.zeros(1, 2, 4)], size, config, True)
    assert isinstance(after, Proposals) and before.valid.tolist() == [[True, False]]
    assert after.boxes[after.valid].tolist() == [[0, 0, 10, 10]]


def test_top_k_is_of_each_image():
    """Not of the batch: the second image keeps its proposals though all of the first are likelier."""
    anchors = [torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]])]
    config = replace(EVERYTHING, rpn_levels=("p2",), anchor_sizes=((12,),), after_nms=(2, 2))
    logits = torch.tensor([[9.0, 8, 7], [-7, -8, -9]])
    _, after = propose(anchors, [logits], [torch.zeros(2, 3, 4)], torch.tensor([[64, 64]] * 2), config, True)
    assert after.valid.sum(1).tolist() == [2, 2]
    torch.testing.assert_close(after.scores, logits[:, :2].sigmoid())


@pytest.mark.parametrize(("training", "rounds"), [(True, ROUNDS), (False, None)])
def test_only_a_training_step_stops_suppressing_after_some_rounds(case, monkeypatch, training, rounds):
    """On a GPU nothing then waits for NMS; what is predicted must be exact."""
    given = []

    def recorded(*arguments, rounds, **options):
        given.append(rounds)
        return nms(*arguments, rounds=rounds, **options)

    monkeypatch.setattr(rpn, "nms", recorded)
    propose(*case, torch.tensor(SIZES), EVERYTHING, training)
    assert given == [rounds] * len(case[0]) and ROUNDS >= 5


def test_moving_proposals_carry_the_gradient_to_the_deltas_alone():
    """The same boxes, and their gradient is that of decoding the chosen anchors by hand."""
    anchors = [torch.tensor([[10.0, 10, 20, 20], [40, 10, 50, 20]])]
    config = replace(EVERYTHING, rpn_levels=("p2",), anchor_sizes=((12,),))
    logits, deltas = torch.tensor([[1.0, 2.0]], requires_grad=True), torch.full((1, 2, 4), 0.1, requires_grad=True)
    size = torch.tensor([[64, 64]])
    _, still = propose(anchors, [logits], [deltas], size, config, True)
    _, moving = propose(anchors, [logits], [deltas], size, config, True, moving=True)
    assert torch.equal(still.boxes, moving.boxes) and not still.boxes.requires_grad and not moving.scores.requires_grad
    weights = torch.arange(8.0).view(1, 2, 4)
    (moving.boxes[:, :2] * weights).sum().backward()
    own = deltas.detach().clone().requires_grad_()
    (decode_boxes(own, anchors[0][None]).flip(1) * weights).sum().backward()
    assert logits.grad is None
    torch.testing.assert_close(deltas.grad, own.grad)
