"""What a cascade, its settings and its beginning say to arguments that cannot be."""

import re
from dataclasses import replace

import pytest
import torch

from lessons_lib.data.sample import Instances, Sample, collate
from lessons_lib.models.instance.build import faster_rcnn, usual_config
from lessons_lib.models.instance.build_mnc import cascade, mnc, usual_cascade
from lessons_lib.models.instance.mnc import MNC
from lessons_lib.models.instance.mnc_config import MNCConfig
from lessons_lib.shipped.detector import load_detector


def tiny(neck="fpn", **changes):
    return cascade(4, "tiny", neck, usual_config("tiny", neck), replace(usual_cascade("tiny", neck), **changes))


def without_a_box_head():
    model = mnc(4)
    model.detector.box_head = torch.nn.Identity()
    return MNC(model.detector, model.mask_stage, model.mask_pathway, model.config)


def boxes_alone():
    objects = Instances(torch.tensor([[5.0, 5, 40, 40]]), torch.tensor([1]), None)
    return collate([Sample(torch.rand(3, 64, 64), torch.zeros(64, 64, dtype=torch.int64), objects)])


CASES = [
    (lambda: MNCConfig(stages=4), "stages must be 3 or 5, got 4"),
    (lambda: MNCConfig(pool="sum"), "pool must be 'max' or 'mean', got 'sum'"),
    (lambda: mnc(4, stages=1), "stages must be 3 or 5, got 1"),
    (lambda: mnc(1), "num_classes must be ≥ 2, got 1"),
    (lambda: mnc(4, neck="bifpn"), "neck must be one of fpn, tdm, c4, got 'bifpn'"),
    (lambda: tiny(region_size=10), "region_size must be a multiple of the box head's, 7, got 10"),
    (lambda: tiny(mask_levels=("p9",)), "levels must be maps of the features, p2, p3, or m1, got 'p9'"),
    (lambda: tiny("c4", mask_levels=("m1",)), "levels must be among c1, c2, c3, c4, c5 without a neck, got ('m1',)"),
    (without_a_box_head, "detector must have a BoxHead, got Identity"),
    (lambda: mnc(4)(boxes_alone()), "image 0 of the batch: objects must have masks to learn from, got boxes alone"),
    (lambda: load_detector(faster_rcnn(4)), "detector must have the shapes of the shipped one: "),
    (lambda: load_detector(faster_rcnn(11, neck="tdm")), "detector must have the 36 weights of the shipped one"),
]


@pytest.mark.parametrize(("call", "message"), CASES)
def test_the_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
