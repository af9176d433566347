"""FCIS: all layers run once over the image; class, box and mask of a region are assembled from the same score maps.

Li et al., "Fully Convolutional Instance-aware Semantic Segmentation" (arXiv:1611.07709). The detector is that of
`faster_rcnn.py`, with score maps for features and a head without weights; `learn` adds the loss of the masks to its
step, `stages` assembles the boxes once more where the first round has moved them, and draws their masks.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lessons_lib.data.sample import Batch, Instances
from lessons_lib.models.contract import predict_one_by_one
from lessons_lib.models.instance.box_head import box_losses
from lessons_lib.models.instance.detections import detections
from lessons_lib.models.instance.faster_rcnn import AroundDetector, Dice, FasterRCNN, Step, in_own_pixels
from lessons_lib.models.instance.fcis_config import FCISConfig
from lessons_lib.models.instance.joint_head import mask_logits, of_label, pairs_of
from lessons_lib.models.instance.mask_head import mask_loss
from lessons_lib.models.instance.mask_rcnn import masks_of
from lessons_lib.models.instance.proposing import found_and_proposed
from lessons_lib.models.instance.regions import read_regions
from lessons_lib.models.instance.rpn import Proposals
from lessons_lib.ops.boxes import pairwise_box_iou
from lessons_lib.ops.mask_targets import mask_targets
from lessons_lib.ops.pasting import paste_masks, paste_probs
from lessons_lib.ops.voting import vote_masks


@dataclass(frozen=True, eq=False)
class FCISStep:
    """What a training step leaves: all losses by name, the detector's step, and of each of its regions the values that
    were assembled, and the mask that was to be learned, 0 for background."""

    losses: dict[str, Float[Tensor, ""]]
    step: Step
    features: Float[Tensor, "B R C P P"]
    targets: Float[Tensor, "B R P P"]


class FCIS(AroundDetector):
    """A detector of objects with their masks. `detector` is one whose regions are read position-sensitively (its
    `group_size`) and whose head is a `JointHead`; `config` says the rest."""

    def __init__(self, detector: FasterRCNN, config: FCISConfig) -> None:
        super().__init__(detector)
        self.config = config

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """{"rpn_objectness", "rpn_box", "classification", "box", "mask"}, with equal weights, as in the paper."""
        return self.learn(batch).losses

    def expected_losses(self) -> dict[str, float]:
        """Those of the detector, and ln 2 for every cell of a mask: inside or outside."""
        return self.detector.expected_losses() | {"mask": math.log(2)}

    def learn(self, batch: Batch, dice: Dice = torch.rand, proposals: Proposals | None = None) -> FCISStep:
        """A training step up to its losses; `dice` and `proposals` are the detector's. ValueError without true masks.

        The mask loss is the mean over the regions that are objects, and over their cells, of the cross-entropy between
        inside and outside, of the object's class alone. No shape depends on the data where the operator is "align".
        """
        masks = masks_of(batch.instances)
        config, classes = self.detector.config, self.detector.num_classes
        step = self.detector.begin(batch, dice, proposals)
        regions, objects = step.regions, step.regions.objects
        features = self.detector.read(step.maps, regions)  # once, for class, box and mask
        logits, deltas = self.detector.box_head(features)
        losses = step.losses | box_losses(logits, deltas, regions, step.truth, config)
        targets = mask_targets(masks, regions.boxes, regions.matched, objects, config.region_size)
        own = of_label(mask_logits(pairs_of(features, classes)), regions.labels)
        losses["mask"] = mask_loss(own.flatten(0, 1), targets.flatten(0, 1), objects.flatten())
        return FCISStep(losses, step, features, targets)

    def stages(self, image: Float[Tensor, "3 H W"]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The detector's stages up to "scores"; in "features" maps["scores"] are the score maps, in "regions" features
        (R, 2·K + 4, P, P) are assembled from them. Then, all in the pixels of the stage "image":

        assembled: boxes (R', 4) that are judged, and features of the same. judged: probs (R', K). boxes: instances
        without masks in the image's own pixels, and region, the one of the R' of each of N objects. own_masks: probs
        (N, P, P). detections: instances with masks, pasted in the image's own pixels, and region.
        """
        kept: dict[str, dict[str, Any]] = {}
        for name, found in self.detector.stages(image):
            yield name, found
            kept[name] = found
            if name == "scores":
                break
        judged = []
        if self.config.boxes != "moved":
            judged.append((kept["regions"]["boxes"], kept["regions"]["features"]))
        if self.config.boxes != "proposed":
            moved = kept["scores"]["boxes"][:, 0]
            judged.append((moved, self.assemble(kept["features"]["maps"], moved)))
        boxes, features = (torch.cat(parts) for parts in zip(*judged, strict=True))
        yield "assembled", {"boxes": boxes, "features": features}
        logits, _ = self.detector.box_head(features[None])
        probs = logits[0].softmax(1)
        yield "judged", {"probs": probs}
        best, region = detections(probs, boxes[:, None], self.detector.config)
        objects = in_own_pixels(best, kept["image"]["size"], image.shape[1:])
        yield "boxes", {"instances": objects, "region": region}
        inside = mask_logits(pairs_of(features, self.detector.num_classes)).sigmoid()  # (R', K, P, P)
        own = of_label(inside[region], objects.labels)
        yield "own_masks", {"probs": own}
        if self.config.vote is None:
            masks = paste_masks(own, objects.boxes, image.shape[1:], self.config.threshold)
        else:
            everyone = Instances(boxes, torch.zeros_like(boxes[:, 0]).long(), None, None)
            voters = in_own_pixels(everyone, kept["image"]["size"], image.shape[1:]).boxes
            masks = self.voted(objects, inside, voters, probs, image.shape[1:])
        yield "detections", {"instances": replace(objects, masks=masks), "region": region}

    def voted(
        self, objects: Instances, inside: Float[Tensor, "R K P P"], boxes: Float[Tensor, "R 4"],
        probs: Float[Tensor, "R K"], size: Sequence[int],
    ) -> Bool[Tensor, "N H W"]:  # fmt: skip
        """The masks of objects, as all judged boxes around each draw its class: section 3.2, "mask voting". A box whose
        probability of that class is too low for a detection has no vote."""
        assert self.config.vote is not None
        masks = torch.zeros(len(objects), *size, dtype=torch.bool, device=boxes.device)
        for label in objects.labels.unique().tolist():
            here = objects.labels == label
            chosen = objects.boxes[here]
            near = (pairwise_box_iou(chosen, boxes) >= self.config.vote).any(0)
            near &= probs[:, label] > self.detector.config.least_confidence
            drawn = paste_probs(inside[near, label], boxes[near], tuple(size))
            loud = probs[near, label].expand(len(chosen), -1)
            masks[here] = vote_masks(drawn, boxes[near], chosen, loud, self.config.vote, self.config.threshold)
        return masks

    def assemble(self, maps: dict[str, Tensor], boxes: Float[Tensor, "R 4"]) -> Float[Tensor, "R C P P"]:
        """The 2·K + 4 values of each cell of boxes of one image, in the pixels that the network sees."""
        valid = torch.ones(1, len(boxes), dtype=torch.bool, device=boxes.device)
        return read_regions(maps, self.features.grids, boxes[None], valid, self.detector.config)[0]

    def predict_with_proposals(
        self, images: Sequence[Float[Tensor, "3 _ _"]], count: int
    ) -> list[tuple[Instances, Float[Tensor, "_ 4"] | None]]:
        """As the contract says; see `FasterRCNN.predict_with_proposals`."""

        def both(image: Tensor) -> tuple[Instances, Tensor | None]:
            return found_and_proposed(
                self.stages(image), self.detector.config, image.shape[1:], self.max_detections, count
            )

        return predict_one_by_one(self, both, images)
