"""Lesson 13, exercises 3 and 4: what each anchor shows, and which anchors a step learns from."""

import torch

from lessons_lib.course.bugs.prices import price
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops.matching import match
from lessons_lib.ops.sampling import sample

# 13.3


def label_cases():
    """An anchor between the thresholds, a best one below them, two that tie, one that is best of a lesser object,
    an object that nothing overlaps, and no object."""
    tables = [
        [[0.8, 0.1], [0.45, 0.2], [0.1, 0.35], [0.0, 0.05]],
        [[0.5, 0.0], [0.25, 0.0], [0.1, 0.0]],
        [[0.4, 0.0], [0.4 - 1e-7, 0.0], [0.1, 0.65]],
        [[0.62, 0.35], [0.9, 0.1], [0.0, 0.1]],
        [[0.6, 0.3], [0.3, 0.2], [0.29, 0.1], [0.0, 0.7]],
        [[0.7, 0.0], [0.1, 0.0], [0.4, 0.0]],
    ]
    cases = [{"iou": torch.tensor(table), "high": 0.6, "low": 0.3} for table in tables]
    cases.append({"iou": torch.tensor([[0.9], [0.5], [0.25], [0.1]]), "high": 0.5, "low": 0.25})
    return [*cases, {"iou": torch.zeros(3, 0), "high": 0.6, "low": 0.3}]


def library_label_anchors(iou, high, low):
    """The library's function, with the exception for the best anchors switched on."""
    return match(iou, high, low, force_best=True)


LABEL = Exercise(
    "13.3",
    "What an anchor shows",
    difficulty=3,
    minutes=25,
    oracle=library_label_anchors,
    cases=label_cases,
    hints=(
        "First without the exception: best, matched = iou.max(1), then two torch.where. Without objects all is "
        "background.",
        "The exception: for each object g, forced = (iou[:, g] >= iou[:, g].max() * (1 - 1e-5)) & (iou[:, g] > 0).",
        "For the forced anchors set the label to 1 *and* matched to g. Where one is the best of several objects, the "
        "one "
        "with the highest IoU wins: go through the objects in the order of their highest IoU.",
    ),
)


@LABEL.model
def label_anchors(iou, high, low):
    if iou.shape[1] == 0:
        return torch.zeros(len(iou), dtype=torch.int64), torch.zeros(len(iou), dtype=torch.int64)
    best, matched = iou.max(1)
    labels = torch.where(best >= high, 1, torch.where(best < low, 0, -1))
    for g in iou.amax(0).argsort().tolist():
        forced = (iou[:, g] >= iou[:, g].max() * (1 - 1e-5)) & (iou[:, g] > 0)
        labels[forced], matched[forced] = 1, g
    return matched, labels


def labels_with(iou, high, low, between=-1, forced=True, moves=True, tie=1e-5, above_zero=True, positive="ge"):
    """Labels with one of the parts exchanged."""
    if iou.shape[1] == 0:
        return torch.zeros(len(iou), dtype=torch.int64), torch.zeros(len(iou), dtype=torch.int64)
    best, matched = iou.max(1)
    labels = torch.where(getattr(best, positive)(high), 1, torch.where(best < low, 0, between))
    for g in iou.amax(0).argsort().tolist() if forced else []:
        found = iou[:, g] >= iou[:, g].max() * (1 - tie)
        found = found & (iou[:, g] > 0) if above_zero else found
        labels[found] = 1
        if moves:
            matched[found] = g
    return matched, labels


@LABEL.mistake(
    "This looks like background for everything that is no object. Anchors between the two thresholds teach nothing: "
    "their "
    "label is −1."
)
def knows_no_between(iou, high, low):
    return labels_with(iou, high, low, between=0)


@LABEL.mistake(
    "This looks like the thresholds alone. The best anchor of an object shows it whatever its IoU; otherwise an "
    "object that "
    "fits no anchor well would teach nothing."
)
def forgets_the_exception(iou, high, low):
    return labels_with(iou, high, low, forced=False)


@LABEL.mistake(
    "This looks like a forced label whose object is not forced. An anchor that is an example *because* it is the best "
    "of "
    "object g must also be moved onto g, not onto the object that it overlaps more."
    + price("best anchor, other object")
)
def forces_the_label_alone(iou, high, low):
    return labels_with(iou, high, low, moves=False)


@LABEL.mistake(
    "This looks like one best anchor found with == or argmax. Two anchors can be equally good but for rounding, here "
    "by "
    "1e-7; all within 1e-5 of the best are forced."
)
def loses_ties(iou, high, low):
    return labels_with(iou, high, low, tie=0)


