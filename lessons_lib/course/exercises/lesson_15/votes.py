"""Lesson 15, exercises 4 and 6: which class stage 3 is to learn, and the vote on the final masks."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.instance import cascade
from lessons_lib.ops import voting
from lessons_lib.ops.boxes import pairwise_box_iou

# 15.4


def label_cases():
    """A mask that is just good enough and one that is not; drawn masks over boxes of many sizes; background; none."""
    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0]]).repeat(2, 1)
    good = torch.tensor([[[0.9, 0.9], [0.1, 0.1]], [[0.9, 0.1], [0.1, 0.1]]])
    first = {"probs": good, "targets": torch.ones(2, 2, 2), "boxes": boxes, "areas": torch.tensor([16.0, 16.0])}
    cases = [first | {"labels": torch.tensor([3, 3])}]
    draw = torch.Generator().manual_seed(4)
    for count in (8, 12, 0):
        side = 4 + torch.rand(count, 2, generator=draw) * 12
        start = torch.rand(count, 2, generator=draw) * 20
        targets = (torch.rand(count, 4, 4, generator=draw) < 0.6).float()
        probs = (targets * 0.5 + torch.rand(count, 4, 4, generator=draw) * 0.55).clamp(max=1)
        inside = targets.sum((1, 2)) / 16 * side.prod(1)
        areas = inside * (1 + torch.rand(count, generator=draw))
        labels = torch.randint(0, 4, (count,), generator=draw)
        boxes = torch.cat([start, start + side], 1)
        cases.append({"probs": probs, "targets": targets, "boxes": boxes, "areas": areas, "labels": labels})
    return cases


def library_labels(probs, targets, boxes, areas, labels):
    """The library's IoU of a mask in its box with the whole object."""
    truth = cascade.MaskTruth(targets[None], areas[None])
    iou = cascade.region_mask_iou(probs[None], truth, boxes[None], 0.4)[0]
    return torch.where((labels > 0) & (iou >= 0.5), labels, 0)


LABELS = Exercise(
    "15.4",
    "Right only with a good mask",
    oracle=library_labels,
    cases=label_cases,
    difficulty=3,
    minutes=25,
    hints=(
        "Everything in pixels: a cell is worth (width of the box · height of the box) / m². Then intersection over "
        "union, as in lesson 10.",
        "intersection: cells that are drawn and in the target. Drawn: all cells drawn. The object's area is given, "
        "with what lies outside the box: union = drawn + areas − intersection.",
        "iou = inside / (drawn.sum((1, 2)) * cell + areas - inside); return torch.where(iou >= 0.5, labels, 0).",
    ),
)


@LABELS.model
def mask_labels(probs, targets, boxes, areas, labels):
    cell = (boxes[:, 2:] - boxes[:, :2]).prod(1) / probs.shape[-1] ** 2
    drawn = probs >= 0.4
    inside = (drawn & (targets > 0)).sum((1, 2)) * cell
    iou = inside / (drawn.sum((1, 2)) * cell + areas - inside)
    return torch.where(iou >= 0.5, labels, 0)


@LABELS.flags(
    inside_the_box="This looks like an IoU inside the box alone. What the box cuts off is part of the object: a mask "
    "that cannot reach it has a lower IoU.",
    half="This looks like masks cut at 0.5. Here a cell belongs to the mask from 0.4 on.",
    boxes_alone="This looks like the label of the box, whatever the mask. Stage 3 judges masks: a bad mask is "
    "background.",
    more_than="This looks like IoU > 0.5. An IoU of exactly 0.5 is enough here.",
    soft="This looks like an IoU of probabilities. The mask is cut first, at 0.4.",
    cells_as_pixels="This looks like cells counted as if each were a pixel. A cell is as large as its box says: its "
    "width times its height over m².",
)
def wrong_labels(
    probs, targets, boxes, areas, labels, *, inside_the_box=False, half=False, boxes_alone=False, more_than=False,
    soft=False, cells_as_pixels=False,
):  # fmt: skip
    cell = (boxes[:, 2:] - boxes[:, :2]).prod(1) / probs.shape[-1] ** 2
    cell = torch.ones_like(cell) if cells_as_pixels else cell
    drawn = probs if soft else (probs >= (0.5 if half else 0.4)).float()
    inside = (drawn * (targets > 0)).sum((1, 2)) * cell
    whole = (targets > 0).sum((1, 2)) * cell if inside_the_box else areas
    iou = inside / (drawn.sum((1, 2)) * cell + whole - inside)
    good = iou > 0.5 if more_than else iou >= 0.5
    return labels if boxes_alone else torch.where(good, labels, 0)


