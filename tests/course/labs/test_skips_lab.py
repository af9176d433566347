"""The laboratory of lesson 07 at the corners of its controls, and moved by hand."""

import io
import itertools

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from lessons_lib.course.labs import skips as laboratory
from lessons_lib.course.labs.lab import picture

CORNERS = list(itertools.product((0, 7), (0, 4), (0, 4), (0, 4)))


@pytest.mark.parametrize(("scene", "deep", "middle", "fine"), CORNERS)
def test_compute_at_the_corners(scene, deep, middle, fine):
    mixture = laboratory.compute(scene, deep, middle, fine)
    assert mixture.label_map.shape == mixture.sample.label_map.shape == (96, 96)
    assert mixture.weights == {"c5": deep / 4, "c4": middle / 4, "c3": fine / 4}
    assert 0 <= mixture.right <= 1 and 0 <= mixture.boundary_f <= 1
    if (deep, middle, fine) == (0, 0, 0):
        assert mixture.label_map.eq(0).all()  # nothing is said, so the first class is as likely as any
    assert isinstance(laboratory.draw(mixture), Figure)
    assert f"{mixture.boundary_f:.2f}" in laboratory.caption(mixture)


@pytest.mark.parametrize("scene", range(laboratory.IMAGES))
def test_all_maps_together_are_the_network(scene):
    model = laboratory._model()
    (expected,) = model.predict([laboratory._scene(scene).image])
    assert laboratory.compute(scene, 4, 4, 4).label_map.eq(expected).float().mean() > 0.999  # but for rounding
    parts = laboratory._contributions(scene)
    with torch.no_grad():
        whole = model.logits(laboratory._scene(scene).image[None])[0]
    torch.testing.assert_close(sum(parts.values()), whole, rtol=1e-4, atol=1e-4)


def test_one_map_is_what_stands_below():
    assert laboratory.compute(3, 0, 0, 4).label_map.equal(laboratory.compute(3, 4, 4, 4).alone["c3"])


def test_moving_a_slider_changes_picture_and_words():
    lab = laboratory.lab()
    before = (lab.image, lab.words)
    lab.controls["fine"].value = 0
    assert lab.state.weights["c3"] == 0
    assert lab.image != before[0] and lab.words != before[1]


def test_picture_is_a_png_of_moderate_size():
    with Image.open(io.BytesIO(picture(laboratory.draw, laboratory.compute(0, 4, 4, 4)))) as image:
        assert image.format == "PNG" and 500 < image.width < 1000
