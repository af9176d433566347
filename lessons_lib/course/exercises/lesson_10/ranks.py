"""Exercises 10.4 and 10.5: matching by confidence, and the average precision."""

import torch
from scipy.optimize import linear_sum_assignment

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics import average_precision as ap

# 10.4


def table_cases():
    """Two that want the same object; a threshold that is just reached; no object, no detection; random tables."""
    generator = torch.Generator().manual_seed(14)
    rivals = torch.tensor([[0.6, 0.7], [0.62, 0.9], [0.55, 0.52]])
    cases = [{"iou": torch.rand(5, 4, generator=generator), "threshold": 0.4}]
    cases += [{"iou": rivals, "threshold": threshold} for threshold in (0.5, 0.65, 0.95)]
    cases.append({"iou": torch.tensor([[0.5]]), "threshold": 0.5})
    cases.append({"iou": torch.tensor([[0.25]]), "threshold": 0.5})
    cases.append({"iou": torch.tensor([[0.25], [0.75]]), "threshold": 0.5})
    cases.append({"iou": torch.tensor([[0.75], [0.875]]), "threshold": 0.5})
    cases.append({"iou": torch.tensor([[0.5, 0.25], [0.125, 0.75]]), "threshold": 0.5})
    cases.append({"iou": torch.tensor([[0.9, 0.8], [0.85, 0.5]]), "threshold": 0.45})
    cases.append({"iou": torch.zeros(0, 3), "threshold": 0.5})
    cases.append({"iou": torch.zeros(2, 0), "threshold": 0.5})
    for shape in ((4, 3), (6, 2), (3, 5), (7, 7)):
        cases.append({"iou": torch.rand(shape, generator=generator), "threshold": 0.5})
    return cases


MATCH = Exercise(
    "10.4",
    "Matching in order",
    difficulty=3,
    minutes=25,
    oracle=ap.match_in_order,
    cases=table_cases,
    hints=(
        "Go through the rows in their order, and remember which objects are taken. A row may only look at the others.",
        "For a row: the free objects g with iou[p, g] ≥ threshold. If there are any, the one of highest IoU; else −1.",
        "max(free, key=lambda g: iou[p, g], default=-1) does both; then mark it as taken, unless it is −1.",
    ),
)


@MATCH.model
def match_in_order(iou, threshold):
    taken, matches = set(), []
    for row in iou.tolist():
        free = [g for g, value in enumerate(row) if value >= threshold and g not in taken]
        best = max(free, key=lambda g: row[g], default=-1)
        taken.add(best)
        matches.append(best)
    return torch.tensor(matches, dtype=torch.int64)


@MATCH.mistake(
    "This looks like pairs taken by IoU, the largest first. In AP the most confident one chooses first, however well a "
    "later detection would fit."
)
def goes_by_iou(iou, threshold):
    matches, taken = [-1] * len(iou), set()
    for position in iou.flatten().argsort(descending=True).tolist():
        p, g = divmod(position, iou.shape[1])
        if iou[p, g] >= threshold and matches[p] < 0 and g not in taken:
            matches[p] = g
            taken.add(g)
    return torch.tensor(matches, dtype=torch.int64)


@MATCH.mistake(
    "This looks like the best assignment, the one with the largest sum. AP does not optimise: the most confident "
    "detection chooses first, and the next one takes what is left."
)
def assigns_at_best(iou, threshold):
    matches = [-1] * len(iou)
    for p, g in zip(*linear_sum_assignment(iou, maximize=True), strict=True):
        matches[p] = int(g) if iou[p, g] >= threshold else -1
    return torch.tensor(matches, dtype=torch.int64)


@MATCH.mistake(
    "This looks like objects that choose: each takes the detection that fits it best. In AP the detections choose, the "
    "most confident first."
)
def lets_objects_choose(iou, threshold):
    matches = [-1] * len(iou)
    for g in range(iou.shape[1] if len(iou) else 0):
        p = int(iou[:, g].argmax())
        matches[p] = g if iou[p, g] >= threshold and matches[p] < 0 else matches[p]
    return torch.tensor(matches, dtype=torch.int64)


@MATCH.flags(
    shares="This looks like an object taken twice. The second detection of an object is a false positive: finding a "
    "thing twice is not finding two things.",
    favourite="This looks like the rule of Pascal VOC: a detection whose favourite is taken is wrong. In COCO it looks "
    "for the best of the free objects.",
    blocks="This looks like an object that is taken by a detection below the threshold. Such a detection takes "
    "nothing: the object stays free for the next.",
    more="This looks like IoU > threshold. Reaching it is enough: ≥.",
    first="This looks like the first free object over the threshold. Take the one of highest IoU.",
    no_threshold="This looks like every detection with its best free object, whatever the IoU. Below the threshold "
    "nothing is found.",
    from_the_end="This looks like the last row first. The rows stand from the most confident down.",
    hits="This looks like whether each detection found something. Which object it takes is asked for, or −1.",
    from_1="This looks like objects counted from 1. They are numbered from 0, and −1 means none.",
)
def wrong_match(iou, threshold, *, shares=False, favourite=False, blocks=False, more=False, first=False,
                no_threshold=False, from_the_end=False, hits=False, from_1=False):  # fmt: skip
    taken, matches = set(), []
    rows = iou.tolist()[::-1] if from_the_end else iou.tolist()
    for row in rows:
        enough = [g for g, value in enumerate(row)
                  if no_threshold or value > threshold or (value == threshold and not more)]  # fmt: skip
        free = [g for g in range(len(row)) if g not in taken or shares]
        wanted = range(len(row)) if favourite else free if blocks else [g for g in free if g in enough]
        best = next(iter(wanted), -1) if first else max(wanted, key=lambda g: row[g], default=-1)
        found = best if best in enough and best in free else -1
        taken.add(best if blocks else found)
        matches.append(found + (from_1 and found >= 0))
    matches = matches[::-1] if from_the_end else matches
    found = torch.tensor(matches, dtype=torch.int64)
    return found >= 0 if hits else found
