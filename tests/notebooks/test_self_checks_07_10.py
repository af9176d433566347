"""The numbers in the folded self-check answers of lessons 07 to 10, computed by other means than their sentences."""

import math

import pytest
import torch
from torch.nn import functional as F

from lessons_lib.metrics import average_precision as ap
from lessons_lib.metrics import boundary, semantic
from lessons_lib.models.backbones import TinyBackbone
from lessons_lib.models.semantic.unet import UNet
from lessons_lib.ops import receptive_field as rf
from lessons_lib.ops import unpooling
from tests.notebooks.test_self_checks import answers


def fields(*dilations: int, stride: int = 1) -> int:
    """The field of 3 × 3 layers, measured by the gradient; `stride` is the first one's."""
    layers = [torch.nn.Conv2d(1, 1, 3, stride if not n else 1, dilation=d) for n, d in enumerate(dilations)]
    return rf.extent(rf.seen_pixels(torch.nn.Sequential(*layers), (80, 80), (0, 0), channels=1))[0].size


def test_lesson_07():
    found = answers("07")
    truth, blob = torch.zeros(2, 40, 40, dtype=torch.int64)
    truth[:, 19:21], blob[:4, 19:21] = 1, 1  # a pole, and a tenth of it
    scores = boundary.BoundaryScores()
    scores.update(blob, truth)
    assert (blob == truth).float().mean() >= 0.95 and scores.compute()["boundary_f"] <= 0.25 and "Yes" in found[1]
    c4 = TinyBackbone().grids["c4"]
    assert f"{c4.stride} pixels beside" in found[2]
    with torch.device("meta"):
        tile = UNet(3, 2).valid_logits(torch.empty(1, 3, 572, 572))
    assert tile.shape[-1] == 388
    channels = TinyBackbone().channels
    assert f"Five for each map, {5 * len(channels)}, if" in found[4] and f"{sum(channels.values())} if it" in found[4]


def test_lesson_08():
    found = answers("08")
    pooled, switches = F.max_pool2d(torch.arange(35.0).view(1, 1, 5, 7), 2, ceil_mode=True, return_indices=True)
    assert f"3 × 4 = {pooled.numel()} values" in found[0] and f"4 · 7 + 6 = {switches.max()}" in found[0]
    places = torch.arange(64).view(1, 1, 8, 8)
    distances = unpooling.moved(places, torch.zeros_like(places), 8)
    assert (
        f"7√2 = {distances.max():.1f} px" in found[2] and f"{(distances == 0).sum()} of {distances.numel()}" in found[2]
    )
    whole = torch.empty(64, 224, 224, device="meta")
    switches = F.max_pool2d(whole[None], 2)[0]
    assert f"{whole.numel() / 1e6:.1f} million numbers, {whole.nbytes / 1e6:.1f} MB" in found[4]
    assert f"{switches.numel() * 2 / 8 / 1e6:.1f} MB" in found[4]


def test_lesson_09():
    found = answers("09")
    assert f"3 + 2·2 = {fields(1, 1, stride=2)}" in found[0] and f"3 + 2·1 = {fields(1, 1)}" in found[0]
    assert f"see {fields(1, 2, 4, 8)} pixels" in found[1] and fields(*[1] * 15) == 31 and "n = 15" in found[1]
    chain = rf.at_output_stride([(2, 2, 0, 1)] * 5 + [(3, 1, 1, 1)], 8)
    assert [layer.dilation for layer in chain[-2:]] == [
        2,
        4,
    ] and "gets dilation 2, what comes after the second 4" in found[2]


def test_lesson_10():
    found = answers("10")
    counts = torch.tensor([[99, 0], [1, 0]])
    assert f"accuracy {semantic.pixel_accuracy(counts):.2f}" in found[0]
    assert f"so {semantic.mean_iou(counts):.3f}" in found[0]
    perfect = torch.eye(11, dtype=torch.int64) * 1_000_000
    perfect[10, 10], perfect[0, 10] = 0, 1
    assert semantic.mean_iou(perfect).item() == pytest.approx(10 / 11, abs=1e-4) and "10/11" in found[1]
    one, two = (ap.average_precision(torch.tensor([True, False] * n), n).item() for n in (1, 2))
    assert one == 1 and two == pytest.approx((51 + 50 * 2 / 3) / 101) and f"/101 = {two:.2f}" in found[3]
    assert not math.isclose(two, 0.84, abs_tol=0.005)
