"""Matching: which object an anchor or a proposal stands for; whether it shows the object, background, or neither.

The rules of Faster R-CNN (arXiv:1506.01497, section 3.1.2) on a table of overlaps, for one image or a whole batch.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lessons_lib.ops.boxes import in_full_precision

POSITIVE, NEGATIVE, IGNORED = 1, 0, -1
"""The label of an anchor: it shows its object; it shows background; it takes no part in training."""

TIE = 1e-5
"""Overlaps that differ by less than this share are equal: as best anchors of an object they count all."""


def match(
    iou: Float[Tensor, "*batch N G"],
    high: float,
    low: float | None = None,
    *,
    force_best: bool = False,
    valid: Bool[Tensor, "*batch G"] | None = None,
) -> tuple[Int64[Tensor, "*batch N"], Int64[Tensor, "*batch N"]]:
    """(object, label) of each of N boxes, from its IoU with each of G objects.

    The object is the one with the highest IoU, the first of several. The label is POSITIVE where that IoU is ≥ `high`,
    NEGATIVE below `low` (None: as `high`), and IGNORED between. With `force_best` the boxes that overlap an object most
    are positive whatever their IoU, unless it is 0, and their object is that one: of all that are as good as the best,
    and of the object with the highest IoU where a box is the best of several. `valid` says which columns hold an
    object; none at all, or G = 0, makes every box NEGATIVE, with object 0. Raises ValueError unless 0 ≤ low ≤ high ≤ 1.

    >>> match(torch.tensor([[0.8, 0.1], [0.5, 0.2], [0.0, 0.3]]), 0.7, 0.4, force_best=True)
    (tensor([0, 0, 1]), tensor([ 1, -1,  1]))
    """
    low = high if low is None else low
    if not 0 <= low <= high <= 1:
        raise ValueError(f"low and high must be 0 ≤ low ≤ high ≤ 1, got low {low}, high {high}")
    if iou.shape[-1] == 0:
        nothing = torch.zeros(iou.shape[:-1], dtype=torch.int64, device=iou.device)
        return nothing, nothing.clone()
    if valid is not None:
        iou = iou.masked_fill(~valid[..., None, :], -1)  # less than any object's, and less than `low`
    best, matched = iou.max(-1)
    labels = torch.where(best >= high, POSITIVE, torch.where(best < low, NEGATIVE, IGNORED))
    if force_best:
        highest = iou.amax(-2, keepdim=True) if iou.shape[-2] else iou.new_zeros(*iou.shape[:-2], 1, iou.shape[-1])
        forced = torch.where((iou >= highest * (1 - TIE)) & (iou > 0), iou, -1.0)  # (N, G)
        value, own = forced.max(-1)
        matched = torch.where(value > 0, own, matched)
        labels = torch.where(value > 0, POSITIVE, labels)
    return matched, labels


def ignore_crowds(
    labels: Int64[Tensor, "*batch N"], covered: Float[Tensor, "*batch N C"], threshold: float = 0.7
) -> Int64[Tensor, "*batch N"]:
    """The labels, with every negative IGNORED that a crowd covers: not background, and no single object either.

    `covered` is the intersection of each box with each crowd over the area of the box, not the IoU: a crowd is a
    region of many objects, which a box inside it overlaps by little.

    >>> ignore_crowds(torch.tensor([0, 1, 0]), torch.tensor([[0.9], [0.9], [0.1]]))
    tensor([-1,  1,  0])
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be in (0, 1], got {threshold}")
    inside = (covered >= threshold).any(-1)
    return torch.where((labels == NEGATIVE) & inside, IGNORED, labels)


def overlaps(
    boxes: Float[Tensor, "*batch N 4"], objects: Float[Tensor, "*batch G 4"]
) -> tuple[Float[Tensor, "*batch N G"], Float[Tensor, "*batch N G"]]:
    """(IoU, share of the box that the object covers) of every box with every object, image by image of a batch.

    `pairwise_box_iou` for batches. Boxes without area score 0 in both. Half precision is computed and returned in
    float32.

    >>> box, objects = torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2]])
    >>> overlaps(box, objects)  # 2 of 6 pixels, and 2 of the box's 4
    (tensor([[0.3333]]), tensor([[0.5000]]))
    """
    boxes, objects = in_full_precision(boxes, objects)
    # number by number, and in memory object by object: the boxes, which are many, lie side by side
    x0, y0, x1, y1 = (side[..., None, :] for side in boxes.unbind(-1))  # (*batch, 1, N)
    u0, v0, u1, v1 = (side[..., :, None] for side in objects.unbind(-1))  # (*batch, G, 1)
    width = (torch.minimum(x1, u1) - torch.maximum(x0, u0)).clamp(min=0)
    intersection = width * (torch.minimum(y1, v1) - torch.maximum(y0, v0)).clamp(min=0)
    area = (x1 - x0).clamp(min=0) * (y1 - y0).clamp(min=0)
    union = area + (u1 - u0).clamp(min=0) * (v1 - v0).clamp(min=0) - intersection
    iou, covered = intersection / torch.where(union > 0, union, 1), intersection / torch.where(area > 0, area, 1)
    return iou.transpose(-1, -2), covered.transpose(-1, -2)
