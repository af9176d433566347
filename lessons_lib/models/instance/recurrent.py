"""Recurrent instance segmentation: one object a step, in an order that the network finds, until it says stop.

Romera-Paredes and Torr (arXiv:1511.08250). The features of an image are computed once; a ConvLSTM sees them at every
step, and what its state has become says which object is drawn next. Nothing proposes regions, and nothing is
suppressed afterwards: what has been drawn is in the state.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.checks import check_ints
from lessons_lib.data.sample import Batch, Instances, tight_boxes
from lessons_lib.models.backbones import make_backbone
from lessons_lib.models.backbones.backbone import Backbone
from lessons_lib.models.contract import InstanceModel
from lessons_lib.models.instance.features import Features, UpToC4
from lessons_lib.models.instance.mask_rcnn import masks_of
from lessons_lib.models.instance.recurrent_config import RecurrentConfig
from lessons_lib.models.instance.sequence import Decoder, Unrolled
from lessons_lib.models.necks import FPN, FineMap
from lessons_lib.ops.coverage import best_assignment, coverage_loss, pairwise_soft_iou, score_loss_with_logits


class Recurrent(InstanceModel):
    """Objects one after the other. `num_classes` counts the background; without a class head every object is class 1.

    `features` and `decoder` are modules that can be used alone; `config` says everything that is no weight.
    """

    steps_made: Tensor

    def __init__(self, features: Features, decoder: Decoder, num_classes: int, config: RecurrentConfig) -> None:
        super().__init__()
        self.features, self.decoder, self.num_classes, self.config = features, decoder, num_classes, config
        self.max_detections = config.steps
        self.register_buffer("steps_made", torch.zeros((), dtype=torch.int64))  # as far as the curriculum counts

    @property
    def backbone(self) -> Backbone:
        """The network that ImageNet weights fit."""
        assert not isinstance(self.features.backbone, UpToC4)
        return self.features.backbone

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """{"coverage", "score"}, and "class" with a class head: the two terms of `coverage_loss`, means over images.

        The objects come in any order, and more of them than steps is no error: then as many are matched as there are
        steps. Crowds are no objects. ValueError where only boxes are known. Where a prediction is no number the losses
        are none either, so that training stops and says so.
        """
        steps = self._next_steps()
        truth, labels = _single_objects(batch)
        made = self.unroll(batch.images, steps, batch.sizes)
        return self.losses(made, truth, labels)

    def losses(
        self, made: Unrolled, truth: Sequence[Bool[Tensor, "_ H W"]], labels: Sequence[Int64[Tensor, " _"]]
    ) -> dict[str, Float[Tensor, ""]]:
        """The losses of an unrolled sequence by name; `truth` are the masks of each image, `labels` their classes."""
        config, scores = self.config, made.score_logits
        names = ("coverage", "score") + (("class",) if made.class_logits is not None else ())
        if not bool((made.masks.sum() + scores.sum()).isfinite()):
            return dict.fromkeys(names, made.masks.sum() + scores.sum())
        found = coverage_loss(made.masks, truth, scores, config.lam, config.loss_variant)
        counts = torch.tensor([len(masks) for masks in truth], device=scores.device)
        if config.one_minus_iou:
            found["coverage"] = found["coverage"] + counts.clamp(max=scores.shape[1]).to(scores.dtype).mean()
        if config.monotone:
            found["score"] = config.lam * score_loss_with_logits(monotone_logits(scores, counts), counts).mean()
        if made.class_logits is not None:
            found["class"] = config.class_weight * self._class_loss(made, made.class_logits, truth, labels)
        return found

    def _class_loss(
        self, made: Unrolled, logits: Tensor, truth: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> Float[Tensor, ""]:
        """The mean cross entropy of the matched masks' classes; the classes take the masks' matching."""
        chosen, wanted = [], []
        for masks, rows, true, own in zip(made.masks.detach(), logits, truth, labels, strict=True):
            first = len(true) if self.config.loss_variant == "square" else None
            predicted, objects = best_assignment(pairwise_soft_iou(masks[:first], true))
            chosen.append(rows[predicted])
            wanted.append(own[objects])
        total = F.cross_entropy(torch.cat(chosen), torch.cat(wanted), reduction="sum")
        return total / max(1, sum(map(len, wanted)))

    def expected_losses(self) -> dict[str, float]:
        """ln 2 for each of the first training steps' scores, and ln K for a class; the coverage is not known."""
        steps = self.config.steps_after(int(self.steps_made))
        found = {"score": self.config.lam * steps * math.log(2)}
        return found | ({"class": self.config.class_weight * math.log(self.num_classes)} if self.config.classes else {})

    def unroll(
        self, images: Float[Tensor, "B 3 H W"], steps: int | None = None, sizes: Int64[Tensor, "B 2"] | None = None
    ) -> Unrolled:
        """The first `steps` steps of images (None: all), whose pixels beyond `sizes` are padding."""
        return self._unrolled(self.features(images), images.shape[2:], self.config.steps if steps is None else steps, sizes)

    def _unrolled(
        self, maps: dict[str, Tensor], size: Sequence[int], steps: int, sizes: Int64[Tensor, "B 2"] | None = None
    ) -> Unrolled:
        check_ints(1, steps=steps)
        device = next(iter(maps.values())).device
        rows, columns = (torch.arange(n, device=device) for n in size)
        valid = torch.ones(1, 1, *size, dtype=torch.bool, device=device)
        if sizes is not None:
            height, width = sizes.to(device)[:, :, None, None].unbind(1)
            valid = ((rows[:, None] < height) & (columns < width))[:, None]
        return self.decoder(maps, size, valid, steps)

    def stages(self, image: Float[Tensor, "3 H W"]) -> Iterator[tuple[str, dict[str, Any]]]:
        """One image, stage by stage.

        image: image (1, 3, H, W). features: maps. steps: all `config.steps` steps, also those after the stop: logits
        (T, H, W) before the inhibition, masks (T, H, W) in [0, 1], scores (T,), hidden and cell (T, C, h, w) of the
        finest state, class_logits (T, K) or None. detections: instances, and step, the step of each from 0.
        """
        yield "image", {"image": image[None]}
        maps = self.features(image[None])
        yield "features", {"maps": maps}
        made = self._unrolled(maps, image.shape[1:], self.config.steps)
        classes = None if made.class_logits is None else made.class_logits[0]
        scores = made.score_logits[0].float().sigmoid()
        yield "steps", {
            "logits": made.logits[0], "masks": made.masks[0], "scores": scores, "hidden": made.hidden[0],
            "cell": made.cell[0], "class_logits": classes,
        }  # fmt: skip
        yield "detections", self.read(made.masks[0], scores, classes)

    def read(
        self, masks: Float[Tensor, "T H W"], scores: Float[Tensor, " T"], class_logits: Float[Tensor, "T K"] | None
    ) -> dict[str, Any]:
        """{"instances", "step"} of the steps before the first score below the threshold, without empty masks.

        The confidence of a step is the smallest score up to it, so the order of the steps is that of the confidence.
        """
        confidence = scores.cummin(0).values
        binary = masks > self.config.mask_threshold
        kept = ((confidence >= self.config.threshold) & binary.flatten(1).any(1)).nonzero()[:, 0]
        labels = torch.ones_like(kept)
        if class_logits is not None:
            labels = class_logits[kept, 1:].argmax(1) + 1
        return {
            "instances": Instances(tight_boxes(binary[kept]), labels, binary[kept], confidence[kept]), "step": kept,
        }  # fmt: skip

    def _next_steps(self) -> int:
        """How many masks an image gets now; a training step is counted, until the curriculum is over."""
        steps = self.config.steps_after(int(self.steps_made))
        if self.training and self.config.grow_every and steps < self.config.steps:
            self.steps_made += 1
        return steps


