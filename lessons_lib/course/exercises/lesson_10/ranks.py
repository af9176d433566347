"""Lesson 10, exercises 4 and 5: matching by confidence, and the average precision."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics import average_precision as ap

# 10.4


def table_cases():
    """Two that want the same object; a threshold that is just reached; no object, no detection; random tables."""
    generator = torch.Generator().manual_seed(14)
    rivals = torch.tensor([[0.6, 0.7], [0.6, 0.9], [0.55, 0.5]])
    cases = [{"iou": rivals, "threshold": threshold} for threshold in (0.5, 0.65, 0.95)]
    cases.append({"iou": torch.tensor([[0.5, 0.25], [0.125, 0.75]]), "threshold": 0.5})
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


def _matched(iou, choose):
    """One object or −1 for each row, by `choose(row, taken)`."""
    taken, matches = set(), []
    for row in iou.tolist():
        best = choose(row, taken)
        taken.add(best)
        matches.append(best)
    return torch.tensor(matches, dtype=torch.int64)


def _favourite(row, allowed):
    return max(allowed, key=lambda g: row[g], default=-1)


@MATCH.mistake(
    "This looks like an object taken twice. The second detection of an object is a false positive: finding a thing "
    "twice is not finding two things."
)
def shares_objects(iou, threshold):
    return _matched(iou, lambda row, taken: _favourite(row, [g for g, v in enumerate(row) if v >= threshold]))


@MATCH.mistake(
    "This looks like the rule of Pascal VOC: a detection whose favourite is taken is wrong. In COCO it looks for the "
    "best of the free objects."
)
def keeps_to_the_favourite(iou, threshold):
    def choose(row, taken):
        best = _favourite(row, range(len(row)))
        return best if best >= 0 and row[best] >= threshold and best not in taken else -1

    return _matched(iou, choose)


@MATCH.mistake("This looks like IoU > threshold. Reaching it is enough: ≥.")
def wants_more_than_the_threshold(iou, threshold):
    return _matched(
        iou, lambda row, taken: _favourite(row, [g for g, v in enumerate(row) if v > threshold and g not in taken])
    )


@MATCH.mistake("This looks like the first free object over the threshold. Take the one of highest IoU.")
def takes_the_first(iou, threshold):
    return _matched(
        iou, lambda row, taken: next((g for g, v in enumerate(row) if v >= threshold and g not in taken), -1)
    )


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
    "This looks like every detection with its best free object, whatever the IoU. Below the threshold nothing is found."
)
def forgets_the_threshold(iou, threshold):
    return _matched(iou, lambda row, taken: _favourite(row, [g for g in range(len(row)) if g not in taken]))


# 10.5


def hit_cases():
    """The lesson's list; all right; all wrong; nothing; precision that rises again; long random lists.

    No recall is one of the 101 levels but for rounding, so that every way to write the levels is right.
    """
    generator = torch.Generator().manual_seed(15)
    lists = [([1, 0, 1], 4), ([1, 1], 2), ([0, 0, 0], 3), ([], 2), ([0, 1, 1, 1], 3), ([1, 0, 0, 1, 1, 0, 1], 7)]
    cases = [{"hits": torch.tensor(hits, dtype=torch.bool), "positives": n} for hits, n in lists]
    for length, n in ((20, 17), (40, 31), (9, 37)):
        cases.append({"hits": torch.rand(length, generator=generator) < 0.6, "positives": n})
    return cases


AVERAGE = Exercise(
    "10.5",
    "Average precision",
    difficulty=3,
    minutes=25,
    oracle=ap.average_precision,
    cases=hit_cases,
    hints=(
        "First the two lists: found = hits.double().cumsum(0); precision = found / (1, 2, …, n), recall = found / "
        "positives.",
        "At a level r the value is the best precision of all ranks whose recall is ≥ r, and 0 where there is none. "
        "The levels are 0, 0.01, …, 1.",
        "precision[recall >= r].max() for each r in torch.linspace(0, 1, 101, dtype=torch.float64), if that is not "
        "empty; then the mean of all 101.",
    ),
)


@AVERAGE.model
def average_precision(hits, positives):
    found = hits.double().cumsum(0)
    precision = found / torch.arange(1, len(hits) + 1)
    recall = found / positives
    levels = torch.linspace(0, 1, 101, dtype=torch.float64)
    best = [max(precision[recall >= r].tolist(), default=0.0) for r in levels]
    return torch.tensor(best, dtype=torch.float64).mean()


def _curve(hits, positives):
    return ap.precision_recall(hits, positives)


@AVERAGE.mistake(
    "This looks like precision as it stands at the first rank that reaches the recall. COCO takes the best precision "
    "of that rank and all later ones: the curve has no dents."
)
def leaves_the_dents(hits, positives):
    precision, recall = _curve(hits, positives)
    first = torch.searchsorted(recall, ap.RECALLS)
    return torch.cat([precision, precision.new_zeros(1)])[first].mean()


@AVERAGE.mistake("This looks like 11 recalls, 0, 0.1, …, 1, as Pascal VOC had it until 2009. COCO reads at 101.")
def reads_eleven_points(hits, positives):
    return ap.interpolated_precision(*_curve(hits, positives))[::10].mean()


@AVERAGE.mistake(
    "This looks like recall counted against the objects that were found. Then nobody ever misses anything: divide by "
    "all objects, `positives`."
)
def forgets_the_missed(hits, positives):
    return ap.average_precision(hits, max(int(hits.sum()), 1))


@AVERAGE.mistake(
    "This looks like the mean precision over the hits, or the exact area under the curve with dents. It is an average "
    "precision too, of other books; COCO's is read at 101 recalls."
)
def averages_over_the_hits(hits, positives):
    precision, _ = _curve(hits, positives)
    return precision[hits].sum() / positives


@AVERAGE.mistake(
    "This looks like the exact area under the curve without dents, as Pascal VOC from 2010 on. Close, but COCO takes "
    "the mean of 101 values, and recall 0 is one of them."
)
def takes_the_exact_area(hits, positives):
    precision, _ = _curve(hits, positives)
    envelope = precision.flip(0).cummax(0).values.flip(0) if len(precision) else precision
    return envelope[hits].sum() / positives


@AVERAGE.mistake(
    "This looks like the mean over the recalls that were reached. Those that were not count too, as 0: they are the "
    "price of a missed object."
)
def averages_what_was_reached(hits, positives):
    points = ap.interpolated_precision(*_curve(hits, positives))
    return points[points > 0].mean().nan_to_num(0)
