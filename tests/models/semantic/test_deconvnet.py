"""DeconvNet: the published counts and shapes, the switches at work, and the form for lessons."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import vgg16

from lessons_lib.data.sample import collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.backbones import TinyBackbone, load_vgg16
from lessons_lib.models.semantic.deconvnet import DeconvNet, TinyDeconvNet, mirrored_channels
from lessons_lib.models.zoo import build_model
from lessons_lib.ops.unpooling import max_unpool


def count(module, kinds=nn.Module):
    return sum(p.numel() for m in module.modules() if isinstance(m, kinds) for p in m.parameters(recurse=False))


def three_by_three(*channels):
    return sum(9 * a * b + b for a, b in pairwise(channels))


@pytest.fixture(scope="module")
def published():
    with torch.device("meta"):
        return DeconvNet(21)


def test_published_parameters_by_hand(published):
    encoder = 14_714_688
    dense = 49 * 512 * 4096 + 4096 + 4096 * 4096 + 4096
    decoder = 49 * 4096 * 512 + 512
    for chain in ((512,) * 4, (512, 512, 512, 256), (256, 256, 256, 128), (128, 128, 64), (64, 64, 64)):
        decoder += three_by_three(*chain)
    scores = 64 * 21 + 21
    assert (dense, decoder, scores) == (119_545_856, 117_510_336, 1_365)
    assert count(published, nn.Conv2d | nn.ConvTranspose2d) == encoder + dense + decoder + scores == 251_772_245
    encoder_channels = 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512 + 2 * 4096
    decoder_channels = 512 + 3 * 512 + (2 * 512 + 256) + (2 * 256 + 128) + (128 + 64) + 2 * 64
    assert count(published, nn.BatchNorm2d) == 2 * (encoder_channels + decoder_channels) == 33_408
    assert not any(isinstance(m, nn.Dropout) for m in published.modules())


def test_published_shapes(published):
    seen = []
    for part in (published.dense, published.bottom, *published.blocks):
        part.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape[1:])))
    images = torch.rand(2, 3, 224, 224, device="meta")
    assert published.logits(images).shape == (2, 21, 224, 224)
    assert seen == [
        *((4096, 1, 1), (512, 7, 7), (512, 14, 14), (256, 28, 28)),
        *((128, 56, 56), (64, 112, 112), (64, 224, 224)),
    ]
    x, kept = published.encode(images)
    assert x.shape == (2, 512, 7, 7) and [size for size, _ in kept] == [(224 >> i,) * 2 for i in range(5)]
    for size in ((1, 1), (250, 97), (301, 224)):
        assert published.logits(torch.rand(2, 3, *size, device="meta")).shape == (2, 21, *size)


def test_published_encoder_takes_vgg16s_weights(published):
    with torch.device("meta"):
        load_vgg16(vgg16(weights=None).state_dict(), published.backbone.stages, published.dense)


def test_published_initialisation(monkeypatch):
    """Seen as it is asked for, since the whole network is a gigabyte: N(0, 0.01²) but in the trunk, shift 0.001."""
    weights, constants = [], []
    monkeypatch.setattr(nn.init, "normal_", lambda tensor, std: weights.append((tensor.dim(), std)))
    monkeypatch.setattr(nn.init, "constant_", lambda tensor, value: constants.append((tensor.dim(), value)))
    with torch.device("meta"):
        DeconvNet(3)
    assert weights == [(4, 0.01)] * (2 + 1 + 3 + 3 + 3 + 2 + 2 + 1)  # dense, its mirror, five blocks, scores
    assert constants == [(1, 0.001)] * (13 + 2 + 1 + 13)


def test_mirrored_channels_by_hand():
    stages = [(64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)]
    mirrored = [(512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64, 64)]
    assert mirrored_channels(stages) == mirrored  # VGG-16: the numbers of the released network
    assert mirrored_channels([(8, 16), (24,), (32, 40)]) == [(32, 24), (16,), (8, 8)]
    assert mirrored_channels([[5]]) == [(5,)]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return TinyDeconvNet(11)


def test_tiny_parameters_by_hand(model):
    """Weights without bias, and GroupNorm's two numbers a channel; 4 × 4 for the last step up."""

    def layer(a, b):
        return 9 * a * b + 2 * b

    decoder = layer(96, 80) + layer(80, 80) + layer(80, 48) + layer(48, 48) + layer(48, 24) + layer(24, 24)
    decoder += layer(24, 16) + 2 * layer(16, 16) + 16 * 16 * 16 + 2 * 16 + 16 * 11 + 11
    assert count(model) == count(TinyBackbone()) + decoder == 328_851
    assert count(model) <= 450_000
    assert count(TinyDeconvNet(11, switches=False)) == count(model)


@pytest.mark.parametrize("size", [(96, 96), (33, 50), (1, 1)])
def test_the_encoder_is_the_trunk(model, size):
    images = torch.rand(2, 3, *size)
    x, kept = model.encode(images)
    maps = model.backbone(images)
    torch.testing.assert_close(x, maps["c5"])
    for (before, switches), name, after in zip(kept, ("c1", "c2", "c3", "c4"), ("c2", "c3", "c4", "c5"), strict=True):
        assert maps[name].shape[2:] == before and switches.shape[1] == maps[name].shape[1]
        assert switches.shape[2:] == maps[after].shape[2:]
        there = maps[name].flatten(2).gather(2, switches.flatten(2)).view_as(switches)
        torch.testing.assert_close(there, F.max_pool2d(maps[name], 2, ceil_mode=True))


def test_values_go_to_their_switches(model):
    """Every map that a block gets is zero but at the switches of the pooling that it mirrors."""
    images, got = collate(draw_scenes([0, 1], PRESETS["easy"])).images, []
    for block in model.blocks:
        block.register_forward_pre_hook(lambda module, inputs: got.append(inputs[0]))
    _, kept = model.encode(images)
    model.logits(images)
    for x, (size, switches) in zip(got, reversed(kept), strict=True):
        allowed = max_unpool(torch.ones(switches.shape), switches, size) > 0
        assert not x[~allowed].any() and x[allowed].any()


def test_without_switches_all_go_to_the_corners(model):
    model.switches, got = False, []
    for block in model.blocks:
        block.register_forward_pre_hook(lambda module, inputs: got.append(inputs[0]))
    model.logits(torch.rand(1, 3, 50, 33))
    for x in got:
        assert not x[:, :, 1::2].any() and not x[:, :, :, 1::2].any() and x.any()


def test_a_trained_trunk_can_be_loaded(model):
    trunk = TinyBackbone()
    model.backbone.load_state_dict(trunk.state_dict())
    images = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(model.encode(images)[0], trunk(images)["c5"])


def test_another_trunk_is_refused():
    with pytest.raises(ValueError, match="backbone must be one of tiny, vgg16 for deconvnet, got 'resnet50'"):
        build_model("deconvnet", 21, "resnet50")
