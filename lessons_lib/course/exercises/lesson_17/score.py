"""Exercises 17.3 and 17.4: the score term, and a bug in a stop loss."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import coverage

# 17.3


def score_cases():
    """The lesson's five scores, every count of a short list, scores of exactly 0 and 1, and too few predictions."""
    lists = [
        ([0.85, 0.8, 0.7, 0.4, 0.15], 4),
        *(([0.2, 0.9, 0.6], n) for n in range(4)),
        ([0.7], 1),
        ([0.2], 0),
        ([0.0], 1),
        ([1.0, 0.0, 0.5], 1),
        ([0.0, 1.0, 0.5], 1),
        ([0.3, 0.8], 5),
    ]
    return [{"scores": torch.tensor(scores, dtype=torch.float64), "count": count} for scores, count in lists]


SCORE = Exercise(
    "17.3",
    "The score term",
    difficulty=2,
    minutes=15,
    oracle=coverage.score_loss,
    cases=score_cases,
    hints=(
        "What should each score be? The first n should be 1 and the others 0, whatever their masks look like.",
        "bracket = (torch.arange(1, len(scores) + 1) <= count); a 1 costs −log s, a 0 costs −log(1 − s).",
        "log(0) is −∞. As torch does, hold every logarithm at −100: .log().clamp(min=-100). Then sum.",
    ),
)


@SCORE.model
def score_loss(scores, count):
    bracket = torch.arange(1, len(scores) + 1) <= count  # [t ≤ n]
    log_yes = scores.log().clamp(min=-100)
    log_no = (1 - scores).log().clamp(min=-100)
    return -torch.where(bracket, log_yes, log_no).sum()


@SCORE.mistake(
    "This looks like a target of `count` ones and then zeros, which is longer than the scores where there are more "
    "objects than predictions. Then all scores should be 1."
)
def makes_too_many_ones(scores, count):
    target = torch.cat([torch.ones(count), torch.zeros(len(scores) - count)])
    return F.binary_cross_entropy(scores, target.to(scores.dtype), reduction="sum")


@SCORE.mistake("This looks like squared errors, Σ(s − target)². A score is a probability: use the logarithms.")
def squares_the_errors(scores, count):
    return (scores - (torch.arange(len(scores)) < count).to(scores.dtype)).square().sum()


@SCORE.flags(
    mean="This looks like the mean over the predictions. The loss is their sum: compare the weights of the terms.",
    early="This looks like [t < n] with t from 1: the last object would teach its score to be 0. Or count t from 0, as "
    "torch.arange does, and keep t < n.",
    late="This looks like [t ≤ n] with t from 0, as torch.arange counts: one score more than there are objects should "
    "be 1. Count from 1, or write t < n.",
    turned="This looks like the bracket turned round: the first n scores should be 1, those after them 0.",
    no_stop="This looks like a sum over the first n predictions only. The later ones count too, with −log(1 − s): from "
    "them the network learns to stop.",
    infinite="This looks like log(0): one score of exactly 0 or 1 on the wrong side makes the loss infinite. torch "
    "holds the logarithm at −100, so such a score costs 100.",
    zero_times="This looks like 0 · log(0), which is NaN: a score of exactly 0 or 1 spoils the whole sum, even on the "
    "right side. Clamp the logarithms at −100, or choose with torch.where.",
    epsilon="This looks like a small number inside the logarithm. It caps the cost at −log(ε), about 18 for 1e-8, and "
    "shifts all others; here each logarithm is clamped at −100.",
    highest="This looks like the n highest scores being asked for 1. The bracket goes by position: the first n, so "
    "that the sequence has an end.",
    logits="This looks like a sigmoid on scores that are probabilities already. The logits come in exercise 17.4.",
    missing="This looks like 100 more for each object without a prediction. The sum goes over the predictions alone.",
    decimal="This looks like the decimal logarithm. The loss is measured with the natural one, torch.log.",
    binary="This looks like log2, bits. The loss is measured with the natural logarithm, torch.log.",
    positive="This looks like a forgotten minus: a logarithm of a score is negative, and a loss must be ≥ 0 here.",
)
def wrong_score(scores, count, *, mean=False, early=False, late=False, turned=False, no_stop=False, infinite=False,
                zero_times=False, epsilon=False, highest=False, logits=False, missing=False, decimal=False,
                binary=False, positive=False):  # fmt: skip
    scores = scores.sort(descending=True).values if highest else scores
    scores = scores.sigmoid() if logits else scores
    bracket = torch.arange(len(scores)) < count - early + late
    bracket = ~bracket if turned else bracket
    log = torch.log10 if decimal else torch.log2 if binary else torch.log
    yes, no = (log(s + 1e-8 * epsilon) for s in (scores, 1 - scores))
    if not (infinite or zero_times):
        yes, no = yes.clamp(min=-100), no.clamp(min=-100)
    chosen = bracket * yes + ~bracket * no if zero_times else torch.where(bracket, yes, no)
    chosen = torch.where(bracket, chosen, 0.0) if no_stop else chosen
    total = -(chosen.mean() if mean else chosen.sum()) + 100 * missing * max(count - len(scores), 0)
    return -total if positive else total


