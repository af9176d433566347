"""Lesson 17, exercises 3 to 5: the score term, a bug in a stop loss, and the loss of a batch."""

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


def _term(scores, bracket):
    return F.binary_cross_entropy(scores, bracket.to(scores.dtype), reduction="sum")


@SCORE.mistake(
    "This looks like the mean over the predictions. The loss is their sum: compare the weights of the terms."
)
def takes_the_mean(scores, count):
    return coverage.score_loss(scores, count) / len(scores)


@SCORE.mistake(
    "This looks like [t < n] with t from 1: the last object would teach its score to be 0. Or count t from 0, as "
    "torch.arange does, and keep t < n."
)
def is_off_by_one(scores, count):
    return _term(scores, torch.arange(1, len(scores) + 1) < count)


@SCORE.mistake(
    "This looks like a sum over the first n predictions only. The later ones count too, with −log(1 − s): from them "
    "the network learns to stop."
)
def forgets_to_stop(scores, count):
    return -scores[:count].log().clamp(min=-100).sum()


@SCORE.mistake(
    "This looks like log(0): one score of exactly 0 or 1 on the wrong side makes the loss infinite. torch holds the "
    "logarithm at −100, so such a score costs 100."
)
def lets_the_logarithm_run_away(scores, count):
    return -torch.where(torch.arange(len(scores)) < count, scores.log(), (1 - scores).log()).sum()


@SCORE.mistake(
    "This looks like the n highest scores being asked for 1. The bracket goes by position: the first n, so that the "
    "sequence has an end."
)
def asks_the_highest(scores, count):
    return _term(scores.sort(descending=True).values, torch.arange(len(scores)) < count)


# 17.4


def logit_cases():
    """Ordinary logits, an empty image, and a network that is very sure: rightly and wrongly."""
    lists = [
        ([2.0, 1.0, -0.5], 2),
        ([0.0, 0.0], 1),
        ([-1.0, 3.0, 0.3, 0.1], 0),
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
    "This looks like the bug itself: a sigmoid, then a function that applies another. The loss can never come near 0."
)
def squashes_twice(logits, count):
    return coverage.score_loss_with_logits(logits.sigmoid(), count)


@STOP.mistake(
    "This looks like the right formula on rounded scores: sigmoid(900) is exactly 1, a logarithm is clamped at −100, "
    "and the gradient is 0. A network that is very wrong would never learn it. Work on the logits."
)
def rounds_before_the_logarithm(logits, count):
    return coverage.score_loss(logits.sigmoid(), count)


@STOP.mistake(
    "This looks like the mean, which is what binary_cross_entropy_with_logits gives unless you ask for a sum."
)
def takes_the_mean_of_logits(logits, count):
    return coverage.score_loss_with_logits(logits, count) / len(logits)


@STOP.mistake(
    "This looks like a softmax over the predictions. Scores do not compete: all n of them should be 1 at once."
)
def lets_scores_compete(logits, count):
    return coverage.score_loss(logits.softmax(0), count)


# 17.5


def batch_cases():
    """Images with different counts, one of them empty, more objects than predictions, and three weights λ."""
    generator = torch.Generator().manual_seed(4)

    def rand(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    cases = []
    for counts, predictions, lam in (((2,), 3, 1.0), ((3, 0, 1), 4, 1.0), ((1, 3), 2, 0.5), ((0, 2), 3, 2.0)):
        cases.append(
            {
                "pred_masks": rand(len(counts), predictions, 4, 5),
                "gt_masks": [rand(n, 4, 5) > 0.5 for n in counts],
                "score_logits": 4 * rand(len(counts), predictions) - 2,
                "lam": lam,
            }
        )
    return cases


BATCH = Exercise(
    "17.5",
    "The loss of a batch",
    difficulty=3,
    minutes=20,
    oracle=coverage.coverage_loss,
    cases=batch_cases,
    gradients=True,
    hints=(
        "Take image by image: its predictions, its objects, its logits. The counts differ, so loop over the list.",
        "For one image: iou = coverage.pairwise_soft_iou(pred, gt); iou[coverage.best_assignment(iou)] are "
        "the matched values; coverage.score_loss_with_logits(logits, len(gt)) is the score term.",
        "Sum within an image, then the mean over images; coverage gets the minus, the score term gets λ. An image "
        "without objects has coverage 0 and still a score term.",
    ),
)


@BATCH.model
def coverage_loss(pred_masks, gt_masks, score_logits, lam=1.0):
    covered, score = [], []
    for b, gt in enumerate(gt_masks):
        iou = coverage.pairwise_soft_iou(pred_masks[b], gt)
        covered.append(iou[coverage.best_assignment(iou)].sum())
        score.append(coverage.score_loss_with_logits(score_logits[b], len(gt)))
    return {"coverage": -torch.stack(covered).mean(), "score": lam * torch.stack(score).mean()}


@BATCH.mistake("This looks like coverage with a plus. A loss is made small: more IoU must make it smaller, so −Σ IoU.")
def rewards_misses(pred_masks, gt_masks, score_logits, lam=1.0):
    losses = coverage.coverage_loss(pred_masks, gt_masks, score_logits, lam)
    return losses | {"coverage": -losses["coverage"]}


@BATCH.mistake("This looks like λ on both terms. It weighs the score term against the masks, so it stands there only.")
def weighs_both_terms(pred_masks, gt_masks, score_logits, lam=1.0):
    losses = coverage.coverage_loss(pred_masks, gt_masks, score_logits, lam)
    return losses | {"coverage": lam * losses["coverage"]}


@BATCH.mistake(
    "This looks like the mean IoU of the matched pairs. Here they are summed: each object that is found counts in full."
)
def averages_the_pairs(pred_masks, gt_masks, score_logits, lam=1.0):
    iou = [coverage.pairwise_soft_iou(pred, gt) for pred, gt in zip(pred_masks, gt_masks, strict=True)]
    means = [one[coverage.best_assignment(one)].sum() / max(1, min(one.shape)) for one in iou]
    return coverage.coverage_loss(pred_masks, gt_masks, score_logits, lam) | {"coverage": -torch.stack(means).mean()}


@BATCH.mistake(
    "This looks like images without objects being left out. Their scores should all be 0, and only they teach the "
    "network to begin with a stop."
)
def skips_empty_images(pred_masks, gt_masks, score_logits, lam=1.0):
    kept = [b for b, gt in enumerate(gt_masks) if len(gt)]
    return coverage.coverage_loss(pred_masks[kept], [gt_masks[b] for b in kept], score_logits[kept], lam)


@BATCH.mistake(
    "This looks like one n for the whole batch, the largest: padded entries are no objects. Each image has its own n."
)
def takes_the_largest_count(pred_masks, gt_masks, score_logits, lam=1.0):
    most = max(map(len, gt_masks))
    score = lam * coverage.score_loss_with_logits(score_logits, most).mean()
    return coverage.coverage_loss(pred_masks, gt_masks, score_logits, lam) | {"score": score}
