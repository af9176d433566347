"""Average precision with all rules of COCO, from scratch: twelve numbers, for boxes or masks.

Ten IoU thresholds, 101 recalls, crowds, three area ranges, at most 1, 10 or 100 detections of a class in an image:
what pycocotools computes (`coco_eval` runs it), counted for all images, thresholds and ranges together.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lessons_lib.data.sample import Instances
from lessons_lib.metrics.average_precision import interpolated_precision, precision_recall
from lessons_lib.metrics.detection_matching import SIZES, area_ranges, in_ranges, match_pairs
from lessons_lib.metrics.detection_pairs import MOST, Picture, paired
from lessons_lib.ops.boxes import box_areas
from lessons_lib.ops.masks import pairwise_mask_iou

NUMBERS = (
    *("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"),
    *("ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"),
)
"""The twelve numbers in the order in which pycocotools prints them."""


class DetectionScores:
    """Collects images, then computes AP and AR of all; `kind` is "mask" or "box", what the IoU is taken of.

    `sizes` are the sides of the squares, in pixels, that part small, medium and large objects. Where scores tie, the
    image that came first goes first. ValueError for another kind, and for sizes that do not grow.

    >>> box, label = torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([1])
    >>> scores = DetectionScores("box")
    >>> scores.update(Instances(box, label, None, torch.tensor([0.9])), Instances(box, label, None))
    >>> scores.compute()["ap"]
    1.0
    """

    def __init__(self, kind: str = "mask", sizes: tuple[float, float] = SIZES):
        if kind not in ("mask", "box"):
            raise ValueError(f"kind must be 'mask' or 'box', got {kind!r}")
        if not 0 < sizes[0] < sizes[1]:
            raise ValueError(f"sizes must be 0 < small < large, got {sizes}")
        self.kind, self.sizes = kind, sizes
        self.pictures: list[Picture] = []

    def update(self, prediction: Instances, target: Instances, areas: Float[Tensor, " G"] | None = None) -> None:
        """Add one image; ValueError for a prediction without scores.

        `areas` sorts the objects into small, medium and large. COCO has it in the annotation, for boxes and masks the
        same; None takes the pixels of the masks, or the boxes where there are none.
        """
        if prediction.scores is None:
            raise ValueError("prediction must have scores, got None")
        crowd = target.is_crowd
        if crowd is None:
            crowd = torch.zeros(len(target), dtype=torch.bool, device=target.labels.device)
        if areas is None:
            areas = box_areas(target.boxes.double()) if target.masks is None else target.masks.flatten(1).sum(1)
        found, objects = (prediction.scores, prediction.labels), (target.labels, areas, crowd)
        if self.kind == "mask":
            iou = pairwise_mask_iou(prediction.known_masks, target.known_masks, crowd)
            self.add(iou, *found, prediction.known_masks.flatten(1).sum(1), *objects)
        else:
            boxes = (prediction.boxes.cpu().double(), target.boxes.cpu().double())
            self._keep(boxes, (len(boxes[0]), len(boxes[1])), *found, box_areas(boxes[0]), *objects)

    def add(
        self,
        iou: Float[Tensor, "P G"],
        scores: Float[Tensor, " P"],
        labels: Int64[Tensor, " P"],
        areas: Tensor,
        gt_labels: Int64[Tensor, " G"],
        gt_areas: Tensor,
        is_crowd: Bool[Tensor, " G"],
    ) -> None:
        """`update` for one who has the IoU already, for example of run lengths; crowds are in it as COCO counts them.

        ValueError for lengths that do not fit `iou`.
        """
        self._keep(iou.cpu(), iou.shape, scores, labels, areas, gt_labels, gt_areas, is_crowd)

    def _keep(self, shapes, size: Sequence[int], *rest: Tensor) -> None:
        """One more image, after a look at the lengths; `rest` is as in `add`."""
        names = ("scores", "labels", "areas", "gt_labels", "gt_areas", "is_crowd")
        for n, (name, values) in enumerate(zip(names, rest, strict=True)):
            want = size[n // 3]
            if values.shape != (want,):
                raise ValueError(f"{name} must have shape ({want},), as iou says, got {tuple(values.shape)}")
        self.pictures.append(Picture(shapes, *(values.cpu() for values in rest)))

    def merge(self, other: "DetectionScores") -> None:
        """Add the images of `other`, for example from another process, after one's own."""
        if not isinstance(other, DetectionScores) or (other.kind, other.sizes) != (self.kind, self.sizes):
            got = f"kind {other.kind!r}, sizes {other.sizes}" if isinstance(other, DetectionScores) else repr(other)
            raise ValueError(f"other must be DetectionScores of kind {self.kind!r}, sizes {self.sizes}, got {got}")
        self.pictures += other.pictures

    def compute(self) -> dict[str, float | dict[int, float]]:
        """The twelve `NUMBERS` as floats, and class_ap, the AP of each label that has an object.

        A number is NaN where no object is inside its range (pycocotools prints −1 there); crowds are no objects.
        """
        curves = self.curves()
        precision, recall = curves["precision"], curves["recall"]  # (K, A, T, 101), (K, M, A, T)
        values = [precision[:, 0], precision[:, 0, 0], precision[:, 0, 5]]
        values += [precision[:, a] for a in (1, 2, 3)]
        values += [recall[:, m, 0] for m in (0, 1, 2)] + [recall[:, 2, a] for a in (1, 2, 3)]
        numbers = dict(zip(NUMBERS, (value.nanmean().item() for value in values), strict=True))
        class_ap = precision[:, 0].mean((1, 2)).tolist()
        return {**numbers, "class_ap": dict(zip(curves["labels"].tolist(), class_ap, strict=True))}

    def curves(self) -> dict[str, Tensor]:
        """labels (K,) that have an object; precision (K, A, T, 101) at the recalls; recall (K, M, A, T) at the end.

        A are the `area_ranges`, T the `IOU_THRESHOLDS`, M the `MOST`; NaN where a class has no object in a range.
        """
        pairs = paired(self.pictures)
        hits, counted = match_pairs(pairs, self.sizes)
        counted_gt = in_ranges(pairs.gt_areas, self.sizes) & ~pairs.is_crowd
        order = pairs.scores.argsort(descending=True, stable=True)
        order = order[pairs.labels[order].argsort(stable=True)]  # by class, in each from the highest score down
        classes = pairs.gt_labels[counted_gt[0]].unique()
        shape = (len(classes), len(area_ranges()), hits.shape[1])
        precision = torch.zeros(*shape, 101, dtype=torch.float64, device="cpu")
        recall = torch.zeros(shape[0], len(MOST), *shape[1:], dtype=torch.float64, device="cpu")
        ends = torch.searchsorted(pairs.labels[order], torch.stack([classes, classes + 1], 1)).tolist()
        for k, (label, (start, end)) in enumerate(zip(classes.tolist(), ends, strict=True)):
            own = order[start:end]
            positives = (counted_gt & (pairs.gt_labels == label)).sum(1).double()[:, None, None]
            positives = positives.where(positives > 0, float("nan"))
            ranked = precision_recall(hits[..., own], positives, counted[..., own])
            precision[k] = interpolated_precision(*ranked) + 0 * positives
            for m, most in enumerate(MOST):
                recall[k, m] = (hits[..., own] & (pairs.rank[own] < most)).sum(-1) / positives[..., 0]
        return {"labels": classes, "precision": precision, "recall": recall}
