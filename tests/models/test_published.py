"""The large published models, too slow for the contract tests of the zoo: their graph, without numbers."""

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from lessons_lib.models.contract import SemanticModel
from lessons_lib.models.semantic.deconvnet import DeconvNet
from lessons_lib.models.semantic.dilated import DilatedVGG
from lessons_lib.models.semantic.unet import UNet

K = 5
MODELS = {"U-Net": lambda: UNet(3, K), "DeconvNet": lambda: DeconvNet(K), "dilated VGG": lambda: DilatedVGG(K)}
RELUS = {"U-Net": 18, "DeconvNet": 29, "dilated VGG": 22}
"""U-Net: two after each of nine blocks. DeconvNet: 13 and 2 down, 1 and 13 up. Dilated: 13 and 2, and 7 of context."""


class Calls(TorchFunctionMode):
    """The names of torch's calls while it is entered."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.append(getattr(func, "__name__", "").rstrip("_"))
        return func(*args, **(kwargs or {}))


@pytest.fixture(params=MODELS)
def named(request):
    with torch.device("meta"):
        return request.param, MODELS[request.param]()


def test_logits_have_the_images_size_and_every_parameter_its_gradient(named):
    _, model = named
    with torch.device("meta"):
        logits = model.logits(torch.empty(2, 3, 40, 48))
        assert logits.shape == (2, K, 40, 48)
        logits.sum().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_every_layer_is_followed_by_its_relu(named):
    name, model = named
    with torch.device("meta"), Calls() as calls:
        model.logits(torch.empty(2, 3, 40, 48))
    assert calls.names.count("relu") == RELUS[name]


def test_every_convolution_has_a_bias(named):
    _, model = named
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(layers) >= 20 and all(layer.bias is not None for layer in layers)


def test_loss_and_predictions_are_those_of_the_contract(named):
    """Written once, and tested there: their order, their gradient, their mode."""
    _, model = named
    assert type(model).forward is SemanticModel.forward
    assert type(model).predict is SemanticModel.predict


def test_images_are_normalised_inside(named):
    """VGG's trunks subtract ImageNet's mean; U-Net takes the image as it is."""
    name, model = named
    buffers = [key for key, _ in model.named_buffers() if "mean" in key and "running" not in key]
    assert bool(buffers) == (name != "U-Net")
