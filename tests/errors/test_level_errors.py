"""What the operators of pyramids say of arguments that they cannot take."""

import re

import pytest
import torch

from lessons_lib.ops.grid import Grid
from lessons_lib.ops.levels import assign_levels, multilevel_roi_align

MAPS = [torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 4, 4)]
GRIDS = [Grid(4, 1.5), Grid(8, 3.5)]
BOXES = torch.zeros(2, 5, 4)

CASES = [
    (
        lambda: assign_levels(BOXES[..., :3]),
        ValueError,
        "boxes must be a float tensor (…, 4), got torch.float32 (",
    ),
    (lambda: assign_levels(BOXES.long()), ValueError, "boxes must be a float tensor (…, 4), got torch.int64 (2, 5, 4)"),
    (lambda: assign_levels(BOXES, 5, 2), ValueError, "highest must be ≥ 5, got 2"),
    (lambda: assign_levels(BOXES, -1), ValueError, "lowest must be ≥ 0, got -1"),
    (lambda: assign_levels(BOXES, canonical_size=0.0), ValueError, "canonical_size must be > 0 pixels, got 0"),
    (
        lambda: multilevel_roi_align([], [], BOXES, 2),
        ValueError,
        "maps must be at least one, with a grid for each, got 0 and 0 grids",
    ),
    (
        lambda: multilevel_roi_align(MAPS, GRIDS[:1], BOXES, 2),
        ValueError,
        "maps must be at least one, with a grid for each, got 2 and 1 grids",
    ),
    (
        lambda: multilevel_roi_align([MAPS[0], MAPS[1][:, :2]], GRIDS, BOXES, 2),
        ValueError,
        "maps[1] must be (2, 3, H, W) with at least one cell, as maps[0] says, got (2, 2, 4, 4)",
    ),
    (
        lambda: multilevel_roi_align([MAPS[0][0]], GRIDS[:1], BOXES, 2),
        ValueError,
        "maps[0] must be a float tensor with 4 dimensions, got torch.float32 (3, 8, 8)",
    ),
    (
        lambda: multilevel_roi_align(MAPS, [Grid(4, 0), Grid(16, 0)], BOXES, 2),
        ValueError,
        "grids must have strides that double, each a power of two, got [4, 16]",
    ),
    (
        lambda: multilevel_roi_align(MAPS, GRIDS, BOXES[:1], 2),
        ValueError,
        "boxes must be (2, R, 4) on cpu, as maps[0] says, got (1, 5, 4) on cpu",
    ),
    (
        lambda: multilevel_roi_align(MAPS, GRIDS, BOXES, 2, valid=torch.ones(2, 5)),
        ValueError,
        "valid must be torch.bool (2, 5), got torch.float32 (2, 5)",
    ),
    (lambda: multilevel_roi_align(MAPS, GRIDS, BOXES, 2, 0), ValueError, "sampling_ratio must be ≥ 1, got 0"),
    (lambda: multilevel_roi_align(MAPS, GRIDS, BOXES, 0), ValueError, "output_size must be ≥ 1, got 0"),
    (
        lambda: multilevel_roi_align(MAPS, GRIDS, BOXES, 2, aligned="no"),
        TypeError,
        "aligned must be True, False or None, got 'no'",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), CASES, ids=[words[:45] for _, _, words in CASES])
def test_error_names_argument_value_and_allowed(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()
