"""Matching: soft IoU of all pairs, the best assignment, and the coverage loss of recurrent instance segmentation.

Predictions come in a sequence, t = 1, …, P, each a soft mask in [0, 1] and a score; an image has n objects in no order.
The loss lets the objects choose their predictions, and the scores learn when to stop (Romera-Paredes and Torr,
"Recurrent Instance Segmentation", arXiv:1511.08250, section 3.3):

    min over matchings of −Σ IoU(matched pairs) + λ · Σ_t BCE([t ≤ n], score t)

Variants of the literature. *Rectangular*, the formula as it stands: any of the P predictions may be matched. *Square*,
what the authors' code does: only the first n predictions may. They differ when a later prediction is the better one.
Salvador et al. (arXiv:1712.00617) use 1 − IoU, half the score term and a class term; Ren and Zemel (arXiv:1605.09410)
divide the matched sum by the number of objects and make the score term monotone.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.checks import check_ints

VARIANTS = ("rectangular", "square")


def pairwise_soft_iou(
    pred_masks: Float[Tensor, "*B P H W"], gt_masks: Float[Tensor, "*B G H W"] | Bool[Tensor, "*B G H W"]
) -> Float[Tensor, "*B P G"]:
    """Soft IoU ⟨p, g⟩ / (Σp + Σg − ⟨p, g⟩) of every predicted mask with every ground-truth mask, in one matrix product.

    Masks lie in [0, 1]. On binary masks it is the IoU; a soft mask has less than 1 with itself. Two empty masks score
    0, with gradient 0, so that an empty prediction never counts as a match. Half precision and autocast are computed
    in float32. ValueError for shapes or dtypes that do not fit, or a value outside [0, 1].

    >>> pairwise_soft_iou(torch.tensor([[[1.0, 0.5]]]), torch.tensor([[[True, False]]])).tolist()  # 1 / 1.5
    [[0.6666666865348816]]
    """
    _check_float("pred_masks", pred_masks, least_dims=3)
    _check_masks(gt_masks, pred_masks)
    _check_range("pred_masks", pred_masks)
    lead, most = pred_masks.shape[:-3], gt_masks.shape[-3]
    images = pred_masks.reshape(lead.numel(), *pred_masks.shape[-3:])
    iou = _soft_iou(images, gt_masks.reshape(lead.numel(), *gt_masks.shape[-3:]).unbind(), most)
    return iou.reshape(*lead, *iou.shape[1:])


def best_assignment(values: Float[Tensor, "P G"]) -> tuple[Int64[Tensor, " n"], Int64[Tensor, " n"]]:
    """The pairs (row, column), each row and column at most once, whose values have the largest sum.

    n = min(P, G) pairs, in the order of their rows; where several matchings are best, one of them, always the same.
    An assignment is a choice, not a number: no gradient goes through it. Solved in O(n³) on the CPU by scipy
    (Crouse, "On implementing 2D rectangular assignment algorithms", 2016). ValueError for NaN or infinite values.

    >>> best_assignment(torch.tensor([[0.9, 0.8], [0.8, 0.1]]))
    (tensor([0, 1]), tensor([1, 0]))
    """
    from scipy.optimize import linear_sum_assignment  # here, because it takes longer to import than to run

    table = _finite_table(values)
    rows, columns = linear_sum_assignment(table.double().numpy(), maximize=True)
    return _pairs(rows.tolist(), columns.tolist(), values.device)


def greedy_assignment(values: Float[Tensor, "P G"]) -> tuple[Int64[Tensor, " n"], Int64[Tensor, " n"]]:
    """The pairs (row, column) found by taking the largest free value again and again.

    n = min(P, G) pairs, in the order of their rows; of equal values the first in reading order. The sum may be smaller
    than the best one, though never less than half of it for values ≥ 0. ValueError for NaN or infinite values.

    >>> greedy_assignment(torch.tensor([[0.9, 0.8], [0.8, 0.1]]))
    (tensor([0, 1]), tensor([0, 1]))
    """
    table = _finite_table(values)
    free_rows, free_columns, found = set(range(table.shape[0])), set(range(table.shape[1])), []
    for place in table.flatten().argsort(descending=True, stable=True).tolist():
        row, column = divmod(place, table.shape[1])
        if row in free_rows and column in free_columns:
            free_rows.remove(row)
            free_columns.remove(column)
            found.append((row, column))
    found.sort()
    return _pairs([row for row, _ in found], [column for _, column in found], values.device)


def score_loss(scores: Float[Tensor, "*B P"], count: int | Int64[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Σ_t BCE([t ≤ n], s_t): the first n = `count` scores should be 1, whatever was matched, and the others 0.

    A sum over the predictions, in nats. Each logarithm is clamped to at least −100, as torch does, so a score of
    exactly 0 or 1 costs at most 100. With fewer predictions than objects all should be 1. Half precision is computed
    and returned in float32. ValueError for scores outside [0, 1].

    >>> score_loss(torch.tensor([1.0, 0.5]), count=1)  # −ln 1 − ln(1 − 0.5)
    tensor(0.6931)
    """
    _check_float("scores", scores, least_dims=1)
    _check_range("scores", scores)
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    targets = _first(count, scores)
    return F.binary_cross_entropy(scores, targets, reduction="none").sum(-1)


