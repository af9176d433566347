"""Faster R-CNN: features, proposals, regions, boxes. Ren et al. (arXiv:1506.01497), with FPN (arXiv:1612.03144).

The file reads as the paper does: `learn` is a training step, `stages` the way of one image, both made of the functions
of the files beside this one. A system that does more, such as masks, holds a detector and works on what it returns.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.data.sample import Batch, Instances
from lessons_lib.models.backbones import Backbone
from lessons_lib.models.contract import InstanceModel, predict_one_by_one
from lessons_lib.models.instance.box_head import BoxHead, box_losses, region_costs
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.detections import class_boxes, detections
from lessons_lib.models.instance.features import Features, UpToC4
from lessons_lib.models.instance.joint_head import JointHead
from lessons_lib.models.instance.proposing import found_and_proposed
from lessons_lib.models.instance.regions import (
    Regions,
    hardest_regions,
    label_proposals,
    read_regions,
    sample_regions,
)
from lessons_lib.models.instance.rpn import Proposals, RPNHead, propose, rpn_losses
from lessons_lib.models.instance.truth import Truth, pad_truth
from lessons_lib.ops.anchors import anchor_shapes, place_anchors
from lessons_lib.ops.grid import Grid

Dice = Callable[..., Tensor]
"""Gives numbers in [0, 1) of a shape on a device, as `torch.rand(*shape, device=…)` does."""


@dataclass(frozen=True, eq=False)
class Step:
    """What a training step leaves for a further head: losses by name, maps, truth, and the regions it was made of."""

    losses: dict[str, Float[Tensor, ""]]
    maps: dict[str, Float[Tensor, "B _ _ _"]]
    truth: Truth
    regions: Regions


class FasterRCNN(InstanceModel):
    """A detector of boxes. `num_classes` counts the background, class 0; labels run from 1.

    `features`, `rpn` and `box_head` are modules that can be used alone; `config` says everything that is no weight.
    """

    def __init__(self, features: Features, rpn: RPNHead, box_head: BoxHead | JointHead, config: DetectorConfig) -> None:
        super().__init__()
        self.features, self.rpn, self.box_head, self.config = features, rpn, box_head, config
        self.num_classes = box_head.num_classes
        self.max_detections = config.most
        self.first: nn.Module = nn.Identity()  # done to an image before it is resized
        for level, sizes in zip(config.rpn_levels, config.anchor_sizes, strict=True):
            shapes = anchor_shapes(sizes, config.anchor_ratios)
            self.register_buffer(
                f"anchors_{level}", shapes.round() if config.round_anchors else shapes, persistent=False
            )

    @property
    def backbone(self) -> Backbone:
        """The network that ImageNet weights fit."""
        trunk = self.features.backbone
        return trunk.resnet if isinstance(trunk, UpToC4) else trunk

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """{"rpn_objectness", "rpn_box", "classification", "box"}: the four losses of the paper."""
        return self.learn(batch).losses

    def expected_losses(self) -> dict[str, float]:
        """ln 2 for object or not, ln K for K classes; of the boxes' losses nothing is known beforehand."""
        return {"rpn_objectness": math.log(2), "classification": math.log(self.num_classes)}

    def learn(self, batch: Batch, dice: Dice = torch.rand, proposals: Proposals | None = None) -> Step:
        """A training step up to its losses. No shape depends on the data, only on the sizes and the fullest image.

        `dice` draws the anchors and regions. Given `proposals` stand in for the RPN's, which still learns.
        """
        step = self.begin(batch, dice, proposals)
        logits, moves = self.box_head(self.read(step.maps, step.regions))
        losses = box_losses(logits, moves, step.regions, step.truth, self.config)
        return replace(step, losses=step.losses | losses)

    def begin(
        self, batch: Batch, dice: Dice = torch.rand, proposals: Proposals | None = None, moving: bool = False
    ) -> Step:
        """A training step up to its regions: the losses are those of the RPN alone, and no region has been read.

        With `moving` the regions' boxes carry the gradient to the RPN, as a cascade needs it. The other arguments are
        those of `learn`.
        """
        truth = pad_truth(batch.instances, self.num_classes)
        # with the channels of a cell side by side, convolutions and the reads of regions go faster
        maps = self.features(self.first(batch.images).contiguous(memory_format=torch.channels_last))
        anchors = self.anchors(maps, batch.images.shape[2:])
        objectness, deltas = self.rpn([maps[name] for name in self.config.rpn_levels])
        every, scores, moves = torch.cat(anchors), torch.cat(objectness, 1), torch.cat(deltas, 1)
        random = dice(*scores.shape, device=scores.device)
        losses = rpn_losses(every, scores, moves, truth, random, self.config)
        if proposals is None:
            _, proposals = propose(anchors, objectness, deltas, batch.sizes, self.config, training=True, moving=moving)
        return Step(losses, maps, truth, self.choose_regions(maps, proposals, truth, dice))

    def choose_regions(
        self, maps: dict[str, Tensor], proposals: Proposals, truth: Truth, dice: Dice = torch.rand
    ) -> Regions:
        """The regions that the head learns from: drawn with dice, or those with the largest loss."""
        if self.config.hard_examples:
            everything, found = label_proposals(proposals, truth, self.config)
            with torch.no_grad():
                logits, deltas = self.box_head(self.read(maps, everything))
                costs, moved = region_costs(logits, deltas, everything, truth, self.config)
            return hardest_regions(everything, found, costs + moved, self.config)
        count = proposals.boxes.shape[1] + (truth.boxes.shape[1] if self.config.add_truth else 0)
        random = dice(len(proposals.boxes), count, device=proposals.boxes.device)
        return sample_regions(proposals, truth, random, self.config)

    def read(self, maps: dict[str, Tensor], regions: Regions) -> Float[Tensor, "B R C P P"]:
        """The features of regions."""
        return read_regions(maps, self.features.grids, regions.boxes, regions.valid, self.config)

    def anchors(self, maps: dict[str, Tensor], size: Sequence[int]) -> list[Float[Tensor, "_ 4"]]:
        """The anchors of each of the RPN's levels, for images of `size` (height, width)."""
        placed = []
        for level in self.config.rpn_levels:
            cells = tuple(maps[level].shape[2:])
            grid: Grid | tuple[Grid, Grid] = self.features.grids[level]
            if not self.config.half_pixel:  # torchvision: cell 0 in the corner, the stride from the sizes
                grid = (Grid(size[0] // cells[0], -0.5), Grid(size[1] // cells[1], -0.5))
            placed.append(place_anchors(getattr(self, f"anchors_{level}"), cells, grid))
        return placed

    def stages(self, image: Float[Tensor, "3 H W"]) -> Iterator[tuple[str, dict[str, Any]]]:
        """One image, stage by stage; boxes are in the pixels of the stage "image", but the last in the image's own.

        image: image (1, 3, h, w) as the network sees it, size before padding. features: maps. anchors: anchors of each
        level. objectness: objectness and deltas of each level. proposals: before and after NMS (`Proposals`). regions:
        boxes (R, 4), features (R, C, P, P). scores: probs (R, K), boxes (R, k, 4). detections: instances, and region,
        the region of each.
        """
        seen, size = self.fit_image(image)
        yield "image", {"image": seen, "size": size}
        maps = self.features(seen.contiguous(memory_format=torch.channels_last))
        yield "features", {"maps": maps}
        anchors = self.anchors(maps, seen.shape[2:])
        yield "anchors", {"anchors": anchors}
        objectness, deltas = self.rpn([maps[name] for name in self.config.rpn_levels])
        yield "objectness", {"objectness": [x[0] for x in objectness], "deltas": [x[0] for x in deltas]}
        sizes = torch.tensor([size], device=image.device)
        before, after = propose(anchors, objectness, deltas, sizes, self.config, training=False)
        yield "proposals", {"before": before, "after": after}
        boxes = after.boxes[:, after.valid[0]]
        valid = torch.ones(boxes.shape[:2], dtype=torch.bool, device=boxes.device)
        features = read_regions(maps, self.features.grids, boxes, valid, self.config)
        yield "regions", {"boxes": boxes[0], "features": features[0]}
        logits, moves = self.box_head(features)
        probs, moved = logits[0].softmax(1), class_boxes(moves[0], boxes[0], size, self.config)
        yield "scores", {"probs": probs, "boxes": moved}
        found, region = detections(probs, moved, self.config)
        yield "detections", {"instances": in_own_pixels(found, size, image.shape[1:]), "region": region}

    def predict_with_proposals(
        self, images: Sequence[Float[Tensor, "3 _ _"]], count: int
    ) -> list[tuple[Instances, Float[Tensor, "_ 4"] | None]]:
        """As the contract says; of the proposals `count` are kept, however few the detector itself goes on with."""

        def both(image: Tensor) -> tuple[Instances, Tensor | None]:
            return found_and_proposed(self.stages(image), self.config, image.shape[1:], self.max_detections, count)

        return predict_one_by_one(self, both, images)

    def fit_image(self, image: Float[Tensor, "3 H W"]) -> tuple[Float[Tensor, "1 3 h w"], tuple[int, int]]:
        """The image as the network sees it, resized and padded as the configuration says; its size before padding."""
        config, seen = self.config, self.first(image[None])
        if config.short_side is not None:
            sides = image.shape[1:]
            scale = config.short_side / min(sides)
            if config.long_side is not None:
                scale = min(scale, config.long_side / max(sides))
            seen = F.interpolate(
                seen, scale_factor=scale, mode="bilinear", align_corners=False, recompute_scale_factor=True
            )
        height, width = seen.shape[2:]
        below, right = -height % config.pad_to, -width % config.pad_to
        if below or right:  # with what the first layer sees as 0: the mean colour, where it is still to be taken off
            normalise = self.backbone.normalise
            colour = normalise.mean[None] * (normalise(normalise.mean[None]) == 0)
            padded = colour.expand(1, 3, height + below, width + right).clone()
            padded[..., :height, :width] = seen
            seen = padded
        return seen, (height, width)


def in_own_pixels(found: Instances, seen: Sequence[int], own: Sequence[int]) -> Instances:
    """The objects with boxes of an image resized to `seen` (height, width) brought back to its `own` size."""
    y, x = own[0] / seen[0], own[1] / seen[1]
    boxes = torch.stack([side * scale for side, scale in zip(found.boxes.unbind(1), (x, y, x, y), strict=True)], 1)
    return Instances(boxes, found.labels, found.masks, found.scores)


class AroundDetector(InstanceModel):
    """A model that adds to a whole detector: `detector` can be used alone, and sees images for both."""

    def __init__(self, detector: FasterRCNN) -> None:
        super().__init__()
        self.detector, self.max_detections = detector, detector.max_detections

    @property
    def backbone(self) -> Backbone:
        """The network that ImageNet weights fit."""
        return self.detector.backbone

    @property
    def features(self) -> Features:
        """What all heads see an image with."""
        return self.detector.features
