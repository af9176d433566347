"""Non-maximum suppression of regions: as of boxes, but by the IoU of the regions, not of the boxes around them."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lessons_lib.ops.nms import fixpoint


def region_nms(
    iou: Float[Tensor, "N N"], scores: Float[Tensor, " N"], iou_threshold: float = 0.3
) -> Bool[Tensor, " N"]:
    """Which regions stay when each suppresses the less confident ones that it overlaps by more than `iou_threshold`.

    `iou` is of all pairs (`Segments.overlaps`, `pairwise_mask_iou`); regions of different classes do not meet, so each
    class has its own call. Of equal scores the first region goes first. SDS's released code removes every region that
    overlaps a better one at all (threshold 0). Raises ValueError for an `iou` of another size than `scores`, or a
    threshold outside [0, 1].

    >>> iou = torch.tensor([[1.0, 0.6, 0.0], [0.6, 1.0, 0.4], [0.0, 0.4, 1.0]])
    >>> region_nms(iou, torch.tensor([0.9, 0.8, 0.7])).tolist()  # the third's rival is gone
    [True, False, True]
    """
    count = len(scores)
    if iou.shape != (count, count):
        raise ValueError(f"iou must be ({count}, {count}), of all pairs of regions, got {tuple(iou.shape)}")
    if not 0 <= iou_threshold <= 1:
        raise ValueError(f"iou_threshold must be between 0 and 1, got {iou_threshold}")
    order = scores.argsort(descending=True, stable=True)
    rivals = iou[order][:, order] > iou_threshold
    keep = fixpoint(rivals.triu(1), torch.ones_like(order, dtype=torch.bool))
    return torch.empty_like(keep).scatter_(0, order, keep)
