"""Recurrent instance segmentation: one object a step, in an order that the network finds, until it says stop.

Romera-Paredes and Torr (arXiv:1511.08250). The features of an image are computed once; a ConvLSTM sees them at every
step, and what its state has become says which object is drawn next. Nothing proposes regions, and nothing is
suppressed afterwards: what has been drawn is in the state.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lessons_lib.checks import check_ints
from lessons_lib.data.sample import Batch, Instances, tight_boxes
from lessons_lib.models.backbones import TINY_BACKBONES, make_backbone
from lessons_lib.models.backbones.backbone import Backbone
from lessons_lib.models.contract import InstanceModel
from lessons_lib.models.instance.features import Features, UpToC4
from lessons_lib.models.instance.recurrent_config import RecurrentConfig
from lessons_lib.models.instance.recurrent_losses import kept_steps, sequence_losses, single_objects
from lessons_lib.models.instance.sequence import Decoder, Unrolled
from lessons_lib.models.instance.truth import pad_truth
from lessons_lib.models.necks import FPN, FineMap


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
        steps. Crowds are no objects. Where a prediction is no number the losses are none either, so that training stops
        and says so. ValueError where only boxes are known, or for truth that cannot be.
        """
        pad_truth(batch.instances, self.num_classes if self.config.classes else None)  # raises for what cannot be
        truth, labels = single_objects(batch)
        steps = self._next_steps()
        made = self.unroll(batch.images, steps, batch.sizes)
        return sequence_losses(made, truth, labels, self.config)

    def expected_losses(self) -> dict[str, float]:
        """ln 2 for each of the first training steps' scores, and ln K for a class; the coverage is not known."""
        steps = self.config.steps_after(int(self.steps_made))
        found = {"score": self.config.lam * steps * math.log(2)}
        return found | ({"class": self.config.class_weight * math.log(self.num_classes)} if self.config.classes else {})

    def unroll(
        self, images: Float[Tensor, "B 3 H W"], steps: int | None = None, sizes: Int64[Tensor, "B 2"] | None = None
    ) -> Unrolled:
        """The first `steps` steps of images (None: all), whose pixels beyond `sizes` are padding."""
        return self._unrolled(
            self.features(images), images.shape[2:], self.config.steps if steps is None else steps, sizes
        )

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
        count = int(kept_steps(scores, self.config.threshold))
        binary, confidence = masks[:count] > self.config.mask_threshold, scores[:count].cummin(0).values
        kept = binary.flatten(1).any(1).nonzero()[:, 0]
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
    start_area: float = 120.0,
    variant: str = "square",
    matching: str = "best",
    lam: float = 1.0,
    skips: bool = True,
    classes: bool = False,
    one_minus_iou: bool = False,
    monotone: bool = False,
) -> Recurrent:
    """Recurrent instance segmentation with fresh weights; `num_classes` counts the background.

    The options are fields of `RecurrentConfig`, `variant` being `loss_variant`. With the tiny backbone the states have
    32 channels, and 16 on the finest of several levels; with a large one 100, as in the paper. Let `start_area` be
    about the area of the largest object, in pixels: the default is a leaf's of the course's plants, and larger objects
    are not drawn until the network has learned a larger bias, which takes hundreds of steps.
    ValueError for what it refuses.
    """
    tiny = backbone in TINY_BACKBONES
    config = RecurrentConfig(
        steps=steps, grow_every=grow_every, inhibition=inhibition, start_area=start_area, loss_variant=variant,
        matching=matching, lam=lam, skips=skips, classes=classes, one_minus_iou=one_minus_iou, monotone=monotone,
        width=32 if tiny else 100, finest_width=16 if skips and tiny else None,
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
    return Recurrent(
        features, Decoder(levels, "m1", features.channels, features.grids, num_classes, config), num_classes, config
    )
