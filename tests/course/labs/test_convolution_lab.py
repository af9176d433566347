"""The laboratory of lesson 02 at the corners of its sliders, and moved by hand."""

import io
import itertools

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from lessons_lib.course.labs import convolution as laboratory
from lessons_lib.course.labs.lab import picture

CORNERS = list(itertools.product((1, 4, 7), (1, 3, 5), (1, 4), (0, 2), (1, 3), (0, 1000)))


@pytest.fixture(scope="module")
def lab():
    return laboratory.lab()


@pytest.mark.parametrize(("size", "kernel_size", "stride", "padding", "dilation", "position"), CORNERS)
def test_compute_at_the_corners(size, kernel_size, stride, padding, dilation, position):
    """Every output number is the sum of the pixels under its window, counted one by one."""
    walk = laboratory.compute(size, kernel_size, stride, padding, dilation, position)
    reach = dilation * (kernel_size - 1) + 1
    starts = [i for i in range(0, size + 2 * padding, stride) if i + reach <= size + 2 * padding]
    if not starts:
        assert walk.output.numel() == 0 and walk.unseen == size * size and not walk.window.any()
        assert "must reach over at most" in walk.problem
        return
    taps = range(0, reach, dilation)
    expected = [[sum(walk.padded[i + u, j + v].item() for u in taps for v in taps) for j in starts] for i in starts]
    assert walk.output.tolist() == expected
    i, j = walk.position
    assert i * len(starts) + j == min(position, len(starts) ** 2 - 1)
    assert walk.padded[walk.window].sum() == walk.output[i, j]
    seen = {start + u - padding for start in starts for u in taps} & set(range(size))
    assert walk.unseen == size**2 - len(seen) ** 2
    assert not walk.padded[walk.outside].any() and (~walk.outside).sum() == size**2


@pytest.mark.parametrize("corner", CORNERS[::17])
def test_every_corner_can_be_drawn(corner):
    walk = laboratory.compute(*corner)
    figure = laboratory.draw(walk)
    assert isinstance(figure, Figure)
    image = Image.open(io.BytesIO(picture(laboratory.draw, walk)))
    assert image.size[0] > 400
    assert laboratory.caption(walk).startswith("<b>")


def test_caption_by_hand():
    walk = laboratory.compute(size=4, kernel_size=3, stride=2, padding=1, dilation=1, position=0)
    words = laboratory.caption(walk)
    assert words == "<b>Output 2×2.</b> Row 0, column 0: 0 + 0 + 0 + 0 + 1 + 6 + 0 + 3 + 2 = 12."
    walk = laboratory.compute(size=6, kernel_size=3, stride=2, padding=0, dilation=1, position=0)
    assert laboratory.caption(walk).endswith("No window sees 11 of the pixels.")
    walk = laboratory.compute(size=2, kernel_size=3, stride=1, padding=0, dilation=1, position=0)
    assert laboratory.caption(walk).startswith(
        "<b>No output.</b> kernel_size 3 with dilation 1 must reach over at most"
    )


def test_sliders_redraw_picture_and_number(lab):
    before, words = lab.image, lab.words
    lab.controls["stride"].value = 2
    assert lab.image != before and lab.words != words
    assert lab.state.output.shape == (2, 2) and "Output 2×2" in lab.words
    lab.controls["stride"].value = 1
    assert lab.image == before and lab.words == words


def test_position_stays_inside_the_output(lab):
    lab.controls["position"].value = 15
    assert lab.state.position == (3, 3)
    lab.controls["stride"].value = 2
    assert lab.controls["position"].max == 3 and lab.state.position == (1, 1)
    lab.controls["stride"].value = 1
    assert lab.controls["position"].max == 15


def test_every_slider_reaches_its_ends(lab):
    start = {name: control.value for name, control in lab.controls.items()}
    for name, control in lab.controls.items():
        for value in (control.min, control.max):
            control.value = value
            assert lab.words.startswith("<b>")
        control.value = start[name]


def test_digits_are_digits():
    assert set(laboratory.digits(7).flatten().tolist()) <= set(range(1, 10))
    assert laboratory.digits(3).tolist() == [[1, 6, 2], [3, 2, 1], [9, 2, 4]]
    assert torch.equal(laboratory.digits(7)[:3, :3], laboratory.digits(3))
