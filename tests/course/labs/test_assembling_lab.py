"""The laboratory of lesson 16 at the corners of its controls."""

import io
import itertools

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from lessons_lib.course.labs import assembling as laboratory
from lessons_lib.course.labs.lab import picture
from lessons_lib.data.scenes import CLASSES

CORNERS = list(
    itertools.product(
        ("scene 0", "scene 19"), (CLASSES[1], CLASSES[-1]), (laboratory.INSIDE, laboratory.OUTSIDE), (0, 88), (8, 96),
        (0, 4, 9),
    )
)  # fmt: skip


@pytest.mark.parametrize("corner", CORNERS[::5], ids=str)
def test_every_corner_can_be_computed_drawn_and_said(corner):
    name, shown, which, start, side, parts = corner
    view = laboratory.compute(name, shown, which, start, start, side, side, parts)
    assert view.maps.shape == (3, 3, 24, 24) and view.inside.shape == view.outside.shape == (15, 15)
    assert int(view.there.sum()) == 25 * parts
    assert isinstance(laboratory.draw(view), Figure)
    assert Image.open(io.BytesIO(picture(laboratory.draw, view))).size[0] > 500
    assert ("parts are assembled" in laboratory.caption(view)) == (parts < 9)


def test_a_true_box_is_recognised_and_its_mask_is_the_models():
    shown, box = laboratory.true_box("scene 3")
    view = laboratory.compute("scene 3", shown, laboratory.INSIDE, *box, 9)
    assert CLASSES[int(view.probs.argmax())] == shown and view.iou > 0.5
    assert f"is taken for: {shown}" in laboratory.caption(view)
    maps = laboratory.seen(3)[1]["scores"][0]
    first = (2 * view.label + 1) * 9  # inside of that class, part (0, 0)
    assert torch.equal(view.maps[0, 0], maps[first]) and torch.equal(view.maps[2, 1], maps[first + 7])


def test_a_box_beside_is_background():
    shown, (left, top, width, height) = laboratory.true_box("scene 3")
    far = (left + 48) % 80
    here = laboratory.compute("scene 3", shown, laboratory.INSIDE, left, top, width, height, 9)
    away = laboratory.compute("scene 3", shown, laboratory.INSIDE, far, top, width, height, 9)
    assert away.probs[away.label] < here.probs[here.label]


def test_moved_by_hand():
    lab = laboratory.lab()
    first = lab.image
    lab.controls["parts"].value = 2
    assert lab.image != first and "2 of 9 parts" in lab.words
    lab.press("reset")
    assert lab.image == first
    lab.controls["name"].value = "scene 5"
    lab.press("box of the first object")
    shown, box = laboratory.true_box("scene 5")
    assert [lab.controls[name].value for name in ("left", "top", "width", "height")] == box
    assert lab.controls["shown"].value == shown
