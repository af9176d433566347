"""Mask R-CNN by its parts: a detector of `build`, the maps that its masks are read from, and a mask head."""

from collections.abc import Sequence
from dataclasses import replace

from lessons_lib.models.backbones import TINY_BACKBONES
from lessons_lib.models.instance.build import detector, usual_config
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.faster_rcnn import FasterRCNN
from lessons_lib.models.instance.features import Features, UpToC4
from lessons_lib.models.instance.mask_config import C4_MASKS, TINY_COARSE_MASKS, TINY_MASKS, MaskConfig
from lessons_lib.models.instance.mask_head import (
    FCNMaskHead,
    MaskHead,
    MLPMaskHead,
    Res5MaskTrunk,
    convolutions,
)
from lessons_lib.models.instance.mask_rcnn import MaskRCNN
from lessons_lib.models.necks import FPN, TDM, FineMap

MLP_WIDTH = {False: 1024, True: 96}
"""Units of the fully connected mask head, of a large model and of the tiny one."""


def mask_rcnn(
    num_classes: int,
    backbone: str = "tiny",
    *,
    neck: str = "fpn",
    operator: str = "align",
    hard_examples: bool = False,
    mask_head: str = "fcn",
    mask_loss: str = "sigmoid",
    class_agnostic: bool = False,
) -> MaskRCNN:
    """Mask R-CNN with fresh weights, as it is usual with this backbone and neck; `num_classes` counts the background.

    neck: "fpn", "tdm", or "c4" for none; operator: "align" or "pool", of boxes and masks; hard_examples: OHEM.
    mask_head: "fcn" (without a neck, a ResNet's last stage is part of it) or "mlp". mask_loss: "sigmoid" or "softmax".
    class_agnostic: one mask a region instead of one a class. ValueError for a name that is not known.
    """
    config = replace(usual_config(backbone, neck), operator=operator, hard_examples=hard_examples)
    masks = replace(usual_masks(backbone, neck), loss=mask_loss, class_agnostic=class_agnostic)
    if mask_head == "mlp":
        masks = replace(masks, head="mlp", width=MLP_WIDTH[backbone in TINY_BACKBONES])
    elif mask_head != "fcn":
        raise ValueError(f"mask_head must be fcn or mlp, got {mask_head!r}")
    return masked_detector(num_classes, backbone, neck, config, masks)


def usual_masks(backbone: str, neck: str) -> MaskConfig:
    """The settings of masks that go with a backbone and a neck; change them with `dataclasses.replace`."""
    if backbone in TINY_BACKBONES:
        return TINY_MASKS if neck == "fpn" else TINY_COARSE_MASKS
    return C4_MASKS if neck == "c4" else MaskConfig()


def masked_detector(num_classes: int, backbone: str, neck: str, config: DetectorConfig, masks: MaskConfig) -> MaskRCNN:
    """Mask R-CNN with fresh weights and settings of one's own; masks from "m1" are read from a `FineMap`."""
    found = detector(num_classes, backbone, neck, config)
    levels = masks.levels or config.region_levels
    fine_features(found, levels, masks.fine_width)
    head = make_mask_head(found.features, found.features.channels[levels[0]], num_classes, masks)
    return MaskRCNN(found, head, masks)


def fine_features(found: FasterRCNN, levels: Sequence[str], width: int) -> None:
    """Gives a detector a `FineMap` of `width` channels where "m1" is among the levels that masks are read from.

    ValueError for a level that the features do not have then.
    """
    if "m1" in levels:
        inner = found.features.neck
        if not isinstance(inner, FPN | TDM):
            raise ValueError(f"levels must be among {', '.join(found.features.grids)} without a neck, got {levels}")
        found.features = Features(found.features.backbone, FineMap(found.backbone, inner, width))
    for level in levels:
        if level not in found.features.grids:
            known = ", ".join(found.features.grids)
            raise ValueError(f"levels must be maps of the features, {known}, or m1, got {level!r}")


def make_mask_head(features: Features, channels: int, num_classes: int, masks: MaskConfig) -> MaskHead:
    """The head that the settings name, for maps of so many channels."""
    count = 1 if masks.class_agnostic else num_classes
    if masks.head == "mlp":
        return MLPMaskHead(channels, masks.region_size, count, masks.width)
    if masks.head == "fcn":
        trunk = convolutions(channels, masks.depth, masks.width, masks.norm)
        return FCNMaskHead(trunk, masks.width if masks.depth else channels, count, masks.width)
    if not isinstance(features.backbone, UpToC4):
        raise ValueError(f"head must be fcn or mlp for {type(features.backbone).__name__}, which has no res5 to lend")
    resnet = features.backbone.resnet
    return FCNMaskHead(Res5MaskTrunk(lambda: resnet.layer4), resnet.channels["c5"], count, masks.width)
