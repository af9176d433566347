"""The laboratory of lesson 14 at the corners of its controls, on scenes, the portrait and a photograph of one's own."""

import io
import itertools

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from lessons_lib.course.labs import mask_head as laboratory
from lessons_lib.course.labs.lab import picture
from lessons_lib.data.scenes import CLASSES

LOOK = laboratory.looker()
CORNERS = list(
    itertools.product(
        ("scene 0", "scene 19", laboratory.PORTRAIT), (1, 10), (laboratory.CHOSEN, *CLASSES[1::9]), (5, 95)
    )
)


@pytest.mark.parametrize("corner", CORNERS[::3], ids=str)
def test_every_corner_can_be_computed_drawn_and_said(corner):
    view = LOOK(*corner)
    assert view.masks.shape == (len(CLASSES), 28, 28) and view.masks.min() >= 0 and view.masks.max() <= 1
    assert view.number == min(corner[1], len(view.found)) and view.pasted.shape == view.image.shape[1:]
    assert isinstance(laboratory.draw(view), Figure)
    assert Image.open(io.BytesIO(picture(laboratory.draw, view))).size[0] > 500
    assert "Detection" in laboratory.caption(view) or "found nothing" in laboratory.caption(view)


def test_the_chosen_mask_is_the_model_s_own():
    view = LOOK("scene 3", 1, laboratory.CHOSEN, 50)
    (found,) = laboratory.model().predict([view.image])
    assert view.shown == view.chosen == found.labels[0]
    assert torch.equal(view.pasted, found.known_masks[0])
    assert view.iou is not None and view.iou > 0.5


def test_a_higher_threshold_leaves_fewer_pixels():
    counts = [int(LOOK("scene 3", 1, laboratory.CHOSEN, threshold).pasted.sum()) for threshold in (5, 50, 95)]
    assert counts[0] > counts[1] > counts[2]


def test_an_image_in_which_nothing_is_found():
    image = LOOK("scene 0", 1, laboratory.CHOSEN, 50).image
    with torch.inference_mode():
        stages = dict(laboratory.model().stages(image))
    nothing = stages["detections"]["instances"][:0]
    view = laboratory.compute((image, None, stages | {"detections": {"instances": nothing}}), 1, laboratory.CHOSEN, 50)
    assert view.number == 0 and not view.pasted.any() and view.iou is None
    assert "found nothing" in laboratory.caption(view)
    assert isinstance(laboratory.draw(view), Figure)


def test_a_photograph_of_one_s_own(tmp_path):
    Image.new("RGB", (300, 200), "#336699").save(tmp_path / "mine.png")
    names = list(laboratory.images(tmp_path / "mine.png"))
    assert names[0] == laboratory.OWN and laboratory.PORTRAIT in names
    view = laboratory.looker(tmp_path / "mine.png")(laboratory.OWN, 1, laboratory.CHOSEN, 50)
    assert view.image.shape == (3, 96, 144) and view.truth is None
    assert "guess" in laboratory.caption(view) or "found nothing" in laboratory.caption(view)


def test_moved_by_hand():
    lab = laboratory.lab()
    first = lab.image
    lab.controls["shown"].value = "ring"
    assert lab.image != first and "mask of ring" in lab.words
    lab.controls["number"].value = lab.controls["number"].max
    assert f"Detection {lab.controls['number'].max} of" in lab.words
