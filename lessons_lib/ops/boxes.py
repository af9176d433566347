"""Boxes: areas, and the IoU of all pairs, with the rule for crowds.

Boxes are xyxy in pixels with exclusive ends, so that a width is x1 − x0.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def box_areas(boxes: Float[Tensor, "N 4"]) -> Float[Tensor, " N"]:
    """Width times height of each box, in pixels; a box whose end lies before its start has no area, 0.

    Half precision is computed and returned in float32: 256 × 256 pixels are more than float16 can hold.

    >>> box_areas(torch.tensor([[1.0, 1.0, 4.0, 3.0]]))
    tensor([6.])
    """
    check_boxes("boxes", boxes)
    (corners,) = in_full_precision(boxes)
    width, height = (corners[:, 2:] - corners[:, :2]).clamp(min=0).unbind(1)
    return width * height


def pairwise_box_iou(
    pred_boxes: Float[Tensor, "P 4"], gt_boxes: Float[Tensor, "G 4"], is_crowd: Bool[Tensor, " G"] | None = None
) -> Float[Tensor, "P G"]:
    """IoU of every predicted box with every ground-truth box.

    With a crowd, which is a region of many objects, a prediction cannot be larger than it should: there the value is
    intersection / predicted area, as COCO counts. Boxes without area score 0. The IoU has the boxes' dtype; half
    precision is computed and returned in float32.
    ValueError for boxes that are not (N, 4) floats, or `is_crowd` that is not one bool per ground-truth box.

    >>> pairwise_box_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2], [5.0, 5, 6, 6]]))
    tensor([[0.3333, 0.0000]])
    """
    check_boxes("pred_boxes", pred_boxes)
    check_boxes("gt_boxes", gt_boxes)
    pred_boxes, gt_boxes = in_full_precision(pred_boxes, gt_boxes)
    start = torch.maximum(pred_boxes[:, None, :2], gt_boxes[None, :, :2])  # (P, G, 2)
    end = torch.minimum(pred_boxes[:, None, 2:], gt_boxes[None, :, 2:])
    intersection = (end - start).clamp(min=0).prod(2)
    return iou_of(intersection, box_areas(pred_boxes), box_areas(gt_boxes), is_crowd)


def matched_box_iou(
    pred_boxes: Float[Tensor, "N 4"], gt_boxes: Float[Tensor, "N 4"], is_crowd: Bool[Tensor, " N"]
) -> Float[Tensor, " N"]:
    """IoU of box number i with box number i, by the rules of `pairwise_box_iou`; ValueError as there, and for
    two numbers of boxes.

    >>> matched_box_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[0.0, 0, 2, 4]]), torch.tensor([False]))
    tensor([0.5000])
    """
    check_boxes("pred_boxes", pred_boxes)
    check_boxes("gt_boxes", gt_boxes)
    check_crowd(is_crowd, len(gt_boxes))
    if len(pred_boxes) != len(gt_boxes):
        raise ValueError(f"pred_boxes must be {len(gt_boxes)}, one for each of gt_boxes, got {len(pred_boxes)}")
    pred_boxes, gt_boxes = in_full_precision(pred_boxes, gt_boxes)
    start, end = torch.maximum(pred_boxes[:, :2], gt_boxes[:, :2]), torch.minimum(pred_boxes[:, 2:], gt_boxes[:, 2:])
    width, height = (end - start).clamp(min=0).unbind(1)
    return _ratio(width * height, box_areas(pred_boxes), box_areas(gt_boxes), is_crowd)


def iou_of(
    intersection: Float[Tensor, "P G"],
    pred_areas: Float[Tensor, " P"],
    gt_areas: Float[Tensor, " G"],
    is_crowd: Bool[Tensor, " G"] | None = None,
) -> Float[Tensor, "P G"]:
    """IoU from intersections and areas: intersection / predicted area with a crowd, 0 where there is nothing at all.

    >>> iou_of(torch.tensor([[2.0]]), torch.tensor([4.0]), torch.tensor([4.0]))  # 2 / (4 + 4 − 2)
    tensor([[0.3333]])
    """
    check_crowd(is_crowd, len(gt_areas))
    return _ratio(intersection, pred_areas[:, None], gt_areas, is_crowd)


def in_full_precision(*boxes: Float[Tensor, "*_"]) -> list[Float[Tensor, "*_"]]:
    """The same numbers in one dtype, at least float32: areas and sums of corners pass float16's largest, 65,504."""
    wide = torch.float32
    for some in boxes:
        wide = torch.promote_types(wide, some.dtype)
    return [some.to(wide) for some in boxes]


def _ratio(intersection: Tensor, pred_areas: Tensor, gt_areas: Tensor, is_crowd: Tensor | None) -> Tensor:
    union = pred_areas + gt_areas - intersection
    if is_crowd is not None:
        union = torch.where(is_crowd, pred_areas, union)
    return intersection / torch.where(union > 0, union, 1)


def check_crowd(is_crowd: Tensor | None, count: int) -> None:
    """`is_crowd` is None or one bool for each of `count` objects, or ValueError says what it is."""
    if is_crowd is None:
        return
    if not isinstance(is_crowd, Tensor) or is_crowd.dtype != torch.bool or is_crowd.shape != (count,):
        got = f"{is_crowd.dtype} {tuple(is_crowd.shape)}" if isinstance(is_crowd, Tensor) else repr(is_crowd)
        raise ValueError(f"is_crowd must be one bool for each of the {count} objects, got {got}")


def check_boxes(name: str, boxes: Tensor) -> None:
    """`boxes` is a float tensor (N, 4), or ValueError says what it is."""
    if not isinstance(boxes, Tensor) or not boxes.is_floating_point() or boxes.dim() != 2 or boxes.shape[1] != 4:
        got = f"{boxes.dtype} {tuple(boxes.shape)}" if isinstance(boxes, Tensor) else repr(boxes)
        raise ValueError(f"{name} must be a float tensor (N, 4), got {got}")
