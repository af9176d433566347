"""ResNets against torchvision's at every output stride, and dilation against the strided net run on all shifts."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models

from lessons_lib.models.backbones import ResNet, make_backbone
from lessons_lib.ops.grid import PIXELS

THEIRS = {
    "resnet18": (models.resnet18, 11_689_512),  # torchvision's published counts, the 1000 classes in
    "resnet50": (models.resnet50, 25_557_032),
    "resnet101": (models.resnet101, 44_549_160),
    "resnext101": (models.resnext101_32x8d, 88_791_336),
}


def randomised(model: nn.Module) -> nn.Module:
    """Every layer random, the statistics of BatchNorm too, so that no two can be mistaken for one another."""
    torch.manual_seed(1)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for tensor in (layer.weight.data, layer.running_var):
                tensor.uniform_(0.5, 1.0)
            for tensor in (layer.bias.data, layer.running_mean):
                tensor.uniform_(-0.5, 0.5)
    return model.eval()


def their_maps(model: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    maps = [model.relu(model.bn1(model.conv1(x)))]
    x = model.maxpool(maps[0])
    for stage in (model.layer1, model.layer2, model.layer3, model.layer4):
        maps.append(x := stage(x))
    return maps


def backbone_state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value for name, value in model.state_dict().items() if not name.startswith("fc.")}


@pytest.mark.parametrize("name", THEIRS)
def test_state_dict_and_parameters_are_torchvision_s(name):
    make, published = THEIRS[name]
    with torch.device("meta"):
        ours, theirs = ResNet(name), make(weights=None)
    shapes = [
        {key: value.shape for key, value in state.items()} for state in (ours.state_dict(), backbone_state(theirs))
    ]
    assert shapes[0] == shapes[1]
    classes = 1000 * (ours.channels["c5"] + 1)
    assert sum(p.numel() for p in ours.parameters()) == published - classes


@pytest.mark.parametrize(
    ("name", "output_stride"),
    [("resnet18", 32), ("resnet50", 32), ("resnet50", 16), ("resnet50", 8), ("resnext101", 8)],
)
def test_equals_torchvision(name, output_stride):
    exchanged = [False, output_stride <= 8, output_stride <= 16]
    options = {} if output_stride == 32 else {"replace_stride_with_dilation": exchanged}
    theirs = randomised(THEIRS[name][0](weights=None, **options))
    ours = make_backbone(name, output_stride).eval()
    ours.load_state_dict(backbone_state(theirs))
    images = torch.rand(1, 3, 37, 64)
    with torch.no_grad():
        for one, expected in zip(ours(images).values(), their_maps(theirs, ours.normalise(images)), strict=True):
            torch.testing.assert_close(one, expected, rtol=1e-5, atol=1e-5)


def test_torchvision_has_no_dilated_basic_blocks():
    with pytest.raises(NotImplementedError, match="BasicBlock"):  # once it has, ours can be compared with them
        models.resnet18(weights=None, replace_stride_with_dilation=[False, True, True])


class CircularPool(nn.Module):
    def forward(self, x):
        return F.max_pool2d(F.pad(x, (1, 1, 1, 1), mode="circular"), 3, 2)


def on_a_torus(model: nn.Module) -> nn.Module:
    """The same network on pictures whose borders are glued together: there, a shift loses nothing."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1):
            layer.padding_mode = "circular"
    model.maxpool = CircularPool()
    return model.double().eval()


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize("output_stride", [8, 16])
def test_dilated_is_the_strided_network_on_all_shifts_interleaved(name, output_stride):
    strided, dilated = on_a_torus(randomised(ResNet(name))), on_a_torus(ResNet(name, output_stride))
    dilated.load_state_dict(strided.state_dict())
    images, steps = torch.rand(1, 3, 64, 64, dtype=torch.float64), 32 // output_stride
    with torch.no_grad():
        whole = dilated(images)["c5"]
        assert whole.shape[2:] == (64 // output_stride, 64 // output_stride)
        for i in range(steps):
            for j in range(steps):
                shifted = images.roll((-i * output_stride, -j * output_stride), (2, 3))
                torch.testing.assert_close(whole[:, :, i::steps, j::steps], strided(shifted)["c5"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_sizes(name, output_stride):
    with torch.device("meta"):
        model = make_backbone(name, output_stride)
        assert model.strides == {f"c{i}": min(2**i, output_stride) for i in range(1, 6)}
        for size in ((1, 1), (33, 64), (65, 40)):
            for key, one in model(torch.rand(2, 3, *size)).items():
                assert one.shape == (2, model.channels[key], *(-(-side // model.strides[key]) for side in size))


def test_cells_begin_at_pixel_0():
    with torch.device("meta"):
        model = ResNet("resnet18", 8)
    grid = PIXELS.down(7, 2, padding=3).down(3, 2, padding=1)
    assert model.grids["c2"] == grid
    assert model.grids["c5"] == grid.down(3, 2, padding=1).down(3, padding=2, dilation=2)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_gradient_reaches_every_parameter(name):
    torch.manual_seed(0)
    model = make_backbone(name, 8)
    sum(one.square().mean() for one in model(torch.rand(2, 3, 32, 32)).values()).backward()
    assert [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
