"""The contract of every trunk, the tiny one by itself, output strides, normalisation, and weights from a server."""

import hashlib
import re
import urllib.error
from itertools import pairwise

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models import Weights, WeightsEnum

from lessons_lib.models.backbones import BACKBONES, Normalisation, TinyBackbone, imagenet_weights, make_backbone
from lessons_lib.models.backbones.normalisation import BatchNorm
from lessons_lib.models.backbones.strides import Stage, plan_stages


@pytest.mark.parametrize("name", BACKBONES)
def test_every_trunk_keeps_the_contract(name):
    with torch.device("meta"):
        trunk = make_backbone(name, 16)
        maps = trunk(torch.rand(1, 3, 64, 96))
    names = ["c1", "c2", "c3", "c4", "c5"]
    assert [list(one) for one in (maps, trunk.strides, trunk.channels, trunk.grids)] == [names] * 4
    assert {key: grid.stride for key, grid in trunk.grids.items()} == trunk.strides
    assert {"normalise.mean", "normalise.std"} <= {key for key, _ in trunk.named_buffers()}
    assert not [key for key in trunk.state_dict() if key.startswith("normalise")]


def test_stages_by_hand():
    assert list(plan_stages(32).values()) == [Stage(2, 2**i, 1, 1) for i in range(1, 6)]
    assert list(plan_stages(16).values())[3:] == [Stage(2, 16, 1, 1), Stage(1, 16, 1, 2)]
    assert list(plan_stages(8).values())[2:] == [Stage(2, 8, 1, 1), Stage(1, 8, 1, 2), Stage(1, 8, 2, 4)]


def test_normalisation_is_torchvision_s():
    images = torch.rand(2, 3, 5, 7)
    preset = torchvision.models.ResNet50_Weights.IMAGENET1K_V1.transforms()
    expected = torchvision.transforms.functional.normalize(images, preset.mean, preset.std)
    torch.testing.assert_close(Normalisation()(images), expected)
    assert Normalisation()(torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)).eq(0).all()


@pytest.mark.parametrize("name", ["tiny", "resnet18"])
def test_pictures_are_normalised_inside(name):
    """A trunk whose normalisation is taken out gives the same for pictures that were normalised before."""
    trunk, images = make_backbone(name).eval(), torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        inside = trunk(images)["c5"]
        normalised, trunk.normalise = trunk.normalise(images), nn.Identity()
        assert torch.equal(trunk(normalised)["c5"], inside)


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("size", [(1, 1), (1, 70), (31, 33), (96, 64), (97, 130)])
def test_tiny_keeps_every_pixel_of_odd_sides(size, output_stride):
    trunk = TinyBackbone(output_stride=output_stride)
    assert trunk.strides == {f"c{i}": min(2**i, output_stride) for i in range(1, 6)}
    for name, one in trunk(torch.rand(2, 3, *size)).items():
        assert one.shape == (2, trunk.channels[name], *(-(-side // trunk.strides[name]) for side in size))


def test_tiny_is_small_and_dilation_costs_no_parameter():
    counts = [sum(p.numel() for p in TinyBackbone(output_stride=s).parameters()) for s in (8, 16, 32)]
    by_hand = sum(9 * a * b + b for a, b in pairwise((3, 16, 24, 48, 80, 96)))
    assert counts == [by_hand] * 3
    assert by_hand <= 300_000


def test_tiny_reads_a_picture_alone_as_in_a_batch():
    trunk, images = TinyBackbone(), torch.rand(3, 3, 40, 40)
    with torch.no_grad():
        torch.testing.assert_close(trunk(images)["c5"][1:2], trunk(images[1:2])["c5"], rtol=1e-5, atol=1e-5)


def test_tiny_passes_a_gradient_to_every_parameter():
    trunk = TinyBackbone()
    trunk(torch.rand(1, 3, 64, 64))["c5"].square().sum().backward()
    assert [name for name, p in trunk.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Weights of resnet18 on a server that is a folder: gives the function that fills it. Torch's cache is empty."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "cache"))

    def serve(state: object, digits: str | None = None) -> str:
        torch.save(state, tmp_path / "file")
        digits = digits or hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest()[:8]
        name = f"resnet18-{digits}.pth"
        (tmp_path / "file").rename(tmp_path / name)

        class Served(WeightsEnum):
            V1 = Weights(url=(tmp_path / name).as_uri(), transforms=None, meta={})

        monkeypatch.setattr(torchvision.models, "get_weight", lambda _: Served.V1)
        return name

    return serve


def test_weights_are_downloaded_once_and_loaded_without_the_classes(server, tmp_path):
    state = torchvision.models.resnet18(weights=None).state_dict()
    name = server(state)
    trunk = make_backbone("resnet18", weights=True)
    (tmp_path / name).unlink()  # the second time there is no server
    again = make_backbone("resnet18", 8, weights=True)
    for one in (trunk, again):
        assert all(torch.equal(value, state[key]) for key, value in one.state_dict().items())


def test_weights_of_vgg16_reach_every_convolution(monkeypatch):
    state = torchvision.models.vgg16(weights=None, init_weights=False).state_dict()
    monkeypatch.setattr("lessons_lib.models.backbones.imagenet_weights", {"vgg16": state}.get)
    weights = [value for key, value in state.items() if key.startswith("features.")]
    assert all(
        torch.equal(a, b) for a, b in zip(make_backbone("vgg16", weights=True).parameters(), weights, strict=True)
    )


def test_a_file_with_another_hash_is_refused(server, tmp_path):
    name = server({}, digits="01234567")
    with pytest.raises(OSError, match=re.escape("invalid hash value")):
        imagenet_weights("resnet18")
    cache = tmp_path / "cache" / "checkpoints"
    assert list(cache.iterdir()) == []
    (tmp_path / name).rename(cache / name)  # put there by hand
    with pytest.raises(OSError, match="is damaged: its SHA-256 must begin with 01234567, got "):
        imagenet_weights("resnet18")


def test_code_in_a_file_of_weights_is_not_run(server):
    server({"conv1.weight": print})
    with pytest.raises(Exception, match="Weights only load failed"):
        imagenet_weights("resnet18")


def test_without_a_network_it_says_what_to_do(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "urlopen", offline)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    with pytest.raises(OSError) as error:
        make_backbone("resnet18", weights=True)
    for part in ("no route to host", "resnet18-f37072fd.pth on a machine", str(tmp_path), "--pretrained"):
        assert part in str(error.value)


def test_frozen_batch_norm_is_torchs_and_keeps_no_map():
    layer = BatchNorm(5).double().eval()
    with torch.no_grad():
        for tensor in (*layer.parameters(), layer.running_mean, layer.running_var):
            tensor.copy_(0.5 + torch.rand(5, generator=torch.Generator().manual_seed(0)))
    kept = []
    results = []
    for frozen in (False, True):
        layer.requires_grad_(not frozen)
        x = torch.randn(2, 5, 6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, saved=saved: saved.append(t.numel()) or t, lambda t: t):
            out = layer(x)
        (gradient,) = torch.autograd.grad((out**2).sum(), x)
        results.append((out, gradient))
        kept.append(max(saved, default=0))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert kept[0] >= x.numel() > 5 >= kept[1]


def test_a_frozen_layer_that_trains_again_learns_its_statistics():
    layer, x = BatchNorm(3), torch.randn(4, 3, 5, 5)
    layer.requires_grad_(False)
    layer.train()
    torch.testing.assert_close(layer(x), nn.BatchNorm2d(3)(x))
    assert layer.running_mean.abs().max() > 0
