"""The laboratory of lesson 05 at the corners of its sliders, and moved by hand."""

import io
import itertools

import pytest
from matplotlib.figure import Figure
from PIL import Image

from lessons_lib.course.labs import subpixel as laboratory
from lessons_lib.course.labs.lab import picture

ORDERS = (laboratory.BY_CHANNEL, laboratory.BY_POSITION)
CORNERS = list(itertools.product((1, 2, 3, 4), (1, 2), ORDERS, (0, 5, 1000), (0, 1, 3)))


@pytest.fixture(scope="module")
def lab():
    return laboratory.lab()


@pytest.mark.parametrize(("factor", "channels", "order", "channel", "position"), CORNERS)
def test_compute_at_the_corners(factor, channels, order, channel, position):
    """Where each pixel lands is the formula of its order, said once more without any tensor."""
    trace = laboratory.compute(factor, channels, order, channel, position)
    count = channels * factor**2
    assert trace.channel == min(channel, count - 1) and trace.pixel == divmod(position, 2)
    if order == laboratory.BY_CHANNEL:
        c, position = divmod(trace.channel, factor**2)
    else:
        position, c = divmod(trace.channel, channels)
    i, j = divmod(position, factor)
    h, w = trace.pixel
    assert trace.landing == (c, factor * h + i, factor * w + j)
    assert trace.sources.shape == (channels, 2 * factor, 2 * factor)
    assert trace.sources[trace.landing] == trace.channel
    counts = trace.sources.flatten().bincount().tolist()
    assert counts == [4] * count  # every channel is there, with all its four pixels


@pytest.mark.parametrize("corner", CORNERS[::11])
def test_every_corner_can_be_drawn(corner):
    trace = laboratory.compute(*corner)
    assert isinstance(laboratory.draw(trace), Figure)
    assert Image.open(io.BytesIO(picture(laboratory.draw, trace))).size[0] > 400
    assert laboratory.caption(trace).startswith("<b>")


@pytest.mark.parametrize("corner", CORNERS)
def test_the_captions_arithmetic_is_right(corner):
    words = laboratory.caption(laboratory.compute(*corner))
    number, sum_of = words.removeprefix("<b>Channel ").split(".</b>")[0].split(" = ")
    assert eval(sum_of.replace("·", "*")) == int(number)
    for equation in words.split(" at row ")[1].rstrip(".").split(", column "):
        left, right = equation.split(" = ")
        assert eval(left.replace("·", "*")) == int(right)


def test_caption_by_hand():
    by_channel = laboratory.compute(2, 2, laboratory.BY_CHANNEL, channel=6, position=1)
    assert laboratory.caption(by_channel) == (
        "<b>Channel 6 = 1·4 + 1·2 + 0.</b> Its pixel (0, 1) lands in output channel 1 "
        "at row 2·0 + 1 = 1, column 2·1 + 0 = 2."
    )
    by_position = laboratory.compute(2, 2, laboratory.BY_POSITION, channel=6, position=1)
    assert laboratory.caption(by_position).startswith("<b>Channel 6 = (1·2 + 1)·2 + 0.</b>")


def test_controls_redraw_picture_and_number(lab):
    before, words = lab.image, lab.words
    for name, value in (("factor", 3), ("channels", 2), ("channel", 2), ("position", 3)):
        start = lab.controls[name].value
        lab.controls[name].value = value
        assert lab.image != before and (lab.words != words or name == "channels")
        lab.controls[name].value = start
        assert lab.image == before and lab.words == words


def test_the_order_matters_from_two_outputs_on(lab):
    words = lab.state.landing
    lab.controls["order"].value = laboratory.BY_POSITION
    assert lab.state.landing == words  # one output: the orders agree
    lab.controls["channels"].value = 2
    by_position = lab.state.landing
    lab.controls["order"].value = laboratory.BY_CHANNEL
    assert lab.state.landing != by_position
    lab.controls["channels"].value = 1


def test_channel_stays_inside(lab):
    lab.controls["factor"].value = 4
    assert lab.controls["channel"].max == 15
    lab.controls["channel"].value = 15
    lab.controls["factor"].value = 1
    assert lab.controls["channel"].max == 0 and lab.state.channel == 0
    lab.controls["factor"].value = 2
    assert lab.controls["channel"].max == 3


def test_a_page_without_widgets_gets_words(lab):
    assert "laboratory" in lab._repr_mimebundle_()["text/plain"]
