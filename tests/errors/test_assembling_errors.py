"""What `assemble` and the settings of FCIS say of bad input."""

import pytest
import torch

from lessons_lib.models.instance.build_fcis import fcis, position_sensitive
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.fcis_config import TINY_FCIS, TINY_FCIS_DETECTOR, FCISConfig
from lessons_lib.ops.assembling import assemble
from lessons_lib.ops.grid import Grid

SCORES, BOX = torch.zeros(1, 18, 4, 4), torch.zeros(1, 2, 4)


def call(scores=SCORES, boxes=BOX, output_size=3, group_size=3, **more):
    return lambda: assemble(scores, Grid(1, 0.0), boxes, output_size, group_size, **more)


CASES = [
    (call(scores=SCORES[0]), "scores must be a float tensor with 4 dimensions, got torch.float32"),
    (call(scores=SCORES[..., :0]), r"scores must have at least one cell, got \(1, 18, 4, 0\)"),
    (call(group_size=4), "scores must have a multiple of 4·4 channels, one for each part, got 18"),
    (call(group_size=0), "group_size must be ≥ 1, got 0"),
    (call(output_size=0), "output_size must be ≥ 1, got 0"),
    (call(sampling_ratio=0), "sampling_ratio must be ≥ 1, got 0"),
    (call(boxes=BOX[0]), r"boxes must be a float tensor \(B, R, 4\), got torch.float32 \(2, 4\)"),
    (call(boxes=BOX.long()), r"boxes must be a float tensor \(B, R, 4\), got torch.int64"),
    (call(boxes=torch.zeros(2, 1, 4)), r"boxes must be \(1, R, 4\) on cpu, as scores say, got \(2, 1, 4\) on cpu"),
    (call(valid=torch.ones(1, 2)), r"valid must be torch.bool \(1, 2\), got torch.float32 \(1, 2\)"),
    (lambda: FCISConfig(neck="tdm"), "neck must be 'fpn' or 'c5', got 'tdm'"),
    (lambda: FCISConfig(boxes="all"), "boxes must be 'proposed' or 'moved' or 'both', got 'all'"),
    (lambda: DetectorConfig(group_size=3), "region_levels must be one map where there are parts, got"),
    (lambda: fcis(11, parts=0), "group_size must be ≥ 1, got 0"),
    (lambda: fcis(1), "num_classes must be ≥ 2, got 1"),
    (lambda: fcis(11, operator="warp"), "operator must be 'align' or 'pool', got 'warp'"),
    (lambda: position_sensitive(4, "tiny", DetectorConfig(), TINY_FCIS), "group_size must be the number of parts"),
    (
        lambda: position_sensitive(4, "tiny", TINY_FCIS_DETECTOR, FCISConfig(source="c9")),
        "source must be one of c1, c2, c3, c4, c5, got 'c9'",
    ),
]


@pytest.mark.parametrize(("wrong", "words"), CASES)
def test_the_error_names_the_argument(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()