@LABEL.mistake("This looks like > at the upper threshold. An IoU of exactly `high` is enough.")
def asks_for_more(iou, high, low):
    return labels_with(iou, high, low, positive="gt")


@LABEL.mistake(
    "This looks like an object that no anchor overlaps and that still takes its best ones: all of them, at IoU 0. Only "
    "overlaps above 0 are forced."
)
def forces_at_zero(iou, high, low):
    return labels_with(iou, high, low, above_zero=False)


# 13.4


def sample_cases():
    """A full quota, too few objects, no object, anchors that are ignored, and fewer anchors than seats."""
    cases = [([1, 0, 1, 0, 1, 0], 4, 0.5), ([1, 0, 0, -1, 0, 0], 4, 0.5), ([0, 0, -1, 0], 2, 0.25)]
    cases += [([-1, -1, 0, 1], 4, 0.5), ([1, 1, 1, 1, 0, -1, 0, 0], 4, 0.25), ([1, 1, 0, 0, 0, 1, 1, 0, 0, 0], 6, 0.5)]
    generator = torch.Generator().manual_seed(4)
    return [
        {
            "labels": torch.tensor(labels),
            "random": torch.rand(len(labels), generator=generator),
            "count": count,
            "share": share,
        }
        for labels, count, share in cases
    ]


def library_draw_anchors(labels, random, count, share):
    """The library's function, its positions turned into a mask over the anchors."""
    chosen, valid = sample(labels, random, count, share)
    drawn = torch.zeros(len(labels), dtype=torch.bool)
    drawn[chosen[valid]] = True
    return drawn


SAMPLE = Exercise(
    "13.4",
    "A fair sample",
    difficulty=2,
    minutes=15,
    oracle=library_draw_anchors,
    cases=sample_cases,
    hints=(
        "Two draws: first the objects, at most int(count · share) of them; then background for all the seats that are "
        "left.",
        "torch.where(labels == 1, random, -1.0).topk(k) finds the k objects with the largest random numbers; entries "
        "of −1 "
        "are no objects.",
        "seats = count − (number of objects drawn). Do the same with labels == 0 and min(seats, len(labels)), and "
        "leave out "
        "the entries of −1 again.",
    ),
)


@SAMPLE.model
def draw_anchors(labels, random, count, share):
    drawn = torch.zeros(len(labels), dtype=torch.bool)
    for label, quota in ((1, int(count * share)), (0, count)):
        seats = min(quota, count - int(drawn.sum()), len(labels))
        value, position = torch.where(labels == label, random, -1.0).topk(seats)
        drawn[position[value >= 0]] = True
    return drawn


def drawn_with(labels, random, count, share, fill=True, background=(0,), largest=True, quota=None):
    """A sample with one of the parts exchanged."""
    drawn = torch.zeros(len(labels), dtype=torch.bool)
    most = int(count * share) if quota is None else quota
    for these, seats in (((1,), most), (background, count if fill else count - int(count * share))):
        left = min(seats, count - int(drawn.sum()), len(labels))
        here = torch.isin(labels, torch.tensor(these))
        key = torch.where(here, random if largest else 1 - random, -1.0)
        value, position = key.topk(left)
        drawn[position[value >= 0]] = True
    return drawn


@SAMPLE.mistake(
    "This looks like a fixed share of background. Where objects are few, background takes their seats too: the sample "
    "always has `count` anchors if there are enough." + price("fixed share of background")
)
def leaves_seats_empty(labels, random, count, share):
    return drawn_with(labels, random, count, share, fill=False)


@SAMPLE.mistake(
    "This looks like ignored anchors drawn as background. Anchors with label −1 lie between the thresholds: they must "
    "never "
    "be drawn." + price("ignored as background")
)
def draws_what_is_ignored(labels, random, count, share):
    return drawn_with(labels, random, count, share, background=(0, -1))


@SAMPLE.mistake("This looks like a sample without the limit on objects: at most count · share of the seats are theirs.")
def knows_no_share(labels, random, count, share):
    return drawn_with(labels, random, count, share, quota=count)


@SAMPLE.mistake(
    "This looks like the smallest random numbers. Either would be fair; the exercise takes the largest, so that "
    "answers can "
    "be compared."
)
def takes_the_smallest(labels, random, count, share):
    return drawn_with(labels, random, count, share, largest=False)


@SAMPLE.mistake(
    "This looks like the first anchors in the list, whatever the random numbers say. The first anchors all lie at the "
    "top "
    "of the image."
)
def takes_the_first(labels, random, count, share):
    return drawn_with(labels, torch.linspace(0.9, 0.1, len(labels)), count, share)
