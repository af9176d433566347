"""The numbers in the self-check answers of lesson 11, each computed by the library or by brute force."""

import numpy as np
import torch

from lessons_lib.metrics.average_precision import area_under_curve
from lessons_lib.ops.grouping import Stored, group, joined, similarity
from lessons_lib.ops.masks import pairwise_mask_iou
from tests.notebooks.test_self_checks import answers


def stored(histogram, area):
    return Stored(np.array([histogram]), np.zeros((1, 1)), np.array([float(area)]), np.zeros((1, 4)))


def test_lesson_11():
    found = answers("11")
    tree = group(torch.rand(3, 5, 8), torch.arange(40).view(5, 8))
    assert f"= {len(tree.members)}:" in found[0] and "39 unions" in found[0]
    one, other = stored([1.0, 0.0], 30), stored([0.2, 0.8], 10)
    assert f"= {similarity(one, other, 100, ('colour',)).item():.1f}." in found[1]
    assert joined(one, other).colour.tolist() == [[0.8, 0.2]] and "[0.8, 0.2]" in found[1]
    pixels = torch.arange(20)
    region, thing = (pixels < 10)[None, None], (pixels < 9)[None, None]
    assert pairwise_mask_iou(region, thing).item() == 0.9 and "= 0.9." in found[2]
    assert area_under_curve(torch.tensor([True, True, False, True]), 4).item() == 0.6875 and "0.6875" in found[3]
    assert "88 %" in found[4]
