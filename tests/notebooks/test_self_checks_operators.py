"""The numbers in the self-check answers of the lessons on operators, each computed by torch or torchvision."""

import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torchvision import ops

from lessons_lib.models.instance.build_mnc import mnc
from lessons_lib.models.instance.cascade import MaskTruth, masked, region_mask_iou
from lessons_lib.models.instance.mnc_config import MNCConfig
from lessons_lib.ops.voting import vote_masks
from tests.notebooks.test_self_checks import answers


def convolved(n: int, k: int, **settings: int) -> int:
    return F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), **settings).shape[-1]


def enlarged(n: int, k: int, **settings: int) -> int:
    return F.conv_transpose1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), **settings).shape[-1]


def multiply_adds(size: int, c_out: int, k: int) -> int:
    with FlopCounterMode(display=False) as counter:
        F.conv2d(torch.zeros(1, 1, size, size), torch.zeros(c_out, 1, k, k), padding="same")
    return counter.get_total_flops() // 2


def pooled_cells(box: list[float], bins: int) -> list[list[int]]:
    """The columns that each bin of torchvision's RoIPool reads: those that, lit alone, light it."""
    lit = torch.eye(8).view(8, 1, 1, 8)
    boxes = torch.tensor([[column, *box] for column in range(8)], dtype=torch.float32)
    return [row.nonzero().flatten().tolist() for row in ops.roi_pool(lit, boxes, (1, bins), 1 / 16)[:, 0, 0].T]


def test_lesson_02():
    found = answers("02")
    assert f"= {convolved(224, 7, stride=2, padding=3)}. This is the first layer of ResNet" in found[0]
    assert [p for p in range(9) if convolved(20, 3, padding=p, dilation=4) == 20] == [4] and "= 4. " in found[1]
    assert sum(convolved(n, 3, stride=3, padding=1) == 5 for n in range(2, 40)) == 3 and "Three" in found[2]
    copies = F.fold(F.unfold(torch.ones(1, 1, 7, 7), 3), (7, 7), 3)
    assert copies[0, 0, 3, 3] == 9 and "Nine times" in found[3]


def test_lesson_03():
    found = answers("03")
    assert enlarged(7, 4, stride=2, padding=1) == 14 and "= 14." in found[0]
    halved = {"stride": 2, "padding": 1}
    assert convolved(225, 3, **halved) == convolved(226, 3, **halved) == 113 and "also shrinks to 113" in found[1]
    assert [enlarged(113, 3, **halved, output_padding=a) for a in (0, 1)] == [225, 226]
    assert "mod 2 = 0. With 1 it would give 226" in found[1]
    for f in (2, 3, 4):
        lit = torch.zeros(1, 1, 9, 9, dtype=torch.float64)
        lit[0, 0, 4, 4] = 1
        interpolated = F.interpolate(lit, scale_factor=f, mode="bilinear")
        assert torch.isclose(interpolated.sum(), torch.tensor(f * f, dtype=torch.float64))
    assert "f × f squares" in found[4]


def test_lesson_05():
    found = answers("05")
    assert F.pixel_shuffle(torch.zeros(45, 2, 2), 3).shape[0] == 5 and "= 45." in found[0]
    lit = torch.zeros(8, 1, 1)
    lit[7] = 1
    assert F.pixel_shuffle(lit, 2).nonzero().tolist() == [[1, 1, 1]]
    assert "into output channel 1, row 1 and column 1" in found[1]
    overlap = F.conv_transpose2d(torch.ones(1, 1, 6, 6), torch.ones(1, 1, 4, 4), stride=2)[0, 0, 4:6, 4:6]
    assert overlap.unique().tolist() == [4] and "Four: 16 taps" in found[2]
    assert multiply_adds(20, 1, 5) == 100 * 10 * 10 and "100 HW" in found[4]
    assert multiply_adds(10, 4, 3) == 36 * 10 * 10 and "uses its 36" in found[4]


def test_lesson_12():
    found = answers("12")
    assert pooled_cells([24, 0, 56, 1], bins=1) == [[2, 3, 4]] and "cells 2, 3 and 4, so three" in found[0]
    assert pooled_cells([0, 0, 32, 1], bins=2) == [[0, 1], [1, 2]]
    assert "cells 0 and 1" in found[1] and "cells 1 and 2" in found[1]
    row = torch.tensor([[[[7.0, 1.0, 2.0]]]])
    points = torch.tensor([[0, x + 0.5, 0.5, x + 0.5, 0.5] for x in (-0.8, -1.2)])  # empty boxes: one sample each
    assert ops.roi_align(row, points, 1, 1.0, 1, aligned=True).flatten().tolist() == [7, 0]
    assert "outermost cell" in found[2] and "0.0" in found[2]
    features = torch.ones(1, 1, 12, 12, requires_grad=True)
    ops.roi_align(features, [torch.tensor([[1.3, 1.3, 10.3, 10.3]])], 1, 1.0, 3, aligned=True).sum().backward()
    assert int((features.grad != 0).sum()) == 36 and "36" in found[3]


def test_lesson_14():
    found = answers("14")
    masks = torch.empty(100, 81, 28, 28, device="meta")
    assert f"{masks.numel():,}" in found[0] and f"{masks[:, 0].numel():,}" in found[0]
    inside = ops.roi_align(torch.ones(1, 1, 12, 12), [torch.tensor([[2.0, 2, 9, 8]])], 28, 1.0, 2, aligned=True)
    assert bool((inside == 1).all()) and "Ones in every bin" in found[1]
    fresh = torch.zeros(1, 11)
    assert f"{F.cross_entropy(fresh, torch.tensor([0])):.2f} = ln 11" in found[2]
    assert f"{F.binary_cross_entropy_with_logits(fresh, fresh):.2f}" in found[2]
    assert 28 / 7 == 4 and "= 4 cells wide" in found[3]


def test_lesson_15():
    found = answers("15")
    truth = MaskTruth(torch.ones(1, 1, 2, 2), torch.tensor([[32.0]]))
    half = region_mask_iou(torch.ones(1, 1, 2, 2), truth, torch.tensor([[[0.0, 0, 4, 4]]]), 0.4)
    assert half.item() == 0.5 == MNCConfig().mask_iou and found[0].strip().startswith("½")
    three, five = (sum(p.numel() for p in mnc(4, stages=stages).parameters()) for stages in (3, 5))
    assert three == five and "None" in found[1]
    masks = torch.tensor([[[False]], [[True]], [[True]]])
    box = torch.tensor([[0.0, 0, 1, 1]])
    assert vote_masks(masks, box.expand(3, 4), box, torch.tensor([[0.6, 0.2, 0.2]])).item() and "yes" in found[2]
    features, mask = torch.ones(1, 1, 2, 2, requires_grad=True), torch.zeros(1, 2, 2, requires_grad=True)
    masked(features, mask).sum().backward()
    assert not features.grad.any() and mask.grad.all() and "to the mask it is not" in found[4]
