"""The settings of the detectors: torchvision's are read from its own model, the others stand as in their sources."""

from dataclasses import asdict

import pytest
from torch import nn
from torchvision.models.detection import fasterrcnn_resnet50_fpn

from lessons_lib.models.instance.build import TINY_WIDTH, WIDTH, faster_rcnn, usual_config
from lessons_lib.models.instance.config import DetectorConfig


def changed(config: DetectorConfig) -> dict:
    """The settings that differ from the defaults."""
    usual = asdict(DetectorConfig())
    return {name: value for name, value in asdict(config).items() if value != usual[name]}


def test_the_defaults_are_torchvisions():
    theirs, ours = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None), DetectorConfig()
    rpn, heads = theirs.rpn, theirs.roi_heads
    assert ours.anchor_sizes == rpn.anchor_generator.sizes
    assert {ours.anchor_ratios} == set(rpn.anchor_generator.aspect_ratios)
    assert (ours.rpn_high, ours.rpn_low) == (rpn.proposal_matcher.high_threshold, rpn.proposal_matcher.low_threshold)
    assert ours.rpn_samples == rpn.fg_bg_sampler.batch_size_per_image
    assert ours.rpn_share == rpn.fg_bg_sampler.positive_fraction
    assert dict(zip(("training", "testing"), ours.before_nms, strict=True)) == rpn._pre_nms_top_n
    assert dict(zip(("training", "testing"), ours.after_nms, strict=True)) == rpn._post_nms_top_n
    assert ours.rpn_nms == rpn.nms_thresh
    assert ours.regions == heads.fg_bg_sampler.batch_size_per_image
    assert ours.region_share == heads.fg_bg_sampler.positive_fraction
    assert ours.region_iou == heads.proposal_matcher.high_threshold == heads.proposal_matcher.low_threshold
    assert (ours.region_size,) * 2 == tuple(heads.box_roi_pool.output_size)
    assert ours.sampling == heads.box_roi_pool.sampling_ratio
    pool = heads.box_roi_pool
    assert ours.canonical == (pool.canonical_level, pool.canonical_scale)
    assert ours.box_weights == heads.box_coder.weights
    assert (ours.least_confidence, ours.nms, ours.most) == (
        heads.score_thresh,
        heads.nms_thresh,
        heads.detections_per_img,
    )
    assert ours.rpn_beta == ours.box_beta == 1 / 9
    assert ours.rpn_levels == ("p2", "p3", "p4", "p5", "p6")
    assert ours.region_levels == ("p2", "p3", "p4", "p5")
    assert (ours.rpn_depth, ours.pad_to, ours.short_side, ours.long_side) == (1, 1, None, None)
    assert ours.add_truth and ours.half_pixel and not ours.round_anchors
    assert not ours.hard_examples and not ours.class_agnostic
    assert (ours.operator, ours.divide_by) == ("align", "samples")


def test_without_a_neck_and_with_tdm():
    sizes = ((32, 64, 128, 256, 512),)
    assert changed(usual_config("resnet50", "c4")) == {
        "rpn_levels": ("c4",),
        "region_levels": ("c4",),
        "anchor_sizes": sizes,
        "before_nms": (12000, 6000),
        "after_nms": (2000, 300),
        "regions": 128,
        "region_size": 14,
    }
    tdm = {"rpn_levels": ("t2",), "region_levels": ("t2",), "anchor_sizes": sizes, "before_nms": (12000, 6000)}
    assert changed(usual_config("resnet50", "tdm")) == tdm


@pytest.mark.parametrize(("neck", "rpn", "regions"), [("fpn", "p3", "p2"), ("c4", "c3", "c3"), ("tdm", "t2", "t2")])
def test_the_tiny_ones_are_small_everywhere(neck, rpn, regions):
    assert changed(usual_config("tiny", neck)) == {
        "rpn_levels": (rpn,),
        "region_levels": (regions,),
        "anchor_sizes": ((9, 18, 34),),
        "anchor_ratios": (0.4, 1.0, 2.2),
        "rpn_high": 0.6,
        "rpn_samples": 64,
        "before_nms": (64, 128),
        "after_nms": (32, 64),
        "least_confidence": 0.01,
        "regions": 16,
        "region_share": 0.5,
        "class_agnostic": True,
        "divide_by": "objects",
    }


@pytest.mark.parametrize(("backbone", "width"), [("tiny", 48), ("resnet18", 256)])
def test_the_width_of_the_maps_and_of_the_head(backbone, width):
    model = faster_rcnn(3, backbone)
    assert set(model.features.channels.values()) == {width} == {TINY_WIDTH if backbone == "tiny" else WIDTH}
    linear = [layer.out_features for layer in model.box_head.trunk.modules() if isinstance(layer, nn.Linear)]
    assert linear == ([96] if backbone == "tiny" else [1024, 1024])
