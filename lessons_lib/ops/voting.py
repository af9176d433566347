"""Mask voting: overlapping predictions of one object put their masks together, each as loudly as it is confident.

Non-maximum suppression keeps one prediction of an object and throws the others away, although they saw the same object
through slightly different boxes. Here they vote, pixel by pixel, on the mask of the one that stays.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lessons_lib.ops.boxes import pairwise_box_iou
from lessons_lib.ops.roi.regions import describe


def vote_masks(
    masks: Bool[Tensor, "M H W"] | Float[Tensor, "M H W"],
    boxes: Float[Tensor, "M 4"],
    chosen: Float[Tensor, "N 4"],
    confidences: Float[Tensor, "N M"],
    iou_threshold: float = 0.5,
    threshold: float = 0.4,
) -> Bool[Tensor, "N H W"]:
    """The masks of N chosen boxes, as all M predictions vote that overlap them.

    Args:
        masks: of all predictions, in the image: binary as in MNC, or probabilities as in FCIS.
        boxes: of all predictions, xyxy in pixels.
        chosen: the boxes that NMS left. A box that none of the predictions overlaps gets an empty mask.
        confidences: ≥ 0 and finite; how sure each prediction is of the class of each chosen box. Only their ratios in a
            row count.
        iou_threshold: a prediction votes where the IoU of its box and the chosen one is at least this.
        threshold: a pixel belongs to the mask where at least this share of the votes is for it.

    Dai, He and Sun, "Multi-task Network Cascades" (arXiv:1512.04412), section 5, with the released code's numbers; Li
    et al., "FCIS" (arXiv:1611.07709), section 3.2. No gradient. Raises ValueError naming the argument.

    >>> masks = torch.tensor([[[True, True, False]], [[True, False, False]]])
    >>> box = torch.tensor([[0.0, 0, 2, 1]])
    >>> vote_masks(masks, box.repeat(2, 1), box, torch.tensor([[0.3, 0.7]])).int().tolist()  # 0.3 of the votes are few
    [[[1, 0, 0]]]
    """
    _check(masks, boxes, chosen, confidences)
    for name, value in (("iou_threshold", iou_threshold), ("threshold", threshold)):
        if not 0 < value <= 1:
            raise ValueError(f"{name} must be > 0 and at most 1, got {value}")
    with torch.no_grad():
        votes = torch.where(pairwise_box_iou(chosen, boxes) >= iou_threshold, confidences, 0).double()  # (N, M)
        total = votes.sum(1, keepdim=True)
        out = torch.zeros(len(chosen), *masks.shape[1:], dtype=torch.bool, device=masks.device)
        for mask, share in zip(out, votes / total.clamp(min=torch.finfo(votes.dtype).tiny), strict=True):
            voters = share.nonzero()[:, 0]
            if len(voters):
                together = torch.einsum("m,mhw->hw", share[voters], masks[voters].double())
                torch.ge(together, threshold - TOLERANCE, out=mask)
        return out


TOLERANCE = 1e-6
"""Shares that are equal to the threshold but for rounding, such as 0.1 + 0.3, count as equal."""


def _check(masks: Tensor, boxes: Tensor, chosen: Tensor, confidences: Tensor) -> None:
    fits = isinstance(masks, Tensor) and masks.dim() == 3 and (masks.dtype == torch.bool or masks.is_floating_point())
    if not fits:
        raise ValueError(f"masks must be a bool or float tensor (M, H, W), got {describe(masks)}")
    for name, some, count in (("boxes", boxes, len(masks)), ("chosen", chosen, None)):
        right = isinstance(some, Tensor) and some.dim() == 2 and some.shape[1] == 4 and some.is_floating_point()
        if not right or count not in (None, len(some)):
            want = "(N, 4)" if count is None else f"({count}, 4), one for each mask"
            raise ValueError(f"{name} must be a float tensor {want}, got {describe(some)}")
    shape = (len(chosen), len(masks))
    if not isinstance(confidences, Tensor) or confidences.shape != shape or not confidences.is_floating_point():
        want = f"{shape}, one for each chosen box and each mask"
        raise ValueError(f"confidences must be a float tensor {want}, got {describe(confidences)}")
    sound = (confidences >= 0) & confidences.isfinite()
    if not bool(sound.all()):
        raise ValueError(f"confidences must be ≥ 0 and finite, got {confidences[~sound][0].item()}")
