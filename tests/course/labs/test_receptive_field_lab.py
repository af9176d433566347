"""The laboratory of lesson 09 at its corners, with a stack of one's own, and with a module."""

import io
import math

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

from lessons_lib.course.labs import receptive_field as laboratory
from lessons_lib.course.labs.lab import picture
from lessons_lib.ops.receptive_field.chain import Field, Layer, receptive_fields


@pytest.fixture(scope="module")
def lab():
    return laboratory.lab()


@pytest.mark.parametrize("network", laboratory.NETWORKS)
def test_every_layer_of_every_network(network):
    layers = laboratory.read_stack(laboratory.NETWORKS[network])
    fields = receptive_fields(layers)
    for layer in (1, len(layers), len(layers) + 5):
        view = laboratory.compute(network, "", layer)
        chosen = min(layer, len(layers))
        assert view.layer == chosen and view.field == (fields[chosen - 1],) * 2
        assert view.weights.shape == (fields[chosen - 1].size,) * 2 and view.weights.max() == 1
        assert isinstance(laboratory.draw(view), Figure)


def test_captions_by_hand():
    words = laboratory.caption(laboratory.compute("dilations 2, 2, 2", "", 2))
    assert words == (
        "<b>Layer 2 of 3, 3d2: 9 × 9 pixels.</b> Cells lie 1 pixel apart; the first field begins at 0. "
        "Of its pixels 31% are seen, the red ones never."
    )
    words = laboratory.caption(laboratory.compute("VGG-16, to pool5", "", 18))
    assert words.startswith("<b>Layer 18 of 18, 2s2: 212 × 212 pixels.</b> Cells lie 32 pixels apart")
    assert words.endswith("Of its pixels 100% are seen.")


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("3", [Layer(3)]),
        ("3d2, 2s2", [Layer(3, dilation=2), Layer(2, 2)]),
        (" 5p2s3d4 ", [Layer(5, 3, 2, 4)]),
    ],
)
def test_stacks_are_read(text, layers):
    assert laboratory.read_stack(text) == layers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a stack has 1 to 24 layers, got 0"),
        ("3 " * 25, "a stack has 1 to 24 layers, got 25"),
        ("3x", 'got "3x"'),
        ("d2", 'got "d2"'),
        ("0", "kernel_size must be ≥ 1, got 0"),
        ("3s0", "stride must be ≥ 1, got 0"),
        ("3d900", "at most 1000 pixels can be drawn, got 1801"),
    ],
)
def test_stacks_that_cannot_be_read_say_why(text, words):
    view = laboratory.compute(laboratory.OWN, text, 1)
    assert words in view.problem and laboratory.caption(view) == f"<b>No field.</b> {view.problem}."
    assert Image.open(io.BytesIO(picture(laboratory.draw, view))).size[0] > 400


def test_controls_redraw_picture_and_number(lab):
    before, words = lab.image, lab.words
    assert "31 × 31" in words
    lab.controls["layer"].value = 2
    assert lab.image != before and "7 × 7" in lab.words
    lab.controls["network"].value = "context module"
    assert lab.controls["layer"].max == 8
    lab.controls["layer"].value = 8
    assert "67 × 67" in lab.words
    lab.controls["network"].value = laboratory.OWN
    assert lab.controls["layer"].max == 4 and "Layer 4 of 4" in lab.words
    lab.controls["stack"].value = "3 nonsense"
    assert lab.words.startswith("<b>No field.</b>")
    lab.controls["stack"].value = "3 3d2"
    assert "Layer 2 of 2, 3d2: 7 × 7" in lab.words
    lab.controls["network"].value = "dilations 1, 2, 4, 8"
    lab.controls["layer"].value = 4
    assert lab.image == before and lab.words == words


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.wide = nn.Conv2d(1, 2, 3, 2, 1), nn.Conv2d(2, 2, (3, 5), padding=(2, 2), dilation=(2, 1))

    def forward(self, x):
        x = self.down(x).relu()
        return x + self.wide(x)


def test_a_module_of_ones_own():
    lab = laboratory.lab(Branches(), channels=1)
    assert lab.controls["layer"].max == lab.controls["layer"].value == 3
    assert lab.state.names == ("down conv2d", "wide conv2d", "output")
    assert lab.state.field == (Field(-5, 2, 11), Field(-5, 2, 11))
    assert lab.state.weights.shape == (11, 11)
    assert lab.state.weights[:, 5].tolist() == [1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1]  # two rows fall between the taps
    lab.controls["layer"].value = 1
    assert "Layer 1 of 3, down conv2d: 3 × 3 pixels" in lab.words and "seen" not in lab.words


def test_a_module_that_sees_everything():
    lab = laboratory.lab(nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 3)))
    assert lab.state.field[0].size == math.inf and "the whole image pixels" not in lab.words
    assert "the whole image" in lab.words


def test_weights_are_the_gradient_of_ones():
    view = laboratory.compute(laboratory.OWN, "3 2s2 3", 3)
    layers = nn.Sequential(nn.Conv2d(1, 1, 3), nn.AvgPool2d(2), nn.Conv2d(1, 1, 3)).double()
    for parameter in layers.parameters():
        nn.init.ones_(parameter)
    x = torch.rand(1, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    layers(x).sum().backward()
    torch.testing.assert_close(view.weights, x.grad[0, 0] / x.grad.max())
