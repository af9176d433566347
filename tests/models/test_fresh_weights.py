"""Fresh weights have the spread that each docstring or paper names, and biases are 0: training begins from there."""

import pytest
import torch
from torch import nn

from lessons_lib.models.backbones import ResNet, TinyBackbone, vgg16_classifier, vgg16_stages
from lessons_lib.models.instance.box_head import BoxPredictor, TinyTrunk
from lessons_lib.models.instance.mask_head import begin, convolutions
from lessons_lib.models.instance.rpn import RPNHead
from lessons_lib.models.necks import FPN, TDM
from lessons_lib.models.semantic.dilated import FrontEnd, TinyDilated

NAMES = ("c2", "c3", "c4", "c5")


def incoming(weight) -> float:
    """He et al., "Delving Deep into Rectifiers" (2015), by the numbers that come in."""
    return (2 / weight[0].numel()) ** 0.5


def outgoing(weight) -> float:
    """The same by the numbers that go out."""
    return (2 / (len(weight) * weight[0, 0].numel())) ** 0.5


FRESH = {
    "VGG-16": (vgg16_stages, outgoing),
    "ResNet-18": (lambda: ResNet("resnet18"), outgoing),
    "tiny backbone": (lambda: nn.ModuleList(TinyBackbone().stages), incoming),
    "tiny dilated network": (lambda: TinyDilated(5).front, incoming),
    "box head": (lambda: TinyTrunk(32, 7), incoming),
    "mask head": (lambda: convolutions(32, 2, 64), outgoing),
    "mask predictor": (lambda: nn.ModuleList([begun(nn.Conv2d(64, 80, 1), 0.001)]), lambda weight: 0.001),
    "RPN": (lambda: RPNHead(64, 9), lambda weight: 0.01),
    "FPN": (lambda: FPN(TinyBackbone(), NAMES, 64), lambda weight: weight[0].numel() ** -0.5),
    "TDM": (lambda: TDM(TinyBackbone(), NAMES, 64), incoming),
}


def begun(layer, std):
    begin(layer, std)
    return layer


@pytest.mark.parametrize("name", FRESH)
def test_the_spread_of_fresh_weights(name):
    torch.manual_seed(0)
    make, spread = FRESH[name]
    layers = [layer for layer in make().modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    measured = [layer for layer in layers if layer.weight.numel() > 1000]
    assert measured
    for layer in measured:
        assert layer.weight.std().item() == pytest.approx(spread(layer.weight), rel=0.1)
        assert abs(layer.weight.mean().item()) < 0.15 * spread(layer.weight)
    assert not any(layer.bias.any() for layer in layers if layer.bias is not None)


def test_the_layers_of_a_box_predictor():
    """Fast R-CNN, section 2.3."""
    torch.manual_seed(0)
    head = BoxPredictor(256, 21)
    for layer, std in ((head.classes, 0.01), (head.deltas, 0.001)):
        assert layer.weight.std().item() == pytest.approx(std, rel=0.05) and not layer.bias.any()


def test_dense_layers_and_scores_are_small(monkeypatch):
    """Seen as it is asked for, since fc6 alone is 400 MB."""
    asked, zeroed = [], []
    monkeypatch.setattr(nn.init, "normal_", lambda tensor, std: asked.append((tuple(tensor.shape), std)))
    monkeypatch.setattr(nn.init, "zeros_", lambda tensor: zeroed.append(tuple(tensor.shape)))
    dense = [((4096, 512, 7, 7), 0.01), ((4096, 4096, 1, 1), 0.01)]
    with torch.device("meta"):
        vgg16_classifier()
        assert asked == dense and zeroed == [(4096,)] * 2
        asked.clear()
        FrontEnd(5)
    assert asked == [*dense, ((5, 4096, 1, 1), 0.001)] and zeroed[-1] == (5,)
