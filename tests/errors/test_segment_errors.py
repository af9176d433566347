"""What superpixels, grouping, regions and SDS say to arguments that do not fit."""

import re
from dataclasses import replace

import pytest
import torch

from lessons_lib.data.sample import Instances
from lessons_lib.metrics.region_ap import RegionScores
from lessons_lib.models.instance.sds import sds, sds_model
from lessons_lib.models.instance.sds_config import TINY_SDS
from lessons_lib.ops.grouping import group
from lessons_lib.ops.region_nms import region_nms
from lessons_lib.ops.segments import segment_proposals
from lessons_lib.ops.superpixels import few_superpixels, superpixels

IMAGE, IOU, ROW = torch.zeros(3, 4, 4), torch.zeros(2, 2), torch.zeros(2)
OBJECT = Instances(torch.zeros(1, 4), torch.ones(1, dtype=torch.int64), None)

CASES = [
    (lambda: superpixels(IMAGE[:2]), "image must be a float tensor (3, H, W), got torch.float32 (2, 4, 4)"),
    (lambda: superpixels(IMAGE.long()), "image must be a float tensor (3, H, W), got torch.int64 (3, 4, 4)"),
    (lambda: superpixels("image"), "image must be a float tensor (3, H, W), got 'image'"),
    (lambda: superpixels(IMAGE, scale=-1), "scale must be ≥ 0, got -1"),
    (lambda: superpixels(IMAGE, scale=float("nan")), "scale must be ≥ 0, got nan"),
    (lambda: superpixels(IMAGE, min_size=0), "min_size must be ≥ 1, got 0"),
    (lambda: few_superpixels(IMAGE, most=0), "most must be ≥ 1, got 0"),
    (lambda: segment_proposals(IMAGE[0]), "image must be a float tensor (3, H, W), got torch.float32 (4, 4)"),
    (lambda: segment_proposals(IMAGE, most=0), "most must be ≥ 1, got 0"),
    (
        lambda: group(torch.rand(3, 1, 2), torch.tensor([[0, 1]]), ("color",)),
        "similarities must be among colour, texture, size, fill, got 'color'",
    ),
    (lambda: region_nms(IOU[:1], ROW), "iou must be (2, 2), of all pairs of regions, got (1, 2)"),
    (lambda: region_nms(IOU, ROW, 1.5), "iou_threshold must be between 0 and 1, got 1.5"),
    (lambda: RegionScores().update(OBJECT, OBJECT), "prediction must have scores, got None"),
    (lambda: RegionScores().merge(3), "other must be RegionScores, got 3"),
    (lambda: sds(1), "num_classes must be ≥ 2, got 1"),
    (lambda: sds(3, pathways="mask"), "pathways must be 'both' or 'box' or 'region', got 'mask'"),
    (lambda: replace(TINY_SDS, regions=0), "regions must be ≥ 1, got 0"),
    (lambda: replace(TINY_SDS, region_iou=1.5), "region_iou must be in [0, 1], got 1.5"),
    (lambda: replace(TINY_SDS, context=0.5), "context must be in [0, 0.5), got 0.5"),
    (lambda: replace(TINY_SDS, crop=49), "crop must be a multiple of step, 2, got 49"),
    (lambda: sds_model(1, "tiny", TINY_SDS), "num_classes must be ≥ 2, got 1"),
]


@pytest.mark.parametrize(("call", "words"), CASES, ids=[words[:60] for _, words in CASES])
def test_it_names_argument_value_and_allowed(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()
