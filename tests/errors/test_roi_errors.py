"""What the RoI operators say to a wrong argument: the name, what came, and what is allowed."""

import re

import pytest
import torch

from lessons_lib.ops import roi
from lessons_lib.ops.roi.pool import pool_windows

MAP, BOXES = torch.zeros(2, 8, 6, 6), torch.tensor([[0.0, 1, 1, 4, 4]])
EVERY = (roi.roi_pool, roi.roi_warp, roi.roi_align, roi.roi_align_loops, roi.ps_roi_pool, pool_windows)
A_FLOAT_MAP = "features must be a float tensor with 4 dimensions, got "

SHARED = [
    ((MAP[0], BOXES, 2), ValueError, A_FLOAT_MAP + "torch.float32 (8, 6, 6)"),
    ((MAP.long(), BOXES, 2), ValueError, A_FLOAT_MAP + "torch.int64 (2, 8, 6, 6)"),
    (([1], BOXES, 2), ValueError, A_FLOAT_MAP + "[1]"),
    ((MAP[:, :, :0], BOXES, 2), ValueError, "features must have at least one cell, got (2, 8, 0, 6)"),
    ((MAP, BOXES, 0), ValueError, "output_size must be ≥ 1, got 0"),
    ((MAP, BOXES, (2, 2, 2)), ValueError, "output_size must be an int or 2 ints, got (2, 2, 2)"),
    ((MAP, BOXES, 2.0), TypeError, "output_size must be an int, got 2.0"),
    ((MAP, BOXES, 2, 0.0), ValueError, "spatial_scale must be > 0, feature cells for each pixel, got 0.0"),
    ((MAP, BOXES, 2, float("nan")), ValueError, "spatial_scale must be > 0, feature cells for each pixel, got nan"),
    ((MAP, BOXES, 2, "1/16"), TypeError, "spatial_scale must be a number, got '1/16'"),
    ((MAP, BOXES[:, 1:], 2), ValueError, "boxes must be a float tensor (R, 5), got torch.float32 (1, 4)"),
    ((MAP, BOXES.int(), 2), ValueError, "boxes must be a float tensor (R, 5), got torch.int32 (1, 5)"),
    ((MAP, BOXES + 2, 2), ValueError, "boxes[:, 0] must be the number of an image, 0 to 1, got 2"),
    ((MAP, BOXES - 1, 2), ValueError, "boxes[:, 0] must be the number of an image, 0 to 1, got -1"),
    ((MAP, BOXES + 0.5, 2), ValueError, "boxes[:, 0] must be the number of an image, 0 to 1, got 0.5"),
    ((MAP, BOXES * float("inf"), 2), ValueError, "boxes must be finite, got "),
    ((MAP, [BOXES[:, 1:]], 2), ValueError, "one tensor for each of the 2 images, got 1 of them"),
    ((MAP, [BOXES[:, 1:], BOXES], 2), ValueError, "boxes[1] must be a float tensor (R, 4), got torch.float32 (1, 5)"),
    ((MAP, [BOXES[:, 1:], [1, 2, 3, 4]], 2), ValueError, "boxes[1] must be a float tensor (R, 4), got [1, 2, 3, 4]"),
    ((MAP, None, 2), ValueError, "boxes must be a tensor (R, 5), or one tensor for each of the 2 images, got None"),
    ((MAP, BOXES.to("meta"), 2), ValueError, "boxes must be on cpu, as features are, got meta"),
]

OWN = [
    (lambda: roi.roi_align(MAP, BOXES, 2, 1.0, -2), ValueError, "sampling_ratio must be ≥ -1, got -2"),
    (lambda: roi.roi_align(MAP, BOXES, 2, 1.0, 1.5), TypeError, "sampling_ratio must be an int, got 1.5"),
    (lambda: roi.roi_align(MAP, BOXES, 2, 1.0, 2, 1), TypeError, "aligned must be True or False, got 1"),
    (
        lambda: roi.ps_roi_pool(MAP, BOXES, 3),
        ValueError,
        "features must have a multiple of 3·3 channels, one for each part, got 8",
    ),
    (
        lambda: roi.ps_roi_pool(MAP, BOXES, (2, 4)),
        ValueError,
        "group_size must be given where output_size is not square, got output_size (2, 4)",
    ),
    (lambda: roi.ps_roi_pool(MAP, BOXES, 2, group_size=0), ValueError, "group_size must be ≥ 1, got 0"),
    (
        lambda: roi.affine_theta(BOXES, (6, 6)),
        ValueError,
        "boxes must be a float tensor (R, 4), got torch.float32 (1, 5)",
    ),
    (lambda: roi.affine_theta(BOXES[:, 1:], (6, 0)), ValueError, "size must be ≥ 1, got 0"),
]


@pytest.mark.parametrize("operator", EVERY, ids=lambda operator: operator.__name__)
@pytest.mark.parametrize(("arguments", "error", "words"), SHARED, ids=[words[-50:] for _, _, words in SHARED])
def test_every_operator_names_argument_value_and_allowed(operator, arguments, error, words):
    with pytest.raises(error, match=re.escape(words)):
        operator(*arguments)


@pytest.mark.parametrize(("call", "error", "words"), OWN, ids=[words[:50] for _, _, words in OWN])
def test_error_names_argument_value_and_allowed(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()
