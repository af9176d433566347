"""Lesson 18, exercises 4 and 5: how many steps count, and the loss of a sequence that is shorter than the truth."""

import torch
from scipy.optimize import linear_sum_assignment
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.instance.recurrent_losses import kept_steps as library_kept_steps
from lessons_lib.ops import coverage

# 18.4


def stop_cases():
    """A score that comes back after the stop, exactly one half, no stop at all, and a stop at once."""
    tables = (
        [[0.9, 0.5, 0.2, 0.8]],
        [[0.9, 0.8, 0.7], [0.4, 0.9, 0.9], [0.6, 0.1, 0.3], [0.95, 0.9, 0.49]],
        [[0.99, 0.8, 0.7, 0.55, 0.5, 0.3, 0.6, 0.2], [0.7, 0.7, 0.6, 0.6, 0.6, 0.6, 0.4, 0.9]],
        [[0.3], [0.5], [1.0], [0.0]],
    )
    return [{"scores": torch.tensor(table, dtype=torch.float64)} for table in tables]


STOP = Exercise(
    "18.4",
    "How many objects?",
    difficulty=1,
    minutes=10,
    oracle=library_kept_steps,
    cases=stop_cases,
    hints=(
        "The sequence ends before the first score below 0.5. What comes after it does not count, however high.",
        "going = (scores >= 0.5) is 1 as long as the sequence goes on, but it may come back. Which running product "
        "stays 0 once it was 0?",
        "(scores >= 0.5).long().cumprod(1).sum(1)",
    ),
)


@STOP.model
def kept_steps(scores):
    return (scores >= 0.5).long().cumprod(1).sum(1)


@STOP.flags(
    everywhere="This looks like all scores of at least 0.5. After the first one below, nothing counts: the sequence "
    "has ended.",
    strict="This looks like > 0.5. A score of exactly 0.5 goes on: the sequence ends below it.",
    with_the_stop="This looks like one step too many: the step whose score is below 0.5 is no object any more.",
    never_is_zero="This looks like argmax over “is below 0.5”. Where no score is below, argmax returns 0, but then all "
    "steps count.",
    shares="This looks like a running product of the scores themselves. Each is asked by itself: is it below 0.5?",
    as_float="This looks like a decimal number. A count is a whole one: int64.",
)
def wrong_kept_steps(scores, *, everywhere=False, strict=False, with_the_stop=False, never_is_zero=False, shares=False,
                     as_float=False):  # fmt: skip
    scores = scores.cumprod(1) if shares else scores
    going = (scores > 0.5 if strict else scores >= 0.5).long()
    count = going.sum(1) if everywhere else going.cumprod(1).sum(1)
    if never_is_zero:
        count = torch.where(going.all(1), 0, count)
    count = (count + 1).clamp(max=scores.shape[1]) if with_the_stop else count
    return count.double() if as_float else count


@STOP.mistake("This looks like the last score of at least 0.5. The first one below it ends the sequence.")
def takes_the_last(scores):
    places = torch.arange(1, scores.shape[1] + 1)
    return (places * (scores >= 0.5)).amax(1)


@STOP.mistake("This looks like the lowest score. The sequence ends at the first one below 0.5, low or not so low.")
def stops_at_the_lowest(scores):
    return scores.argmin(1)


# 18.5


