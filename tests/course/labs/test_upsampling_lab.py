"""The laboratory of lesson 03 at the corners of its sliders, and moved by hand."""

import io
import itertools

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch.nn import functional as F

from lessons_lib.course.labs import upsampling as laboratory
from lessons_lib.course.labs.lab import picture

CORNERS = list(itertools.product((1, 2, 3), (1, 3, 5), (1, 3), (0, 2), (0, 2), (0, 3, 9)))


@pytest.fixture(scope="module")
def lab():
    return laboratory.lab()


@pytest.mark.parametrize(("size", "kernel_size", "stride", "padding", "extra", "stamps"), CORNERS)
def test_compute_at_the_corners(size, kernel_size, stride, padding, extra, stamps):
    """What stays of the canvas is torch's transposed convolution of the pixels that have stamped."""
    state = laboratory.compute(size, kernel_size, stride, padding, extra, stamps)
    used = torch.arange(size * size).view(size, size) < stamps
    assert state.used.equal(used)
    output = (size - 1) * stride - 2 * padding + kernel_size + extra
    if extra >= stride or output < 1:
        assert state.output == 0 and state.canvas.numel() == 0
        assert ("output_padding must be <" if extra >= stride else "padding must leave at least 1") in state.problem
        return
    ones = torch.ones(1, 1, kernel_size, kernel_size)
    for ours, values in ((state.canvas, state.picture), (state.overlap, torch.ones(size, size))):
        expected = F.conv_transpose2d((values * used)[None, None], ones, None, stride, padding, extra)[0, 0]
        assert ours[~state.cut].view(output, output).equal(expected)
    assert state.output == output and not state.problem
    assert state.last.sum() == (kernel_size**2 if stamps else 0)
    assert not stamps or (state.overlap[state.last] >= 1).all()


@pytest.mark.parametrize("corner", CORNERS[::17])
def test_every_corner_can_be_drawn(corner):
    state = laboratory.compute(*corner)
    assert isinstance(laboratory.draw(state), Figure)
    assert Image.open(io.BytesIO(picture(laboratory.draw, state))).size[0] > 400
    assert laboratory.caption(state).startswith("<b>")


def test_caption_by_hand():
    state = laboratory.compute(size=2, kernel_size=3, stride=2, padding=1, output_padding=1, stamps=4)
    words = "<b>Output 4×4.</b> 4 of 4 pixels have stamped: 9 squares with 1, 6 squares with 2, 1 square with 4."
    assert laboratory.caption(state) == words
    state = laboratory.compute(size=2, kernel_size=3, stride=2, padding=1, output_padding=1, stamps=0)
    assert laboratory.caption(state) == "<b>Output 4×4.</b> 0 of 4 pixels have stamped: 16 squares with 0."
    state = laboratory.compute(size=2, kernel_size=3, stride=1, padding=1, output_padding=1, stamps=4)
    assert laboratory.caption(state).startswith("<b>No output.</b> output_padding must be < 1")


def test_sliders_redraw_picture_and_number(lab):
    before, words = lab.image, lab.words
    lab.controls["padding"].value = 0
    assert lab.image != before and lab.words != words
    assert lab.state.output == 6 and "Output 6×6" in lab.words
    lab.controls["padding"].value = 1
    assert lab.image == before and lab.words == words


def test_stamps_end_with_the_pixels(lab):
    lab.controls["size"].value = 3
    assert lab.controls["stamps"].max == 9
    lab.controls["stamps"].value = 9
    assert lab.state.used.all()
    lab.controls["size"].value = 1
    assert lab.controls["stamps"].max == 1 and lab.state.used.tolist() == [[True]]
    lab.controls["size"].value, lab.controls["stamps"].value = 2, 2
    assert lab.controls["stamps"].max == 4 and lab.state.used.tolist() == [[True, True], [False, False]]


def test_every_slider_reaches_its_ends(lab):
    start = {name: control.value for name, control in lab.controls.items()}
    for name, control in lab.controls.items():
        for value in (control.min, control.max):
            control.value = value
            assert lab.words.startswith("<b>")
        control.value = start[name]
