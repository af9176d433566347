"""Lesson 19, exercise 4: one image's detections, sorted by the kind of mistake."""

import functools
from typing import Any

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics.error_kinds import kinds_of

# 19.4


def kind_cases():
    """One of each kind, a chain of doubles, both thresholds exactly, crowds, two objects in reach, and empty lists."""
    generator = torch.Generator().manual_seed(194)

    def case(iou, same, scores, crowd):
        table = torch.tensor(iou, dtype=torch.float64).reshape(len(scores), len(crowd))
        same = torch.tensor(same, dtype=torch.bool).reshape(len(scores), len(crowd))
        return {"iou": table, "same": same, "scores": torch.tensor(scores), "crowd": torch.tensor(crowd).bool()}

    cases = [
        case([[0.75], [1.0]], [[1], [1]], [0.5, 0.25], [0]),
        case([[0.75], [0.75]], [[1], [1]], [0.25, 0.5], [0]),
        case([[0.75, 0], [0, 0.75]], [[1, 0], [1, 0]], [0.5, 0.25], [0, 0]),
        case([[0.75, 0.625], [1.0, 0.5]], [[1, 1], [1, 1]], [0.5, 0.25], [0, 0]),
        case([[0.5], [0.1], [0.0]], [[1], [1], [1]], [0.75, 0.5, 0.25], [0]),
        case([[0.5, 0.25], [0.25, 0.25]], [[0, 1], [0, 0]], [0.5, 0.25], [0, 0]),
        case([[0.75], [0.75], [0.25]], [[1], [0], [1]], [0.75, 0.5, 0.25], [1]),
        case([[0.625, 0.9], [0.75, 0.6]], [[1, 0], [1, 1]], [0.5, 0.25], [0, 0]),
        case([[0.875, 0.75], [0.875, 0.75]], [[1, 1], [1, 1]], [0.5, 0.25], [0, 1]),
        case([[0.25, 0.75], [0.75, 0.75]], [[1, 0], [1, 1]], [0.25, 0.5], [0, 1]),
        case([[0.5, 0.75], [0.625, 0.25]], [[1, 1], [1, 1]], [0.5, 0.25], [0, 0]),
        case([[0.75, 0], [0.75, 0.625], [0, 0.5]], [[1, 1]] * 3, [0.75, 0.5, 0.25], [0, 0]),
        case([[0.75], [0.75]], [[0], [1]], [0.5, 0.25], [0]),
        case([], [], [0.5, 0.25], []),
        case([], [], [], [0, 1]),
    ]
    for detections, objects in ((6, 3), (7, 5), (9, 4)):
        cases.append(
            {
                "iou": torch.rand(detections, objects, generator=generator, dtype=torch.float64),
                "same": torch.rand(detections, objects, generator=generator) < 0.6,
                "scores": torch.rand(detections, generator=generator),
                "crowd": torch.rand(objects, generator=generator) < 0.25,
            }
        )
    return cases


def library_kinds(iou, same, scores, crowd):
    """The library's kinds, with a word for what it leaves out."""
    return [kind or "ignored" for kind in kinds_of(iou, same, scores, crowd)]


KINDS = Exercise(
    "19.4",
    "Which mistakes does it make?",
    difficulty=3,
    minutes=35,
    oracle=library_kinds,
    cases=kind_cases,
    hints=(
        "Begin with kinds = ['ignored'] * len(iou) and free = ~crowd; go through the detections d of "
        "scores.argsort(descending=True).tolist(), and write the kind of each into kinds[d].",
        "own = iou[d] * same[d] are its overlaps with objects of its class, others = iou[d] * (~same[d] & ~crowd) "
        "those with single objects of other classes. All questions are about these two rows.",
        "In this order: (own * free >= 0.5).any() is right, and free[(own * free).argmax()] = False; "
        "(own[~crowd] >= 0.5).any() is double; (own[crowd] >= 0.5).any() stays ignored; (others >= 0.5).any() is wrong "
        "class; then own[~crowd] and 0.1.",
    ),
)


@KINDS.model
def error_kinds(iou, same, scores, crowd):
    kinds, free = ["ignored"] * len(iou), ~crowd
    for d in scores.argsort(descending=True).tolist():
        own, others = iou[d] * same[d], iou[d] * (~same[d] & ~crowd)
        if (own * free >= 0.5).any():
            kinds[d] = "right"
            free[(own * free).argmax()] = False
        elif (own[~crowd] >= 0.5).any():
            kinds[d] = "double"
        elif (own < 0.5).all():  # else it lies on a crowd, and is ignored
            near = (own[~crowd] >= 0.1).any()
            kinds[d] = "wrong class" if (others >= 0.5).any() else "badly localised" if near else "background"
    return kinds


