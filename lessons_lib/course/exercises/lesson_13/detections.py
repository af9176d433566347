"""Lesson 13, exercises 7 and 8: non-maximum suppression class by class, and the detections of an image."""

from dataclasses import replace

import torch

from lessons_lib.course.bugs.prices import price
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.instance.config import TINY
from lessons_lib.models.instance.detections import detections
from lessons_lib.ops.boxes import pairwise_box_iou
from lessons_lib.ops.nms import nms

# 13.7


def nms_cases():
    """A chain of three, two classes in one place, an IoU of exactly the threshold, many boxes, and none."""
    generator = torch.Generator().manual_seed(7)
    corner = torch.rand(30, 2, generator=generator) * 40
    many = torch.cat([corner, corner + 6 + torch.rand(30, 2, generator=generator) * 20], 1)
    chain = torch.tensor([[6.0, 0, 16, 10], [3, 0, 13, 10], [0, 0, 10, 10], [40, 0, 50, 10]])
    pair = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 10]])
    half = torch.tensor([[0.0, 0, 8, 8], [0, 0, 4, 8], [0, 0, 3, 8]])
    drawn = torch.rand(30, generator=generator).tolist(), torch.randint(1, 3, (30,), generator=generator).tolist()
    calls = [
        (chain, [0.7, 0.8, 0.9, 0.6], [1, 1, 1, 1], 0.5),
        (pair, [0.6, 0.9, 0.8], [1, 2, 2], 0.5),
        (half, [0.9, 0.8, 0.7], [3, 3, 3], 0.5),
        (many, *drawn, 0.3),
        (torch.zeros(0, 4), [], [], 0.5),
    ]
    return [
        {"boxes": b, "scores": torch.tensor(s), "labels": torch.tensor(k, dtype=torch.int64), "threshold": t}
        for b, s, k, t in calls
    ]


def library_suppress(boxes, scores, labels, threshold):
    """The library's function."""
    return nms(boxes, scores, threshold, labels)


SUPPRESS = Exercise(
    "13.7",
    "Find the bug: suppression",
    difficulty=2,
    minutes=20,
    oracle=library_suppress,
    cases=nms_cases,
    hints=(
        "Two things are wrong. Which boxes may suppress a box? Think of a duck beside a hen, and of a box that has "
        "gone.",
        "Only boxes that *stayed*, and only those of the same class: look at stays & (labels == labels[i]).",
        "rivals = boxes[stays & (labels == labels[i])], then stays[i] = not (pairwise_box_iou(boxes[i : i + 1], "
        "rivals) > "
        "threshold).any().",
    ),
)


@SUPPRESS.model
def suppress(boxes, scores, labels, threshold):
    stays = torch.zeros(len(boxes), dtype=torch.bool)
    for i in scores.argsort(descending=True, stable=True).tolist():
        rivals = boxes[stays & (labels == labels[i])]
        stays[i] = not (pairwise_box_iou(boxes[i : i + 1], rivals) > threshold).any()
    return stays


def suppressed_with(boxes, scores, labels, threshold, by_class=True, only_stayed=True, over="gt", sure_first=True):
    """Suppression with one of the parts exchanged."""
    stays, seen = torch.zeros(len(boxes), dtype=torch.bool), torch.zeros(len(boxes), dtype=torch.bool)
    for i in scores.argsort(descending=sure_first, stable=True).tolist():
        may = stays if only_stayed else seen
        rivals = boxes[may & (labels == labels[i])] if by_class else boxes[may]
        stays[i] = not getattr(pairwise_box_iou(boxes[i : i + 1], rivals), over)(threshold).any()
        seen[i] = True
    return stays


@SUPPRESS.mistake(
    "This looks like the printed function: boxes of other classes suppress too, and so do boxes that have gone "
    "themselves. "
    "Both are wrong."
)
def as_printed(boxes, scores, labels, threshold):
    return suppressed_with(boxes, scores, labels, threshold, by_class=False, only_stayed=False)


@SUPPRESS.mistake(
    "This looks like suppression across classes. A duck in front of a hen would take the hen away: only boxes of the "
    "same "
    "class are rivals." + price("NMS across classes")
)
def mixes_classes(boxes, scores, labels, threshold):
    return suppressed_with(boxes, scores, labels, threshold, by_class=False)


@SUPPRESS.mistake(
    "This looks like boxes that are suppressed by one that has gone itself. Only boxes that stayed may suppress: of a "
    "chain "
    "A, B, C the first and the last stay."
)
def lets_the_gone_suppress(boxes, scores, labels, threshold):
    return suppressed_with(boxes, scores, labels, threshold, only_stayed=False)


@SUPPRESS.mistake("This looks like ≥ where > is meant: an IoU of exactly the threshold suppresses nothing.")
def suppresses_at_the_threshold(boxes, scores, labels, threshold):
    return suppressed_with(boxes, scores, labels, threshold, over="ge")


