"""Lesson 19, exercise 4: one image's detections, sorted by the kind of mistake."""

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


KINDS = Exercise(
    "19.4",
    "Which mistakes does it make?",
    difficulty=3,
    minutes=35,
    oracle=kinds_of,
    cases=kind_cases,
    hints=(
        "Begin with kinds = [None] * len(iou) and free = ~crowd; go through scores.argsort(descending=True).tolist(), "
        "and write the kind of detection d into kinds[d].",
        "own = iou[d] * same[d] are its overlaps with objects of its class, others = iou[d] * (~same[d] & ~crowd) "
        "those with single objects of other classes. All questions are about these two rows.",
        "In this order: (own * free >= 0.5).any() is right, and free[(own * free).argmax()] = False; "
        "(own[~crowd] >= 0.5).any() is double; (own[crowd] >= 0.5).any() stays None; (others >= 0.5).any() is wrong "
        "class; then own[~crowd] and 0.1.",
    ),
)


@KINDS.model
def error_kinds(iou, same, scores, crowd):
    kinds, free = [None] * len(iou), ~crowd
    for d in scores.argsort(descending=True).tolist():
        own, others = iou[d] * same[d], iou[d] * (~same[d] & ~crowd)
        if (own * free >= 0.5).any():
            kinds[d] = "right"
            free[(own * free).argmax()] = False
        elif (own[~crowd] >= 0.5).any():
            kinds[d] = "double"
        elif (own < 0.5).all():  # else it lies on a crowd, and is left out
            near = (own[~crowd] >= 0.1).any()
            kinds[d] = "wrong class" if (others >= 0.5).any() else "badly localised" if near else "background"
    return kinds


@KINDS.flags(
    as_listed="This looks like detections in the order of the list. The more confident one chooses first.",
    ranked="This looks like kinds in the order of confidence. Return them in the order of the rows: kinds[d] for "
    "detection d.",
    never_taken="This looks like objects that can be found again and again. Each is found once; the next detection of "
    "it is double.",
    only_the_best="This looks like Pascal VOC's rule: only the object of highest IoU is asked for, and if it is taken, "
    "the detection is double. Here it takes the best one of those that are free.",
    first_free="This looks like the first free object with IoU ≥ 0.5. Take the one with the highest IoU: another "
    "detection may need the first.",
    class_first="This looks like wrong class asked too early. A detection that is right, or a double, of its own class "
    "is no wrong class, whatever else it overlaps.",
    crowd_is_one="This looks like a crowd that counts as a single object. It is many: what lies on it is left out, "
    "None.",
    any_crowd="This looks like detections left out on a crowd of any class. The crowd must be of the detection's own.",
    crowd_first="This looks like the crowd asked too early. A detection that is right, or a double, stays so on a "
    "crowd.",
    strict="This looks like > instead of ≥. Exactly 0.5 is enough, and so is exactly 0.1.",
    touches_any="This looks like badly localised for any object that is touched. It must be one of the detection's own "
    "class; touching another class is background.",
    loose_class="This looks like wrong class from an IoU of 0.1 on. The position must be right for that: 0.5.",
    claims="This looks like a wrong class that takes the object. The object was not found: it stays free for a "
    "detection of its own class.",
)
def wrong_kinds(iou, same, scores, crowd, *, as_listed=False, ranked=False, never_taken=False, only_the_best=False,
                first_free=False, class_first=False, crowd_is_one=False, any_crowd=False, crowd_first=False,
                strict=False, touches_any=False, loose_class=False, claims=False):  # fmt: skip
    def reached(value, limit):
        return value > limit if strict else value >= limit

    single = [crowd_is_one or not many for many in crowd.tolist()]
    kinds, free, order = {}, list(single), scores.argsort(descending=True).tolist()
    rows, mine, objects = iou.tolist(), same.tolist(), range(len(single))
    for d in sorted(order) if as_listed else order:
        row = rows[d]
        own = [g for g in objects if mine[d][g] and single[g] and reached(row[g], 0.5)]
        crowds = [g for g in objects if (mine[d][g] or any_crowd) and not single[g] and reached(row[g], 0.5)]
        limit = 0.1 if loose_class else 0.5
        others = [g for g in objects if not mine[d][g] and single[g] and reached(row[g], limit)]
        near = [g for g in objects if (mine[d][g] or touches_any) and single[g] and reached(row[g], 0.1)]
        best = max(own, key=row.__getitem__, default=None)
        wanted = [g for g in own if free[g] and (g == best or not only_the_best)]
        if crowd_first and crowds:
            kinds[d] = None
        elif wanted and not (class_first and others):
            kinds[d] = "right"
            free[wanted[0] if first_free else max(wanted, key=row.__getitem__)] = never_taken
        elif own and not (class_first and others):
            kinds[d] = "double"
        elif crowds and not (class_first and others):
            kinds[d] = None
        elif others:
            kinds[d] = "wrong class"
            if claims:
                free[max(others, key=row.__getitem__)] = False
        else:
            kinds[d] = "badly localised" if near else "background"
    return [kinds[d] for d in (order if ranked else sorted(order))]


@KINDS.mistake(
    "This looks like badly localised asked before wrong class. A detection on an object of another class has the wrong "
    "class, also if it touches one of its own."
)
def localises_first(iou, same, scores, crowd):
    kinds = wrong_kinds(iou, same, scores, crowd)
    touches = (iou * same * ~crowd >= 0.1).any(1).tolist()
    return ["badly localised" if kind == "wrong class" and near else kind
            for kind, near in zip(kinds, touches, strict=True)]  # fmt: skip
