"""The second laboratory of lesson 19, at the corners of its controls, by hand-made cases, and moved by hand."""

import itertools

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from pycocotools.mask import decode

from lessons_lib.course.labs import differences as laboratory
from lessons_lib.course.labs.differences import Side, View
from lessons_lib.data.sample import Instances
from lessons_lib.scoreboard.run import SHOWN
from lessons_lib.shipped import results

NAMES = list(laboratory.systems())
CORNERS = list(itertools.product((NAMES[0], NAMES[-1]), (NAMES[0], NAMES[-1]), (0, SHOWN - 1), (30, 95)))


@pytest.mark.parametrize("corner", CORNERS, ids=str)
def test_every_corner_can_be_computed_drawn_and_said(corner):
    view = laboratory.compute(*corner)
    assert isinstance(laboratory.draw(view), Figure)
    total = len(view.scene.instances)
    for side in view.sides:
        assert len(side.hits) == total and len(side.kinds) == len(side.found)
        assert side.kinds.count("right") == sum(side.hits)
        assert (side.found.scores >= corner[3] / 100).all()
        assert f"<b>{side.words}:</b> {sum(side.hits)} of {total} objects" in laboratory.caption(view)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_masks_and_boxes_are_those_of_the_table():
    """The run lengths as pycocotools reads them."""
    for number in range(SHOWN):
        entry = results("scoreboard")["rows"]["mnc"]["runs"][0]["found"][number]
        found = laboratory.detections("mnc", number)
        torch.testing.assert_close(found.boxes, torch.tensor(entry["boxes"]).reshape(-1, 4))
        size = list(laboratory.scenes()[number].label_map.shape)
        for counts, mask in zip(entry["masks"], found.known_masks, strict=True):
            theirs = decode({"size": size, "counts": counts})
            assert torch.equal(mask, torch.from_numpy(theirs).bool())


def test_one_system_beside_itself_differs_nowhere():
    view = laboratory.compute(NAMES[0], NAMES[0], 1, 50)
    assert laboratory.alone(*view.sides) == 0
    assert "Found by the first alone: 0; by the second alone: 0." in laboratory.caption(view)


def test_a_frame_stands_around_each_object_that_only_the_other_has_found():
    scene = laboratory.scenes()[0]
    truth = scene.instances
    assert len(truth) >= 2
    nothing = truth[:0]
    nothing = Instances(nothing.boxes, nothing.labels, nothing.masks, torch.zeros(0))
    everything = Instances(truth.boxes, truth.labels, truth.masks, torch.ones(len(truth)))
    blind = Side("blind", nothing, (), (False,) * len(truth))
    seeing = Side("seeing", everything, ("right",) * len(truth), (True,) * len(truth))
    figure = laboratory.draw(View(scene, 0, (blind, seeing)))

    def dashed(ax):
        return [patch for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_linestyle() == "--"]

    assert [len(dashed(ax)) for ax in figure.axes] == [0, len(truth), 0]
    x0, y0, x1, y1 = truth.boxes[0].tolist()
    frame = dashed(figure.axes[1])[0]
    assert frame.get_x() < x0 <= x1 <= frame.get_x() + frame.get_width() + 1 and frame.get_y() < y0 < y1
    said = laboratory.caption(View(scene, 0, (blind, seeing)))
    assert f"<b>blind:</b> 0 of {len(truth)} objects, no mistakes" in said
    assert f"Found by the first alone: 0; by the second alone: {len(truth)}." in said


def test_a_side_by_hand(monkeypatch):
    """Two detections of one object: the more confident one is right, the other double; of another class a third."""
    truth = laboratory.scenes()[0].instances
    box, label = truth.boxes[:1], truth.labels[:1]
    made = Instances(box.repeat(3, 1), torch.cat([label, label, label % 8 + 1]), None, torch.tensor([0.8, 0.9, 0.7]))
    monkeypatch.setattr(laboratory, "detections", lambda name, number: made)
    side = laboratory.side(NAMES[0], 0, 50)
    assert side.kinds == ("double", "right", "wrong class")
    assert side.hits == (True, *(False,) * (len(truth) - 1))
    assert laboratory.side(NAMES[0], 0, 85).kinds == ("right",)
    assert laboratory.side(NAMES[0], 0, 95).hits == (False,) * len(truth)


def test_moved_by_hand():
    lab = laboratory.lab()
    first = lab.image
    lab.controls["number"].value = 3
    assert lab.image != first
    second, said = lab.image, lab.words
    lab.controls["first"].value = NAMES[1]
    assert lab.image != second and lab.words != said
    lab.controls["least"].value = 95
    assert lab.words != said
