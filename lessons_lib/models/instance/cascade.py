"""The pieces of a cascade: a head that draws one mask a region, features seen through it, and what each stage loses.

Dai, He and Sun, "Instance-aware Semantic Segmentation via Multi-task Network Cascades" (arXiv:1512.04412), section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from lessons_lib.models.instance.box_head import box_losses
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.mask_head import begin, mask_loss
from lessons_lib.models.instance.mnc_config import MNCConfig
from lessons_lib.models.instance.regions import Regions
from lessons_lib.models.instance.rpn import at_least_float32
from lessons_lib.models.instance.truth import Truth
from lessons_lib.ops.mask_targets import mask_targets


class MaskStage(nn.Module):
    """Stage 2: of a region's features one mask, whatever the class: a layer of `width` units, and one of m² outputs."""

    def __init__(self, channels: int, size: int, config: MNCConfig) -> None:
        super().__init__()
        self.cells = config.mask_size
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1) if config.shrink else None
        left = (size + 1) // 2 if config.shrink else size
        self.fc = nn.Linear(channels * left * left, config.mask_width)
        self.predictor = nn.Linear(config.mask_width, self.cells**2)
        for layer in (self.conv, self.fc):
            if layer is not None:
                begin(layer)
        begin(self.predictor, std=0.001)  # so that every cell starts undecided

    def forward(self, features: Float[Tensor, "R C P P"]) -> Float[Tensor, "R m m"]:
        """The logits of each region's mask."""
        x = features if self.conv is None else F.relu(self.conv(features))
        x = self.predictor(F.relu(self.fc(x.flatten(1))))
        return at_least_float32(x).unflatten(1, (self.cells, self.cells))


def masked(features: Float[Tensor, "R C P P"], probs: Float[Tensor, "R m m"]) -> Float[Tensor, "R C P P"]:
    """The features of a region through its mask, F · M: cell by cell, M being brought to P × P by averaging.

    What the mask leaves out is 0. Differentiable in both. Equation 4.
    """
    return features * F.adaptive_avg_pool2d(probs[:, None], features.shape[-1])


@dataclass(frozen=True, eq=False)
class Look:
    """What stages 2 and 3 make of R regions of each of B images.

    features (B, R, C, P, P): as they were read. masks (B, R, m, m): logits. logits (B, R, K): of the classes, by box
    and mask. box_logits (B, R, K): by the box alone, used only in training. deltas (B, R, k, 4): how to move the box.
    """

    features: Float[Tensor, "B R C P P"]
    masks: Float[Tensor, "B R m m"]
    logits: Float[Tensor, "B R K"]
    box_logits: Float[Tensor, "B R K"]
    deltas: Float[Tensor, "B R k 4"]


@dataclass(frozen=True, eq=False)
class MaskTruth:
    """What stages 2 and 3 are compared with: targets (B, R, m, m), 0 and 1; areas (B, R) in pixels of the objects."""

    targets: Float[Tensor, "B R m m"]
    areas: Float[Tensor, "B R"]


def mask_truth(masks: Sequence[Bool[Tensor, "_ _ _"]], regions: Regions, config: MNCConfig) -> MaskTruth:
    """The masks of the regions' objects, seen through the regions; what the region does not show is not in the target.

    Targets do not move with the boxes: no gradient.
    """
    boxes = regions.boxes.detach()
    share = mask_targets(masks, boxes, regions.matched, regions.objects, config.mask_size)
    areas = pad_sequence([own.sum((1, 2)) for own in masks], batch_first=True)
    if not areas.shape[1]:
        areas = areas.new_zeros(len(masks), 1)
    return MaskTruth(
        (share >= config.target_threshold).to(share.dtype), areas.gather(1, regions.matched).to(boxes.dtype)
    )


def region_mask_iou(
    probs: Float[Tensor, "B R m m"], truth: MaskTruth, boxes: Float[Tensor, "B R 4"], threshold: float
) -> Float[Tensor, "B R"]:
    """The IoU of each region's mask with the whole mask of its object, also with what lies outside the region.

    A cell counts as its share of the box, in pixels. No gradient.
    """
    with torch.no_grad():
        cell = (boxes[..., 2:] - boxes[..., :2]).prod(-1) / probs.shape[-1] ** 2
        drawn = probs >= threshold
        inside = (drawn & (truth.targets > 0)).sum((2, 3)) * cell
        return inside / (drawn.sum((2, 3)) * cell + truth.areas - inside).clamp(min=1e-6)


def cascade_losses(
    look: Look, regions: Regions, truth: Truth, seen: MaskTruth, config: MNCConfig, detector: DetectorConfig
) -> dict[str, Float[Tensor, ""]]:
    """{"mask", "classification", "box_classification", "box"}: L2 and L3 of the paper's equation 2, in their parts.

    Masks and boxes learn from the objects' regions alone; the classes by box and mask from all regions, the object's
    class being right only where its mask is good enough.
    """
    own = look.masks.flatten(0, 1)
    losses = {"mask": mask_loss(own, seen.targets.flatten(0, 1), regions.objects.flatten())}
    still = replace(regions, boxes=regions.boxes.detach())  # what a box should become does not move the box
    good = region_mask_iou(look.masks.sigmoid(), seen, still.boxes, config.threshold) >= config.mask_iou
    labels = torch.where(regions.objects & good, regions.labels, 0)
    costs = F.cross_entropy(look.logits.flatten(0, 1), labels.flatten(), reduction="none").view(labels.shape)
    losses["classification"] = torch.where(regions.valid, costs, 0).sum() / regions.valid.sum().clamp(min=1)
    by_box = box_losses(look.box_logits, look.deltas, still, truth, detector)
    return losses | {"box_classification": by_box["classification"], "box": by_box["box"]}
