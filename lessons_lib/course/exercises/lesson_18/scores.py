"""Lesson 18, exercises 6 and 7: symmetric best Dice, and what is said of the counts."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics.leaves import LeafScores
from lessons_lib.metrics.leaves import symmetric_best_dice as library_symmetric_best_dice
from lessons_lib.ops import coverage

# 18.6


def leaf_cases():
    """A leaf drawn twice, a missed one, masks of different sizes, and images with nothing in one list or in both."""
    generator = torch.Generator().manual_seed(6)

    def rows(*ranges):
        masks = torch.zeros(len(ranges), 1, 8, dtype=torch.bool)
        for mask, (start, end) in zip(masks, ranges, strict=True):
            mask[0, start:end] = True
        return masks

    cases = [
        (rows((0, 4)), rows((0, 3), (3, 8))),
        (rows((0, 4), (0, 3), (5, 8)), rows((0, 4))),
        (rows((0, 6)), rows((0, 2), (2, 8))),
        (torch.rand(3, 5, 6, generator=generator) > 0.6, torch.rand(4, 5, 6, generator=generator) > 0.5),
        (torch.rand(5, 6, 4, generator=generator) > 0.4, torch.rand(2, 6, 4, generator=generator) > 0.7),
        (rows(), rows((1, 4))),
        (rows((2, 4)), rows()),
        (rows(), rows()),
    ]
    return [{"masks": masks, "others": others} for masks, others in cases]


SBD = Exercise(
    "18.6",
    "Symmetric best Dice",
    difficulty=2,
    minutes=20,
    oracle=library_symmetric_best_dice,
    cases=leaf_cases,
    hints=(
        "First the table of Dice of every mask with every other: 2 · common pixels over the sum of both areas. One "
        "matrix product of the flattened masks gives all common pixels.",
        "The largest of each row, averaged, is one direction; the largest of each column, averaged, the other. The "
        "smaller of the two is SBD.",
        "Before that: where one list is empty, return 1.0 if both are, else 0.0. The sum of two areas that are both 0 "
        "needs .clamp(min=1).",
    ),
)


@SBD.model
def symmetric_best_dice(masks, others):
    if len(masks) == 0 or len(others) == 0:
        return float(len(masks) == len(others))
    a, b = masks.flatten(1).double(), others.flatten(1).double()
    dice = 2 * (a @ b.T) / (a.sum(1)[:, None] + b.sum(1)).clamp(min=1)
    return min(dice.amax(1).mean(), dice.amax(0).mean()).item()


@SBD.flags(
    one_way="This looks like one direction: the best other mask for each mask. A missed leaf costs nothing so.",
    other_way="This looks like one direction: the best mask for each of the others. Masks that were invented cost "
    "nothing so.",
    averaged="This looks like the mean of the two directions. SBD is the smaller one.",
    larger="This looks like the larger of the two directions. SBD is the smaller one.",
    iou="This looks like IoU. Dice is 2 · common / (sum of both areas), which is never smaller.",
    not_twice="This looks like common / (sum of both areas), without the 2: two equal masks have a Dice of 1.",
    exclusive="This looks like a matching, in which each mask is used once. In SBD one may be the best of several.",
    summed="This looks like a sum over the masks. Each direction is a mean.",
    empty_is_none="This looks like 0 for two empty lists. No leaves, and none were found: they agree, SBD is 1.",
    empty_is_one="This looks like 1 where one list is empty. Everything was missed, or everything invented: SBD is 0.",
)
def wrong_dice(masks, others, *, one_way=False, other_way=False, averaged=False, larger=False, iou=False,
               not_twice=False, exclusive=False, summed=False, empty_is_none=False, empty_is_one=False):  # fmt: skip
    if len(masks) == 0 or len(others) == 0:
        agree = len(masks) == len(others)
        return 0.0 if agree and empty_is_none else float(agree or empty_is_one)
    a, b = masks.flatten(1).double(), others.flatten(1).double()
    common, areas = a @ b.T, a.sum(1)[:, None] + b.sum(1)
    dice = (1 if not_twice or iou else 2) * common / (areas - common if iou else areas).clamp(min=1)
    rows, columns = dice.amax(1), dice.amax(0)
    if exclusive:
        pairs = coverage.best_assignment(dice)
        rows, columns = torch.zeros_like(rows), torch.zeros_like(columns)
        rows[pairs[0]] = columns[pairs[1]] = dice[pairs]
    one, other = (way.sum().item() if summed else way.mean().item() for way in (rows, columns))
    if one_way or other_way:
        return one if one_way else other
    return (one + other) / 2 if averaged else max(one, other) if larger else min(one, other)


@SBD.mistake(
    "This looks like the Dice of foreground with foreground: all masks of a list in one. It cannot tell one leaf from "
    "two."
)
def joins_everything(masks, others):
    a, b = masks.any(0), others.any(0)
    areas = int(a.sum() + b.sum())
    return 2 * int((a & b).sum()) / areas if areas else float(len(masks) == len(others))


@SBD.mistake("This looks like a mean weighted by area. Each leaf counts once, the smallest as much as the largest.")
def weighs_by_area(masks, others):
    if len(masks) == 0 or len(others) == 0:
        return float(len(masks) == len(others))
    a, b = masks.flatten(1).double(), others.flatten(1).double()
    dice = 2 * (a @ b.T) / (a.sum(1)[:, None] + b.sum(1)).clamp(min=1)
    ways = ((dice.amax(1), a.sum(1)), (dice.amax(0), b.sum(1)))
    return min(((best * area).sum() / area.sum().clamp(min=1)).item() for best, area in ways)


# 18.7


def count_cases():
    """Counts too high and too low, all right, one image, and a mean that hides everything."""
    lists = (([5, 7, 4], [6, 6, 4]), ([3], [5]), ([4, 9, 2, 7], [4, 9, 2, 7]), ([1, 8, 5, 5, 0], [4, 6, 5, 3, 2]),
             ([12, 0], [6, 6]), ([2, 2, 9], [3, 1, 4]))  # fmt: skip
    return [{"found": torch.tensor(found), "true": torch.tensor(true)} for found, true in lists]


def library_count_scores(found, true):
    """The library's scores, without masks."""
    scores = LeafScores()
    scores.differences = (found - true).tolist()
    made = scores.compute()
    return {name: made[name] for name in ("dic", "abs_dic", "count_exact")}


