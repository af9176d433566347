"""What AP compares: detections and objects of many images, and all pairs of one image and class, in flat lists."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

MOST = (1, 10, 100)
"""Detections of a class in an image that count, from the highest score down."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One image as it came: P detections and G objects, areas in pixels, all on the CPU."""

    iou: Float[Tensor, "P G"]
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


def paired(pictures: list[Picture]) -> Pairs:
    """All pairs of one image and class; of these, only the `MOST[-1]` detections with the highest scores count."""
    counts, gt_counts = (
        torch.tensor([p.iou.shape for p in pictures], dtype=torch.int64, device="cpu").view(-1, 2).unbind(1)
    )
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
    order, rank = order[rank < MOST[-1]], rank[rank < MOST[-1]]
    gt_kind, gt_order = gt_kind.sort(stable=True)

    begin, end = (torch.searchsorted(gt_kind, kind[order], right=right) for right in (False, True))
    partners = end - begin
    detection = torch.arange(len(order), device="cpu").repeat_interleave(partners)
    before = partners.cumsum(0) - partners
    thing = torch.arange(len(detection), device="cpu") + (begin - before)[detection]
    wide = gt_counts[of_image]  # each detection has its row in the IoU of its image
    row = wide.cumsum(0) - wide
    column = torch.arange(len(gt_kind), device="cpu") - (gt_counts.cumsum(0) - gt_counts)[gt_of_image]
    iou = torch.cat([scores[:0], *(picture.iou.flatten() for picture in pictures)])
    return Pairs(
        *(scores[order], labels[order], _joined(pictures, "areas").double()[order], rank),
        *(gt_labels[gt_order], _joined(pictures, "gt_areas").double()[gt_order]),
        _joined(pictures, "is_crowd").bool()[gt_order],
        *(iou[row[order][detection] + column[gt_order][thing]], detection, thing),
    )


def _joined(pictures: list[Picture], name: str) -> Tensor:
    return torch.cat([getattr(picture, name) for picture in pictures]) if pictures else torch.zeros(0, device="cpu")