@SUPPRESS.mistake("This looks like the least sure first. The surest box is judged first, so that it stays.")
def begins_with_the_least_sure(boxes, scores, labels, threshold):
    return suppressed_with(boxes, scores, labels, threshold, sure_first=False)


# 13.8


def choice_cases():
    """Two regions and two classes by hand; many regions with a limit; nothing above the threshold; no region."""
    generator = torch.Generator().manual_seed(8)

    def boxes(regions, classes):
        corner = torch.rand(regions, classes, 2, generator=generator) * 30
        return torch.cat([corner, corner + 5 + torch.rand(regions, classes, 2, generator=generator) * 30], 2)

    side = torch.tensor([[0.0, 0, 9, 9], [1, 0, 10, 9], [2, 0, 11, 9]])  # a box for each class
    first = torch.stack([side, side + 40])
    probs = torch.tensor([[0.5, 0.2, 0.3], [0.1, 0.8, 0.1]])
    many = torch.randn(12, 4, generator=generator).softmax(1)
    return [
        {"probs": probs, "boxes": first, "threshold": 0.15, "most": 5},
        {"probs": many, "boxes": boxes(12, 4), "threshold": 0.2, "most": 6},
        {"probs": many[:3], "boxes": boxes(3, 4), "threshold": 0.99, "most": 6},
        {"probs": many[:0], "boxes": boxes(0, 4), "threshold": 0.2, "most": 6},
    ]


def library_choose(probs, boxes, threshold, most):
    """The library's function, without its NMS."""
    found, _ = detections(probs, boxes, replace(TINY, least_confidence=threshold, nms=1.0, most=most))
    return found.boxes, found.labels, found.scores


CHOOSE = Exercise(
    "13.8",
    "From regions to detections",
    difficulty=2,
    minutes=20,
    oracle=library_choose,
    cases=choice_cases,
    hints=(
        "Every pair of a region and a class (not the background, class 0) is a candidate of its own.",
        "probs[:, 1:] > threshold, then .nonzero(as_tuple=True): the region, and the class less 1.",
        "scores = probs[region, label]; order = scores.argsort(descending=True)[:most]; the boxes are boxes[region, "
        "label].",
    ),
)


@CHOOSE.model
def choose(probs, boxes, threshold, most):
    region, label = (probs[:, 1:] > threshold).nonzero(as_tuple=True)
    label = label + 1  # class 0 was left out
    scores = probs[region, label]
    order = scores.argsort(descending=True, stable=True)[:most]
    return boxes[region, label][order], label[order], scores[order]


def chosen_with(probs, boxes, threshold, most, first=1, best_only=False, box_of=None, add=1, sort=True, cut=True):
    """Detections with one of the parts exchanged."""
    kept = probs[:, first:]
    if best_only:
        kept = torch.where(kept == kept.amax(1, keepdim=True), kept, 0) if kept.numel() else kept
    region, label = (kept > threshold).nonzero(as_tuple=True)
    label = label + first
    scores = probs[region, label]
    order = scores.argsort(descending=True, stable=True) if sort else torch.arange(len(scores))
    order = order[:most] if cut else order
    where = label if box_of is None else torch.full_like(label, box_of)
    return boxes[region, where][order], (label - first + add)[order], scores[order]


@CHOOSE.mistake(
    "This looks like the background among the detections. Class 0 says that there is nothing; it is never an object, "
    "however "
    "likely it is."
)
def detects_the_background(probs, boxes, threshold, most):
    return chosen_with(probs, boxes, threshold, most, first=0, add=0)


@CHOOSE.mistake(
    "This looks like labels that begin at 0. Columns 1, 2, … are the classes 1, 2, …; who cuts off the background's "
    "column "
    "must add 1 again."
)
def shifts_the_labels(probs, boxes, threshold, most):
    return chosen_with(probs, boxes, threshold, most, add=0)


@CHOOSE.mistake(
    "This looks like the box of the background. Each class has its own box for a region; the one of the detected "
    "class is "
    "meant."
)
def takes_the_background_s_box(probs, boxes, threshold, most):
    return chosen_with(probs, boxes, threshold, most, box_of=0)


@CHOOSE.mistake(
    "This looks like the likeliest class of each region alone. A region may speak for several classes; the metric "
    "rewards "
    "the second guess too."
)
def takes_one_class_per_region(probs, boxes, threshold, most):
    return chosen_with(probs, boxes, threshold, most, best_only=True)


@CHOOSE.mistake("This looks like detections in the order of the regions. The surest come first.")
def forgets_to_sort(probs, boxes, threshold, most):
    return chosen_with(probs, boxes, threshold, most, sort=False)


@CHOOSE.mistake("This looks like all detections above the threshold: only the `most` surest of the image stay.")
def keeps_them_all(probs, boxes, threshold, most):
    return chosen_with(probs, boxes, threshold, most, cut=False)
