"""The laboratory of lesson 20: every corner, damaged and empty images, faults in turn, and its buttons."""

import io

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from lessons_lib.course import planted
from lessons_lib.course.labs import label_viewer as laboratory
from lessons_lib.course.labs.lab import picture
from lessons_lib.course.labs.label_viewer import Fault, caption, draw, lab, next_fault, viewer
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.sample import Instances, Sample, Samples
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes

NOTHING = Instances(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 96, 96, dtype=torch.bool))


class Few(Samples):
    """Three scenes, one without objects, a damaged one, and one whose object has no pixel."""

    classes, colours, names = CLASSES, (), ("a", "b", "c", "empty", "broken", "thin")

    def __init__(self):
        self.scenes = draw_scenes(range(3), PRESETS["clear"])

    def __len__(self):
        return 6

    def __getitem__(self, index):
        if index == 4:
            raise DamagedFile("folder/broken.jpg", "is empty (0 bytes)")
        if index == 3:
            return Sample(self.scenes[0].image, torch.zeros(96, 96, dtype=torch.int64), NOTHING)
        if index == 5:
            thin = Instances(
                torch.tensor([[1.0, 1, 2, 2]]), torch.tensor([1]), torch.zeros(1, 96, 96, dtype=torch.bool)
            )
            return Sample(self.scenes[0].image, torch.zeros(96, 96, dtype=torch.int64), thin)
        return self.scenes[index]


class Boxes(Few):
    """One large image of which only the boxes are known."""

    names = ("large",)

    def __len__(self):
        return 1

    def __getitem__(self, index):
        boxes = Instances(torch.tensor([[100.0, 200, 900, 700]]), torch.tensor([2]), None)
        return Sample(torch.rand(3, 1000, 1500), torch.full((1000, 1500), 255), boxes)


SPLITS = {"train": Few(), "val": Boxes()}
FAULTS = [Fault("train", 4, "damaged"), Fault("val", 0, "a copy of a"), Fault("train", 3, "no object")]


@pytest.mark.parametrize("layer", laboratory.LAYERS)
@pytest.mark.parametrize(("split", "number"), [("train", 1), ("train", 4), ("train", 5), ("train", 6), ("val", 1)])
def test_every_corner_can_be_drawn_and_said(split, number, layer):
    view = viewer(SPLITS, FAULTS)(split, number, layer)
    assert isinstance(draw(view), Figure)
    assert Image.open(io.BytesIO(picture(draw, view))).size[0] > 500
    assert f"{split}, image {number} of {len(SPLITS[split])}" in caption(view)


def test_what_it_says():
    compute = viewer(SPLITS, FAULTS)
    assert "cannot be read: folder/broken.jpg: is empty (0 bytes)" in caption(compute("train", 5, laboratory.OBJECTS))
    assert caption(compute("val", 1, laboratory.OBJECTS)).endswith("1 object: 1 crate. <b>Fault:</b> a copy of a.")
    first = compute("train", 1, laboratory.OBJECTS)
    assert caption(first).endswith("No fault is known.") and f"{len(first.sample.instances)} object" in caption(first)
    assert compute("val", 6, laboratory.OBJECTS).number == 1  # beyond the end of a shorter split


def test_a_folder_is_recognised_and_its_faults_are_those_of_a_look(tmp_path):
    """As Roboflow exports a project: the copied image is named, and a damaged one."""
    planted.write_project(planted.project(), tmp_path)
    (tmp_path / "train" / "IMG_1021.png").write_bytes(b"")
    made = laboratory.lab_of(tmp_path)
    assert made.controls["split"].options == ("train", "val")
    fault = [*made.buttons][-1]
    made.press(fault)
    assert made.state.name == "IMG_1021" and "cannot be read" in made.words
    made.press(fault)
    assert made.state.number == planted.COPIED + 1 and "photo (1)" in made.words


def test_faults_come_in_turn_and_begin_again():
    places, place = [], ("train", 1)
    for _ in range(4):
        place = next_fault(FAULTS, list(SPLITS), *place)
        places.append(place)
    assert places == [("train", 4), ("train", 5), ("val", 1), ("train", 4)]
    assert next_fault([], list(SPLITS), "val", 1) == ("val", 1)


def test_the_buttons():
    made = lab(SPLITS, FAULTS)
    assert [*made.buttons] == ["previous", "next", "next fault (3)"]
    made.press("previous")  # there is none before the first
    assert made.state.number == 1
    made.press("next")
    assert made.state.number == 2 and "image 2 of 6" in made.words
    for expected in (("train", 4), ("train", 5), ("val", 1), ("train", 4)):
        made.press("next fault (3)")
        assert (made.state.split, made.state.number) == expected
        assert "Fault" in made.words or "cannot be read" in made.words
    assert made.controls["number"].max == 6


def test_an_empty_split():
    class Empty(Few):
        names = ()

        def __len__(self):
            return 0

    made = lab({"train": Empty()})
    assert "cannot be read: the split is empty" in made.words
