"""What AP compares: detections and objects of many images, and all pairs of one image and class, in flat lists."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from lessons_lib.ops.boxes import matched_box_iou, pairwise_box_iou

MOST = (1, 10, 100)
"""Detections of a class in an image that count, from the highest score down."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One image as it came: P detections and G objects, areas in pixels, all on the CPU.

    `shapes` is the IoU of all pairs, or the boxes of both, whose IoU is then computed for all images together.
    """

    shapes: Float[Tensor, "P G"] | tuple[Float64[Tensor, "P 4"], Float64[Tensor, "G 4"]]
    scores: Float[Tensor, " P"]
    labels: Int64[Tensor, " P"]
    areas: Tensor
    gt_labels: Int64[Tensor, " G"]
    gt_areas: Tensor
    is_crowd: Bool[Tensor, " G"]


@dataclass(frozen=True, eq=False)
class Pairs:
    """n detections by image, by class, and from the highest score down; m objects by image and class; e pairs of them.

    `rank` counts the detections of an image and class from 0 on. A pair has the number of its detection, in ascending
    order, the number of its object, and their IoU.
    """

    scores: Float64[Tensor, " n"]
    labels: Int64[Tensor, " n"]
    areas: Float64[Tensor, " n"]
    rank: Int64[Tensor, " n"]
    gt_labels: Int64[Tensor, " m"]
    gt_areas: Float64[Tensor, " m"]
    is_crowd: Bool[Tensor, " m"]
    iou: Float64[Tensor, " e"]
    detection: Int64[Tensor, " e"]
    object: Int64[Tensor, " e"]


def paired(pictures: list[Picture], most: int = MOST[-1]) -> Pairs:
    """All pairs of one image and class; of these, only the `most` detections with the highest scores count."""
    sizes = [(len(picture.labels), len(picture.gt_labels)) for picture in pictures]
    counts, gt_counts = torch.tensor(sizes, dtype=torch.int64, device="cpu").view(-1, 2).unbind(1)
    scores, labels = _joined(pictures, "scores").double(), _joined(pictures, "labels").long()
    gt_labels = _joined(pictures, "gt_labels").long()
    classes, every = torch.cat([labels, gt_labels]).unique(return_inverse=True)
    image = torch.arange(len(pictures), device="cpu")
    of_image, gt_of_image = image.repeat_interleave(counts), image.repeat_interleave(gt_counts)
    kind = of_image * len(classes) + every[: len(labels)]  # the same number for the same image and class
    gt_kind = gt_of_image * len(classes) + every[len(labels) :]

    order = scores.argsort(descending=True, stable=True)
    order = order[kind[order].argsort(stable=True)]
    rank = torch.arange(len(order), device="cpu") - torch.searchsorted(kind[order], kind[order])
    order, rank = order[rank < most], rank[rank < most]
    gt_kind, gt_order = gt_kind.sort(stable=True)

    begin, end = (torch.searchsorted(gt_kind, kind[order], right=right) for right in (False, True))
    partners = end - begin
    detection = torch.arange(len(order), device="cpu").repeat_interleave(partners)
    before = partners.cumsum(0) - partners
    thing = torch.arange(len(detection), device="cpu") + (begin - before)[detection]
    is_crowd = _joined(pictures, "is_crowd").bool()[gt_order]
    if any(isinstance(picture.shapes, Tensor) for picture in pictures):
        row_length = gt_counts[of_image]  # each detection has its row in the IoU of its image
        row = row_length.cumsum(0) - row_length
        column = torch.arange(len(gt_kind), device="cpu") - (gt_counts.cumsum(0) - gt_counts)[gt_of_image]
        iou = _flat_iou(pictures)[row[order][detection] + column[gt_order][thing]]
    else:
        boxes, gt_boxes = (_stacked([picture.shapes[side] for picture in pictures]) for side in (0, 1))
        iou = matched_box_iou(boxes[order][detection], gt_boxes[gt_order][thing], is_crowd[thing])
    return Pairs(
        *(scores[order], labels[order], _joined(pictures, "areas").double()[order], rank),
        *(gt_labels[gt_order], _joined(pictures, "gt_areas").double()[gt_order], is_crowd),
        *(iou, detection, thing),
    )


def _joined(pictures: list[Picture], name: str) -> Tensor:
    return torch.cat([getattr(picture, name) for picture in pictures]) if pictures else torch.zeros(0, device="cpu")


def _stacked(boxes: list[Float[Tensor, "_ 4"]]) -> Float64[Tensor, "n 4"]:
    return torch.cat(boxes).double() if boxes else torch.zeros(0, 4, dtype=torch.float64, device="cpu")


def _flat_iou(pictures: list[Picture]) -> Float64[Tensor, " _"]:
    """The IoU of all detections with all objects of their image, row after row."""
    matrices = [
        picture.shapes if isinstance(picture.shapes, Tensor) else pairwise_box_iou(*picture.shapes, picture.is_crowd)
        for picture in pictures
    ]
    return torch.cat([matrix.flatten().double() for matrix in matrices])
