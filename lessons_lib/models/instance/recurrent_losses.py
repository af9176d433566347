"""What a sequence of masks learns from: the truth of a batch, who learns whose mask, and the variants of the losses."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.data.sample import Batch
from lessons_lib.models.instance.mask_rcnn import masks_of
from lessons_lib.models.instance.recurrent_config import RecurrentConfig
from lessons_lib.models.instance.sequence import Unrolled
from lessons_lib.ops.coverage import (
    best_assignment,
    coverage_loss,
    greedy_assignment,
    pairwise_soft_iou,
    score_loss_with_logits,
)


def sequence_losses(
    made: Unrolled,
    truth: Sequence[Bool[Tensor, "_ H W"]],
    labels: Sequence[Int64[Tensor, " _"]],
    config: RecurrentConfig,
) -> dict[str, Float[Tensor, ""]]:
    """The losses of an unrolled sequence by name; `truth` are the masks of each image, `labels` their classes.

    Where a prediction is no number, no loss is: so the training stops and names them.
    """
    scores = made.score_logits
    names = ("coverage", "score") + (("class",) if made.class_logits is not None else ())
    if not bool((made.masks.sum() + scores.sum()).isfinite()):
        return dict.fromkeys(names, made.masks.sum() + scores.sum())
    found = coverage_loss(made.masks, truth, scores, config.lam, config.loss_variant)
    counts = torch.tensor([len(masks) for masks in truth], device=scores.device)
    if config.matching != "best" or made.class_logits is not None:
        tables = [pairwise_soft_iou(masks, true) for masks, true in zip(made.masks, truth, strict=True)]
        pairs = [matched(table, config) for table in tables]
        sums = [table[pair].sum() for table, pair in zip(tables, pairs, strict=True)]
        found["coverage"] = -torch.stack(sums).mean()
        if made.class_logits is not None:
            found["class"] = config.class_weight * class_loss(made.class_logits, labels, pairs)
    if config.one_minus_iou:
        found["coverage"] = found["coverage"] + counts.clamp(max=scores.shape[1]).to(scores.dtype).mean()
    if config.monotone:
        found["score"] = config.lam * score_loss_with_logits(monotone_logits(scores, counts), counts).mean()
    return found


def matched(iou: Float[Tensor, "T G"], config: RecurrentConfig) -> tuple[Int64[Tensor, " n"], Int64[Tensor, " n"]]:
    """The pairs (step, object) that learn from each other, by the configuration's matching."""
    table = iou[: iou.shape[1]] if config.loss_variant == "square" else iou
    if config.matching == "order":
        same = torch.arange(min(table.shape), device=iou.device)
        return same, same
    return (best_assignment if config.matching == "best" else greedy_assignment)(table)


def class_loss(
    logits: Float[Tensor, "B T K"], labels: Sequence[Int64[Tensor, " _"]],
    pairs: Sequence[tuple[Int64[Tensor, " _"], Int64[Tensor, " _"]]],
) -> Float[Tensor, ""]:  # fmt: skip
    """The mean cross entropy of the matched masks' classes: the classes take the matching of the masks."""
    chosen = torch.cat([rows[steps] for rows, (steps, _) in zip(logits, pairs, strict=True)])
    wanted = torch.cat([own[objects] for own, (_, objects) in zip(labels, pairs, strict=True)])
    return F.cross_entropy(chosen, wanted, reduction="sum") / max(1, len(wanted))


def kept_steps(scores: Float[Tensor, "*B T"], threshold: float = 0.5) -> Int64[Tensor, "*B"]:
    """How many steps come before the first score below the threshold: so many objects are found.

    >>> kept_steps(torch.tensor([0.9, 0.5, 0.2, 0.8])).item()
    2
    """
    return (scores >= threshold).cumprod(-1).sum(-1)


def monotone_logits(logits: Float[Tensor, "B T"], counts: Int64[Tensor, " B"]) -> Float[Tensor, "B T"]:
    """For each of the first n steps the smallest logit so far, for each later one the largest still to come.

    Ren and Zemel (arXiv:1605.09410), equation 8: the binary cross entropy of these is their monotone score loss.
    """
    smallest, largest = logits.cummin(1).values, logits.flip(1).cummax(1).values.flip(1)
    return torch.where(torch.arange(logits.shape[1], device=logits.device) < counts[:, None], smallest, largest)


def single_objects(batch: Batch) -> tuple[list[Bool[Tensor, "_ H W"]], list[Int64[Tensor, " _"]]]:
    """The masks of each image's objects, padded to the batch's size, and their classes; crowds are left out."""
    masks, labels = [], []
    size = batch.images.shape[2:]
    for own, objects in zip(masks_of(batch.instances), batch.instances, strict=True):
        single = torch.ones_like(objects.labels, dtype=torch.bool) if objects.is_crowd is None else ~objects.is_crowd
        below, right = size[0] - own.shape[1], size[1] - own.shape[2]
        masks.append(F.pad(own[single], (0, right, 0, below)))
        labels.append(objects.labels[single])
    return masks, labels
