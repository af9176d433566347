"""Exercise 17.5: the loss of a batch."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import coverage


def batch_cases():
    """Images with different counts, one of them empty, more objects than predictions, and several weights λ."""
    generator = torch.Generator().manual_seed(4)

    def rand(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    cases = []
    for counts, predictions, lam in (((3, 0, 1), 4, 0.7), ((1,), 1, 2.0), ((2,), 3, 1.0), ((1, 3), 2, 0.5),
                                     ((0, 2), 3, 2.0), ((3, 3), 4, 1.0)):  # fmt: skip
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


def _pairs(iou, greedy, square, in_order):
    """The chosen (rows, columns) of a table."""
    if in_order:
        return torch.arange(min(iou.shape)), torch.arange(min(iou.shape))
    table = iou[: iou.shape[1]] if square else iou
    return coverage.greedy_assignment(table) if greedy else coverage.best_assignment(table)


@BATCH.flags(
    plus="This looks like coverage with a plus. A loss is made small: more IoU must make it smaller, so −Σ IoU.",
    one_minus="This looks like Σ(1 − IoU). It differs by the number of pairs; here coverage is −Σ IoU.",
    sums_images="This looks like the sum over the images. Both terms are means over the images, so that the size of a "
    "batch does not matter.",
    mean_of_pairs="This looks like the mean IoU of the matched pairs. Here they are summed: each object that is found "
    "counts in full.",
    per_object="This looks like coverage divided by the number of objects. The IoUs of an image are summed, and only "
    "the images are averaged.",
    no_lam="This looks like λ left out: it weighs the score term.",
    lam_on_both="This looks like λ on both terms. It weighs the score term against the masks, so it stands there only.",
    lam_on_coverage="This looks like λ on the wrong term: it weighs the score term, not the masks.",
    greedy="This looks like greedy matching. It can cover less than the best one: use coverage.best_assignment.",
    square="This looks like the square variant, in which only the first n predictions may be matched. Here any of "
    "them may.",
    in_order="This looks like mask t for object t. The list of objects has no order: match first.",
    by_matching="This looks like scores by matching: 1 for the matched predictions. The bracket goes by position: the "
    "first n scores should be 1, whichever masks were matched.",
    skips_empty="This looks like images without objects being left out. Their scores should all be 0, and only they "
    "teach the network to begin with a stop.",
    largest_count="This looks like one n for the whole batch, the largest: padded entries are no objects. Each image "
    "has its own n.",
    first_count="This looks like the first image's n for all images. Each image has its own.",
    all_count="This looks like n = the number of predictions: every score should be 1 then. n is the number of "
    "objects.",
    mean_of_scores="This looks like the mean over the predictions. The score term of an image is a sum.",
    sigmoid_twice="This looks like a sigmoid before a function that applies one itself: score_logits are logits.",
    one_total="This looks like one number. Return the two terms by name: {“coverage”: …, “score”: …}.",
)
def wrong_batch(pred_masks, gt_masks, score_logits, lam=1.0, *, plus=False, one_minus=False, sums_images=False,
                mean_of_pairs=False, per_object=False, no_lam=False, lam_on_both=False, lam_on_coverage=False,
                greedy=False, square=False, in_order=False, by_matching=False, skips_empty=False, largest_count=False,
                first_count=False, all_count=False, mean_of_scores=False, sigmoid_twice=False,
                one_total=False):  # fmt: skip
    counts, covered, score = [len(gt) for gt in gt_masks], [], []
    for pred, gt, logits in zip(pred_masks, gt_masks, score_logits, strict=True):
        if skips_empty and len(gt) == 0:
            continue
        iou = coverage.pairwise_soft_iou(pred, gt)
        rows, columns = _pairs(iou, greedy, square, in_order)
        cover = (iou[rows, columns] - float(one_minus)).sum()
        cover = cover / max(1, len(rows)) if mean_of_pairs else cover / max(1, len(gt)) if per_object else cover
        covered.append(cover)
        n = max(counts) if largest_count else counts[0] if first_count else len(pred) if all_count else len(gt)
        logits = logits.sigmoid() if sigmoid_twice else logits
        if by_matching:
            matched = torch.isin(torch.arange(len(pred)), rows)
            logits, n = torch.cat([logits[matched], logits[~matched]]), len(rows)
        term = coverage.score_loss_with_logits(logits, n)
        score.append(term / len(pred) if mean_of_scores else term)
    average = torch.sum if sums_images else torch.mean
    losses = {"coverage": average(torch.stack(covered)), "score": average(torch.stack(score))}
    losses["coverage"] = losses["coverage"] * (1 if plus else -1) * (lam if lam_on_both or lam_on_coverage else 1)
    losses["score"] = losses["score"] * (1 if no_lam or lam_on_coverage else lam)
    return losses["coverage"] + losses["score"] if one_total else losses
