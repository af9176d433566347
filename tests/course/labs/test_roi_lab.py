"""The laboratory of lesson 12 at the corners of its sliders, and moved by hand."""

import io
import itertools

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torchvision import ops

from lessons_lib.course.labs import roi as laboratory
from lessons_lib.course.labs.lab import picture

CORNERS = list(itertools.product((0, 120), (0, 120), (1, 120), (1, 120), (1, 4), (1, 4), (0, 15)))
PLACES = ("left", "top", "width", "height", "bins", "samples", "bin")


@pytest.fixture(scope="module")
def lab():
    return laboratory.lab()


@pytest.mark.parametrize("corner", [*CORNERS[::5], (37, 58, 90, 75, 3, 2, 4)], ids=str)
def test_compute_at_the_corners(corner):
    """Both answers are torchvision's, and the chosen window holds the maximum that is shown."""
    left, top, width, height, bins, samples, chosen = corner
    look = laboratory.compute(*corner)
    box = torch.tensor([[0.0, left, top, left + width, top + height]])
    batch = look.features[None, None]
    pooled = ops.roi_pool(batch, box, bins, 1 / 16)[0, 0]
    aligned = ops.roi_align(batch, box, bins, 1 / 16, samples, aligned=True)[0, 0]
    torch.testing.assert_close(look.pooled, pooled)
    torch.testing.assert_close(look.aligned, aligned)
    p, q = look.bin
    assert p * bins + q == min(chosen, bins**2 - 1)
    x0, y0, x1, y1 = (side // 16 for side in look.window)
    cells = look.features[y0:y1, x0:x1]
    assert look.empty == (cells.numel() == 0)
    assert (cells.max() if cells.numel() else 0) == pooled[p, q]
    assert look.y.shape == look.x.shape == (bins, samples)
    assert look.x[q].mean().item() == pytest.approx(left + (q + 0.5) * width / bins, abs=1e-3)
    assert look.y[p].mean().item() == pytest.approx(top + (p + 0.5) * height / bins, abs=1e-3)


@pytest.mark.parametrize("corner", CORNERS[::21], ids=str)
def test_every_corner_can_be_drawn(corner):
    look = laboratory.compute(*corner)
    assert isinstance(laboratory.draw(look), Figure)
    assert Image.open(io.BytesIO(picture(laboratory.draw, look))).size[0] > 400
    assert laboratory.caption(look).startswith("<b>Bin (")


def test_caption_by_hand():
    """The middle third of 37 to 127 px is 67 to 97, its centre 82; RoIPool reads cells 4 to 6, 64 to 112, centre 88."""
    look = laboratory.compute(37, 58, 90, 75, 3, 2, 4)
    assert look.window[::2] == (64, 112) and look.off_centre.tolist() == [6.0, 8.5]
    words = laboratory.caption(look)
    assert "<b>Bin (1, 1).</b> RoIAlign: 4 samples" in words
    assert "RoIPool: a window 6.0 px right and 8.5 px down of it" in words
    assert "no cell" in laboratory.caption(laboratory.compute(120, 120, 120, 120, 4, 1, 15))


def test_the_portrait_is_a_map_of_two_digits():
    features = laboratory.portrait()
    assert features.shape == (12, 12) and features.min() >= 0 and features.max() <= 99
    assert torch.equal(features, features.round())


def test_sliders_redraw_picture_and_number(lab):
    before, words = lab.image, lab.words
    lab.controls["left"].value = 38
    assert lab.image != before and lab.words != words
    lab.controls["left"].value = 37
    assert lab.image == before and lab.words == words


def test_the_bin_stays_inside_the_box(lab):
    lab.controls["bin"].value = 8
    assert lab.state.bin == (2, 2)
    lab.controls["bins"].value = 2
    assert lab.controls["bin"].max == 3 and lab.state.bin == (1, 1)
    lab.controls["bins"].value, lab.controls["bin"].value = 3, 4
    assert lab.controls["bin"].max == 8


def test_every_slider_reaches_its_ends(lab):
    assert tuple(lab.controls) == PLACES
    start = {name: control.value for name, control in lab.controls.items()}
    for name, control in lab.controls.items():
        for value in (control.min, control.max):
            control.value = value
            assert lab.words.startswith("<b>")
        control.value = start[name]
