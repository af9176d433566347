"""VIA's JSON, written from its published format: versions 1 and 2, projects, attributes, and damage."""

import json

import pytest
import torch

from lessons_lib.data.files import DamagedFile
from lessons_lib.data.open import open_dataset
from tests.data.exports.test_coco_json import pixels
from tests.data.published import photo
from tests.data.test_layouts import put

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")
POLYGON = {"name": "polygon", "all_points_x": [2, 17.5, 6], "all_points_y": [1, 3, 14.5]}


def region(shape=POLYGON, **attributes):
    return {"shape_attributes": shape, "region_attributes": attributes}


def entry(*regions, name="a.jpg"):
    return {f"{name}901": {"filename": name, "size": 901, "regions": list(regions), "file_attributes": {}}}


def opened(root, content, split="all", name="via_region_data.json"):
    text = content if isinstance(content, str) else json.dumps(content)
    return open_dataset("auto", put(root, {"a.jpg": photo(16, 20), name: text}), split)


def test_the_balloon_layout(tmp_path):
    for folder, name in (("train", "a b.jpg"), ("val", "ö.jpg")):
        old = {key: value | {"regions": {"0": region()}} for key, value in entry(name=name).items()}  # version 1
        put(tmp_path / folder, {name: photo(16, 20), "via_region_data.json": json.dumps(old)})
    for split, name in (("train", "a b"), ("val", "ö")):
        samples = open_dataset("auto", tmp_path, split)
        assert samples.names == (name,) and samples.classes == ("background", "object") and not samples.splits_made
        assert samples[0].instances.masks[0].equal(pixels())


def test_a_project_with_classes_in_its_order(tmp_path):
    project = {
        "_via_settings": {},
        "_via_img_metadata": entry(region(**{"class": "ape"}), region(**{"class": "zebra"})),
        "_via_attributes": {"region": {"class": {"type": "dropdown", "options": {"zebra": "", "ape": "", "eel": ""}}}},
    }
    samples = opened(tmp_path, project)
    assert samples.classes == ("background", "zebra", "ape") and samples[0].instances.labels.tolist() == [2, 1]


@pytest.mark.parametrize("attributes", [{"species": "cat"}, {"Label": " cat "}, {"name": {"cat": True, "dog": False}}])
def test_the_attribute_that_holds_the_class(tmp_path, attributes):
    assert opened(tmp_path, entry(region(**attributes))).classes == ("background", "cat")


def test_round_shapes_boxes_and_points(tmp_path):
    shapes = [
        {"name": "circle", "cx": 10, "cy": 8, "r": 4.0},
        {"name": "ellipse", "cx": 10, "cy": 8, "rx": 6, "ry": 3, "theta": 0},
        {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4},
        {"name": "point", "cx": 1, "cy": 1},
    ]
    samples = opened(tmp_path, entry(*map(region, shapes)))
    masks = samples[0].instances.masks
    y, x = torch.meshgrid(torch.arange(16) + 0.5, torch.arange(20) + 0.5, indexing="ij")
    assert masks[0].equal((x - 10) ** 2 + (y - 8) ** 2 <= 16)
    assert masks[1].equal(((x - 10) / 6) ** 2 + ((y - 8) / 3) ** 2 <= 1)
    assert masks[2].sum() == 12 and masks[2, 2:6, 1:4].all()
    assert samples.notes[0] == "1 regions of kind point have no area and are left out"
    turned = opened(tmp_path, entry(region(shapes[1] | {"theta": 1.5707963267948966})))[0].instances.masks[0]
    assert turned.equal(((x - 10) / 3) ** 2 + ((y - 8) / 6) ** 2 <= 1)


def test_rectangles_alone_are_boxes(tmp_path):
    samples = opened(tmp_path, entry(region({"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4})))
    assert samples[0].instances.masks is None and samples[0].instances.boxes.tolist() == [[1, 2, 4, 6]]


@pytest.mark.parametrize(
    "change", [lambda t: "\ufeff" + t, lambda t: t.replace(", ", ",\r\n"), lambda t: t.replace("a.jpg", "A.JPEG")]
)
def test_slightly_other_files_are_read(tmp_path, change):
    assert opened(tmp_path, change(json.dumps(entry(region()))), name="My Project.JSON")[0].instances.masks.any()


def test_an_image_without_regions_has_no_objects(tmp_path):
    samples = opened(tmp_path, entry(region()) | entry(name="b.jpg") if put(tmp_path, {"b.jpg": photo(4, 4)}) else {})
    assert [len(sample.instances) for sample in samples] == [1, 0]


def test_a_rectangle_drawn_to_the_left_and_upward(tmp_path):
    sides = {"name": "rect", "x": 14, "y": 6, "width": -10, "height": -4}
    sample = opened(tmp_path, entry(region(sides, label="cat")) | {})[0]
    assert sample.instances.boxes.tolist() == [[4, 2, 14, 6]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (entry(region(), name="b.jpg"), "b.jpg: is not there, though via_region_data.json names it"),
        (
            entry(region(kind="x", colour="red")),
            "region_attributes: must hold one attribute, or one called class or label",
        ),
        (entry(region(label="")), "regions[0], label: must name one class"),
        (
            entry(region({"name": "polygon", "all_points_x": [1], "all_points_y": []})),
            "must hold all_points_x and all_poi",
        ),
        (entry(region(label=None)), "regions[0], label: must name one class, got null"),
        (entry(region(label=["cat"])), 'regions[0], label: must name one class, got ["cat"]'),
        (entry(region({"name": ["spiral"]})), "name: must be one of polygon, rect, circle, ellipse, got"),
        (entry(region({"name": "spiral"})), "name: must be one of polygon, rect, circle, ellipse, got"),
        (entry(region({"name": "circle", "cx": 1})), "must hold numbers cx, cy, r, got"),
        (entry({"shape_attributes": 7}), "shape_attributes: must be an object, got 7"),
    ],
)
def test_damage_names_the_file_and_can_be_skipped(tmp_path, content, said):
    put(tmp_path, {"c.jpg": photo(16, 20)})
    samples = opened(tmp_path, content | entry(region(), name="c.jpg"))
    with pytest.raises(DamagedFile) as caught:
        samples[0]
    assert said in str(caught.value) and "via_region_data.json" in str(caught.value)
    assert len(list(open_dataset("auto", tmp_path, "all", on_error="skip"))) == 1


def test_a_broken_file_is_named_at_once(tmp_path):
    for text, said in (
        ('{"a": {"filename": "a.jpg", "regions": [}}', "cannot be read as JSON"),
        ('{"a":{"filename":7,"regions":0}}', "must be the n"),
    ):
        with pytest.raises(DamagedFile, match=said):
            opened(tmp_path, text)
