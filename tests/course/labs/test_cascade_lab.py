"""The laboratory of lesson 15 at the corners of its controls, on scenes and the portrait."""

import io
import itertools

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from lessons_lib.course.labs import cascade as laboratory
from lessons_lib.course.labs.lab import picture

LOOK = laboratory.looker()
CORNERS = list(itertools.product(("scene 0", "scene 19", laboratory.PORTRAIT), (1, 2, 3, 6), (1, 6), (5, 95)))


@pytest.mark.parametrize("corner", CORNERS[::2], ids=str)
def test_every_corner_can_be_computed_drawn_and_said(corner):
    view = LOOK(*corner)
    assert view.found.known_masks.shape[1:] == view.image.shape[1:] and view.mask.shape == (28, 28)
    assert bool((view.found.scores >= corner[3] / 100).all())
    assert isinstance(laboratory.draw(view), Figure)
    assert Image.open(io.BytesIO(picture(laboratory.draw, view))).size[0] > 500
    assert f"After stage {corner[1]}" in laboratory.caption(view) or corner[1] == 6


def test_the_last_position_is_what_the_model_predicts():
    view = LOOK("scene 3", 6, 1, 50)
    (found,) = laboratory.model().predict([view.image])
    assert torch.equal(view.found.masks, found[found.scores >= 0.5].masks)


def test_the_box_moves_only_from_stage_4_on_and_masks_come_with_stage_2():
    views = [LOOK("scene 3", stage, 1, 50) for stage in range(1, 6)]
    assert bool((views[0].mask == 1).all()) and not bool((views[1].mask == 1).all())
    assert all(torch.equal(view.box, view.first_box) for view in views[:3])
    assert all(not torch.equal(view.box, view.first_box) for view in views[3:])
    assert views[0].fit < views[1].fit < views[4].fit
    assert views[1].name.startswith("an object") and not views[2].name.startswith("an object")


def test_an_image_in_which_nothing_is_found():
    image, truth = laboratory.read("scene 0")
    with torch.inference_mode():
        stages = dict(laboratory.model().stages(image))
    final = stages["detections"]
    nothing = {"instances": final["instances"][:0], "region": final["region"][:0]}
    view = laboratory.compute((image, truth, stages | {"detections": nothing}), 6, 1, 50)
    assert view.number == 0 and view.fit == 0 and isinstance(laboratory.draw(view), Figure)
    assert "0 objects" in laboratory.caption(view)


def test_moved_by_hand():
    lab = laboratory.lab()
    first = lab.image
    lab.controls["stage"].value = 5
    assert lab.image != first and "After stage 5" in lab.words