def score_loss_with_logits(logits: Float[Tensor, "*B P"], count: int | Int64[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """`score_loss` of sigmoid(logits), for training: exact at any size, its gradient is sigmoid(logits) − [t ≤ n].

    >>> score_loss_with_logits(torch.tensor([0.0, 0.0]), count=1)  # twice ln 2
    tensor(1.3863)
    """
    _check_float("logits", logits, least_dims=1)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    targets = _first(count, logits)
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(-1)


def coverage_loss(
    pred_masks: Float[Tensor, "B P H W"],
    gt_masks: Sequence[Tensor],
    score_logits: Float[Tensor, "B P"],
    lam: float = 1.0,
    variant: str = "rectangular",
) -> dict[str, Float[Tensor, ""]]:
    """The two terms of the loss, "coverage" = −Σ IoU and "score" = λ · Σ BCE, each the mean over the images.

    `gt_masks` holds a tensor (n, H, W) in [0, 1] or bool for each image, in any order of the objects; n may differ and
    may be 0, and such an image has coverage 0. `lam` is λ ≥ 0. The matched masks get the gradient of their IoU, the
    others exactly 0; every score gets its own. `variant` is "rectangular" or "square" (see the top of this file).
    ValueError for shapes, dtypes or options that do not fit.

    >>> mask = torch.tensor([[[[1.0, 0.0]]]])
    >>> coverage_loss(mask, [mask[0].bool()], torch.tensor([[0.0]]))
    {'coverage': tensor(-1.), 'score': tensor(0.6931)}
    """
    _check_batch(pred_masks, gt_masks, score_logits, lam, variant)
    counts = [len(masks) for masks in gt_masks]
    iou = _soft_iou(pred_masks, gt_masks, max(counts))  # (B, P, most)
    matched = []
    for table, n in zip(iou.unbind(), counts, strict=True):
        table = table[: n if variant == "square" else None, :n]
        matched.append(table[best_assignment(table)].sum())
    score = score_loss_with_logits(score_logits, torch.tensor(counts, device=score_logits.device))
    return {"coverage": -torch.stack(matched).mean(), "score": lam * score.mean()}


def _first(count: int | Tensor, scores: Tensor) -> Tensor:
    """Iverson's bracket [t ≤ n] for t = 1, …, P, shaped as the scores are."""
    if not isinstance(count, Tensor):
        check_ints(0, count=count)
        count = torch.full(scores.shape[:-1], count, device=scores.device)
    if count.shape != scores.shape[:-1] or count.is_floating_point():
        want = f"one int for each of the {tuple(scores.shape[:-1])} score lists"
        raise ValueError(f"count must be an int or {want}, got {count.dtype} {tuple(count.shape)}")
    if count.numel() and count.min() < 0:
        raise ValueError(f"count must be ≥ 0, got {count.min()}")
    places = torch.arange(scores.shape[-1], device=scores.device)
    return (places < count[..., None].to(scores.device)).to(scores.dtype)


def _soft_iou(pred_masks: Tensor, gt_masks: Sequence[Tensor], most: int) -> Tensor:
    """Soft IoU (B, P, most) with the masks of each image, those with fewer objects filled up with empty ones.

    One more mask, all ones, stands behind the objects: its product with a prediction is the prediction's sum, so the
    backward pass too is one matrix product.
    """
    dtype = torch.promote_types(pred_masks.dtype, torch.float32)
    with torch.autocast(pred_masks.device.type, enabled=False):
        gt = pred_masks.new_empty(len(pred_masks), most + 1, *pred_masks.shape[2:], dtype=dtype)
        for b, masks in enumerate(gt_masks):
            gt[b, : len(masks)], gt[b, len(masks) : -1], gt[b, -1] = masks, 0, 1
        gt = gt.flatten(2)  # (B, most + 1, H*W)
        products = pred_masks.to(dtype).flatten(2) @ gt.mT  # (B, P, most + 1)
        overlap, pred_sum = products[..., :-1], products[..., -1:]
        union = pred_sum + gt[:, None, :-1].sum(-1) - overlap
        return overlap / torch.where(union == 0, 1, union)


def _pairs(rows: list[int], columns: list[int], device: torch.device) -> tuple[Tensor, Tensor]:
    one, other = (torch.tensor(indices, dtype=torch.int64, device=device) for indices in (rows, columns))
    return one, other


def _finite_table(values: Tensor) -> Tensor:
    """The values detached and on the CPU, or an error that names the first one that is no number."""
    _check_float("values", values, least_dims=2)
    if values.dim() != 2:
        raise ValueError(f"values must have 2 dimensions, predictions and objects, got {tuple(values.shape)}")
    table = values.detach().cpu()
    if not table.isfinite().all():
        row, column = (~table.isfinite()).nonzero()[0].tolist()
        raise ValueError(f"values must be finite, got {table[row, column].item()} at [{row}, {column}]")
    return table


def _check_float(name: str, tensor: object, least_dims: int) -> None:
    if not isinstance(tensor, Tensor) or tensor.dim() < least_dims or not tensor.is_floating_point():
        got = f"{tensor.dtype} {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else repr(tensor)
        raise ValueError(f"{name} must be a float tensor with {least_dims} or more dimensions, got {got}")


def _check_range(name: str, values: Tensor) -> None:
    if values.dtype == torch.bool or values.numel() == 0:
        return
    for extreme in values.detach().aminmax():
        if not 0 <= extreme <= 1:
            raise ValueError(f"{name} must be in [0, 1], got {extreme:g}")


def _check_masks(gt_masks: object, pred_masks: Tensor) -> None:
    """Ground truth fits the predictions in everything but the number of masks."""
    if not isinstance(gt_masks, Tensor) or not (gt_masks.dtype == torch.bool or gt_masks.is_floating_point()):
        got = gt_masks.dtype if isinstance(gt_masks, Tensor) else repr(gt_masks)
        raise ValueError(f"gt_masks must be a bool or float tensor, got {got}")
    want, shape = list(pred_masks.shape), list(gt_masks.shape)
    if len(shape) != len(want) or want[:-3] + want[-2:] != shape[:-3] + shape[-2:]:
        words = ", ".join(map(str, [*want[:-3], "G", *want[-2:]]))
        raise ValueError(f"gt_masks must have the shape ({words}), got {tuple(shape)}")
    if gt_masks.device != pred_masks.device:
        raise ValueError(f"gt_masks must be on {pred_masks.device}, as pred_masks is, got {gt_masks.device}")
    _check_range("gt_masks", gt_masks)


def _check_batch(
    pred_masks: Tensor, gt_masks: Sequence[Tensor], score_logits: Tensor, lam: float, variant: str
) -> None:
    _check_float("pred_masks", pred_masks, least_dims=4)
    _check_float("score_logits", score_logits, least_dims=2)
    if pred_masks.dim() != 4 or len(pred_masks) == 0:
        raise ValueError(f"pred_masks must be (B, P, H, W) with B ≥ 1, got {tuple(pred_masks.shape)}")
    if score_logits.shape != pred_masks.shape[:2]:
        want, got = tuple(pred_masks.shape[:2]), tuple(score_logits.shape)
        raise ValueError(f"score_logits must have one logit for each of the {want} predicted masks, got {got}")
    if len(gt_masks) != len(pred_masks):
        raise ValueError(f"gt_masks must hold a tensor for each of the {len(pred_masks)} images, got {len(gt_masks)}")
    for image, masks in zip(pred_masks, gt_masks, strict=True):
        _check_masks(masks, image)
    _check_range("pred_masks", pred_masks)
    if not lam >= 0:
        raise ValueError(f"lam must be ≥ 0, got {lam}")
    if variant not in VARIANTS:
        raise ValueError(f"variant must be 'rectangular' or 'square', got {variant!r}")