COUNTS = Exercise(
    "18.7",
    "Three numbers for counting",
    difficulty=1,
    minutes=10,
    oracle=library_count_scores,
    cases=count_cases,
    hints=(
        "One difference for each image, found − true. All three numbers are means over the images.",
        "difference.mean(), difference.abs().mean(), (difference == 0).mean(), of decimal numbers: .double() first; "
        ".item() makes a Python number.",
    ),
)


@COUNTS.model
def count_scores(found, true):
    difference = (found - true).double()
    exact = (difference == 0).double()
    return {
        "dic": difference.mean().item(),
        "abs_dic": difference.abs().mean().item(),
        "count_exact": exact.mean().item(),
    }


@COUNTS.flags(
    turned="This looks like true − found. DiC is found − true: more than 0 says that too many were found.",
    abs_of_mean="This looks like the absolute value of the mean. One leaf too many here and one too few there would "
    "cancel: first the absolute value, then the mean.",
    unsigned="This looks like DiC without its sign. Its sign says whether too many are found or too few.",
    squares="This looks like squared differences. |DiC| is their absolute value.",
    relative="This looks like differences in shares of the true count. They are counted in leaves.",
    within_one="This looks like counts that are off by one passing as exact. Exact is a difference of 0.",
    enough="This looks like found ≥ true. Too many is not exact either.",
    summed="This looks like sums. All three are means over the images.",
)
def wrong_counts(found, true, *, turned=False, abs_of_mean=False, unsigned=False, squares=False, relative=False,
                 within_one=False, enough=False, summed=False):  # fmt: skip
    difference = (found - true).double()
    right = difference >= 0 if enough else difference.abs() <= 1 if within_one else difference == 0
    difference = -difference if turned else difference
    difference = difference / true.clamp(min=1) if relative else difference
    over = torch.sum if summed else torch.mean
    size = over(difference).abs() if abs_of_mean else over(difference.square() if squares else difference.abs())
    signed = over(difference.abs() if unsigned else difference)
    return {"dic": signed.item(), "abs_dic": size.item(), "count_exact": over(right.double()).item()}
