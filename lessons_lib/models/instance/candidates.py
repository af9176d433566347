"""Candidates of a cascade: boxes with a mask and class probabilities each; and how objects are made of them by vote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

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

    @property
    def unnamed(self) -> "Candidates":
        """The same with one class for all objects, as probable as any of them: 1 less the background's probability."""
        nothing = self.probs[:, :1]
        return replace(self, probs=torch.cat([nothing, 1 - nothing], 1))


def candidates_after(seen: Mapping[str, Mapping[str, Any]], stage: int) -> Candidates:
    """What a cascade would go by if it ended after one of its stages, 1 to 5; `seen` is a dict of `MNC.stages`.

    1: boxes, filled, as probable as the RPN says, all of one class. 2: the masks in them. 3: the classes of these. 4:
    new masks, in the boxes that stage 3 has moved, with stage 3's classes. 5: the classes of these. ValueError for a
    stage that did not run.
    """
    last = max(int(name[6:]) for name in seen if name.startswith("stage_"))
    if not 1 <= stage <= last:
        raise ValueError(f"stage must be 1 to {last}, the last that ran, got {stage}")
    drawn = seen["stage_4" if stage >= 4 else "stage_2"]
    masks = torch.ones_like(drawn["masks"]) if stage == 1 else drawn["masks"]
    if stage <= 2:
        after = seen["proposals"]["after"]
        sure = after.scores[0, after.valid[0], None]
        return Candidates(drawn["boxes"], masks, torch.cat([1 - sure, sure], 1))
    return Candidates(drawn["boxes"], masks, seen["stage_5" if stage == 5 else "stage_3"]["probs"])


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
