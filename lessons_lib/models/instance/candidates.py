"""Candidates of a cascade: boxes with a mask and class probabilities each; and how objects are made of them by vote."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lessons_lib.data.sample import Instances
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.detections import detections
from lessons_lib.models.instance.mnc_config import MNCConfig
from lessons_lib.ops.pasting import paste_masks
from lessons_lib.ops.voting import vote_masks


@dataclass(frozen=True, eq=False)
class Candidates:
    """R boxes (R, 4), the masks drawn in them (R, m, m), probabilities, and of each the probabilities (R, K) of all
    classes, background being 0."""

    boxes: Float[Tensor, "R 4"]
    masks: Float[Tensor, "R m m"]
    probs: Float[Tensor, "R K"]

    @staticmethod
    def all_of(parts: Sequence["Candidates"]) -> "Candidates":
        """The candidates of several stages, one after the other."""
        return Candidates(*(torch.cat([getattr(part, name) for part in parts]) for name in ("boxes", "masks", "probs")))


def voted(
    candidates: Candidates, seen: Sequence[int], own: Sequence[int], config: MNCConfig, detector: DetectorConfig,
    voting: bool = True,
) -> tuple[Instances, Int64[Tensor, " N"]]:  # fmt: skip
    """(objects, the candidate of each): NMS within each class, then every candidate that overlaps votes on the mask.

    `seen` is the size (height, width) of the image that the boxes are in, `own` the one that the result is in. Without
    `voting` each object keeps the mask of its candidate alone.
    """
    y, x = own[0] / seen[0], own[1] / seen[1]
    boxes = candidates.boxes * candidates.boxes.new_tensor([x, y, x, y])
    found, region = detections(candidates.probs, boxes[:, None], replace(detector, nms=config.nms))
    if not voting:
        return replace(found, masks=paste_masks(candidates.masks[region], found.boxes, own, config.threshold)), region
    drawn = paste_masks(candidates.masks, boxes, own, config.threshold)
    confidences = candidates.probs[:, found.labels].T
    masks = vote_masks(drawn, boxes, found.boxes, confidences, config.vote_iou, config.threshold)
    return replace(found, masks=masks), region
