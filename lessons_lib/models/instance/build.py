"""Detectors by their parts: any backbone, with FPN, TDM or no neck, and the head that goes with them."""

from dataclasses import replace

from torch import nn

from lessons_lib.models.backbones import make_backbone
from lessons_lib.models.backbones.fpn import FPN
from lessons_lib.models.instance.box_head import (
    BoxHead,
    FullyConnectedTrunk,
    Res5Trunk,
    TinyTrunk,
)
from lessons_lib.models.instance.config import C4, TINY, TINY_C4, DetectorConfig
from lessons_lib.models.instance.faster_rcnn import FasterRCNN
from lessons_lib.models.instance.features import Features, UpToC4
from lessons_lib.models.instance.rpn import RPNHead

NECKS = ("fpn", "tdm", "c4")
TINY_WIDTH, WIDTH = 48, 256
"""Channels of every map of the neck."""


def faster_rcnn(
    num_classes: int, backbone: str = "tiny", neck: str = "fpn", config: DetectorConfig | None = None, **changes
) -> FasterRCNN:
    """Faster R-CNN with fresh weights; `num_classes` counts the background.

    neck: "fpn", "tdm", or "c4" for none: then the RPN and the regions share one map, of stride 16 (8 for the tiny
    backbone). config: None takes what the backbone and the neck are usual with; `changes` replaces fields of it, such
    as operator="pool" or hard_examples=True. ValueError for a name that is not known.
    """
    if neck not in NECKS:
        raise ValueError(f"neck must be one of {', '.join(NECKS)}, got {neck!r}")
    tiny = backbone == "tiny"
    if config is None:
        usual = {True: (TINY, TINY_C4), False: (DetectorConfig(), C4)}[tiny]
        config = usual[neck == "c4"]
    config = replace(config, **changes)
    features = make_features(backbone, neck, config)
    channels = features.channels[config.region_levels[0]]
    anchors = len(config.anchor_sizes[0]) * len(config.anchor_ratios)
    rpn = RPNHead(features.channels[config.rpn_levels[0]], anchors, config.rpn_depth)
    if tiny:
        trunk = TinyTrunk(channels, config.region_size)
    elif neck == "c4":
        resnet = features.backbone.resnet
        trunk = Res5Trunk(lambda: resnet.layer4, resnet.channels["c5"])
    else:
        trunk = FullyConnectedTrunk(channels, config.region_size)
    return FasterRCNN(features, rpn, BoxHead(trunk, num_classes, config.class_agnostic), config)


def make_features(backbone: str, neck: str, config: DetectorConfig) -> Features:
    """The backbone and its neck, whose maps the configuration names."""
    trunk = make_backbone(backbone)
    tiny = backbone == "tiny"
    if neck == "c4":
        return Features(trunk) if tiny else Features(UpToC4(trunk), freeze_norm=True, frozen=("resnet.conv1",))
    levels = tuple(sorted({*config.rpn_levels, *config.region_levels}))
    pyramid: nn.Module = FPN(trunk.channels, trunk.grids, TINY_WIDTH if tiny else WIDTH, levels)
    return Features(trunk, pyramid, freeze_norm=not tiny)
