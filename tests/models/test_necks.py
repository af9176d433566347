"""FPN against torchvision's, TDM by its definition, and where the cells of both lie in the image."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool

from lessons_lib.models.backbones import BACKBONES, make_backbone
from lessons_lib.models.necks import FPN, TDM, enlarge
from lessons_lib.ops.grid import Grid

NECKS = {"fpn": FPN, "tdm": TDM}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def twin(fpn, channels, out_channels):
    """torchvision's pyramid with the same weights."""
    theirs = FeaturePyramidNetwork(channels, out_channels, LastLevelMaxPool())
    for ours, blocks in ((fpn.laterals, theirs.inner_blocks), (fpn.smoothings, theirs.layer_blocks)):
        for layer, block in zip(ours.values(), blocks, strict=True):
            nn.init.normal_(layer.bias)
            block[0].load_state_dict(layer.state_dict())
    return theirs


@pytest.mark.parametrize(("backbone", "side"), [("tiny", 96), ("tiny", 77), ("resnet18", 64), ("vgg16", 50)])
def test_fpn_is_torchvisions(backbone, side):
    """Any backbone, also sides that do not halve evenly; outputs and gradients to the maps."""
    torch.manual_seed(0)
    trunk = make_backbone(backbone)
    names = ["c2", "c3", "c4", "c5"]
    fpn = FPN(trunk, names, 16)
    theirs = twin(fpn, [trunk.channels[name] for name in names], 16)
    with torch.no_grad():
        maps = trunk(torch.rand(2, 3, side, side + 20))
    leaves = {name: maps[name].requires_grad_() for name in names}
    got, want = fpn(leaves), theirs(leaves)
    assert list(got) == ["p2", "p3", "p4", "p5", "p6"]
    for ours, other in zip(got.values(), want.values(), strict=True):
        torch.testing.assert_close(ours, other)
    gradients = [
        torch.autograd.grad(sum(x.square().sum() for x in out.values()), list(leaves.values())) for out in (got, want)
    ]
    for ours, other in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-4, atol=1e-3)


def test_published_parameter_counts():
    """3,344,384 is the pyramid of torchvision's fasterrcnn_resnet50_fpn."""
    with torch.device("meta"):
        trunk = make_backbone("resnet50")
        assert count(FPN(trunk)) == 3_344_384
        laterals, top_downs = 9 * 256 * (256 + 512 + 1024) + 3 * 256, 9 * 256 * (2048 + 2 * 256) + 3 * 256
        assert count(TDM(trunk)) == laterals + top_downs + 3 * (512 * 256 + 256)


def test_fpn_starts_as_torchvision_starts_it():
    """Uniform within ±√(3 / fan-in), biases 0."""
    fpn = FPN(make_backbone("tiny"), out_channels=64)
    for layer in (*fpn.laterals.values(), *fpn.smoothings.values()):
        bound = (3 / layer.weight[0].numel()) ** 0.5
        assert 0.95 * bound < layer.weight.abs().max() <= bound and not layer.bias.any()


@pytest.mark.parametrize("kind", NECKS)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_over_every_backbone(kind, backbone):
    """Shapes, strides and channels are what the neck says, and every parameter gets a gradient."""
    with torch.device("meta"):
        trunk = make_backbone(backbone)
        neck = NECKS[kind](trunk, out_channels=8)
        out = neck(trunk(torch.rand(1, 3, 75, 100)))
    assert set(out) == set(neck.strides) == set(neck.grids) == set(neck.channels)
    for name, features in out.items():
        stride = neck.strides[name]
        assert features.shape == (1, neck.channels[name], -(-75 // stride), -(-100 // stride)), name
    sum(features.sum() for features in out.values()).backward()
    assert all(parameter.grad is not None for parameter in neck.parameters())


@pytest.mark.parametrize("kind", NECKS)
def test_cells_lie_where_the_grids_say(kind):
    """Maps that hold the x of their own cells in the image: what a neck repeats, averages to the same x.

    With weights that add the maps up, each cell of the finest map must say its own x, the mean over all levels. In the
    tiny backbone every stage lies in the middle of the two cells below, so repeating moves nothing."""
    trunk = make_backbone("tiny")
    neck = NECKS[kind](trunk, ("c2", "c3", "c4"), 1, *([True] if kind == "fpn" else []))
    maps = {
        name: (trunk.grids[name].start + trunk.grids[name].stride * torch.arange(64 // trunk.strides[name])).expand(
            1, trunk.channels[name], 8, -1
        )
        for name in ("c2", "c3", "c4")
    }
    for layer in (layer for layer in neck.modules() if isinstance(layer, nn.Conv2d)):
        nn.init.zeros_(layer.weight)
        middle = layer.kernel_size[0] // 2
        with torch.no_grad():
            layer.weight[:, :, middle, middle] = 1 / layer.weight.shape[1]
    out, name = neck(maps), "p2" if kind == "fpn" else "t2"
    x = out[name][0, 0, 0]
    x = x / (3 if kind == "fpn" else 1)
    grid = neck.grids[name]
    error = x - (grid.start + grid.stride * torch.arange(16))
    assert abs(error.view(-1, 4).mean(1)).max() < 1e-4  # over the four fine cells of one coarse cell
    assert grid == trunk.grids["c2"]
    if kind == "fpn":
        assert neck.grids["p5"] == Grid(32, trunk.grids["c4"].start) and neck.strides["p5"] == 32


def test_tdm_is_its_definition():
    trunk = make_backbone("tiny")
    tdm = TDM(trunk, ("c3", "c4"), 4)
    maps = {name: torch.randn(1, trunk.channels[name], 6, 6) for name in ("c3", "c4")}
    maps["c4"] = maps["c4"][:, :, :3, :3]
    beside = F.relu(tdm.laterals["c3"](maps["c3"]))
    above = F.relu(tdm.top_downs["c3"](maps["c4"])).repeat_interleave(2, 2).repeat_interleave(2, 3)
    weight, bias = tdm.outs["c3"].weight[:, :, 0, 0], tdm.outs["c3"].bias
    want = torch.einsum("dc,bchw->bdhw", weight, torch.cat([beside, above], 1)) + bias[:, None, None]
    torch.testing.assert_close(tdm(maps)["t3"], want.clamp(min=0))


def test_enlarging_repeats_cells():
    """Also where a side is odd, because it was halved and rounded up."""
    for side in range(1, 40):
        coarse = torch.arange(float(-(-side // 2))).view(1, 1, 1, -1)
        got = enlarge(coarse, torch.zeros(1, 1, 1, side))[0, 0, 0]
        assert got.tolist() == [i // 2 for i in range(side)]


@pytest.mark.parametrize("kind", NECKS)
def test_one_map_alone(kind):
    trunk = make_backbone("tiny")
    neck = NECKS[kind](trunk, ("c4",), 8)
    out = neck(trunk(torch.rand(1, 3, 64, 64)))
    assert {name: tuple(x.shape) for name, x in out.items()} == (
        {"p4": (1, 8, 4, 4), "p5": (1, 8, 2, 2)} if kind == "fpn" else {"t4": (1, 80, 4, 4)}
    )


def test_tdm_starts_as_he_et_al_start_networks_with_relu():
    torch.manual_seed(0)
    for layer in (layer for layer in TDM(make_backbone("tiny"), out_channels=64).modules() if hasattr(layer, "weight")):
        fan_in = layer.weight[0].numel()
        assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)
        assert layer.bias.abs().max() == 0
