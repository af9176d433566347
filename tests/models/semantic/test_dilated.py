"""Dilated networks: published counts and sizes by hand, the identity start, reflection, what dilation equals."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lessons_lib.models.semantic.dilated import (
    BASIC,
    BORDER,
    LARGE,
    DilatedVGG,
    FrontEnd,
    TinyDilated,
    context_module,
    enlarge,
    identity_weight,
    reflect_pad,
    reflected_places,
)
from lessons_lib.models.zoo import build_model
from lessons_lib.ops.receptive_field.module import module_fields
from lessons_lib.ops.transposed import insert_zeros


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_published_counts_by_hand():
    with torch.device("meta"):
        assert count(context_module(21, widths=BASIC)) == 64 * 21**2 + 8 * 21 == 28_392
        pairs = zip((1, *LARGE), LARGE, strict=False)
        large = sum(9 * a * b for a, b in pairs) * 21**2 + 32 * 21**2 + (sum(LARGE) + 1) * 21
        assert count(context_module(21, widths=LARGE)) == large == 6_803_139
        trunk = 134_260_544  # VGG-16 with fc6 and fc7
        assert count(FrontEnd(21)) == trunk + 4096 * 21 + 21 == 134_346_581
        assert count(DilatedVGG(21, widths=LARGE)) == 134_346_581 + 6_803_139


def test_the_front_end_sees_380_pixels_and_900_give_66_cells():
    with torch.device("meta"):
        front = FrontEnd(21)
        for size, cells in ((900, 66), (628, 32), (380, 1)):
            assert front(torch.empty(1, 3, size, 400)).shape == (1, 21, cells, 3)
    last = module_fields(front)[-1]
    assert (last.rows.jump, last.rows.size, last.rows.start) == (8, 380, 0)
    assert BORDER == (380 - 8) // 2


def test_fields_of_the_context_modules_and_of_the_tiny_twins():
    met = module_fields(context_module(21), channels=21)
    assert [row.rows.size for row in met[:-1]] == [3, 5, 9, 17, 33, 65, 67, 67]
    for dilations, size in (((1, 2, 4, 8), 138), ((1, 1, 1, 1), 50), ((), 18)):
        model = TinyDilated(11, dilations)
        rows = module_fields(nn.Sequential(model.front, model.context))[-1].rows
        assert (rows.jump, rows.size) == (4, size)
        assert rows.start + (size - 1) / 2 == 1.5  # a cell's field lies in the middle of its 4 pixels


def test_twins_have_equal_parameters():
    for backbone in ("tiny", "vgg16"):
        with torch.device("meta"):
            plain, dilated = (build_model(name, 11, backbone) for name in ("plain", "dilated"))
        shapes = [{name: tuple(p.shape) for name, p in model.named_parameters()} for model in (plain, dilated)]
        assert shapes[0] == shapes[1]
    hand = (3 * 16 * 16 + 16) + (16 * 16 * 32 + 32) + 5 * (9 * 32 * 32 + 32) + (32 * 11 + 11)
    assert count(TinyDilated(11)) == count(build_model("plain", 11)) == hand == 55_611


@pytest.mark.parametrize("widths", [BASIC, LARGE], ids=["basic", "large"])
def test_a_fresh_context_module_is_relu(widths):
    scores = torch.randn(2, 5, 17, 20)
    with torch.no_grad():
        fresh = context_module(5, widths=widths, noise=0.0)(scores)
        noisy = context_module(5, widths=widths)(scores)
    torch.testing.assert_close(fresh, scores.relu())
    assert not fresh.allclose(scores)
    assert 0.01 < (noisy - fresh).abs().max() < 1.5


def test_identity_weight_by_hand():
    weight = identity_weight(4, 2, groups=2)
    assert weight[:, :, 1, 1].tolist() == [[0.5, 0], [0.5, 0], [0, 0.5], [0, 0.5]]
    assert weight.sum() == 2 and weight.shape == (4, 2, 3, 3)
    assert identity_weight(2, 4, 2, 1).flatten(1).tolist() == [[1, 1, 0, 0], [0, 0, 1, 1]]
    x = torch.randn(1, 3, 6, 5)
    torch.testing.assert_close(F.conv2d(x, identity_weight(3, 3, 3, 5), padding=4, dilation=2), x)


@pytest.mark.parametrize("dilation", [1, 2, 3, 5])
def test_dilated_is_a_kernel_with_zeros_between(dilation):
    torch.manual_seed(1)
    x, weight = torch.randn(2, 3, 17, 15, dtype=torch.float64), torch.randn(4, 3, 3, 3, dtype=torch.float64)
    expected = F.conv2d(x, insert_zeros(weight, dilation), padding=dilation)
    torch.testing.assert_close(F.conv2d(x, weight, padding=dilation, dilation=dilation), expected)


def test_a_strided_network_at_all_shifts_is_its_dilated_version():
    torch.manual_seed(2)
    a, b, c = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 2, 3)
    images = torch.randn(1, 3, 41, 38)
    dense = F.max_pool2d(a(images).relu(), 2, stride=1)
    dense = F.conv2d(dense, b.weight, b.bias, dilation=2).relu()
    dense = F.max_pool2d(dense, 2, stride=1, dilation=2)
    dense = F.conv2d(dense, c.weight, c.bias, dilation=4)
    for dy in range(4):
        for dx in range(4):
            x = F.max_pool2d(a(images[:, :, dy:, dx:]).relu(), 2)
            strided = c(F.max_pool2d(b(x).relu(), 2))
            part = dense[:, :, dy::4, dx::4]
            h, w = (min(m, n) for m, n in zip(part.shape[2:], strided.shape[2:], strict=True))
            assert h >= 5 and w >= 4
            torch.testing.assert_close(part[:, :, :h, :w], strided[:, :, :h, :w])


def test_the_front_end_is_vgg16_with_two_poolings_less():
    """On a thin copy: all but the left-out poolings and the dilations that stand in for them."""
    with torch.device("meta"):
        front = FrontEnd(3)
    dilations = [layer.dilation[0] for layer in front.modules() if isinstance(layer, nn.Conv2d)]
    paddings = {layer.padding[0] for layer in front.modules() if isinstance(layer, nn.Conv2d)}
    assert dilations == [1] * 10 + [2] * 3 + [4, 1, 1] and paddings == {0}


@pytest.mark.parametrize("size", [5, 2, 1, 9])
def test_reflection_like_torch_where_torch_can_and_like_numpy_beyond(size):
    import numpy as np

    row = np.arange(size)
    for before, after in ((0, 0), (1, 2), (7, 23), (186, 190)):
        expected = np.pad(row, (before, after), mode="reflect")
        assert reflected_places(size, before, after).tolist() == expected.tolist()
    x = torch.rand(2, 3, 15, 11)
    torch.testing.assert_close(reflect_pad(x, 7, 4), F.pad(x, (7, 8, 7, 8), mode="reflect"))
    assert reflect_pad(x[:, :, :8, :8], 0, 4).shape == (2, 3, 8, 8)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_enlarging_is_torchs_interpolation(factor):
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64)
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    torch.testing.assert_close(enlarge(x, factor, (0, 0, 5 * factor - 1, 7 * factor)), expected[:, :, :-1])


def test_begins_as_its_trained_front_end():
    """Taken over into either twin, and with fresh context layers, the network answers what the front end does."""
    torch.manual_seed(4)
    front, images = TinyDilated(11, ()), torch.rand(2, 3, 41, 64)
    for dilations in ((1, 2, 4, 8), (1, 1, 1, 1)):
        model = TinyDilated(11, dilations)
        assert not model.logits(images).allclose(front.logits(images), atol=0.05)
        model.start_from(front)
        for layer in model.context[:-1:2]:
            layer.weight.data.copy_(identity_weight(32, 32, 32))
        torch.testing.assert_close(model.logits(images), front.logits(images), atol=1e-4, rtol=0)


def test_nothing_normalises_over_the_picture():
    """So the far corner cannot reach a cell of the plain twin; of a network with GroupNorm it could."""
    model = TinyDilated(11, (1, 1, 1, 1))
    images = torch.rand(1, 3, 128, 128)
    other = images.clone()
    other[:, :, :40, :40] = 0
    changed = (model.logits(images) - model.logits(other)).abs().amax((0, 1)) > 0
    assert changed[:60, :60].any() and not changed[75:, 75:].any()


@pytest.mark.parametrize("size", [(1, 1), (3, 190), (64, 61)])
def test_vgg16_answers_at_any_size(size):
    """A thin front end in its place: the counts above hold for the true one, whose pictures of 373 pixels take long."""
    model = DilatedVGG.__new__(DilatedVGG)
    nn.Module.__init__(model)
    pools = [nn.AvgPool2d(2), nn.AvgPool2d(2), nn.AvgPool2d(2)]
    model.front = nn.Sequential(*pools, nn.Conv2d(3, 5, 47, stride=1, padding=0))  # 8·46 + 8 = 376 pixels
    model.context = context_module(5)
    assert model.logits(torch.rand(1, 3, *size)).shape == (1, 5, *size)
