"""What anchors, box coding, matching, sampling and a convolution say to a wrong argument."""

import re

import pytest
import torch

from lessons_lib.ops.anchors import anchor_shapes, place_anchors
from lessons_lib.ops.box_coding import decode_boxes, encode_boxes
from lessons_lib.ops.grid import PIXELS
from lessons_lib.ops.matching import ignore_crowds, match
from lessons_lib.ops.sampling import sample, sample_hardest
from lessons_lib.ops.winograd import winograd_conv3x3

BOX, LABELS = torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([0, 1])
MAP = torch.ones(1, 2, 3, 3)
FOUR = "weights must be four numbers > 0, for x, y, width and height, got "
CASES = [
    (lambda: anchor_shapes([], [1.0]), "sizes must be numbers > 0, at least one, got ()"),
    (lambda: anchor_shapes([8], [1.0, 0.0]), "ratios must be numbers > 0, at least one, got (1.0, 0.0)"),
    (lambda: place_anchors(BOX, (0, 3), PIXELS), "size must be ≥ 1, got 0"),
    (lambda: encode_boxes(BOX, BOX, (1, 1, 1)), FOUR + "(1, 1, 1)"),
    (lambda: decode_boxes(BOX, BOX, (10, 10, 5, 0)), FOUR + "(10, 10, 5, 0)"),
    (lambda: match(BOX, 0.3, 0.7), "low and high must be 0 ≤ low ≤ high ≤ 1, got low 0.7, high 0.3"),
    (lambda: match(BOX, 1.5), "low and high must be 0 ≤ low ≤ high ≤ 1, got low 1.5, high 1.5"),
    (lambda: ignore_crowds(LABELS, BOX[0, :2, None], 0.0), "threshold must be in (0, 1], got 0.0"),
    (lambda: sample(LABELS, torch.rand(2), 0, 0.5), "count must be ≥ 1, got 0"),
    (lambda: sample(LABELS, torch.rand(2), 4, 1.5), "positive_share must be in [0, 1], got 1.5"),
    (lambda: sample_hardest(LABELS, torch.rand(2), 0), "count must be ≥ 1, got 0"),
    (lambda: winograd_conv3x3(MAP.half(), MAP.half()), "x must be float32 or float64, got torch.float16"),
    (
        lambda: winograd_conv3x3(MAP, MAP[:, :1]),
        "weight must be torch.float32 (D, 2, 3, 3), as x says",
    ),
    (
        lambda: winograd_conv3x3(MAP, MAP, BOX[0]),
        "bias must be torch.float32 (1,), as weight says",
    ),
]


@pytest.mark.parametrize(("call", "text"), CASES)
def test_errors_name_the_argument(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()
