"""U-Net: the published sizes and counts, mirroring, and the decoder on a trunk."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lessons_lib.data.sample import collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.backbones import TinyBackbone
from lessons_lib.models.semantic.unet import TrunkUNet, UNet, centre_crop, unet_sizes, valid_input_size
from lessons_lib.models.zoo import build_model


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def by_hand(c_in, classes):
    """Weights and biases: two 3 × 3 convolutions a level, four up-convolutions, the scores."""

    def pair(a, b):
        return 9 * a * b + b + 9 * b * b + b

    down = pair(c_in, 64) + pair(64, 128) + pair(128, 256) + pair(256, 512) + pair(512, 1024)
    up = sum(4 * 2 * c * c + c + pair(2 * c, c) for c in (512, 256, 128, 64))
    return down + up + 64 * classes + classes


@pytest.fixture(scope="module")
def published():
    torch.manual_seed(0)
    return UNet(3, 2).eval()


@pytest.mark.parametrize(("c_in", "classes", "published"), [(1, 2, 31_030_658), (3, 21, 31_033_045)])
def test_parameters_and_layers_of_the_published_network(c_in, classes, published):
    with torch.device("meta"):
        model = UNet(c_in, classes)
        assert count(model) == by_hand(c_in, classes) == published
        layers = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.ConvTranspose2d)]
        assert len(layers) == 23  # as the paper says
        assert model.valid_logits(torch.rand(1, c_in, 572, 572)).shape == (1, classes, 388, 388)
        assert model.logits(torch.rand(2, c_in, 388, 205)).shape == (2, classes, 388, 205)


def test_sizes_of_the_figure():
    assert unet_sizes(572) == (568, 280, 136, 64, 28, 52, 100, 196, 388)
    assert unet_sizes(188)[-1] == 4 and unet_sizes(204)[-1] == 20


def test_valid_sizes_are_140_and_16_more_each():
    """The recursion by hand, pair of convolutions by pair, for every side: even at each pooling, never used up."""

    def fits(n):
        for _ in range(4):
            n -= 4
            if n <= 0 or n % 2:
                return False
            n //= 2
        n -= 4
        for _ in range(4):
            n = 2 * n - 4
            if n <= 0:
                return False
        return True

    for size in range(1, 700):
        try:
            answer = unet_sizes(size)[-1]
        except ValueError:
            answer = None
        assert answer == (size - 184 if fits(size) else None)
    assert [n for n in range(1, 300) if fits(n)] == [188, 204, 220, 236, 252, 268, 284]


def test_sizes_are_those_of_the_maps():
    with torch.device("meta"):
        model, seen = UNet(1, 2), []
        for part in (*model.downs, *model.levels):
            part.register_forward_hook(lambda module, inputs, output: seen.append(output.shape[-1]))
        model.valid_logits(torch.rand(1, 1, 284, 284))
    assert tuple(seen) == unet_sizes(284)


@pytest.mark.parametrize("output", [1, 4, 5, 20, 21, 372, 373, 388, 389])
def test_smallest_input_for_an_answer(output):
    size = valid_input_size(output)
    assert unet_sizes(size)[-1] >= output
    assert size == 188 or unet_sizes(size - 16)[-1] < output
    assert valid_input_size(388) == valid_input_size(373) == 572


def test_centre_crop():
    x = torch.arange(36).view(1, 1, 6, 6).float()
    assert centre_crop(x, (2, 4))[0, 0].tolist() == [[13, 14, 15, 16], [19, 20, 21, 22]]
    assert torch.equal(centre_crop(x, (6, 6)), x)


def test_logits_are_those_of_the_mirrored_picture(published):
    """numpy's own mirroring is the oracle; a picture of one pixel is repeated, as numpy does it."""
    for height, width in ((4, 20), (1, 3)):
        images = torch.rand(1, 3, height, width)
        ends = [(92, valid_input_size(n) - n - 92) for n in (height, width)]
        wide = torch.from_numpy(np.pad(images.numpy(), ((0, 0), (0, 0), *ends), mode="reflect"))
        with torch.no_grad():
            ours, theirs = published.logits(images), published.valid_logits(wide)[:, :, :height, :width]
        torch.testing.assert_close(ours, theirs)


