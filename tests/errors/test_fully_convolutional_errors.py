"""What grids, the patch classifier and FCN say to a wrong argument: the name, what came, and what is allowed."""

import re

import pytest
import torch
from torch import nn

from lessons_lib.models.backbones import VGG16, TinyBackbone
from lessons_lib.models.semantic import fcn, patch
from lessons_lib.models.zoo import build_model
from lessons_lib.ops.cost import conv2d_multiply_adds
from lessons_lib.ops.grid import PIXELS, Grid, crop_offset

TRUNK = TinyBackbone()
PICTURE = torch.zeros(1, 3, 8, 9)
PADDED = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1))

CASES = [
    (lambda: PIXELS.down(0), "kernel_size must be ≥ 1, got 0"),
    (lambda: PIXELS.down(3, padding=-1), "padding must be ≥ 0, got -1"),
    (lambda: Grid(4, 0.0).up(4, 3), "stride must divide 4, the stride of the map, got 3"),
    (lambda: Grid(4, 0.0).up(4, 0), "stride must be ≥ 1, got 0"),
    (lambda: Grid(4, 0.0).cells_before(PIXELS), "other must have stride 4, got 1"),
    (lambda: crop_offset([(3, 0, 1)], 4), "stride must be ≥ 1, got 0"),
    (lambda: conv2d_multiply_adds((4, 5), 0, 2, 3), "c_in must be ≥ 1, got 0"),
    (lambda: conv2d_multiply_adds((4, 5), 3, 2, 5), "must reach over at most the 4 padded pixels, got a reach of 5"),
    (lambda: fcn.FCN(TRUNK, 0), "num_classes must be ≥ 1, got 0"),
    (lambda: fcn.FCN(TRUNK, 3, ()), "scores must name maps among c1, c2, c3, c4, c5, at least one, got ()"),
    (lambda: fcn.FCN(TRUNK, 3, ("c6",)), "scores must name maps among c1, c2, c3, c4, c5, at least one, got ('c6',)"),
    (
        lambda: fcn.FCN(TRUNK, 3, ("c3", "c5")),
        "scores must go from coarse to fine, got ('c3', 'c5') of strides [8, 32]",
    ),
    (
        lambda: fcn.FCN(VGG16(padding=False), 3, ("c3",)),
        "backbone must pad enough for scores from pixel 0 on, got ('c3',) that begin at 14",
    ),
    (
        lambda: fcn.bilinear_upsampling(1, Grid(8, 0.25), PIXELS),
        "coarse must have its middles on those of Grid(stride=1, start=0.0), or half-way between two, "
        "got Grid(stride=8, start=0.25)",
    ),
    (
        lambda: fcn.bilinear_upsampling(1, Grid(8, 0.0), Grid(3, 0.0)),
        "coarse must have its middles on those of Grid(stride=3, start=0.0), or half-way between two, "
        "got Grid(stride=8, start=0.0)",
    ),
    (lambda: patch.slide(PADDED, PICTURE, 9), "picture must have at least 9 pixels per side, got (8, 9)"),
    (lambda: patch.shift_and_stitch(PADDED, PICTURE, 9, 2), "picture must have at least 9 pixels per side, got (8, 9)"),
    (lambda: patch.run_once(PADDED, PICTURE), "net must hold no padding, got Conv2d(3, 2, kernel_size=(3, 3)"),
    (lambda: patch.linear_as_conv_weight(torch.zeros(5, 24), 3), "weight must have 3 · k² columns for some k, got 24"),
    (lambda: build_model("fcn4s", 3), "name must be one of patch, fcn32s, fcn16s, fcn8s, "),
]


@pytest.mark.parametrize(("call", "message"), CASES, ids=[message[:60] for _, message in CASES])
def test_a_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
