"""Lesson 17, exercises 1 and 2: soft IoU of all pairs, and the best assignment."""

import itertools

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import coverage

# 17.1


def mask_cases():
    """A hand-worked pair, several masks of odd shapes, empty ones on one side and on both, and a strided view."""
    generator = torch.Generator().manual_seed(17)

    def masks(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    half = torch.tensor([[[1.0, 0.5], [0.0, 0.0]]], dtype=torch.float64)
    corner = torch.tensor([[[True, False], [False, False]]])
    with_empty = torch.cat([masks(2, 4, 3), torch.zeros(1, 4, 3, dtype=torch.float64)])
    gt_with_empty = torch.cat([masks(1, 4, 3) > 0.5, torch.zeros(1, 4, 3, dtype=torch.bool)])
    return [
        {"pred_masks": half, "gt_masks": corner},
        {"pred_masks": masks(3, 5, 4), "gt_masks": masks(2, 5, 4) > 0.4},
        {"pred_masks": masks(2, 3, 6).transpose(1, 2), "gt_masks": masks(4, 6, 3) > 0.7},
        {"pred_masks": with_empty, "gt_masks": gt_with_empty},
    ]


PAIRS = Exercise(
    "17.1",
    "Soft IoU of all pairs",
    difficulty=2,
    minutes=15,
    oracle=coverage.pairwise_soft_iou,
    cases=mask_cases,
    gradients=True,
    hints=(
        "Write each mask as one long row: flatten(1). Which matrix product holds the overlap of every pair?",
        "overlap = pred @ gt.T; the union is Σp as a column plus Σg as a row minus the overlap.",
        "Two empty masks have a union of 0 and should score 0: torch.where(union == 0, 1, union) before you divide.",
    ),
)


@PAIRS.model
def pairwise_soft_iou(pred_masks, gt_masks):
    pred = pred_masks.flatten(1)  # (P, H*W)
    gt = gt_masks.flatten(1).to(pred.dtype)  # (G, H*W)
    overlap = pred @ gt.T
    union = pred.sum(1)[:, None] + gt.sum(1) - overlap
    return overlap / torch.where(union == 0, 1, union)


def _parts(pred_masks, gt_masks):
    pred, gt = pred_masks.flatten(1), gt_masks.flatten(1).to(pred_masks.dtype)
    return pred @ gt.T, pred.sum(1)[:, None] + gt.sum(1)


@PAIRS.mistake(
    "This looks like a union that counts the overlap twice: Σp + Σg holds the common pixels two times, so take them "
    "off once."
)
def counts_the_overlap_twice(pred_masks, gt_masks):
    overlap, total = _parts(pred_masks, gt_masks)
    return overlap / torch.where(total == 0, 1, total)


@PAIRS.mistake(
    "This looks like Dice, 2⟨p, g⟩ / (Σp + Σg). It is a cousin of IoU and never smaller; here the union divides."
)
def gives_dice(pred_masks, gt_masks):
    overlap, total = _parts(pred_masks, gt_masks)
    return 2 * overlap / torch.where(total == 0, 1, total)


@PAIRS.mistake(
    "This looks like 0/0: two empty masks have a union of 0, and NaN spreads through the whole loss. They score 0 here."
)
def divides_nothing_by_nothing(pred_masks, gt_masks):
    overlap, total = _parts(pred_masks, gt_masks)
    return overlap / (total - overlap)


@PAIRS.mistake(
    "This looks like 1 added above and below to avoid 0/0. Then two empty masks score 1, and an empty prediction would "
    "be a perfect match; every other value is shifted too."
)
def adds_one_above_and_below(pred_masks, gt_masks):
    overlap, total = _parts(pred_masks, gt_masks)
    return (overlap + 1) / (total - overlap + 1)


@PAIRS.mistake(
    "This looks like masks that were cut at one half first. That is the hard IoU: it has no gradient to learn from."
)
def cuts_at_one_half(pred_masks, gt_masks):
    overlap, total = _parts((pred_masks > 0.5).to(pred_masks.dtype), gt_masks)
    return overlap / torch.where(total == 0, 1, total - overlap)


@PAIRS.mistake("This looks like the transpose: predictions are the rows, objects the columns.")
def objects_as_rows(pred_masks, gt_masks):
    return pairwise_soft_iou(pred_masks, gt_masks).T


# 17.2


def table_cases():
    """Where greedy loses, where rows and columns want the same, wide and tall tables, one row, one column."""
    generator = torch.Generator().manual_seed(5)
    tables = [
        torch.tensor([[0.6, 0.5], [0.5, 0.0]]),
        torch.tensor([[0.9, 0.8], [0.7, 0.1], [0.2, 0.3]]),
        torch.tensor([[0.1, 0.2, 0.4]]),
        torch.tensor([[0.1], [0.5], [0.3]]),
        *(torch.rand(p, g, generator=generator) for p, g in ((3, 3), (5, 3), (2, 5), (4, 4), (5, 4))),
    ]
    return [{"values": table} for table in tables]


ASSIGNMENT = Exercise(
    "17.2",
    "The best assignment",
    difficulty=3,
    minutes=20,
    oracle=coverage.best_assignment,
    cases=table_cases,
    hints=(
        "The tables are small: try every way. Which function of itertools lists all ways to choose without repeating?",
        "Take the shorter side one by one; itertools.permutations(range(long), short) names a partner for each.",
        "max(ways, key=the sum of the chosen values). If the rows are the longer side, work on values.T and turn back, "
        "with the pairs in the order of their rows.",
    ),
)


@ASSIGNMENT.model
def best_assignment(values):
    short, long = sorted(values.shape)
    table = values if len(values) == short else values.T
    ways = itertools.permutations(range(long), short)
    best = max(ways, key=lambda way: sum(table[i, j].item() for i, j in enumerate(way)))
    pairs = list(enumerate(best))
    if len(values) != short:
        pairs = sorted((row, column) for column, row in pairs)
    rows, columns = torch.tensor(pairs).T
    return rows, columns


@ASSIGNMENT.mistake(
    "This looks like greedy: the largest free value again and again. One large value can block two good ones: "
    "in [[0.6, 0.5], [0.5, 0]] it takes 0.6 + 0, and 0.5 + 0.5 is more."
)
def takes_the_largest_first(values):
    return coverage.greedy_assignment(values)


@ASSIGNMENT.mistake(
    "This looks like the best object for each prediction. Two predictions may then share an object; in a matching each "
    "object has at most one."
)
def lets_every_row_choose(values):
    return torch.arange(len(values)), values.argmax(1)


@ASSIGNMENT.mistake(
    "This looks like the best prediction for each object. Two objects may then share a prediction; in a matching each "
    "prediction has at most one."
)
def lets_every_column_choose(values):
    rows = values.argmax(0)
    order = rows.argsort(stable=True)
    return rows[order], order


@ASSIGNMENT.mistake(
    "This looks like the smallest sum. scipy's linear_sum_assignment minimises costs unless you say maximize=True."
)
def minimises(values):
    return coverage.best_assignment(-values)


@ASSIGNMENT.mistake(
    "This looks like a matching of the first n predictions only, the square variant. Here every prediction may be "
    "matched, also a later one."
)
def keeps_the_first_n(values):
    return coverage.best_assignment(values[: values.shape[1]])


@ASSIGNMENT.mistake("This looks like (columns, rows): the predictions are the rows and come first.")
def gives_columns_first(values):
    return coverage.best_assignment(values)[::-1]
