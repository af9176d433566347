"""MNC: boxes, masks, classes, in a cascade: each stage reads what the one before it has found.

Dai, He and Sun, "Instance-aware Semantic Segmentation via Multi-task Network Cascades" (arXiv:1512.04412). Stage 1 is
the RPN of a detector; stage 2 draws one mask in each box; stage 3 names what the mask shows and moves the box. Stages 4
and 5 are stages 2 and 3 again, with the same weights, in the moved boxes.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.data.sample import Batch, Instances
from lessons_lib.models.contract import predict_one_by_one
from lessons_lib.models.instance.box_head import BoxHead, Trunk
from lessons_lib.models.instance.candidates import Candidates, voted
from lessons_lib.models.instance.cascade import Look, MaskStage, cascade_losses, mask_truth, masked
from lessons_lib.models.instance.faster_rcnn import AroundDetector, Dice, FasterRCNN, Step
from lessons_lib.models.instance.mask_rcnn import masks_of
from lessons_lib.models.instance.mnc_config import MNCConfig
from lessons_lib.models.instance.proposing import found_and_proposed
from lessons_lib.models.instance.regions import Regions, label_proposals, read_regions
from lessons_lib.models.instance.rpn import SMALLEST, Proposals, at_least_float32, rows_of
from lessons_lib.ops.box_coding import clip_boxes, decode_boxes
from lessons_lib.ops.matching import IGNORED


@dataclass(frozen=True, eq=False)
class CascadeStep:
    """What a training step leaves: all losses by name and stage, the detector's step, and the regions and looks of each
    pass through stages 2 and 3."""

    losses: dict[str, Float[Tensor, ""]]
    step: Step
    regions: list[Regions]
    looks: list[Look]


class MNC(AroundDetector):
    """A cascade on top of a detector, whose box head is the box pathway of stage 3.

    `mask_stage` is stage 2; `mask_pathway` makes a vector of what the mask shows, and `classes` names it together with
    the box pathway's vector. All can be used alone; `config` says everything of the cascade that is no weight.
    """

    def __init__(self, detector: FasterRCNN, mask_stage: MaskStage, mask_pathway: Trunk, config: MNCConfig) -> None:
        super().__init__(detector)
        if not isinstance(detector.box_head, BoxHead):
            raise ValueError(f"detector must have a BoxHead, got {type(detector.box_head).__name__}")
        self.mask_stage, self.mask_pathway, self.config = mask_stage, mask_pathway, config
        self.classes = nn.Linear(detector.box_head.trunk.channels + mask_pathway.channels, detector.num_classes)
        nn.init.normal_(self.classes.weight, std=0.01)
        nn.init.zeros_(self.classes.bias)

    @property
    def box_head(self) -> BoxHead:
        """The box pathway: its trunk, and the layers that name a box by itself and move it."""
        return cast(BoxHead, self.detector.box_head)

    @property
    def passes(self) -> list[int]:
        """The stages that draw masks: [2], or [2, 4]."""
        return list(range(2, self.config.stages, 2))

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """{"rpn_objectness", "rpn_box", "mask_2", "classification_3", "box_classification_3", "box_3"}, and with five
        stages the last four again for stages 4 and 5."""
        return self.learn(batch).losses

    def expected_losses(self) -> dict[str, float]:
        """ln 2 for object or not and for every cell of a mask, ln K for K classes; nothing is known of the boxes."""
        classes, expected = math.log(self.detector.num_classes), {"rpn_objectness": math.log(2)}
        for number in self.passes:
            expected |= {f"mask_{number}": math.log(2)}
            expected |= {f"{name}_{number + 1}": classes for name in ("classification", "box_classification")}
        return expected

    def learn(self, batch: Batch, dice: Dice = torch.rand, proposals: Proposals | None = None) -> CascadeStep:
        """A training step up to its losses; `dice` and `proposals` are the detector's. ValueError without true masks.

        No shape depends on the data. Stages 4 and 5 learn from the same regions, moved, each with the object that its
        box now shows.
        """
        masks = masks_of(batch.instances)
        step = self.detector.begin(batch, dice, proposals, moving=self.config.through_boxes)
        losses, regions, looks, detector = dict(step.losses), [step.regions], [], self.detector.config
        self.bound(step.regions.boxes)
        for number in self.passes:
            own = regions[-1]
            look = self.look(step.maps, own.boxes, own.valid)
            seen = mask_truth(masks, own, self.config)
            found = cascade_losses(look, own, step.truth, seen, self.config, detector)
            losses |= {f"{name}_{number + (name != 'mask')}": loss for name, loss in found.items()}
            looks.append(look)
            if number + 1 < self.config.stages:
                boxes = self.moved(look, own.boxes, batch.sizes)
                boxes = boxes if self.config.through_boxes else boxes.detach()
                self.bound(boxes)
                large = ((boxes.detach()[..., 2:] - boxes.detach()[..., :2]) >= SMALLEST).all(-1)
                again = Proposals(boxes, torch.zeros_like(boxes[..., 0]), own.valid & large)
                labelled, label = label_proposals(again, step.truth, replace(detector, add_truth=False))
                regions.append(replace(labelled, valid=again.valid & (label != IGNORED)))
        return CascadeStep(losses, step, regions, looks)

    def bound(self, boxes: Float[Tensor, "B R 4"]) -> None:
        """Lets no more gradient through the boxes than `box_gradient`, where they carry one at all."""
        most = self.config.box_gradient
        if most is not None and boxes.requires_grad:
            boxes.register_hook(lambda gradient: gradient.clamp(-most, most))

    def look(self, maps: dict[str, Tensor], boxes: Float[Tensor, "B R 4"], valid: Bool[Tensor, "B R"]) -> Look:
        """Stages 2 and 3 (and 4 and 5) for regions: their masks, their classes, and how to move their boxes."""
        features = self.warp(maps, boxes, valid)
        levels = self.config.mask_levels
        drawn = self.mask_stage((self.warp(maps, boxes, valid, levels) if levels else features).flatten(0, 1))
        flat = features.flatten(0, 1)
        whole, shown = self.vectors(flat, drawn.sigmoid())
        box_logits, deltas = self.box_head.predictor(whole)
        logits = at_least_float32(self.classes(torch.cat([whole, shown], 1)))
        made = (drawn, logits, box_logits, deltas)
        return Look(features, *(x.unflatten(0, boxes.shape[:2]) for x in made))

    def vectors(
        self, features: Float[Tensor, "R C P P"], probs: Float[Tensor, "R m m"]
    ) -> tuple[Float[Tensor, "R D"], Float[Tensor, "R E"]]:
        """(box pathway, mask pathway): of what the box shows, and of what the mask shows of it."""
        through = masked(features, probs.to(features.dtype))
        return self.box_head.trunk(self.pooled(features)), self.mask_pathway(self.pooled(through))

    def warp(
        self, maps: dict[str, Tensor], boxes: Float[Tensor, "B R 4"], valid: Bool[Tensor, "B R"],
        levels: tuple[str, ...] | None = None,
    ) -> Float[Tensor, "B R C P P"]:  # fmt: skip
        """RoI warping: the features of each region, bilinear samples, with a gradient to the box. Section 3.2.

        The samples stand at the middles of their bins, and cells where the backbone's grid says.
        """
        config = replace(self.detector.config, operator="align", sampling=1)
        config = replace(config, region_levels=levels or config.region_levels)
        size = self.config.region_size * self.config.samples
        read = read_regions(maps, self.features.grids, boxes, valid, config, size)
        return self.pooled(read.flatten(0, 1), self.config.samples).unflatten(0, boxes.shape[:2])

    def pooled(self, x: Float[Tensor, "R C P P"], by: int | None = None) -> Float[Tensor, "R C p p"]:
        """`by` × `by` bins as one; None: as many as leave what the detector's box head expects."""
        by = self.config.region_size // self.detector.config.region_size if by is None else by
        if by == 1:
            return x
        return F.max_pool2d(x, by) if self.config.pool == "max" else F.avg_pool2d(x, by)

    def moved(self, look: Look, boxes: Float[Tensor, "B R 4"], sizes: Int64[Tensor, "B 2"]) -> Float[Tensor, "B R 4"]:
        """The boxes as stage 3 moves them, clipped to their images: as the likeliest class but background would."""
        own = (
            look.logits[..., 1:].argmax(-1) + 1
            if look.deltas.shape[2] > 1
            else look.logits.new_zeros(boxes.shape[:2]).long()
        )
        deltas = rows_of(look.deltas.flatten(0, 1), own.flatten()[:, None])[:, 0].view(boxes.shape)
        return clip_boxes(decode_boxes(deltas, boxes, self.detector.config.box_weights), sizes)

    def stages(self, image: Float[Tensor, "3 H W"]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The detector's stages up to "proposals"; then, for the R boxes proposed, in the pixels of the stage "image":

        stage_2: boxes (R, 4), features (R, C, P, P), masks (R, m, m), probabilities. stage_3: probs (R, K) and
        boxes (R, 4), the moved ones. stage_4, stage_5: the same in the moved boxes. candidates: those of all stages,
        one after the other (`Candidates`). detections: instances in the image's own pixels, and region, the candidate
        of each.
        """
        kept: dict[str, dict[str, Any]] = {}
        for name, found in self.detector.stages(image):
            yield name, found
            kept[name] = found
            if name == "proposals":
                break
        maps, size, after = kept["features"]["maps"], kept["image"]["size"], kept["proposals"]["after"]
        boxes, every = after.boxes[:, after.valid[0]], []
        sizes = torch.tensor([size], device=boxes.device)
        for number in self.passes:
            look = self.look(maps, boxes, torch.ones(boxes.shape[:2], dtype=torch.bool, device=boxes.device))
            drawn, probs, moved = look.masks[0].sigmoid(), look.logits[0].softmax(1), self.moved(look, boxes, sizes)
            yield f"stage_{number}", {"boxes": boxes[0], "features": look.features[0], "masks": drawn}
            yield f"stage_{number + 1}", {"probs": probs, "boxes": moved[0]}
            every.append(Candidates(boxes[0], drawn, probs))
            boxes = moved
        together = Candidates.all_of(every)
        yield "candidates", {"candidates": together}
        objects, region = voted(together, size, image.shape[1:], self.config, self.detector.config)
        yield "detections", {"instances": objects, "region": region}

    def predict_with_proposals(
        self, images: Sequence[Float[Tensor, "3 _ _"]], count: int
    ) -> list[tuple[Instances, Float[Tensor, "_ 4"] | None]]:
        """As the contract says; see `FasterRCNN.predict_with_proposals`."""

        def both(image: Tensor) -> tuple[Instances, Tensor | None]:
            return found_and_proposed(
                self.stages(image), self.detector.config, image.shape[1:], self.max_detections, count
            )

        return predict_one_by_one(self, both, images)
