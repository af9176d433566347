"""Average precision step by step: matching in one image, precision and recall down the ranks, and 101 points.

COCO's rules (cocoeval.py of the COCO API). Detections take their turn from the highest score down. Each takes the
object with the highest IoU among those that are left, if that reaches the threshold. Precision and recall are then
counted down the ranks; precision is made to fall with recall, each value the best that any lower rank reaches, and read
at the recalls 0, 0.01, …, 1. AP is the mean of these 101 numbers.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from lessons_lib.ops.boxes import check_crowd

IOU_THRESHOLDS = torch.from_numpy(np.linspace(0.5, 0.95, 10))
"""0.50, 0.55, …, 0.95; COCO's AP is the mean over them."""

RECALLS = torch.from_numpy(np.linspace(0, 1, 101))
"""0, 0.01, …, 1."""


def match_in_order(
    iou: Float[Tensor, "P G"], threshold: float, is_crowd: Bool[Tensor, " G"] | None = None
) -> Int64[Tensor, " P"]:
    """The object that each detection takes, or −1; the rows of `iou` are the detections from the highest score down.

    A detection takes the free object of highest IoU ≥ threshold, the last of equals. An object is taken once; a crowd
    as often as one likes, but only by a detection that finds no free object: such detections do not count. `iou` has
    the crowd rule in it already (`pairwise_mask_iou`). ValueError for an `iou` or `is_crowd` of the wrong kind.

    >>> match_in_order(torch.tensor([[0.8, 0.6], [0.9, 0.7]]), threshold=0.5)  # object 0 is taken already
    tensor([0, 1])
    """
    if iou.dim() != 2 or not iou.is_floating_point():
        raise ValueError(f"iou must be a float tensor (P, G), got {iou.dtype} {tuple(iou.shape)}")
    check_crowd(is_crowd, iou.shape[1])
    crowd = [False] * iou.shape[1] if is_crowd is None else is_crowd.tolist()
    taken, matches = set(), []
    for row in iou.tolist():
        free = [g for g, value in enumerate(row) if value >= threshold and (crowd[g] or g not in taken)]
        best = max(free, key=lambda g: (not crowd[g], row[g], g), default=-1)
        taken.add(best)
        matches.append(best)
    return torch.tensor(matches, dtype=torch.int64, device=iou.device)


def precision_recall(
    hits: Bool[Tensor, "*S n"], positives: int | Float64[Tensor, "*#S 1"], counted: Bool[Tensor, "*S n"] | None = None
) -> tuple[Float64[Tensor, "*S n"], Float64[Tensor, "*S n"]]:
    """Precision and recall after each rank: hits so far / detections so far, and hits so far / `positives`.

    `hits` says of each detection, from the highest score down, whether it found an object; `positives` is how many
    objects there are, ≥ 1, or NaN. Where `counted` is false a detection is skipped, and precision is 0 before the first
    that counts. ValueError for hits that are not bool or positives < 1.

    >>> precision_recall(torch.tensor([True, False]), positives=2)
    (tensor([1.0000, 0.5000], dtype=torch.float64), tensor([0.5000, 0.5000], dtype=torch.float64))
    """
    if not isinstance(hits, Tensor) or hits.dtype != torch.bool or hits.dim() < 1:
        got = f"{hits.dtype} {tuple(hits.shape)}" if isinstance(hits, Tensor) else repr(hits)
        raise ValueError(f"hits must be a bool tensor, one value per detection, got {got}")
    few = torch.as_tensor(positives) < 1
    if few.any():
        raise ValueError(f"positives must be ≥ 1, got {torch.as_tensor(positives)[few][0].item():g}")
    if counted is None:
        counted = torch.ones_like(hits)
    found = (hits & counted).cumsum(-1, dtype=torch.float64)
    seen = counted.cumsum(-1, dtype=torch.float64)
    return found / seen.clamp(min=1), found / positives


def interpolated_precision(
    precision: Float64[Tensor, "*S n"], recall: Float64[Tensor, "*S n"]
) -> Float64[Tensor, "*S 101"]:
    """The best precision at or after the first rank that reaches each of the 101 recalls; 0 where none does.

    >>> hits = torch.tensor([True, False, True])
    >>> curve = interpolated_precision(*precision_recall(hits, positives=2))  # 1, then 2/3
    >>> curve[0].item(), round(curve[100].item(), 3)
    (1.0, 0.667)
    """
    envelope = precision.flip(-1).cummax(-1).values.flip(-1) if precision.shape[-1] else precision
    envelope = torch.cat([envelope, torch.zeros_like(envelope[..., :1].sum(-1, keepdim=True))], -1)
    recalls = RECALLS.to(recall.device).expand(*recall.shape[:-1], -1).contiguous()
    first = torch.searchsorted(recall.contiguous(), recalls)  # n where the recall is never reached
    return envelope.gather(-1, first)


def average_precision(hits: Bool[Tensor, "*S n"], positives: int | Float64[Tensor, "*#S 1"]) -> Float64[Tensor, "*S"]:
    """AP of a ranked list: the mean of the interpolated precision at the 101 recalls; 0 without detections.

    >>> average_precision(torch.tensor([True, True]), positives=2).item()
    1.0
    """
    return interpolated_precision(*precision_recall(hits, positives)).mean(-1)


def area_under_curve(hits: Bool[Tensor, "*S n"], positives: int | Float64[Tensor, "*#S 1"]) -> Float64[Tensor, "*S"]:
    """AP as Pascal VOC counts it from 2010 on: the area under the curve of precision made to fall with recall.

    It sums, over every object that is found, the best precision at or after its rank, divided by `positives`; COCO
    reads the same curve at 101 recalls instead. 0 without detections.

    >>> area_under_curve(torch.tensor([True, False, True]), positives=2).item()  # (1 + 2/3) / 2
    0.8333333333333333
    """
    precision, _ = precision_recall(hits, positives)
    envelope = precision.flip(-1).cummax(-1).values.flip(-1) if precision.shape[-1] else precision
    found = (envelope * hits).sum(-1)
    return found / (positives if isinstance(positives, int) else positives[..., 0])
