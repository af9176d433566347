"""The laboratory of lesson 11 at the corners of its controls, and what its views say."""

import io
import itertools

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from lessons_lib.course.labs import proposals as laboratory
from lessons_lib.course.labs.lab import picture
from lessons_lib.data.sample import Instances
from lessons_lib.ops.masks import pairwise_mask_iou

LOOK = laboratory.looker()
CORNERS = list(itertools.product((0, 19), laboratory.ORDERS, (1, laboratory.MOST)))


@pytest.mark.parametrize("corner", CORNERS, ids=str)
def test_every_corner_can_be_computed_drawn_and_said(corner):
    view = LOOK(*corner)
    assert view.number == min(corner[2], len(view.segments)) and sorted(view.order.tolist()) == list(
        range(len(view.segments))
    )
    assert isinstance(laboratory.draw(view), Figure)
    assert Image.open(io.BytesIO(picture(laboratory.draw, view))).size[0] > 500
    assert "The network says" in laboratory.caption(view)


def test_sorted_by_worth_they_come_as_they_are_proposed():
    view = LOOK(3, laboratory.WORTH, 7)
    assert view.order.tolist() == list(range(len(view.segments))) and view.proposal == 6


def test_sorted_by_iou_the_first_one_fits_best():
    view = LOOK(3, laboratory.OBJECT, 1)
    mask = view.segments[view.order[:1]].masks
    assert pairwise_mask_iou(mask, view.truth.known_masks).max() == pytest.approx(view.iou.max().item(), abs=1e-6)


def test_sorted_by_confidence_the_first_one_is_least_background():
    first, last = (LOOK(3, laboratory.CONFIDENCE, number) for number in (1, laboratory.MOST))
    assert first.probs[0] < last.probs[0]


def test_more_proposals_cover_no_fewer_objects():
    counts = [int(LOOK(5, laboratory.WORTH, number).covered.sum()) for number in (1, 20, 200)]
    assert counts == sorted(counts) and counts[-1] > 0


def test_an_image_without_proposals_and_without_objects():
    with torch.inference_mode():
        stages = dict(laboratory.model().stages(torch.full((3, 32, 32), 0.5)))
    empty = torch.zeros(0, 32, 32, dtype=torch.bool)
    nothing = Instances(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), empty)
    view = laboratory.compute(nothing, stages, laboratory.WORTH, 5)
    assert view.number == 0 and "Nothing is proposed" in laboratory.caption(view)
    assert isinstance(laboratory.draw(view), Figure)


def test_moved_by_hand():
    lab = laboratory.lab()
    first = lab.image
    lab.controls["number"].value = 4
    assert lab.image != first and "the first 4" in lab.words
    lab.controls["order"].value = laboratory.OBJECT
    assert lab.state.iou.max() == lab.state.iou[lab.state.order[0]].max()
