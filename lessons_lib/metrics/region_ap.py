"""AP^r: average precision of regions, the metric of "Simultaneous Detection and Segmentation" (SDS, ECCV 2014).

It came before COCO's mask AP and differs in small rules. A region takes the free object of its class that it overlaps
most, if the IoU of the pixels is **more than** the threshold; AP is the area under the curve, as in Pascal VOC from
2010 on, and every region counts. COCO asks for at least the threshold, reads the curve at 101 recalls, and has 100
regions of a class in an image at most. Where every mask is a full rectangle AP^r is the AP of the boxes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from lessons_lib.data.sample import Instances
from lessons_lib.metrics.average_precision import area_under_curve, match_in_order
from lessons_lib.ops.masks import pairwise_mask_iou

THRESHOLDS = tuple(round(0.1 * n, 1) for n in range(1, 10))
"""0.1, 0.2, …, 0.9: the volume is the mean over them."""


@dataclass(frozen=True, eq=False)
class _Image:
    iou: Float64[Tensor, "P G"]
    scores: Float64[Tensor, " P"]
    labels: Int64[Tensor, " P"]
    gt_labels: Int64[Tensor, " G"]


class RegionScores:
    """Collects images, then computes AP^r of all. Where scores tie, the image that came first goes first.

    Crowds are no objects, and what lies on them counts as wrong: the metric knows none.

    >>> mask = torch.ones(1, 2, 2, dtype=torch.bool)
    >>> box, label = torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([1])
    >>> scores = RegionScores()
    >>> scores.update(Instances(box, label, mask, torch.tensor([0.9])), Instances(box, label, mask))
    >>> scores.compute()["ap_r"]
    1.0
    """

    def __init__(self) -> None:
        self.images: list[_Image] = []

    def update(self, prediction: Instances, target: Instances) -> None:
        """Add one image; ValueError for a prediction without scores, and where only boxes are known."""
        if prediction.scores is None:
            raise ValueError("prediction must have scores, got None")
        if target.is_crowd is not None:
            target = target[~target.is_crowd]
        iou = pairwise_mask_iou(prediction.known_masks, target.known_masks).cpu()
        own = prediction.scores.cpu().double(), prediction.labels.cpu()
        self.images.append(_Image(iou, *own, target.labels.cpu()))

    def merge(self, other: "RegionScores") -> None:
        """Add the images of `other`, for example from another process, after one's own."""
        if not isinstance(other, RegionScores):
            raise ValueError(f"other must be RegionScores, got {other!r}")
        self.images += other.images

    def compute(self) -> dict[str, float | dict[int, float]]:
        """{"ap_r": at IoU 0.5, "ap_r70": at 0.7, "volume": the mean over `THRESHOLDS`, "class_ap": at 0.5, by label}.

        Each is a mean over the classes that have an object; NaN without any object.
        """
        labels = sorted({label for image in self.images for label in image.gt_labels.tolist()})
        table = torch.tensor([self.class_ap(label, THRESHOLDS) for label in labels], dtype=torch.float64)
        if not labels:
            return {"ap_r": math.nan, "ap_r70": math.nan, "volume": math.nan, "class_ap": {}}
        half, seven = (table[:, THRESHOLDS.index(t)] for t in (0.5, 0.7))
        by_class = dict(zip(labels, half.tolist(), strict=True))
        return {
            "ap_r": half.mean().item(), "ap_r70": seven.mean().item(), "volume": table.mean().item(),
            "class_ap": by_class,
        }  # fmt: skip

    def class_ap(self, label: int, thresholds: Sequence[float]) -> list[float]:
        """AP^r of one class, which must have an object, at each of the thresholds."""
        tables, scores, positives = [], [], 0
        for image in self.images:
            objects = image.gt_labels == label
            positives += int(objects.sum())
            own = (image.labels == label).nonzero()[:, 0]
            own = own[image.scores[own].argsort(descending=True, stable=True)]
            tables.append(image.iou[own][:, objects])
            scores.append(image.scores[own])
        order = torch.cat(scores).argsort(descending=True, stable=True)
        found = []
        for threshold in thresholds:
            above = math.nextafter(threshold, math.inf)
            hits = torch.cat([match_in_order(iou, above) >= 0 for iou in tables])
            found.append(area_under_curve(hits[order], positives).item())
        return found
