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
LETTERS = {"conv2d": "c", "conv_transpose2d": "t", "relu": "r", "batch_norm": "n", "max_pool2d": "p", "cat": "j"}
LETTERS |= {"max_pool2d_with_indices": "p", "avg_pool2d": "a", "scatter": "u", "sub": "-", "div": "/", "mul": "*"}
LETTERS |= {"matmul": "@", "dropout": "d", "interpolate": "i", "group_norm": "g"}
VGG = (2, 2, 3, 3, 3)
CALLS = {
    "U-Net": "-" + 4 * "crcrp" + "crcr" + 4 * "tjcrcr" + "c",
    "DeconvNet": "-/"
    + "".join("cnr" * depth + "p" for depth in VGG)
    + "cnrcnrtnr"  # fc6, fc7, and the mirror of fc6
    + "".join("u" + "tnr" * depth for depth in reversed(VGG))
    + "c",
    "dilated VGG": "-/" + "crcrpcrcrpcrcrcrp" + 6 * "cr" + "crdcrdc" + 7 * "cr" + "c" + "ii@@",
}
"""Each network call by call, from the papers' figures and tables; "-/" are mean and standard deviation of ImageNet."""


class Calls(TorchFunctionMode):
    """The letters of torch's calls on floats while it is entered, and the arguments of paddings."""

    def __init__(self):
        super().__init__()
        self.letters, self.padded = "", []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out, name = func(*args, **(kwargs or {})), getattr(func, "__name__", "").strip("_")
        if isinstance(out, tuple) or (isinstance(out, torch.Tensor) and out.is_floating_point()):
            self.letters += LETTERS.get(name, "")
        if name == "pad":
            self.padded.append((tuple(args[1]), kwargs["mode"], kwargs["value"] or 0))
        return out


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


def test_call_by_call(named):
    name, model = named
    with torch.device("meta"), Calls() as calls:
        model.logits(torch.empty(2, 3, 40, 48))
    assert calls.letters == CALLS[name]
    assert calls.padded == ([((0, 224 - 48, 0, 224 - 40), "constant", 0)] if name == "DeconvNet" else [])


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
