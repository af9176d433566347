"""The laboratory of lesson 13 at the corners of its controls, and what its stages must have in common."""

import io
import itertools

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from lessons_lib.course.labs import detector as laboratory
from lessons_lib.course.labs.lab import picture
from lessons_lib.ops.boxes import pairwise_box_iou

CORNERS = list(itertools.product((0, laboratory.SCENES - 1), laboratory.STAGES, (1, 64), (10, 100)))


@pytest.mark.parametrize("corner", CORNERS[::3], ids=str)
def test_every_corner_can_be_computed_drawn_and_said(corner):
    view = laboratory.compute(*corner)
    assert len(view.boxes) == len(view.scores) <= min(corner[2], view.total)
    assert view.scores.tolist() == sorted(view.scores.tolist(), reverse=True) or view.stage == "5 regions"
    assert 0 <= view.covered <= len(view.sample.instances)
    assert isinstance(laboratory.draw(view), Figure)
    assert Image.open(io.BytesIO(picture(laboratory.draw, view))).size[0] > 500
    assert laboratory.caption(view).startswith(f"<b>Stage {corner[1]}.</b>")


def test_nms_leaves_fewer_proposals_that_do_not_overlap():
    before, after = (laboratory.compute(3, stage, 64, 30) for stage in ("3 proposals", "4 after NMS"))
    assert after.total < before.total
    iou = pairwise_box_iou(after.boxes, after.boxes) - torch.eye(len(after.boxes))
    assert iou.max() <= 0.3 + 1e-5


def test_the_threshold_is_the_caller_s_alone():
    usual = laboratory.model().config
    laboratory.compute(2, "4 after NMS", 8, 20)
    assert laboratory.model().config is usual


def test_the_detections_are_the_model_s_own():
    view = laboratory.compute(3, "6 detections", 64, round(100 * laboratory.model().config.rpn_nms))
    (found,) = laboratory.model().predict([view.sample.image])
    torch.testing.assert_close(view.boxes, found.boxes[:64])


def test_moved_by_hand():
    lab = laboratory.lab()
    first = lab.image
    lab.controls["stage"].value = "6 detections"
    assert lab.image != first and "detections" in lab.words
    lab.controls["shown"].value = 1
    assert "1 shown" in lab.words
