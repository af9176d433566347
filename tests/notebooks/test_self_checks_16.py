"""The numbers in the self-check answers of lesson 16, each computed anew."""

import torch

from lessons_lib.models.instance.build_fcis import fcis
from lessons_lib.models.instance.fcis_config import FCIS_DETECTOR, TINY_FCIS_DETECTOR
from lessons_lib.models.instance.joint_head import class_logits, mask_logits
from lessons_lib.ops.assembling import assemble
from lessons_lib.ops.grid import Grid
from tests.notebooks.test_self_checks import answers


def test_lesson_16():
    found = answers("16")
    maps = fcis(81, parts=7).features.neck.predictor.out_channels - 4 * 49
    assert f"{maps:,}" in found[0]
    pairs = torch.tensor([2.0, 6.0]).view(1, 2, 1, 1).expand(1, 2, 3, 3)
    assert class_logits(pairs).item() == 6 and "mean is 6" in found[1]
    assert f"{mask_logits(pairs).sigmoid()[0, 0, 0]:.2f}" in found[1]
    low = torch.full((1, 2, 3, 3), -4.0)
    assert class_logits(low).item() == -4 and bool((mask_logits(low).sigmoid() == 0.5).all()) and "0.5" in found[2]
    numbered = torch.arange(9.0).view(1, 3, 3, 1, 1).transpose(1, 2).reshape(1, 9, 1, 1).expand(1, 9, 6, 6)
    row = assemble(numbered, Grid(1, 0.0), torch.tensor([[[0.0, 0, 6, 6]]]), 3, 3)[0, 0, 0, 0]
    assert row.tolist() == [0, 3, 6] and "exchanged" in found[3]
    assert TINY_FCIS_DETECTOR.group_size == 3 and FCIS_DETECTOR.group_size == 7 and "7 × 7" in found[4]
