"""Exercises 17.1 and 17.2: soft IoU of all pairs, and the best assignment."""

import itertools

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import coverage

# 17.1


def mask_cases():
    """Several masks of odd shapes, a hand-worked pair, empty ones on one side and on both, and a strided view."""
    generator = torch.Generator().manual_seed(17)

    def masks(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    half = torch.tensor([[[0.9, 0.4], [0.0, 0.2]]], dtype=torch.float64)
    corner = torch.tensor([[[True, False], [False, False]]])
    nothing = torch.zeros(1, 1, 2, dtype=torch.float64)
    with_empty = torch.cat([masks(2, 4, 3), torch.zeros(1, 4, 3, dtype=torch.float64)])
    gt_with_empty = torch.cat([masks(1, 4, 3) > 0.5, torch.zeros(1, 4, 3, dtype=torch.bool)])
    return [
        {"pred_masks": masks(3, 5, 4), "gt_masks": masks(2, 5, 4) > 0.4},
        {"pred_masks": half, "gt_masks": corner},
        {"pred_masks": nothing, "gt_masks": nothing > 0},
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


@PAIRS.flags(
    twice="This looks like a union that counts the overlap twice: Σp + Σg holds the common pixels two times, so take "
    "them off once.",
    dice="This looks like Dice, 2⟨p, g⟩ / (Σp + Σg). It is a cousin of IoU and never smaller; here the union divides.",
    squares="This looks like squared sums, Σp² + Σg², as V-Net's Dice has them. Here the sums are plain.",
    product_only="This looks like the overlap alone. It grows with the object: divide by the union.",
    of_object="This looks like the overlap over the object's area: a mask that covers the whole image would be "
    "perfect.",
    no_zero="This looks like 0/0: two empty masks have a union of 0, and NaN spreads through the whole loss. They "
    "score 0 here.",
    late_zero="This looks like 0/0 mended afterwards, by torch.where or nan_to_num on the quotient. The value is "
    "right, but its gradient is 0 · ∞ = NaN. Mend the union before you divide.",
    empty_is_one="This looks like two empty masks scoring 1. Predicting nothing would be a success: they score 0.",
    one_more="This looks like 1 added above and below to avoid 0/0. Then two empty masks score 1, and an empty "
    "prediction would be a perfect match; every other value is shifted too.",
    epsilon="This looks like a small number added to every union. It is not needed where the union is not 0, and it "
    "lowers every value: change the union only where it is 0.",
    cut="This looks like masks that were cut at one half first. That is the hard IoU: it has no gradient to learn "
    "from.",
    transposed="This looks like the transpose: predictions are the rows, objects the columns.",
)
def wrong_iou(pred_masks, gt_masks, *, twice=False, dice=False, squares=False, product_only=False, of_object=False,
              no_zero=False, late_zero=False, empty_is_one=False, one_more=False, epsilon=False, cut=False,
              transposed=False):  # fmt: skip
    pred, gt = pred_masks.flatten(1), gt_masks.flatten(1).to(pred_masks.dtype)
    pred = (pred > 0.5).to(pred.dtype) if cut else pred
    overlap = pred @ gt.T
    area = (pred.square() if squares else pred).sum(1)[:, None] * (not of_object) + gt.sum(1)
    union = area - overlap * (not (twice or dice or of_object))
    overlap = overlap * 2 if dice else overlap
    if product_only:
        union = torch.ones_like(union)
    if one_more or epsilon:
        extra = 1 if one_more else 1e-6
        union, overlap = union + extra, overlap + extra * one_more
    if not (no_zero or late_zero or empty_is_one):
        union = torch.where(union == 0, 1, union)
    table = overlap / union
    table = torch.where(union == 0, 1.0 if empty_is_one else 0.0, table) if late_zero or empty_is_one else table
    return table.T if transposed else table


# 17.2


def table_cases():
    """Where greedy loses, a best pair of value 0, wide and tall tables, one row, one column."""
    generator = torch.Generator().manual_seed(5)
    tables = [
        torch.tensor([[0.1, 0.6, 0.7], [0.2, 0.5, 0.8], [0.3, 0.4, 0.35], [0.65, 0.9, 0.15]]),
        torch.tensor([[0.6, 0.5], [0.5, 0.0]]),
        torch.tensor([[0.9, 0.2], [0.3, 0.0]]),
        torch.tensor([[0.1, 0.2, 0.4]]),
        torch.tensor([[0.1], [0.5], [0.3]]),
        torch.tensor([[0.9, 0.8], [0.7, 0.1], [0.2, 0.3]]),
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


@ASSIGNMENT.mistake("This looks like prediction t for object t. Their order says nothing: look for the largest sum.")
def pairs_by_position(values):
    return torch.arange(min(values.shape)), torch.arange(min(values.shape))


@ASSIGNMENT.mistake(
    "This looks like rows that choose in turn, each the best object that is left. An early row may take what a later "
    "one needs more: compare the sums of whole matchings."
)
def rows_choose_in_turn(values):
    return _in_turn(values)


@ASSIGNMENT.mistake(
    "This looks like objects that choose in turn, each the best prediction that is left. An early one may take what a "
    "later one needs more: compare the sums of whole matchings."
)
def columns_choose_in_turn(values):
    columns, rows = _in_turn(values.T)
    order = rows.argsort()
    return rows[order], columns[order]


def _in_turn(values):
    left, chosen = list(range(values.shape[1])), []
    for row in range(min(values.shape)):
        chosen.append(max(left, key=lambda column: values[row, column].item()))
        left.remove(chosen[-1])
    return torch.arange(len(chosen)), torch.tensor(chosen)


@ASSIGNMENT.flags(
    greedy="This looks like greedy: the largest free value again and again. One large value can block two good ones: "
    "in [[0.6, 0.5], [0.5, 0]] it takes 0.6 + 0, and 0.5 + 0.5 is more.",
    smallest="This looks like the smallest sum. scipy's linear_sum_assignment minimises costs unless you say "
    "maximize=True.",
    first_rows="This looks like a matching of the first n predictions only, the square variant. Here every prediction "
    "may be matched, also a later one.",
    first_columns="This looks like a wide table of which only the first P columns were read. Every object may be "
    "matched.",
    drops_zeros="This looks like pairs of value 0 left out. The result has min(P, G) pairs, whatever their values.",
    unsorted="This looks like pairs in the order of the objects. The rows must rise: sort the pairs.",
    by_value="This looks like pairs in the order of their values. The rows must rise: sort the pairs.",
    columns_first="This looks like (columns, rows): the predictions are the rows and come first.",
    with_sum="This looks like the pairs and their sum. Only the rows and the columns are asked for.",
)
def wrong_pairs(values, *, greedy=False, smallest=False, first_rows=False, first_columns=False, drops_zeros=False,
                unsorted=False, by_value=False, columns_first=False, with_sum=False):  # fmt: skip
    P, G = values.shape
    table = values[: G if first_rows else None, : P if first_columns else None]
    table = -table if smallest else table
    rows, columns = coverage.greedy_assignment(table) if greedy else coverage.best_assignment(table)
    chosen = values[rows, columns]
    if drops_zeros:
        rows, columns = rows[chosen > 0], columns[chosen > 0]
    if unsorted or by_value:
        order = values[rows, columns].argsort(descending=True) if by_value else columns.argsort()
        order = order if by_value or P > G else torch.arange(len(rows))
        rows, columns = rows[order], columns[order]
    pair = (columns, rows) if columns_first else (rows, columns)
    return (*pair, chosen.sum()) if with_sum else pair