# 15.6


def vote_cases():
    """Shares by hand; drawn masks of three objects; nobody near; confidences of 0; one prediction."""
    box = torch.tensor([0.0, 0.0, 4.0, 1.0])
    masks = torch.tensor([[[1, 1, 0, 0]], [[0, 1, 1, 0]], [[0, 0, 1, 1]]]).bool()
    sure = torch.tensor([0.5, 0.25, 0.25])
    cases = [{"masks": masks, "boxes": box.repeat(3, 1), "box": box, "confidences": sure}]
    draw = torch.Generator().manual_seed(6)
    for count, spread in ((9, 3.0), (7, 6.0), (5, 2.0), (1, 1.0)):
        start = torch.rand(count, 2, generator=draw) * spread
        boxes = torch.cat([start, start + 5 + torch.rand(count, 2, generator=draw) * 2], 1)
        drawn = torch.rand(count, 8, 9, generator=draw) < 0.5
        confidences = torch.rand(count, generator=draw) * (torch.rand(count, generator=draw) < 0.8)
        confidences = confidences * 3 if count == 5 else confidences
        cases.append({"masks": drawn, "boxes": boxes, "box": boxes[0], "confidences": confidences})
    cases.append(cases[1] | {"box": torch.tensor([20.0, 20.0, 24.0, 24.0])})
    return cases


def library_vote(masks, boxes, box, confidences):
    """The library's function, for one box."""
    return voting.vote_masks(masks, boxes, box[None], confidences[None])[0]


VOTE = Exercise(
    "15.6",
    "Put it to the vote",
    oracle=library_vote,
    cases=vote_cases,
    difficulty=2,
    minutes=20,
    hints=(
        "Who votes: predictions whose box has an IoU of at least 0.5 with `box`. How loudly: by its confidence, over "
        "the sum of the voters' confidences.",
        "votes = torch.where(pairwise_box_iou(box[None], boxes)[0] >= 0.5, confidences, 0); the share of a pixel is "
        "(votes[:, None, None] * masks).sum(0) / votes.sum().",
        "Where nobody votes the sum is 0: compare without dividing, (…).sum(0) >= 0.4 * votes.sum() - 1e-6, and return "
        "an empty mask where votes.sum() is 0.",
    ),
)


@VOTE.model
def vote(masks, boxes, box, confidences):
    near = pairwise_box_iou(box[None], boxes)[0] >= 0.5
    votes = torch.where(near, confidences, 0).double()
    share = (votes[:, None, None] * masks).sum(0) / votes.sum().clamp(min=1e-30)
    return share >= 0.4 - 1e-6


@VOTE.flags(
    all_vote="This looks like a vote of all predictions. Only those whose box overlaps by an IoU of at least 0.5 saw "
    "the same object.",
    equal="This looks like one vote each. A prediction votes as loudly as it is confident.",
    half="This looks like a majority of 0.5. The cascade asks for a share of 0.4.",
    not_divided="This looks like votes that are not divided by their sum: the confidences of all voters are not 1.",
    any_one="This looks like the union of the masks: one vote is not enough.",
)
def wrong_vote(
    masks, boxes, box, confidences, *, all_vote=False, equal=False, half=False, not_divided=False, any_one=False
):
    near = torch.ones(len(boxes), dtype=torch.bool) if all_vote else pairwise_box_iou(box[None], boxes)[0] >= 0.5
    votes = torch.where(near, (confidences > 0).float() if equal else confidences, 0).double()
    total = (votes[:, None, None] * masks).sum(0)
    if any_one:
        return total > 0
    share = total / (1 if not_divided else votes.sum().clamp(min=1e-30))
    return share >= (0.5 if half else 0.4) - 1e-6


@VOTE.mistake(
    "This looks like the mask of the most confident voter alone. That is what NMS leaves; the vote asks all of them."
)
def takes_the_most_confident(masks, boxes, box, confidences):
    near = pairwise_box_iou(box[None], boxes)[0] >= 0.5
    votes = torch.where(near, confidences, 0)
    return masks[votes.argmax()] if votes.sum() > 0 else torch.zeros_like(masks[0])
