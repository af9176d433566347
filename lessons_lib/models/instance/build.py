"""Detectors by their parts: any backbone, with FPN, TDM or no neck, and the head that goes with them."""

from dataclasses import replace

from lessons_lib.checks import check_ints
from lessons_lib.models.backbones import TINY_BACKBONES, ResNet, TinyBackbone, make_backbone
from lessons_lib.models.instance.box_head import (
    BoxHead,
    FullyConnectedTrunk,
    Res5Trunk,
    TinyTrunk,
    Trunk,
)
from lessons_lib.models.instance.config import C4_CONFIG, TDM_CONFIG, TINY, TINY_C4, TINY_TDM, DetectorConfig
from lessons_lib.models.instance.faster_rcnn import FasterRCNN
from lessons_lib.models.instance.features import Features, UpToC4
from lessons_lib.models.instance.rpn import RPNHead
from lessons_lib.models.necks import FPN, TDM

USUAL = {"fpn": (DetectorConfig(), TINY), "tdm": (TDM_CONFIG, TINY_TDM), "c4": (C4_CONFIG, TINY_C4)}
"""The configuration of each neck, with a large backbone and with the tiny one."""

TINY_WIDTH, WIDTH = 48, 256
"""Channels of every map of the neck."""


def faster_rcnn(
    num_classes: int,
    backbone: str = "tiny",
    *,
    neck: str = "fpn",
    operator: str = "align",
    hard_examples: bool = False,
) -> FasterRCNN:
    """Faster R-CNN with fresh weights, as it is usual with this backbone and neck; `num_classes` counts the background.

    neck: "fpn", "tdm", or "c4" for none: then the RPN and the regions share one map, of stride 16 (8 for the tiny
    backbone). operator: "align" or "pool". hard_examples: OHEM. ValueError for a name that is not known.
    """
    config = replace(usual_config(backbone, neck), operator=operator, hard_examples=hard_examples)
    return detector(num_classes, backbone, neck, config)


def usual_config(backbone: str, neck: str) -> DetectorConfig:
    """The settings that go with a backbone and a neck; change them with `dataclasses.replace`."""
    if neck not in USUAL:
        raise ValueError(f"neck must be one of {', '.join(USUAL)}, got {neck!r}")
    return USUAL[neck][backbone in TINY_BACKBONES]


def detector(num_classes: int, backbone: str, neck: str, config: DetectorConfig) -> FasterRCNN:
    """Faster R-CNN with fresh weights and settings of one's own, whose levels must be maps of the neck."""
    check_ints(2, num_classes=num_classes)
    features = make_features(backbone, neck, config)
    for level in (*config.rpn_levels, *config.region_levels):
        if level not in features.grids:
            raise ValueError(f"levels must be maps of the features, {', '.join(features.grids)}, got {level!r}")
    anchors = len(config.anchor_sizes[0]) * len(config.anchor_ratios)
    rpn = RPNHead(features.channels[config.rpn_levels[0]], anchors, config.rpn_depth)
    trunk = make_trunk(backbone, neck, features, config)
    return FasterRCNN(features, rpn, BoxHead(trunk, num_classes, config.class_agnostic), config)


def make_trunk(backbone: str, neck: str, features: Features, config: DetectorConfig) -> Trunk:
    """What makes a vector of a region's features, fresh, as it is usual with this backbone and neck."""
    channels = features.channels[config.region_levels[0]]
    if backbone in TINY_BACKBONES:
        return TinyTrunk(channels, config.region_size)
    return res5_trunk(features) if neck == "c4" else FullyConnectedTrunk(channels, config.region_size)


def res5_trunk(features: Features) -> Res5Trunk:
    """The head of a detector that has no neck: the stage that its backbone leaves out."""
    if not isinstance(features.backbone, UpToC4):
        raise ValueError(f"features must be those of a ResNet up to c4, got {type(features.backbone).__name__}")
    resnet = features.backbone.resnet
    return Res5Trunk(lambda: resnet.layer4, resnet.channels["c5"])


def make_features(backbone: str, neck: str, config: DetectorConfig) -> Features:
    """The backbone and its neck, whose maps the configuration names."""
    trunk = make_backbone(backbone)
    tiny = backbone in TINY_BACKBONES
    if neck == "c4":
        if isinstance(trunk, TinyBackbone):
            for unread in trunk.stages[3:]:  # nothing reads their maps
                unread.requires_grad_(False)
            return Features(trunk)
        if not isinstance(trunk, ResNet):
            raise ValueError(f"backbone must be tiny or a ResNet where there is no neck, got {backbone!r}")
        return Features(UpToC4(trunk))
    width = TINY_WIDTH if tiny else WIDTH
    if neck == "tdm":
        return Features(trunk, TDM(trunk, out_channels=width))
    levels = {*config.rpn_levels, *config.region_levels}
    outputs = [name for name in ("c2", "c3", "c4", "c5") if f"p{name[1]}" in levels]
    pyramid = FPN(trunk, out_channels=width, extra="p6" in levels, outputs=outputs)
    return Features(trunk, pyramid)