def curriculum_cases():
    """More objects than steps, as many, one step more, several more, and no object."""
    generator = torch.Generator().manual_seed(5)

    def rand(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    cases = []
    for objects, predictions, steps in ((2, 3, 1), (3, 5, 2), (2, 4, 3), (3, 4, 3), (1, 5, 4), (0, 3, 2)):
        cases.append(
            {
                "pred_masks": rand(predictions, 3, 4),
                "gt_masks": rand(objects, 3, 4) > 0.5,
                "score_logits": 4 * rand(predictions) - 2,
                "steps": steps,
            }
        )
    return cases


def library_curriculum_loss(pred_masks, gt_masks, score_logits, steps):
    """The library's loss of one image, on the first steps."""
    return coverage.coverage_loss(pred_masks[None, :steps], [gt_masks], score_logits[None, :steps])


CURRICULUM = Exercise(
    "18.5",
    "Find the bug: the curriculum",
    difficulty=3,
    minutes=25,
    oracle=library_curriculum_loss,
    cases=curriculum_cases,
    gradients=True,
    hints=(
        "Four things are wrong: which objects may be matched; how the table is read; which scores should be 1; how "
        "many scores count.",
        "Nothing is cut off the list of objects: with two steps, any two of them may be drawn. The last step is only "
        "asked to stop if all objects come before it.",
        "iou = coverage.pairwise_soft_iou(pred, gt_masks); the pairs (rows, columns) read iou[rows, columns]; "
        "coverage.score_loss_with_logits(logits, len(gt_masks)) is the sum over all steps that were made.",
    ),
)


@CURRICULUM.model
def curriculum_loss(pred_masks, gt_masks, score_logits, steps):
    pred, logits = pred_masks[:steps], score_logits[:steps]
    iou = coverage.pairwise_soft_iou(pred, gt_masks)
    rows, columns = coverage.best_assignment(iou)
    score = coverage.score_loss_with_logits(logits, len(gt_masks))
    return {"coverage": -iou[rows, columns].sum(), "score": score}


@CURRICULUM.flags(
    first_objects="This looks like a list of objects that is cut to the number of steps. Then the list decides which "
    "ones are drawn; the network may choose any of them.",
    swapped="This looks like a table that is read with rows and columns exchanged: predictions are the rows.",
    told_to_stop="This looks like a last step that is always asked to stop. With objects left its score should be 1.",
    not_the_stop="This looks like scores that count for the objects only. The step after the last object counts too: "
    "from it alone the network learns to stop.",
    all_steps="This looks like all predictions. Only the first `steps` were asked for; the others learn later.",
    in_order="This looks like step t for object t of the list. The list has no order that the image shows: match.",
    greedy="This looks like greedy matching, which may lose a better whole (lesson 17).",
    square="This looks like the square variant: only the first n steps may be matched. Here any step may.",
    free_padding="This looks like a table filled up with objects that cost 0. To be matched with nothing is then "
    "cheaper than any object: padding must cost more than a real pair can (RSIS: 10), or be left out.",
    mean_of_steps="This looks like a score term divided by the steps. It is a sum (lesson 17).",
    plus="This looks like coverage with a plus. More IoU must make the loss smaller.",
)
def wrong_curriculum(pred_masks, gt_masks, score_logits, steps, *, first_objects=False, swapped=False,
                     told_to_stop=False, not_the_stop=False, all_steps=False, in_order=False, greedy=False,
                     square=False, free_padding=False, mean_of_steps=False, plus=False):  # fmt: skip
    n = len(gt_masks)
    steps = len(pred_masks) if all_steps else steps
    pred, logits, gt = pred_masks[:steps], score_logits[:steps], gt_masks[:steps] if first_objects else gt_masks
    iou = coverage.pairwise_soft_iou(pred, gt)
    rows, columns = _pairs(iou[: len(gt)] if square else iou, in_order, greedy, free_padding)
    if swapped:
        rows, columns = columns.clamp(max=max(0, len(pred) - 1)), rows.clamp(max=max(0, len(gt) - 1))
    ones = min(n, steps - 1) if told_to_stop else n
    counted = logits[:n] if not_the_stop else logits
    score = coverage.score_loss_with_logits(counted, ones) / (len(logits) if mean_of_steps else 1)
    return {"coverage": iou[rows, columns].sum() * (1 if plus else -1), "score": score}


def _pairs(table, in_order, greedy, free_padding):
    if in_order:
        return torch.arange(min(table.shape)), torch.arange(min(table.shape))
    if free_padding:
        cost = F.pad(1 - table.detach(), (0, len(table)))
        rows, columns = map(torch.from_numpy, linear_sum_assignment(cost))
        return rows[columns < table.shape[1]], columns[columns < table.shape[1]]
    return (coverage.greedy_assignment if greedy else coverage.best_assignment)(table)


@CURRICULUM.mistake(
    "This looks like scores that follow the matching: 1 for the steps that were matched. The bracket goes by position."
)
def asks_the_matched_ones(pred_masks, gt_masks, score_logits, steps):
    iou = coverage.pairwise_soft_iou(pred_masks[:steps], gt_masks)
    rows, columns = coverage.best_assignment(iou)
    target = torch.zeros_like(score_logits[:steps]).index_fill(0, rows, 1)
    score = F.binary_cross_entropy_with_logits(score_logits[:steps], target, reduction="sum")
    return {"coverage": -iou[rows, columns].sum(), "score": score}
