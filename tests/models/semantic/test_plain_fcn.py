"""The plain FCN against torchvision's fcn_resnet50: parameters, weights, logits, a training step."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models.segmentation import fcn_resnet50, fcn_resnet101

from lessons_lib.data.sample import collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.backbones import BACKBONES, make_backbone
from lessons_lib.models.semantic.plain_fcn import PlainFCN, enlarge
from lessons_lib.models.zoo import build_model


def ours(name: str, auxiliary: bool) -> PlainFCN:
    return PlainFCN(make_backbone(name, 8), 21, auxiliary)


@pytest.mark.parametrize(
    ("name", "auxiliary", "published"),
    [("resnet50", True, 35_322_218), ("resnet50", False, 32_957_013), ("resnet101", True, 54_314_346)],
)
def test_parameters_are_the_published_ones(name, auxiliary, published):
    theirs = {"resnet50": fcn_resnet50, "resnet101": fcn_resnet101}[name]
    with torch.device("meta"):
        model, other = ours(name, auxiliary), theirs(weights=None, weights_backbone=None, aux_loss=auxiliary)
    assert sum(p.numel() for p in model.parameters()) == published
    shapes = [{key: value.shape for key, value in one.state_dict().items()} for one in (model, other)]
    assert shapes[0] == shapes[1]


@pytest.fixture(scope="module")
def pair() -> tuple[PlainFCN, nn.Module]:
    """torchvision's model with random weights, statistics of BatchNorm included, and ours with the same."""
    torch.manual_seed(0)
    theirs = fcn_resnet50(weights=None, weights_backbone=None, aux_loss=True)
    for layer in theirs.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.5, 0.5)
            layer.running_var.uniform_(0.5, 1.0)
    model = ours("resnet50", auxiliary=True)
    model.load_state_dict(theirs.state_dict())
    return model, theirs


@pytest.mark.parametrize("size", [(64, 64), (37, 50), (1, 1)])
def test_logits_equal_torchvision_s(pair, size):
    model, theirs = (one.eval() for one in pair)
    images = torch.rand(1, 3, *size)
    with torch.no_grad():
        expected = theirs(model.backbone.normalise(images))["out"]
        assert torch.equal(model.logits(images), expected)
    assert torch.equal(model.predict([images[0]])[0], expected.argmax(1)[0])


def test_a_training_step_equals_torchvision_s(pair):
    model, theirs = (one.train() for one in pair)
    batch = collate(draw_scenes(range(2), PRESETS["easy"]))
    torch.manual_seed(5)  # of dropout
    losses = model(batch)
    sum(losses.values()).backward()
    torch.manual_seed(5)
    out = theirs(model.backbone.normalise(batch.images))
    expected = [F.cross_entropy(out[key], batch.label_maps, ignore_index=255) for key in ("out", "aux")]
    torch.testing.assert_close(losses, {"cross_entropy": expected[0], "auxiliary": 0.5 * expected[1]})
    (expected[0] + 0.5 * expected[1]).backward()
    gradients = {name: p.grad for name, p in theirs.named_parameters()}
    for name, parameter in model.named_parameters():
        assert parameter.grad.any()
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-3, atol=1e-5, msg=name)


def test_the_enlargement_reads_cell_1_at_pixel_11_and_a_half():
    line = enlarge(torch.arange(8.0).view(1, 1, 1, 8), (1, 64)).flatten()
    assert line[11:13].mean() == 1  # where a ResNet's cell 1 lies at pixel 8


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_trunk_will_do(backbone):
    with torch.device("meta"):
        model = build_model("plain_fcn", 5, backbone)
        assert model.backbone.strides["c5"] == 8
        assert model.logits(torch.rand(1, 3, 33, 50)).shape == (1, 5, 33, 50)