def kinds_with(iou, same, scores, crowd, *, as_listed=False, ascending=False, ranked=False, dropped=False,
               never_taken=False, only_the_best=False, takes_taken=False, first_free=False, class_first=False,
               crowd_is_one=False, any_crowd=False, crowd_first=False, crowd_class=False, crowd_near=False,
               strict=False, touches_any=False, touches_free=False, loose_class=False, claims=False,
               near_first=False):  # fmt: skip
    def reached(value, limit):
        return value > limit if strict else value >= limit

    single = [crowd_is_one or not many for many in crowd.tolist()]
    kinds, free, order = {}, list(single), scores.argsort(descending=not ascending).tolist()
    rows, mine, objects = iou.tolist(), same.tolist(), range(len(single))
    for d in sorted(order) if as_listed else order:
        row = rows[d]
        own = [g for g in objects if mine[d][g] and single[g] and reached(row[g], 0.5)]
        crowds = [g for g in objects if (mine[d][g] or any_crowd) and not single[g] and reached(row[g], 0.5)]
        others = [g for g in objects if not mine[d][g] and (single[g] or crowd_class)]
        others = [g for g in others if reached(row[g], 0.1 if loose_class else 0.5)]
        near = [g for g in objects if (mine[d][g] or touches_any) and (single[g] or crowd_near)]
        near = [g for g in near if reached(row[g], 0.1) and (free[g] or not touches_free)]
        best = max(own, key=row.__getitem__, default=None)
        wanted = [g for g in own if free[g] and (g == best or not only_the_best)]
        if crowd_first and crowds:
            kinds[d] = "ignored"
        elif wanted and not (class_first and others):
            kinds[d] = "right"
            chosen = max((g for g in objects if mine[d][g]) if takes_taken else wanted, key=row.__getitem__)
            free[wanted[0] if first_free else chosen] = never_taken
        elif (own or crowds) and not (class_first and others):
            kinds[d] = "double" if own else "ignored"
        elif others and not (near_first and near):
            kinds[d] = "wrong class"
            free[max(others, key=row.__getitem__)] &= not claims
        else:
            kinds[d] = "badly localised" if near else "background"
    made = [kinds[d] for d in (order if ranked else sorted(order))]
    return [kind for kind in made if kind != "ignored"] if dropped else made


@KINDS.flags(
    as_listed="This looks like detections in the order of the list. The more confident one chooses first.",
    ranked="This looks like kinds in the order of confidence. Return them in the order of the rows: kinds[d] for "
    "detection d.",
    never_taken="This looks like objects that can be found again and again. Each is found once; the next detection of "
    "it is double.",
    only_the_best="This looks like Pascal VOC's rule: only the object of highest IoU is asked for, and if it is taken, "
    "the detection is double. Here it takes the best one of those that are free.",
    class_first="This looks like wrong class asked too early. A detection that is right, double or on a crowd of its "
    "own class has no wrong class, whatever else it overlaps.",
    crowd_is_one="This looks like a crowd that counts as a single object. It is many: what lies on it is ignored.",
    crowd_first="This looks like the crowd asked too early. A detection that is right, or a double, stays so on a "
    "crowd.",
    strict="This looks like > instead of ≥. Exactly 0.5 is enough, and so is exactly 0.1.",
    touches_any="This looks like badly localised for any object that is touched. It must be one of the detection's own "
    "class; touching another class is background.",
)
def wrong_kinds(iou, same, scores, crowd, *, as_listed=False, ranked=False, never_taken=False, only_the_best=False,
                class_first=False, crowd_is_one=False, crowd_first=False, strict=False, touches_any=False):  # fmt: skip
    return kinds_with(
        iou, same, scores, crowd, as_listed=as_listed, ranked=ranked, never_taken=never_taken,
        only_the_best=only_the_best, class_first=class_first, crowd_is_one=crowd_is_one, crowd_first=crowd_first,
        strict=strict, touches_any=touches_any,
    )  # fmt: skip


ALONE = {
    "ascending": "This looks like the least confident first. The most confident chooses first: descending=True.",
    "dropped": "This looks like a list without the ignored ones. Each detection has its position: write “ignored”.",
    "takes_taken": "This looks like argmax over all objects of the class. The best may be taken already; take the best "
    "of those that are free.",
    "first_free": "This looks like the first free object with IoU ≥ 0.5. Take the one with the highest IoU: another "
    "detection may need the first.",
    "any_crowd": "This looks like detections ignored on a crowd of any class. It must be a crowd of their own.",
    "crowd_class": "This looks like wrong class on a crowd of another class. A crowd is no object that could have been "
    "named: that is background.",
    "crowd_near": "This looks like badly localised at the edge of a crowd. It must be a single object that is touched.",
    "touches_free": "This looks like badly localised at free objects only. One that is taken is touched all the same.",
    "loose_class": "This looks like wrong class from an IoU of 0.1 on. The position must be right for that: 0.5.",
    "claims": "This looks like a wrong class that takes the object. The object was not found: it stays free for a "
    "detection of its own class.",
    "near_first": "This looks like badly localised asked before wrong class. A detection on an object of another class "
    "has the wrong class, also if it touches one of its own.",
}
for _name, _message in ALONE.items():
    _alone: Any = functools.partial(kinds_with, **{_name: True})
    _alone.__name__ = _name
    KINDS.mistake(_message)(_alone)


@KINDS.mistake(
    "This looks like the object of highest IoU alone, whatever its class, asked for everything. The questions come in "
    "turn: first all objects of the detection's own class, then the others."
)
def asks_for_the_best_of_all(iou, same, scores, crowd):
    kinds, taken = ["background"] * len(iou), set()
    for d in scores.argsort(descending=True).tolist() if iou.shape[1] else ():
        best = int(iou[d].argmax())
        if crowd[best]:
            kinds[d] = "ignored"
        elif iou[d, best] >= 0.5:
            kinds[d] = "wrong class" if not same[d, best] else "double" if best in taken else "right"
            taken |= {best} if same[d, best] else set()
        elif iou[d, best] >= 0.1 and same[d, best]:
            kinds[d] = "badly localised"
    return kinds
