"""Mask R-CNN: Faster R-CNN, and a third head that draws each object's mask. He et al. (arXiv:1703.06870).

The detector is whole, and nothing in it knows of masks: `learn` makes its step and then one of the mask head on the
regions it leaves; `stages` goes its way and then draws masks in the boxes that it found.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lessons_lib.data.sample import Batch, Instances
from lessons_lib.models.contract import predict_one_by_one
from lessons_lib.models.instance.faster_rcnn import AroundDetector, Dice, FasterRCNN, Step
from lessons_lib.models.instance.mask_config import MaskConfig
from lessons_lib.models.instance.mask_head import MaskHead, channels_of, mask_loss, own_masks, softmax_mask_loss
from lessons_lib.models.instance.proposing import found_and_proposed
from lessons_lib.models.instance.regions import Regions, read_regions, take
from lessons_lib.models.instance.rpn import Proposals
from lessons_lib.ops.mask_targets import mask_targets
from lessons_lib.ops.pasting import paste_masks


@dataclass(frozen=True, eq=False)
class MaskStep:
    """What a training step leaves: all losses by name, the detector's step, and the M regions of each image whose masks
    were learned, with their targets."""

    losses: dict[str, Float[Tensor, ""]]
    step: Step
    regions: Regions
    targets: Float[Tensor, "B M m m"]


class MaskRCNN(AroundDetector):
    """A detector of objects with their masks. `detector` and `mask_head` are modules that can be used alone; `config`
    says everything of the masks that is no weight."""

    def __init__(self, detector: FasterRCNN, mask_head: MaskHead, config: MaskConfig) -> None:
        super().__init__(detector)
        self.mask_head, self.config = mask_head, config

    @property
    def most(self) -> int:
        """Objects of an image whose masks a step learns: all that the detector may have drawn, or fewer."""
        own = self.detector.config
        quota = own.regions if own.hard_examples else max(1, math.floor(own.regions * own.region_share + 1e-9))
        return quota if self.config.most is None else min(quota, self.config.most)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """{"rpn_objectness", "rpn_box", "classification", "box", "mask"}: L = L_cls + L_box + L_mask, and the RPN's."""
        return self.learn(batch).losses

    def expected_losses(self) -> dict[str, float]:
        """Those of the detector, and ln 2 for every cell of a mask, or ln K where K classes compete for it."""
        choices = self.detector.num_classes if self.config.loss == "softmax" else 2
        return self.detector.expected_losses() | {"mask": math.log(choices)}

    def learn(self, batch: Batch, dice: Dice = torch.rand, proposals: Proposals | None = None) -> MaskStep:
        """A training step up to its losses; `dice` and `proposals` are the detector's. ValueError without true masks.

        The detector's losses are those of the same detector without masks, to the last bit. No shape depends on the
        data, but that a CPU draws no more masks an image than some image has objects.
        """
        masks = masks_of(batch.instances)
        step = self.detector.learn(batch, dice, proposals)
        regions = object_regions(step.regions, self.most)
        targets = mask_targets(masks, regions.boxes, regions.matched, regions.valid, self.config.mask_size)
        features = self.read(step.maps, regions.boxes, regions.valid).flatten(0, 1)
        loss = self.loss(features, regions.labels.flatten(), targets.flatten(0, 1), regions.valid.flatten())
        return MaskStep(step.losses | {"mask": loss}, step, regions, targets)

    def read(
        self, maps: dict[str, Tensor], boxes: Float[Tensor, "B M 4"], valid: Bool[Tensor, "B M"]
    ) -> Float[Tensor, "B M C P P"]:
        """The features of regions, from the mask head's own maps and in its own bins."""
        own = self.config.levels or self.detector.config.region_levels
        config = replace(self.detector.config, region_levels=own, sampling=self.config.sampling)
        return read_regions(maps, self.features.grids, boxes, valid, config, self.config.region_size)

    def loss(
        self, features: Float[Tensor, "N C P P"], labels: Int64[Tensor, " N"], targets: Float[Tensor, "N m m"],
        valid: Bool[Tensor, " N"],
    ) -> Float[Tensor, ""]:  # fmt: skip
        """The mask loss of regions; with the sigmoid only the true class's mask is drawn at all."""
        if self.config.loss == "softmax":
            return softmax_mask_loss(self.mask_head(features), targets, labels, valid)
        return mask_loss(self.mask_head.of_channel(features, channels_of(labels, self.config)), targets, valid)

    def stages(self, image: Float[Tensor, "3 H W"]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The detector's stages up to "scores"; then, for the N objects found:

        boxes: instances without masks, and region, the region of each. mask_regions: boxes (N, 4) in the pixels of the
        stage "image", features (N, C, P, P). mask_logits: logits (N, K, m, m). own_masks: probs (N, m, m) of the class
        chosen. detections: instances with masks, pasted in the image's own pixels, and region.
        """
        kept: dict[str, dict[str, Any]] = {}
        for name, found in self.detector.stages(image):
            if name != "detections":
                yield name, found
            kept[name] = found
        objects, region, moved = *kept["detections"].values(), kept["scores"]["boxes"]
        yield "boxes", {"instances": objects, "region": region}
        boxes = moved[region, objects.labels if moved.shape[1] > 1 else 0]
        valid = torch.ones(1, len(boxes), dtype=torch.bool, device=boxes.device)
        features = self.read(kept["features"]["maps"], boxes[None], valid)[0]
        yield "mask_regions", {"boxes": boxes, "features": features}
        logits = self.mask_head(features)
        yield "mask_logits", {"logits": logits}
        probs = own_masks(logits, objects.labels, self.config)
        yield "own_masks", {"probs": probs}
        pasted = paste_masks(probs, objects.boxes, image.shape[1:], self.config.threshold, self.config.pasting)
        yield "detections", {"instances": replace(objects, masks=pasted), "region": region}

    def predict_with_proposals(
        self, images: Sequence[Float[Tensor, "3 _ _"]], count: int
    ) -> list[tuple[Instances, Float[Tensor, "_ 4"] | None]]:
        """As the contract says; see `FasterRCNN.predict_with_proposals`."""

        def both(image: Tensor) -> tuple[Instances, Tensor | None]:
            return found_and_proposed(
                self.stages(image), self.detector.config, image.shape[1:], self.max_detections, count
            )

        return predict_one_by_one(self, both, images)


def masks_of(instances: Sequence[Instances]) -> list[Bool[Tensor, "_ _ _"]]:
    """The true masks of each image. Raises ValueError naming an image of which only boxes are known."""
    for number, objects in enumerate(instances):
        if objects.masks is None:
            raise ValueError(f"image {number} of the batch: objects must have masks to learn from, got boxes alone")
    return [objects.known_masks for objects in instances]


def object_regions(regions: Regions, most: int) -> Regions:
    """Of each image the regions that are examples of objects, first come first served, at most `most`: only they learn
    masks. The seats that are left are not `valid`; a CPU has no more seats than it needs, and one at least."""
    seats = min(most, regions.labels.shape[1])
    if regions.boxes.device.type == "cpu":
        seats = min(seats, max(1, int(regions.objects.sum(1).max())))
    first = (~regions.objects).int().argsort(dim=1, stable=True)[:, :seats]
    return take(regions, first, regions.objects.gather(1, first))
