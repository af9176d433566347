"""The laboratory of lesson 08 at the corners of its controls, and moved by hand."""

import io
import itertools
import math

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch.nn import functional as F

from lessons_lib.course.labs import unpooling as laboratory
from lessons_lib.course.labs.lab import picture

WAYS = ("by its switch", "to the corner")
CORNERS = list(itertools.product(laboratory.IMAGES, (1, 2, 3), (0, 3, 63), WAYS))


@pytest.fixture(scope="module")
def lab():
    return laboratory.lab()


@pytest.mark.parametrize(("name", "poolings", "cell", "way"), CORNERS)
def test_compute_at_the_corners(name, poolings, cell, way):
    """Down and up again by torch; the chosen value stands on every map where the journey says."""
    journey = laboratory.compute(name, poolings, cell, way)
    x, kept = laboratory.image(name)[None, None], []
    for level in range(poolings + 1):
        assert journey.down[level].equal(x[0, 0])
        row, column = journey.down_positions[level]
        assert journey.down[level][row, column] == journey.value
        if level < poolings:
            x, switches = F.max_pool2d(x, 2, return_indices=True)
            kept.append(switches)
    if way == "by its switch":
        for level in reversed(range(poolings)):
            x = F.max_unpool2d(x, kept[level], 2)
            assert journey.up[level].equal(x[0, 0])
        assert journey.up_positions == journey.down_positions
        assert journey.distance == 0 and not journey.distances.any()
    else:
        blocks = journey.up[0].unflatten(1, (-1, 2**poolings)).unflatten(0, (-1, 2**poolings))
        assert blocks[:, 0, :, 0].equal(journey.down[-1]) and (journey.up[0] > 0).sum() <= journey.down[-1].numel()
        assert journey.distance == pytest.approx(math.dist(journey.up_positions[0], journey.down_positions[0]))
    row, column = journey.up_positions[0]
    assert journey.up[0][row, column] == journey.value


def test_values_beyond_the_last_are_the_last():
    far, last = (laboratory.compute("noise", 3, cell, "to the corner") for cell in (63, 3))
    assert far.down_positions == last.down_positions and far.value == last.value


@pytest.mark.parametrize("corner", CORNERS[::5])
def test_every_corner_can_be_drawn(corner):
    journey = laboratory.compute(*corner)
    assert isinstance(laboratory.draw(journey), Figure)
    assert Image.open(io.BytesIO(picture(laboratory.draw, journey))).size[0] > 400
    assert laboratory.caption(journey).startswith("<b>")


def test_caption_by_hand(monkeypatch):
    """One bright pixel at row 5, column 6: its 2 × 2 window begins at (4, 6), its 4 × 4 block at (4, 4)."""
    spot = torch.zeros(16, 16)
    spot[5, 6] = 90
    monkeypatch.setattr(laboratory, "image", lambda name: spot)
    words = laboratory.caption(laboratory.compute("spot", 2, 5, "to the corner"))
    assert words.startswith(
        "<b>90</b> stood at row 5, column 6, and came back to (4, 4), 2.2 px away. Of all 16 values"
    )
    assert "that 2 poolings left, 6% moved, by 0.14 px on average." in words
    words = laboratory.caption(laboratory.compute("spot", 1, 19, "by its switch"))
    assert "and came back there. Of all 64 values that 1 pooling left, 0% moved, by 0.00 px" in words


def test_controls_redraw_picture_and_number(lab):
    before, words = lab.image, lab.words
    lab.controls["way"].value = "to the corner"
    assert lab.image != before and lab.words != words
    lab.controls["way"].value = "by its switch"
    assert lab.image == before and lab.words == words


def test_values_end_with_what_is_left(lab):
    assert lab.controls["cell"].max == 15
    lab.controls["poolings"].value = 3
    assert lab.controls["cell"].max == 3 and lab.controls["cell"].value == 3
    lab.controls["poolings"].value = 1
    assert lab.controls["cell"].max == 63
    lab.controls["poolings"].value, lab.controls["cell"].value = 2, 6


def test_every_control_reaches_its_ends(lab):
    for name in ("poolings", "cell"):
        start = lab.controls[name].value
        for value in (lab.controls[name].min, lab.controls[name].max):
            lab.controls[name].value = value
            assert lab.words.startswith("<b>")
        lab.controls[name].value = start
    for option in laboratory.IMAGES:
        lab.controls["name"].value = option
        assert lab.state.down[0].equal(laboratory.image(option))