def recurrent(
    num_classes: int,
    backbone: str = "tiny",
    *,
    steps: int = 13,
    grow_every: int = 0,
    inhibition: bool = True,
    variant: str = "rectangular",
    lam: float = 1.0,
    skips: bool = False,
    classes: bool = False,
    one_minus_iou: bool = False,
    monotone: bool = False,
) -> Recurrent:
    """Recurrent instance segmentation with fresh weights; `num_classes` counts the background.

    The options are fields of `RecurrentConfig`, `variant` being `loss_variant`; with a large backbone the states have
    100 channels, as in the paper. ValueError for what it refuses.
    """
    config = RecurrentConfig(
        steps=steps, grow_every=grow_every, inhibition=inhibition, loss_variant=variant, lam=lam, skips=skips,
        classes=classes, one_minus_iou=one_minus_iou, monotone=monotone, width=32 if backbone == "tiny" else 100,
    )  # fmt: skip
    return recurrent_model(num_classes, backbone, config)


def recurrent_model(num_classes: int, backbone: str, config: RecurrentConfig) -> Recurrent:
    """The model with fresh weights and settings of one's own: an FPN over the backbone is its FCN trunk."""
    check_ints(2, num_classes=num_classes)
    trunk = make_backbone(backbone)
    names = ("c2", "c3", "c4", "c5")
    neck = FPN(trunk, names, config.width, extra=False, outputs=names if config.skips else ("c2",))
    features = Features(trunk, FineMap(trunk, neck, config.fine_width))
    levels = ("p5", "p4", "p3", "p2") if config.skips else ("p2",)
    return Recurrent(features, Decoder(levels, "m1", features.channels, features.grids, num_classes, config), num_classes, config)


def monotone_logits(logits: Float[Tensor, "B T"], counts: Int64[Tensor, " B"]) -> Float[Tensor, "B T"]:
    """For each of the first n steps the smallest logit so far, for each later one the largest still to come.

    Ren and Zemel (arXiv:1605.09410), equation 8: the binary cross entropy of these is their monotone score loss.
    """
    smallest, largest = logits.cummin(1).values, logits.flip(1).cummax(1).values.flip(1)
    return torch.where(torch.arange(logits.shape[1], device=logits.device) < counts[:, None], smallest, largest)


def _single_objects(batch: Batch) -> tuple[list[Bool[Tensor, "_ H W"]], list[Int64[Tensor, " _"]]]:
    """The masks of each image's objects, padded to the batch's size, and their classes; crowds are left out."""
    masks, labels = [], []
    size = batch.images.shape[2:]
    for own, objects in zip(masks_of(batch.instances), batch.instances, strict=True):
        single = torch.ones_like(objects.labels, dtype=torch.bool) if objects.is_crowd is None else ~objects.is_crowd
        below, right = size[0] - own.shape[1], size[1] - own.shape[2]
        masks.append(F.pad(own[single], (0, right, 0, below)))
        labels.append(objects.labels[single])
    return masks, labels
