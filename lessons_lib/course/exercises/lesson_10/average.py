"""Exercise 10.5: the average precision."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics import average_precision as ap


def hit_cases():
    """A list with dents, all right, all wrong, nothing, recalls that are exactly a level, long random lists."""
    generator = torch.Generator().manual_seed(15)
    lists = [([1, 0, 1, 1, 0, 1], 7), ([1], 1), ([1], 2), ([0, 1], 1), ([1, 0, 1], 4), ([1, 1], 2), ([0, 0, 0], 3)]
    lists += [([], 2), ([0, 1, 1, 1], 3), ([1] * 6, 10), ([1] * 7, 10), ([1] * 9, 10)]
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
        "The levels are ap.RECALLS.",
        "precision[recall >= r].max() for each r in ap.RECALLS, if that is not empty; then the mean of all 101.",
    ),
)


@AVERAGE.model
def average_precision(hits, positives):
    found = hits.double().cumsum(0)
    precision = found / torch.arange(1, len(hits) + 1)
    recall = found / positives
    best = [max(precision[recall >= r].tolist(), default=0.0) for r in ap.RECALLS]
    return torch.tensor(best, dtype=torch.float64).mean()


@AVERAGE.mistake(
    "This looks like precision times recall at the end of the list. AP averages the precision over all the recalls on "
    "the way."
)
def multiplies_the_last(hits, positives):
    precision, recall = ap.precision_recall(hits, positives)
    return (precision * recall)[-1] if len(hits) else torch.zeros((), dtype=torch.float64)


@AVERAGE.flags(
    dents="This looks like precision as it stands at the first rank that reaches the recall. COCO takes the best "
    "precision of that rank and all later ones: the curve has no dents.",
    before="This looks like the best precision of the ranks UP TO a recall. The curve is filled from the other side: "
    "ranks whose recall is at least r.",
    beyond="This looks like recall > r. A rank that reaches the level exactly counts: ≥.",
    eleven="This looks like 11 recalls, 0, 0.1, …, 1, as Pascal VOC had it until 2009. COCO reads at 101.",
    hundred="This looks like 100 levels: torch.arange(0, 1, 0.01) ends at 0.99. Recall 1 is one of the 101.",
    no_zero="This looks like levels from 0.01 on. Recall 0 is one of the 101.",
    exact_levels="This looks like levels from torch.linspace, or i / 100. pycocotools multiplies i by 0.01, and its "
    "0.7 is 0.7000000000000001: seven of ten do not reach it. Take ap.RECALLS.",
    single_levels="This looks like levels in float32, torch's default: its 0.6 is 0.60000002, which six of ten do "
    "not reach. Take ap.RECALLS.",
    single_recall="This looks like recalls in float32: 0.9 becomes 0.89999998 and misses its level. Count in double.",
    forgets_missed="This looks like recall counted against the objects that were found. Then nobody ever misses "
    "anything: divide by all objects, `positives`.",
    by_hits="This looks like the mean precision over the hits, or the exact area under the curve with dents. It is an "
    "average precision too, of other books; COCO's is read at 101 recalls.",
    area="This looks like the exact area under the curve without dents, as Pascal VOC from 2010 on. Close, but COCO "
    "takes the mean of 101 values, and recall 0 is one of them.",
    reached="This looks like the mean over the recalls that were reached. Those that were not count too, as 0: they "
    "are the price of a missed object.",
    rank_0="This looks like ranks counted from 0. After the first detection one has been looked at: precision is hits "
    "over 1, 2, 3, …",
    no_empty="This looks like a function that fails on an empty list. Nothing found is AP 0.",
)
def wrong_average(hits, positives, *, dents=False, before=False, beyond=False, eleven=False, hundred=False,
                  no_zero=False, exact_levels=False, single_levels=False, single_recall=False, forgets_missed=False,
                  by_hits=False, area=False, reached=False, rank_0=False, no_empty=False):  # fmt: skip
    found = hits.double().cumsum(0)
    precision = found / torch.arange(1, len(hits) + 1)
    if rank_0:
        precision = found / torch.arange(len(hits)).clamp(min=1)
    recall = found / (max(int(hits.sum()), 1) if forgets_missed else positives)
    if no_empty:
        precision[-1]
    envelope = precision if dents or not len(hits) else precision.flip(0).cummax(0).values.flip(0)
    if by_hits or area:
        return ((precision if by_hits else envelope)[hits].sum() / positives).double()
    levels = torch.arange(101, dtype=torch.float64) / 100 if exact_levels else ap.RECALLS
    levels = (torch.arange(101) / 100).float() if single_levels else levels
    levels = levels[no_zero : 100 if hundred else None : 10 if eleven else 1]
    recall = recall.float() if single_recall else recall
    values = []
    for r in levels.double():
        there = (recall.double() > r if beyond else recall.double() >= r).nonzero().flatten()
        if before:
            upto = precision[recall <= r]
            values.append(upto.max().item() if len(upto) and len(there) else 0.0)
        else:
            values.append(envelope[there[0]].item() if len(there) else 0.0)
    values = [value for value in values if value > 0 or not reached]
    return torch.tensor(values or [0.0], dtype=torch.float64).mean()
