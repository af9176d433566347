"""MNC by its parts: a detector of `build`, the map that its masks are read from, and the cascade's own layers."""

from dataclasses import replace

from lessons_lib.models.backbones import TINY_BACKBONES
from lessons_lib.models.instance.build import detector, make_trunk, usual_config
from lessons_lib.models.instance.build_masks import fine_features
from lessons_lib.models.instance.cascade import MaskStage
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.mnc import MNC
from lessons_lib.models.instance.mnc_config import TINY_MNC, MNCConfig


def mnc(
    num_classes: int,
    backbone: str = "tiny",
    *,
    neck: str = "fpn",
    stages: int = 5,
    through_boxes: bool = True,
) -> MNC:
    """MNC with fresh weights, as it is usual with this backbone and neck; `num_classes` counts the background.

    neck: "fpn", "tdm", or "c4" for none, as in the paper. stages: 3 or 5. through_boxes: whether the losses of a stage
    have a gradient to the boxes that it reads. ValueError for a name that is not known.
    """
    config = replace(usual_cascade(backbone, neck), stages=stages, through_boxes=through_boxes)
    return cascade(num_classes, backbone, neck, usual_config(backbone, neck), config)


def usual_cascade(backbone: str, neck: str) -> MNCConfig:
    """The settings of the cascade that go with a backbone and a neck; change them with `dataclasses.replace`."""
    if backbone not in TINY_BACKBONES:
        return MNCConfig()
    return TINY_MNC if neck == "fpn" else replace(TINY_MNC, mask_levels=None)


def cascade(num_classes: int, backbone: str, neck: str, config: DetectorConfig, masks: MNCConfig) -> MNC:
    """MNC with fresh weights and settings of one's own; where `mask_levels` is ("m1",) there is a `FineMap`.

    ValueError where a region's bins cannot be pooled to those of the detector's box head.
    """
    if masks.region_size % config.region_size:
        want = f"region_size must be a multiple of the box head's, {config.region_size}"
        raise ValueError(f"{want}, got {masks.region_size}")
    found = detector(num_classes, backbone, neck, config)
    levels = masks.mask_levels or config.region_levels
    fine_features(found, levels, masks.fine_width)
    pathway = make_trunk(backbone, neck, found.features, config)
    stage = MaskStage(found.features.channels[levels[0]], masks.region_size, masks)
    return MNC(found, stage, pathway, masks)