def test_the_published_network_layer_by_layer(published):
    """Its own weights, in their order, through torch's functions: grey in the middle, the level's own map first."""
    weights = iter([p.detach() for p in published.parameters()])
    tile = torch.rand(1, 3, 188, 188)

    def two(x):
        for _ in range(2):
            x = F.relu(F.conv2d(x, next(weights), next(weights)))
        return x

    x, kept = two(tile - 0.5), []
    for _ in range(4):
        kept.append(x)
        x = two(F.max_pool2d(x, 2))
    for skip in reversed(kept):
        x = F.conv_transpose2d(x, next(weights), next(weights), stride=2)
        cut = (skip.shape[2] - x.shape[2]) // 2
        x = two(torch.cat([skip[:, :, cut:-cut, cut:-cut], x], 1))
    with torch.no_grad():
        torch.testing.assert_close(published.valid_logits(tile), F.conv2d(x, next(weights), next(weights)))
    assert list(weights) == []


def test_fresh_weights_have_variance_2_by_incoming_nodes(published):
    for layer in published.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            fan_in = layer.weight[0].numel()
            assert layer.weight.var().item() == pytest.approx(2 / fan_in, rel=0.1 if fan_in > 300 else 0.4)
            assert not layer.bias.any()


def test_tiles_join_without_a_seam(published):
    """Valid convolutions: what the network says about a pixel does not depend on the tile it is in, at steps of 16."""
    picture = torch.rand(1, 3, 188, 204)
    with torch.no_grad():
        whole = published.valid_logits(picture)
        right = published.valid_logits(picture[:, :, :, 16:])
    torch.testing.assert_close(whole[:, :, :, 16:], right)


def test_gradient_reaches_every_parameter_of_the_published_network(published):
    published.logits(torch.rand(1, 3, 4, 4)).square().sum().backward()
    assert [name for name, p in published.named_parameters() if not p.grad.any()] == []
    published.zero_grad(set_to_none=True)


def test_parameters_of_the_tiny_form_by_hand():
    """Trunk c5, c4, c3, c2, c1 with 96, 80, 48, 24, 16 channels, a stem of 16; GroupNorm has 2 numbers a channel."""
    before, total = 96, 9 * 3 * 16 + 2 * 16
    for skip, width in ((80, 48), (48, 48), (24, 24), (16, 16), (16, 16)):
        total += 4 * before * skip + skip  # up
        total += 9 * 2 * skip * width + 2 * width + 9 * width * width + 2 * width  # join
        before = width
    total += 16 * 11 + 11
    model = TrunkUNet(TinyBackbone(), 11)
    assert count(model) == count(TinyBackbone()) + total == 348_187
    assert count(model) <= 450_000


def test_on_a_large_trunk():
    with torch.device("meta"):
        model = build_model("unet", 21, "vgg16")
        assert model.logits(torch.rand(1, 3, 65, 70)).shape == (1, 21, 65, 70)
        assert [join[1][0].out_channels for join in model.joins] == [256, 256, 128, 64, 16]
        assert isinstance(build_model("unet", 21, "none"), UNet)


def test_a_trained_trunk_can_be_loaded():
    trunk = TinyBackbone()
    model = TrunkUNet(TinyBackbone(), 11)
    model.backbone.load_state_dict(trunk.state_dict())
    assert torch.equal(model.backbone.stages[4][1][0].weight, trunk.stages[4][1][0].weight)


def test_fine_detail_arrives_at_full_resolution():
    """One pixel changes the logits at itself more than two pixels away: the stem sees it."""
    torch.manual_seed(0)
    model = TrunkUNet(TinyBackbone(), 11)
    images = collate(draw_scenes([0], PRESETS["easy"])).images.requires_grad_()
    model.logits(images)[0, :, 48, 48].square().sum().backward()
    strength = images.grad[0].abs().sum(0)
    assert strength[48, 48] > 3 * strength[48, 54]
