"""The laboratory of lesson 10 at the corners of its sliders, and moved by hand."""

import io
import itertools

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from scipy import ndimage

from lessons_lib.course.labs import metrics as laboratory
from lessons_lib.course.labs.lab import picture
from lessons_lib.data.sample import Instances, tight_boxes
from lessons_lib.metrics.detection import DetectionScores

START = {"pick": 1, "right": 0, "down": 0, "grow": 0, "score": 80, "threshold": 50}
CORNERS = [
    dict(zip(START, values, strict=True))
    for values in itertools.product((1, 4, 5), (-20, 20), (-20, 20), (-4, 4), (0, 100), (50, 95))
]


@pytest.fixture(scope="module")
def lab():
    return laboratory.lab()


def name(corner):
    return "-".join(map(str, corner.values()))


@pytest.mark.parametrize("corner", [START, *CORNERS[::3]], ids=name)
def test_compute_at_the_corners(corner):
    """AP over the ten thresholds is that of the whole metric; at one threshold, of its own curve."""
    view = laboratory.compute(**corner)
    objects = view.sample.instances
    scores = torch.tensor(view.scores, dtype=torch.float32) / 100
    labels = torch.full((5,), int(objects.labels[0]))
    metric = DetectionScores()
    metric.update(Instances(tight_boxes(view.masks), labels, view.masks, scores=scores), objects)
    assert metric.compute()["ap"] == pytest.approx(view.mean_ap, abs=1e-9)
    curve = metric.curves()["precision"][0, 0, 0 if corner["threshold"] == 50 else 9]
    assert curve.mean().item() == pytest.approx(view.ap, abs=1e-9)
    found = view.matches[view.matches >= 0].tolist()
    assert len(found) == len(set(found))
    assert all(view.iou[p, g] >= corner["threshold"] / 100 for p, g in enumerate(view.matches.tolist()) if g >= 0)


@pytest.mark.parametrize("corner", CORNERS[::12], ids=name)
def test_every_corner_can_be_drawn(corner):
    view = laboratory.compute(**corner)
    assert isinstance(laboratory.draw(view), Figure)
    assert Image.open(io.BytesIO(picture(laboratory.draw, view))).size[0] > 600
    assert laboratory.caption(view).startswith(f"<b>Prediction {corner['pick']}: IoU ")


def test_a_mask_is_moved_and_grown_as_scipy_does():
    mask = torch.rand(12, 15, generator=torch.Generator().manual_seed(0)) < 0.2
    square = torch.ones(5, 5, dtype=torch.bool).numpy()
    grown = torch.from_numpy(ndimage.binary_dilation(mask.numpy(), square))
    assert torch.equal(laboratory.moved(mask, 0, 0, 2), grown)
    thick = grown.clone()
    shrunk = torch.from_numpy(ndimage.binary_erosion(thick.numpy(), square, border_value=1))
    assert torch.equal(laboratory.moved(thick, 0, 0, -2), shrunk)
    pushed = torch.zeros_like(mask)
    pushed[:-3, 2:] = mask[3:, :-2]
    assert torch.equal(laboratory.moved(mask, 2, -3, 0), pushed)
    assert not laboratory.moved(mask, 15, 0, 0).any()


def test_the_start_by_hand():
    """Four of five predictions find their star: ✓ ✓ ✗ ✓ ✓, precision 1 up to recall 0.5, then 4/5."""
    view = laboratory.compute(**START)
    assert (view.order + 1).tolist() == [2, 1, 5, 3, 4]
    assert view.ranked_hits.tolist() == [True, True, False, True, True]
    assert view.ap == pytest.approx((51 + 50 * 0.8) / 101)
    words = laboratory.caption(view)
    assert "it is found, with confidence 0.80 at rank 2 of 5" in words and "<b>AP 0.90</b> there" in words


def test_a_prediction_of_nothing_misses_nothing():
    view = laboratory.compute(**START | {"pick": 5, "score": 70})
    assert view.best == 0 and not view.truth.any()
    assert f"0 pixels right, {int(view.masks[4].sum())} too much, 0 missed" in laboratory.caption(view)


def test_the_score_alone_changes_ap_and_no_pixel():
    low, high = (laboratory.compute(**START | {"pick": 5, "score": score}) for score in (10, 100))
    assert low.ap == 1 and high.ap < 0.85
    assert low.pixels == high.pixels


def test_controls_redraw_picture_and_number(lab):
    before, words = lab.image, lab.words
    for control, value in (("right", 3), ("grow", -2), ("score", 99), ("threshold", 80), ("pick", 3)):
        start = lab.controls[control].value
        lab.controls[control].value = value
        assert lab.image != before and lab.words != words, control
        lab.controls[control].value = start
        assert lab.image == before and lab.words == words, control


def test_every_slider_reaches_its_ends(lab):
    for control in lab.controls.values():
        start = control.value
        for value in (control.min, control.max):
            control.value = value
            assert lab.words.startswith("<b>Prediction ")
        control.value = start


def test_the_start_is_the_one_tested(lab):
    assert {name: control.value for name, control in lab.controls.items()} == START
