"""Hypercolumns: classify, then upsample; the grid of classifiers; the released form's numbers."""

import pytest
import torch
from torch.nn import functional as F

from lessons_lib.models.backbones import TinyBackbone
from lessons_lib.models.semantic.hypercolumns import BoxHypercolumns, Hypercolumns, interpolate_classifiers, upsample
from lessons_lib.models.zoo import build_model
from lessons_lib.ops.grid import PIXELS, Grid


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Hypercolumns(TinyBackbone(), 11).double()


@pytest.mark.parametrize("size", [(64, 64), (33, 50), (1, 1)])
def test_classify_then_upsample_is_upsample_then_classify(model, size):
    images = torch.rand(2, 3, *size, dtype=torch.float64)
    maps, grids = model.backbone(images), model.backbone.grids
    columns = torch.cat([upsample(maps[name], grids[name], size) for name in maps], 1)  # (B, 240, H, W)
    weight = torch.cat([layer.weight for layer in model.columns.values()], 1)
    bias = sum(layer.bias for layer in model.columns.values())
    slow = model.score(F.relu(model.norm(F.conv2d(columns, weight, bias))))
    torch.testing.assert_close(model.logits(images), slow, rtol=1e-9, atol=1e-9)


def test_parameters_of_the_tiny_form_by_hand(model):
    trunk = count(TinyBackbone())
    assert count(model) == trunk + (16 + 24 + 48 + 80 + 96) * 32 + 5 * 32 + 2 * 32 + 32 * 11 + 11 == 127_235
    assert count(model) <= 450_000


@pytest.mark.parametrize("stride", [1, 2, 4, 32])
def test_upsampling_is_torchs_where_the_cells_tile_the_picture(stride):
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    theirs = F.interpolate(x, (5 * stride, 4 * stride), mode="bilinear")
    ours = upsample(x, Grid(stride, (stride - 1) / 2), (5 * stride, 4 * stride))
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_upsampling_by_hand():
    """Cells at pixels 1, 4 and 7: on them their own value, thirds between, constant beyond."""
    x = torch.tensor([0.0, 3, 9]).view(1, 1, 1, 3)
    row = upsample(x, Grid(3, 1.0), (2, 9))[0, 0]
    torch.testing.assert_close(row, torch.tensor([0.0, 0, 1, 2, 3, 5, 7, 9, 9]).expand(2, 9))


def test_upsampling_keeps_a_ramp_in_its_place():
    """A map that holds each cell's own place in the picture comes back as the pixels' places, up to the last cells."""
    for name, grid in TinyBackbone().grids.items():
        cells = torch.arange(6, dtype=torch.float64) * grid.stride + grid.start
        pixels = upsample(cells.view(1, 1, 1, 6), grid, (1, 5 * grid.stride))[0, 0, 0]
        inside = torch.arange(int(grid.start) + 1, 5 * grid.stride)
        torch.testing.assert_close(pixels[inside], inside.double(), msg=name)


def test_upsampling_of_the_picture_itself():
    x = torch.randn(1, 2, 3, 4)
    torch.testing.assert_close(upsample(x, PIXELS, (3, 4)), x)


def test_interpolated_classifiers_by_hand():
    """2 × 2 classifiers over 4 × 4 pixels: their middles lie at ½ and 2½, so pixels 0 to 3 have weights 1, ¾, ¼, 0."""
    answers = torch.zeros(1, 2, 2, 1, 4, 4)
    answers[:, 0, 1] = 1  # upper right
    falling, rising = torch.tensor([1, 0.75, 0.25, 0]), torch.tensor([0, 0.25, 0.75, 1])
    torch.testing.assert_close(interpolate_classifiers(answers)[0, 0], falling[:, None] * rising)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_interpolated_classifiers_pixel_by_pixel(k):
    answers = torch.randn(2, k, k, 3, 7, 10, dtype=torch.float64)
    expected = torch.zeros(2, 3, 7, 10, dtype=torch.float64)
    for i in range(7):
        for j in range(10):
            y = min(max((i + 0.5) * k / 7 - 0.5, 0), k - 1)
            x = min(max((j + 0.5) * k / 10 - 0.5, 0), k - 1)
            for r in range(k):
                for c in range(k):
                    weight = max(0, 1 - abs(y - r)) * max(0, 1 - abs(x - c))
                    expected[:, :, i, j] += weight * answers[:, r, c, :, i, j]
    torch.testing.assert_close(interpolate_classifiers(answers), expected, rtol=1e-9, atol=1e-9)


def test_equal_classifiers_are_one_classifier():
    one = torch.randn(2, 3, 7, 10)
    torch.testing.assert_close(interpolate_classifiers(one[:, None, None].expand(2, 5, 5, 3, 7, 10)), one)


def test_released_form_by_hand():
    """25 classifiers × 20 classes = 500 answers, from pool3 by 3 × 3, pool4 and fc7 by 1 × 1."""
    answers = 500 * (9 * 256 + 1) + 500 * (512 + 1) + 500 * (4096 + 1)
    with torch.device("meta"):
        model = BoxHypercolumns()
        assert count(model) == 134_260_544 + answers == 137_718_044
        assert model(torch.rand(3, 3, 224, 224)).shape == (3, 20, 50, 50)
        assert BoxHypercolumns(2, grid=1)(torch.rand(0, 3, 224, 224)).shape == (0, 2, 50, 50)


def test_on_a_large_trunk():
    with torch.device("meta"):
        model = build_model("hypercolumns", 21, "vgg16")
        assert model.logits(torch.rand(1, 3, 65, 70)).shape == (1, 21, 65, 70)
        assert count(model) == 14_714_688 + (64 + 128 + 256 + 512 + 512) * 32 + 7 * 32 + 32 * 21 + 21
