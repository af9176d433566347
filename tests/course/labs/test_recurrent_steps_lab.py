"""The laboratory of lesson 18 at the corners of its controls, and moved by hand."""

import io
import itertools

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from lessons_lib.course.labs import recurrent_steps as laboratory
from lessons_lib.course.labs.lab import picture
from lessons_lib.models.instance.inhibition import most_pixels

LOOK = laboratory.looker()
LAST = laboratory.model().config.steps
HIDDEN, CELL = laboratory.STATES
CORNERS = list(itertools.product((0, laboratory.PLANTS - 1), (1, LAST), (HIDDEN, CELL), (-30, 30)))


@pytest.mark.parametrize("corner", CORNERS, ids=str)
def test_every_corner_can_be_computed_drawn_and_said(corner):
    view = LOOK(*corner)
    assert view.masks.shape == (LAST, *view.image.shape[1:]) and view.masks.min() >= 0 and view.masks.max() <= 1
    assert view.shares.sum() == pytest.approx(1, abs=1e-4)
    assert view.step == corner[1] - 1 and view.channels.abs().max() <= (1 if corner[2] == HIDDEN else LAST)
    assert isinstance(laboratory.draw(view), Figure)
    assert f"Step {corner[1]} of {LAST}" in laboratory.caption(view)


def test_the_masks_are_the_model_s_own_where_the_bias_is_not_moved():
    view = LOOK(0, 1, HIDDEN, 0)
    (found,) = laboratory.model().predict([view.image])
    drawn = view.masks[: view.count] > 0.5
    assert torch.equal(found.known_masks, drawn[drawn.flatten(1).any(1)])
    assert Image.open(io.BytesIO(picture(laboratory.draw, view))).size[0] > 500


def test_a_larger_bias_gives_larger_masks_within_the_bound():
    views = [LOOK(1, 1, HIDDEN, tenths) for tenths in (-30, 0, 30)]
    pixels = [int((view.masks[0] > 0.5).sum()) for view in views]
    assert pixels[0] < pixels[1] < pixels[2]
    assert all(count <= most_pixels(view.bias) for count, view in zip(pixels, views, strict=True))


def test_after_the_stop_the_caption_says_so():
    view = LOOK(0, LAST, HIDDEN, 0)
    assert view.count < LAST
    assert f"The sequence has ended: {view.count} objects are found, {len(view.truth)} are there" in laboratory.caption(
        view
    )


def test_a_plant_without_a_leaf():
    view = LOOK(0, 1, HIDDEN, 0)
    steps = {"logits": torch.zeros(3, 8, 8), "scores": torch.tensor([0.2, 0.9, 0.9]), "hidden": torch.zeros(3, 2, 4, 4)}
    bare = laboratory.compute(torch.zeros(3, 8, 8), view.truth[:0], steps, 9, HIDDEN, 1.0, 0.5)
    assert bare.step == 2 and bare.count == 0 and bare.iou == 0
    assert "0 objects are found, 0 are there" in laboratory.caption(bare)
    assert isinstance(laboratory.draw(bare), Figure)


def test_moved_by_hand():
    lab = laboratory.lab()
    first = lab.image
    lab.controls["step"].value = 2
    assert lab.image != first and "Step 2 of" in lab.words
    second = lab.image
    lab.controls["state"].value = CELL
    assert lab.image != second
    before = lab.words
    lab.controls["tenths"].value = 10
    assert lab.words != before
