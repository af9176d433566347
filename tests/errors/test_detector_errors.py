"""What a detector says to ground truth that cannot be, and to settings that do not fit."""

import re
from dataclasses import replace

import pytest
import torch

from lessons_lib.data.sample import Instances, Sample, collate
from lessons_lib.models.instance.build import detector, faster_rcnn, usual_config
from lessons_lib.models.instance.config import DetectorConfig

GOOD = [1.0, 2, 30, 40]


def batch(box, label):
    """Two images; the second has the wrong object."""
    samples = []
    for boxes, labels in (([GOOD], [1]), ([GOOD, box], [1, label])):
        objects = Instances(torch.tensor(boxes), torch.tensor(labels), None)
        samples.append(Sample(torch.rand(3, 64, 64), torch.zeros(64, 64, dtype=torch.int64), objects))
    return collate(samples)


BOXES = "image 1 of the batch: boxes must be finite with x1 > x0 and y1 > y0, got "
CASES = [
    (GOOD, 0, "image 1 of the batch: labels must be ≥ 1, as 0 is the background, got 0"),
    (GOOD, -3, "image 1 of the batch: labels must be ≥ 1, as 0 is the background, got -3"),
    (GOOD, 4, "image 1 of the batch: labels must be < 4, the model's classes, got 4"),
    ([0.0, 0, 0, 0], 1, BOXES + "[0.0, 0.0, 0.0, 0.0]"),
    ([5.0, 5, 5, 9], 1, BOXES + "[5.0, 5.0, 5.0, 9.0]"),
    ([9.0, 5, 5, 9], 1, BOXES + "[9.0, 5.0, 5.0, 9.0]"),
    ([9.0, 5, float("nan"), 9], 1, BOXES + "[9.0, 5.0, nan, 9.0]"),
]


@pytest.mark.parametrize(("box", "label", "text"), CASES)
def test_wrong_truth_names_the_image(box, label, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        faster_rcnn(4)(batch(box, label))


SETTINGS = [
    (lambda: faster_rcnn(4, neck="bifpn"), "neck must be one of fpn, tdm, c4, got 'bifpn'"),
    (lambda: faster_rcnn(4, "resnet34"), "backbone must be one of"),
    (lambda: faster_rcnn(4, operator="warp"), "operator must be 'align' or 'pool', got 'warp'"),
    (lambda: faster_rcnn(1), "num_classes must be ≥ 2, got 1"),
    (lambda: DetectorConfig(divide_by="all"), "divide_by must be 'samples' or 'objects', got 'all'"),
    (lambda: DetectorConfig(rpn_levels=("p2",)), "anchor_sizes must hold one tuple for each of 1 levels, got 5"),
    (
        lambda: detector(4, "tiny", "fpn", replace(usual_config("tiny", "fpn"), region_levels=("p9",))),
        "levels must be maps of the features, p3, got 'p9'",
    ),
]


@pytest.mark.parametrize(("call", "text"), SETTINGS)
def test_wrong_settings(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()
