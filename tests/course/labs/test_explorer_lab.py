"""The dataset explorer at the corners of its controls, moved by hand, over scenes and a set from the disk."""

import io
import itertools

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from lessons_lib.course.labs import explorer as laboratory
from lessons_lib.course.labs.lab import picture
from lessons_lib.data.objects import instances_of
from lessons_lib.data.sample import Sample
from tests.data.published import photo, png
from tests.yardstick import assert_takes_at_most

SETS = laboratory.scene_sets()
CORNERS = list(itertools.product(SETS, (0, 99), laboratory.VIEWS))


class Large:
    """One large picture: a column of void, a crowd and an object."""

    classes, names = ("ground", "thing"), ("large",)

    def __len__(self):
        return 1

    def __getitem__(self, index):
        labels = torch.zeros(400, 1000, dtype=torch.int64)
        labels[:, :100], labels[100:200, 300:500] = 255, 1
        masks = torch.stack([labels == 1, torch.zeros(400, 1000, dtype=torch.bool)])
        masks[1, 300:, 500:] = True
        return Sample(torch.rand(3, 400, 1000), labels, instances_of(masks, [1, 1], crowds=[False, True]))


@pytest.fixture(scope="module")
def lab():
    return laboratory.lab(sets=SETS)


@pytest.mark.parametrize("corner", CORNERS)
def test_compute_and_draw_at_the_corners(corner):
    title, number, view = corner
    page = laboratory.compute(SETS, title, number, view)
    assert page.sample.label_map.equal(SETS[title][number].label_map) and page.name == f"scene {number}"
    assert isinstance(laboratory.draw(page), Figure) and laboratory.caption(page).startswith("<b>")


def test_numbers_beyond_the_last_are_the_last():
    assert laboratory.compute(SETS, "scenes, easy", 500, "classes").number == 99


def test_a_large_picture_is_drawn_smaller_and_counted_whole():
    page = laboratory.compute({"large": Large()}, "large", 0, "objects and boxes")
    assert page.size == (400, 1000) and page.sample.label_map.shape == (134, 334)
    assert page.statistics.areas.tolist() == [20_000] and page.statistics.void == 40_000
    assert page.sample.instances.boxes[0].tolist() == [
        100,
        pytest.approx(100 / 3),
        pytest.approx(500 / 3),
        pytest.approx(200 / 3),
    ]
    words = laboratory.caption(page)
    assert words.startswith("<b>1 object</b> and 1 crowd, the smallest of 20000 and the largest of 20000 pixels; 10.0%")
    assert words.endswith("Picture 0 of 1 in large, 400 × 1000 pixels.")


def test_a_set_on_the_disk_is_shown_beside_the_scenes(tmp_path):
    for number in range(5):
        (tmp_path / f"plant{number}_rgb.png").write_bytes(photo(2, 2))
        (tmp_path / f"plant{number}_label.png").write_bytes(png([[0, 1], [2, 2]]))
    lab = laboratory.lab(tmp_path)
    assert list(lab.controls["title"].options) == [*SETS, f"leaves in {tmp_path.name}"]
    lab.controls["title"].value = f"leaves in {tmp_path.name}"
    assert lab.controls["number"].max == 0 and lab.state.name == "plant4"
    assert lab.words.startswith("<b>2 objects</b>")


def test_controls_redraw_picture_and_number(lab):
    before, words = lab.image, lab.words
    lab.controls["view"].value = "classes"
    assert lab.image != before and lab.words == words
    lab.controls["title"].value = "scenes, crowded"
    assert lab.words != words and lab.state.title == "scenes, crowded"
    for value in (0, 99):
        lab.controls["number"].value = value
        assert lab.state.number == value
    lab.controls["title"].value, lab.controls["view"].value, lab.controls["number"].value = "scenes, easy", "objects", 3
    assert lab.image == before and Image.open(io.BytesIO(before)).size[0] > 400


def test_it_redraws_quickly():
    """In a third of a second on a slow machine."""

    def redrawn():
        picture(laboratory.draw, laboratory.compute(SETS, "scenes, crowded", 6, "objects and boxes"))

    assert_takes_at_most(8, redrawn, rounds=5)