# 17.4


def logit_cases():
    """Ordinary logits, an empty image, and a network that is very sure: rightly and wrongly."""
    lists = [
        ([2.0, 1.0, -0.5], 2),
        ([0.3], 1),
        ([0.3], 0),
        ([0.0, 0.0], 1),
        ([-1.0, 3.0, 0.3, 0.1], 0),
        ([-900.0], 1),
        ([900.0, -900.0], 1),
        ([-900.0, 900.0], 1),
    ]
    return [{"logits": torch.tensor(logits, dtype=torch.float64), "count": count} for logits, count in lists]


STOP = Exercise(
    "17.4",
    "Find the bug: the stop loss",
    difficulty=1,
    minutes=10,
    oracle=coverage.score_loss_with_logits,
    cases=logit_cases,
    gradients=True,
    hints=(
        "What does with_logits in the function's name say about its input? And what does the first line do to it?",
        "The sigmoid is applied twice: the scores can then only be between 0.5 and 0.73. Which of the two must go?",
        "Remove your own: the function with logits also stays exact where a sigmoid is rounded to 0 or 1. Sum them.",
    ),
)


@STOP.model
def stop_loss(logits, count):
    bracket = (torch.arange(len(logits)) < count).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, bracket, reduction="sum")


@STOP.mistake(
    "This looks like the logarithm of a sigmoid, written out: sigmoid(−900) is exactly 0 and its logarithm −∞. "
    "F.logsigmoid, or the function with logits, stays exact."
)
def takes_the_log_of_zero(logits, count):
    scores = logits.sigmoid()
    return -torch.where(torch.arange(len(logits)) < count, scores.log(), (1 - scores).log()).sum()


@STOP.mistake(
    "This looks like one choice between all steps, a softmax that asks which step is the last. Each score is a yes or "
    "no of its own: all n of them should be 1 at once."
)
def asks_which_is_the_last(logits, count):
    return F.cross_entropy(logits[None], torch.tensor([min(count, len(logits) - 1)]), reduction="sum")


@STOP.flags(
    twice="This looks like the bug itself: a sigmoid, then a function that applies another. The loss can never come "
    "near 0.",
    rounds="This looks like the right formula on rounded scores: sigmoid(900) is exactly 1, a logarithm is clamped at "
    "−100, and the gradient is 0. A network that is very wrong would never learn it. Work on the logits.",
    clamps="This looks like scores held away from 0 and 1 by a small number. The cost of a confident mistake is then "
    "capped, and its gradient 0: work on the logits.",
    limits="This looks like logits clamped to a range. Beyond it the gradient is 0: a network that is very wrong would "
    "never learn it.",
    softmax="This looks like a softmax over the predictions. Scores do not compete: all n of them should be 1 at once.",
    mean="This looks like the mean, which is what binary_cross_entropy_with_logits gives unless you ask for a sum.",
    turned="This looks like the bracket turned round: the first n scores should be 1, those after them 0.",
    early="This looks like [t < n] with t from 1. Counted from 0, as torch.arange does, it is t < n.",
    late="This looks like [t ≤ n] with t from 0: one score more than there are objects should be 1.",
    no_stop="This looks like the first n predictions alone. The later ones count too: from them the network learns to "
    "stop.",
)
def wrong_stop(logits, count, *, twice=False, rounds=False, clamps=False, limits=False, softmax=False, mean=False,
               turned=False, early=False, late=False, no_stop=False):  # fmt: skip
    bracket = (torch.arange(len(logits)) < count - early + late).to(logits.dtype)
    target = 1 - bracket if turned else bracket
    z = logits.clamp(-20, 20) if limits else logits
    z = z.sigmoid() if twice else z
    each = F.binary_cross_entropy_with_logits(z, target, reduction="none")
    if rounds or clamps or softmax:
        scores = z.softmax(0) if softmax else z.sigmoid()
        each = F.binary_cross_entropy(scores.clamp(1e-6, 1 - 1e-6) if clamps else scores, target, reduction="none")
    each = each[:count] if no_stop else each
    return each.sum() / len(logits) if mean else each.sum()
