"""SDS: R-CNN on segments. Hariharan, Arbeláez, Girshick and Malik, "Simultaneous Detection and Segmentation" (2014).

The file reads as the paper does: segments are proposed without any learning; each is shown to the network twice, as the
crop of its box and as the same crop with the background replaced by the mean; what both say classifies it; regions that
overlap a better one of their class go; and what stays is drawn anew by a hypercolumn.

The paper trains a network for each of the two crops, and a linear SVM for each class on what they say. Here one network
sees both crops, and a softmax is trained with it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.checks import check_ints
from lessons_lib.data.sample import Batch, Instances, tight_boxes
from lessons_lib.models.backbones import TINY_BACKBONES, Backbone, make_backbone
from lessons_lib.models.contract import InstanceModel, predict_one_by_one
from lessons_lib.models.instance.mask_rcnn import masks_of
from lessons_lib.models.instance.regions import take
from lessons_lib.models.instance.rpn import at_least_float32
from lessons_lib.models.instance.sds_config import TINY_SDS, SDSConfig
from lessons_lib.models.instance.sds_proposer import Proposer
from lessons_lib.models.instance.sds_regions import (
    label_segments,
    masks_of_regions,
    padded_masks,
    rectangles,
    two_crops,
    with_context,
)
from lessons_lib.models.instance.truth import pad_truth
from lessons_lib.models.semantic.hypercolumns import Hypercolumns
from lessons_lib.ops.boxes import pairwise_box_iou
from lessons_lib.ops.mask_targets import mask_targets
from lessons_lib.ops.pasting import paste_masks
from lessons_lib.ops.region_nms import region_nms
from lessons_lib.ops.sampling import sample

Dice = Callable[..., Tensor]
"""Gives numbers in [0, 1) of a shape on a device, as `torch.rand(*shape, device=…)` does."""

Maps = dict[str, Float[Tensor, "R _ _ _"]]


class SDS(InstanceModel):
    """R-CNN on segments. `num_classes` counts the background, class 0; labels run from 1.

    `columns` is lesson 07's hypercolumn model: its backbone is the trunk that both crops go through, and its columns
    draw the masks anew. `propose` gives an image's segments; `config` says everything that is no weight.
    """

    def __init__(self, columns: Hypercolumns, num_classes: int, config: SDSConfig) -> None:
        super().__init__()
        self.columns, self.num_classes, self.config = columns, num_classes, config
        self.propose = Proposer(config)
        self.max_detections = config.most
        pathways = 2 if config.pathways == "both" else 1
        channels = sum(columns.backbone.channels[name] for name in config.levels) * config.cells**2
        self.hidden = nn.Linear(pathways * channels, config.width)
        self.classes = nn.Linear(config.width, num_classes)
        self.trust = nn.Parameter(torch.tensor(config.trust))
        nn.init.kaiming_normal_(self.hidden.weight, nonlinearity="relu")
        nn.init.normal_(self.classes.weight, std=0.01)
        for layer in (self.hidden, self.classes):
            nn.init.zeros_(layer.bias)
        if not config.refine:
            for unused in (columns.columns, columns.norm, columns.score, self.trust):
                unused.requires_grad_(False)

    @property
    def backbone(self) -> Backbone:
        """The network that ImageNet weights fit."""
        return self.columns.backbone

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """{"classification"}, and "mask" where masks are drawn anew."""
        return self.learn(batch)

    def expected_losses(self) -> dict[str, float]:
        """ln K for K classes; what a mask loses at first depends on how well the segments fit."""
        return {"classification": math.log(self.num_classes)}

    def learn(self, batch: Batch, dice: Dice = torch.rand) -> dict[str, Float[Tensor, ""]]:
        """A training step up to its losses; `dice` draws the regions. ValueError without true masks.

        No shape depends on the data but those of the segments, which a CPU has found.
        """
        images, config = batch.images, self.config
        truth = pad_truth(batch.instances, self.num_classes)
        masks = padded_masks(masks_of(batch.instances), images.shape[2:], truth.boxes.shape[1])
        sizes = batch.sizes.tolist()
        segments = [self.propose(image[:, :h, :w]) for image, (h, w) in zip(images, sizes, strict=True)]
        everything, found = label_segments(segments, truth, masks, config)
        random = dice(*found.shape, device=images.device)
        chosen, valid = sample(found, random, config.regions, config.region_share)
        regions = take(everything, chosen, valid)
        drawn = masks_of_regions(segments, masks, chosen, regions.boxes, config)
        windows = with_context(regions.boxes, config)
        box, region, share = two_crops(images, windows, drawn, self.backbone.normalise.mean, config)
        seen = self.backbone(box.flatten(0, 1)) if self._sees_box else {}
        logits = self.classify(seen, region.flatten(0, 1))
        costs = F.cross_entropy(logits, regions.labels.flatten(), reduction="none").view(valid.shape)
        losses = {"classification": (costs * valid).sum() / valid.sum().clamp(min=1)}
        if config.refine:
            first = config.objects  # the objects come first, and there are no more of them
            few = {name: x.unflatten(0, valid.shape)[:, :first].flatten(0, 1) for name, x in seen.items()}
            labels, here = regions.labels[:, :first], regions.objects[:, :first]
            pixels = self.draw(few, share[:, :first].flatten(0, 1), labels.flatten()).unflatten(0, labels.shape)
            side = config.crop // config.step
            wanted = mask_targets(list(masks), windows[:, :first], regions.matched[:, :first], here, side)
            cost = F.binary_cross_entropy_with_logits(pixels, wanted, reduction="none").mean((2, 3))
            losses["mask"] = (cost * here).sum() / here.sum().clamp(min=1)
        return losses

    @property
    def _sees_box(self) -> bool:
        """Whether anything reads the maps of the box crops."""
        return self.config.pathways != "region" or self.config.refine

    def classify(self, seen: Maps, region: Float[Tensor, "R 3 c c"]) -> Float[Tensor, "R K"]:
        """Logits of the classes, from the maps of the box crops and from the region crops; 0 is the background."""
        ways = [seen] if self.config.pathways != "region" else []
        if self.config.pathways != "box":
            ways.append(self.backbone(region))
        read = [
            F.adaptive_avg_pool2d(maps[name], self.config.cells).flatten(1)
            for maps in ways
            for name in self.config.levels
        ]
        return at_least_float32(self.classes(F.relu(self.hidden(torch.cat(read, 1)))))

    def draw(self, seen: Maps, share: Float[Tensor, "R c c"], labels: Int64[Tensor, " R"]) -> Float[Tensor, "R m m"]:
        """Logits of the mask of each window: what the hypercolumn says of that class, and what the region says.

        A mask has one position for every `config.step` × `config.step` pixels of the crop.
        """
        step = self.config.step
        share = F.avg_pool2d(share[:, None], step)[:, 0]
        columns = at_least_float32(self.columns.classify(seen, share.shape[1:], step))
        own = columns.gather(1, labels[:, None, None, None].expand(-1, 1, *share.shape[1:]))[:, 0]
        return own + self.trust * (2 * share - 1)

    def stages(self, image: Float[Tensor, "3 H W"]) -> Iterator[tuple[str, dict[str, Any]]]:
        """One image, stage by stage.

        image: image. proposals: segments (`Segments`), masks (P, H, W) and boxes (P, 4). crops: windows (P, 4), box and
        region (P, 3, c, c), share (P, c, c). scores: probs (P, K). regions: instances as proposed, after NMS, and
        proposal, the number of each. refined: probs (N, m, m) in their windows, or None. detections: instances, and
        proposal, the number of each.
        """
        yield "image", {"image": image}
        config, size = self.config, image.shape[1:]
        segments = self.propose(image)
        boxes = segments.boxes
        masks = rectangles(boxes, size) if config.rectangles else segments.masks
        yield "proposals", {"segments": segments, "masks": masks, "boxes": boxes}
        windows = with_context(boxes, config)
        mean = self.backbone.normalise.mean
        box, region, share = (x[0] for x in two_crops(image[None], windows[None], masks[None], mean, config))
        yield "crops", {"windows": windows, "box": box, "region": region, "share": share}
        seen = self.backbone(box) if self._sees_box else {}
        probs = self.classify(seen, region).softmax(1)
        yield "scores", {"probs": probs}
        iou = pairwise_box_iou(boxes, boxes) if config.rectangles else segments.overlaps()
        which, labels, scores = best_regions(probs, iou, config)
        found = Instances(boxes[which], labels, masks[which], scores)
        yield "regions", {"instances": found, "proposal": which}
        if not config.refine:
            yield "refined", {"probs": None}
            yield "detections", {"instances": found, "proposal": which}
            return
        drawn = self.draw({name: x[which] for name, x in seen.items()}, share[which], labels).sigmoid()
        yield "refined", {"probs": drawn}
        pasted = paste_masks(drawn, windows[which], tuple(size))
        there = pasted.flatten(1).any(1)
        found = Instances(tight_boxes(pasted[there]), labels[there], pasted[there], scores[there])
        yield "detections", {"instances": found, "proposal": which[there]}

    def predict_with_proposals(
        self, images: Sequence[Float[Tensor, "3 _ _"]], count: int
    ) -> list[tuple[Instances, Float[Tensor, "_ 4"] | None]]:
        """As the contract says; the boxes are those of the segments."""

        def both(image: Tensor) -> tuple[Instances, Tensor | None]:
            seen = dict(self.stages(image))
            return seen["detections"]["instances"].best(self.max_detections), seen["proposals"]["boxes"][:count]

        return predict_one_by_one(self, both, images)


def best_regions(
    probs: Float[Tensor, "P K"], iou: Float[Tensor, "P P"], config: SDSConfig
) -> tuple[Int64[Tensor, " N"], Int64[Tensor, " N"], Float[Tensor, " N"]]:
    """(region, class, confidence), most confident first, at most `config.most`: every region speaks for every class but
    the background, and NMS by `iou` runs within each class."""
    stays = torch.zeros_like(probs, dtype=torch.bool)
    for kind in range(1, probs.shape[1]):
        own = (probs[:, kind] > config.least_confidence).nonzero()[:, 0]
        stays[own, kind] = region_nms(iou[own][:, own], probs[own, kind], config.nms)
    region, label = stays.nonzero(as_tuple=True)
    scores = probs[region, label]
    best = scores.argsort(descending=True, stable=True)[: config.most]
    return region[best], label[best], scores[best].float()


def sds(
    num_classes: int, backbone: str = "tiny", *, rectangles: bool = False, pathways: str = "both", refine: bool = True
) -> SDS:
    """SDS with fresh weights, as it is usual with this backbone; `num_classes` counts the background.

    The options are fields of `SDSConfig`. ValueError for what it refuses.
    """
    usual = TINY_SDS if backbone in TINY_BACKBONES else SDSConfig()
    config = SDSConfig(**{**vars(usual), "rectangles": rectangles, "pathways": pathways, "refine": refine})
    return sds_model(num_classes, backbone, config)


def sds_model(num_classes: int, backbone: str, config: SDSConfig) -> SDS:
    """The model with fresh weights and settings of one's own."""
    check_ints(2, num_classes=num_classes)
    return SDS(Hypercolumns(make_backbone(backbone), num_classes, config.hidden), num_classes, config)
