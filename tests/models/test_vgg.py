"""VGG-16 against torchvision's, its counts by hand, and the forms that FCN and the dilated front end take."""

import pytest
import torch
from torch import nn
from torchvision.models import vgg16

from lessons_lib.models.backbones import VGG16, load_vgg16, make_backbone, vgg16_classifier, vgg16_stages
from lessons_lib.ops.grid import Grid

CONVOLUTIONS = 14_714_688  # 9·(3·64 + 64·64 + 64·128 + … + 512·512) weights and 4,224 biases
DENSE = 512 * 49 * 4096 + 4096 + 4096 * 4096 + 4096


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    torch.manual_seed(0)
    model = vgg16(weights=None).eval()
    model.classifier[-1] = nn.Identity()  # the 1000 classes
    return model


def test_parameters_by_hand():
    with torch.device("meta"):
        assert count(VGG16()) == count(vgg16_stages()) == CONVOLUTIONS
        assert count(VGG16(batch_norm=True)) == CONVOLUTIONS + 2 * 4224
        assert count(vgg16_classifier()) == DENSE == 119_545_856
    assert CONVOLUTIONS + DENSE == 134_260_544


def test_equals_torchvision_with_its_weights(theirs):
    ours = VGG16(ceil_mode=False).eval()
    load_vgg16(theirs.state_dict(), ours)
    images = torch.rand(1, 3, 71, 64)  # 71: torchvision drops the odd rows
    x, poolings = ours.normalise(images), []
    with torch.no_grad():
        for layer in theirs.features:
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                poolings.append(x)
        maps = ours(images)
    for ours_map, theirs_map in zip(maps.values(), poolings, strict=True):
        assert torch.equal(ours_map, theirs_map)


def test_dense_layers_are_convolutions(theirs):
    classifier = vgg16_classifier().eval()
    load_vgg16(theirs.state_dict(), vgg16_stages(), classifier)
    maps = torch.rand(1, 512, 7, 7)
    with torch.no_grad():
        torch.testing.assert_close(classifier(maps).flatten(), theirs.classifier(maps.flatten(1))[0])


@pytest.mark.parametrize("size", [(1, 1), (33, 64), (65, 40)])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_sizes(size, output_stride):
    model = make_backbone("vgg16", output_stride).to("meta")
    maps = model(torch.rand(2, 3, *size, device="meta"))
    assert model.strides == {f"c{i}": min(2**i, output_stride) for i in range(1, 6)}
    for name, one in maps.items():
        cells = [-(-side // model.strides[name]) for side in size]
        assert one.shape == (2, model.channels[name], *cells)


def test_sizes_of_the_papers():
    with torch.device("meta"):
        images = torch.rand(1, 3, 500, 375)
        fcn = VGG16(first_padding=100)(images)  # Long et al.: 698 × 573 after conv1
        assert [tuple(one.shape[2:]) for one in fcn.values()] == [(349, 287), (175, 144), (88, 72), (44, 36), (22, 18)]
        assert vgg16_classifier()(fcn["c5"]).shape == (1, 4096, 16, 12)
        front = VGG16(8, padding=False)(torch.rand(1, 3, 900, 900))  # Yu and Koltun: 900 → 66
        assert vgg16_classifier(dilation=4)(front["c5"]).shape == (1, 4096, 66, 66)


def test_gradient_reaches_every_parameter():
    model = VGG16()
    sum(one.sum() for one in model(torch.rand(1, 3, 32, 32)).values()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_dilation_sees_what_the_stride_saw():
    """Stage 5 with dilation 2 on a map is stage 5 on each of its four phases, where no border is in the way."""
    torch.manual_seed(0)
    plain, dilated = vgg16_stages(padding=False)[4], vgg16_stages([1, 1, 1, 1, 2], padding=False)[4]
    dilated.load_state_dict(plain.state_dict())
    fine = torch.rand(1, 512, 16, 16)
    with torch.no_grad():
        whole = dilated(fine)
        for i in range(2):
            for j in range(2):
                torch.testing.assert_close(whole[:, :, i::2, j::2], plain(fine[:, :, i::2, j::2]))


def test_grids_are_those_of_the_papers():
    with torch.device("meta"):
        fcn, front = VGG16(first_padding=100).grids, VGG16(8, padding=False).grids
    assert (fcn["c3"], fcn["c4"], fcn["c5"]) == (Grid(8, -95.5), Grid(16, -91.5), Grid(32, -83.5))
    assert front["c5"].down(7, dilation=4) == Grid(8, 189.5)  # fc6 sees 380 pixels, and no border moves their middle
