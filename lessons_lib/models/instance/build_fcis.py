"""FCIS by its parts: a backbone with or without a neck, score maps over it, an RPN, and a head without weights."""

from dataclasses import replace

from lessons_lib.checks import check_ints
from lessons_lib.models.backbones import TINY_BACKBONES, make_backbone
from lessons_lib.models.instance.build import TINY_WIDTH, WIDTH
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.faster_rcnn import FasterRCNN
from lessons_lib.models.instance.fcis import FCIS
from lessons_lib.models.instance.fcis_config import FCIS_DETECTOR, TINY_FCIS, TINY_FCIS_DETECTOR, FCISConfig
from lessons_lib.models.instance.features import Features
from lessons_lib.models.instance.joint_head import JointHead
from lessons_lib.models.instance.rpn import RPNHead
from lessons_lib.models.instance.score_maps import ScoreMaps
from lessons_lib.models.necks import FPN, FineMap


def fcis(
    num_classes: int,
    backbone: str = "tiny",
    *,
    parts: int | None = None,
    operator: str = "align",
    hard_examples: bool | None = None,
) -> FCIS:
    """FCIS with fresh weights, as it is usual with this backbone; `num_classes` counts the background.

    parts: k, so many parts a side has each region (None: 7, or 3 with the tiny backbone); 1: every part of an object
    looks alike. operator: "align", or "pool" as in the paper. hard_examples: OHEM (None: not with the tiny backbone).
    ValueError for a name that is not known.
    """
    tiny = backbone in TINY_BACKBONES
    config, own = (TINY_FCIS_DETECTOR, TINY_FCIS) if tiny else (FCIS_DETECTOR, FCISConfig())
    config = replace(config, operator=operator)
    if parts is not None:
        config = replace(config, group_size=parts)
    if hard_examples is not None:
        config = replace(config, hard_examples=hard_examples)
    return position_sensitive(num_classes, backbone, config, own)


def position_sensitive(num_classes: int, backbone: str, config: DetectorConfig, own: FCISConfig) -> FCIS:
    """FCIS with fresh weights and settings of one's own."""
    group = config.group_size
    if group is None:
        raise ValueError("group_size must be the number of parts a side, got None")
    check_ints(2, num_classes=num_classes)
    features = score_features(num_classes, backbone, group, config, own)
    channels = features.channels[config.rpn_levels[0]]
    rpn = RPNHead(channels, len(config.anchor_sizes[0]) * len(config.anchor_ratios), config.rpn_depth)
    return FCIS(FasterRCNN(features, rpn, JointHead(num_classes), config), own)


def score_features(num_classes: int, backbone: str, group: int, config: DetectorConfig, own: FCISConfig) -> Features:
    """The maps of an image, the score maps among them."""
    trunk = make_backbone(backbone, 32 if own.neck == "fpn" else 16)
    inner: FPN | FineMap | None = None
    if own.neck == "fpn":
        levels = {*config.rpn_levels, own.source} | ({"p2"} if own.source == "m1" else set())
        outputs = [name for name in ("c2", "c3", "c4", "c5") if f"p{name[1]}" in levels]
        width = TINY_WIDTH if backbone in TINY_BACKBONES else WIDTH
        inner = FPN(trunk, out_channels=width, extra="p6" in levels, outputs=outputs)
        if own.source == "m1":
            inner = FineMap(trunk, inner, width)
    return Features(trunk, ScoreMaps(trunk, inner, own.source, num_classes, group, own.width, own.kernel_size))
