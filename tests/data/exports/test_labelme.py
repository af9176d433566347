"""labelme's JSON, written from its published format: pixels, classes, groups, masks, and what people do to files."""

import base64
import json

import numpy as np
import pytest
import torch
from matplotlib.path import Path as Outline
from PIL import Image
from pycocotools import mask as coco_mask

from lessons_lib.data.files import DamagedFile
from lessons_lib.data.open import open_dataset
from tests.data.published import photo, png
from tests.data.test_layouts import put

TRIANGLE = [[2.0, 1.0], [17.5, 3.0], [6.0, 14.5]]


def shape(label="cat", points=TRIANGLE, kind="polygon", **more):
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def record(*shapes, name="a.jpg", size=(16, 20), **more):
    fields = {"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": name, "imageData": None}
    return json.dumps(fields | {"imageHeight": size[0], "imageWidth": size[1]} | more, ensure_ascii=False)


def opened(root, split="all"):
    return open_dataset("auto", root, split)


def coco_pixels(points, height=16, width=20):
    runs = coco_mask.frPyObjects([np.ravel(points).tolist()], height, width)
    return torch.from_numpy(coco_mask.decode(coco_mask.merge(runs)).astype(bool))


@pytest.mark.filterwarnings("ignore:__array__ implementation")
def test_a_polygon_has_the_pixels_that_coco_gives_it(tmp_path):
    root = put(tmp_path, {"a.jpg": photo(16, 20), "a.json": record(shape())})
    samples = opened(root)
    sample = samples[0]
    assert samples.classes == ("background", "cat") and samples.names == ("a",)
    assert sample.instances.masks[0].equal(coco_pixels(TRIANGLE))
    assert sample.label_map.equal(coco_pixels(TRIANGLE).long()) and sample.instances.labels.tolist() == [1]
    centres = np.stack(np.meshgrid(np.arange(20) + 0.5, np.arange(16) + 0.5), -1).reshape(-1, 2)
    deep, near = (Outline(TRIANGLE).contains_points(centres, radius=r).reshape(16, 20) for r in (-0.8, 0.8))
    deep, near = (deep, near) if deep.sum() < near.sum() else (near, deep)
    mask = sample.instances.masks[0].numpy()
    assert deep.sum() > 50 and mask[deep].all() and not mask[~near].any()


def test_every_kind_of_shape(tmp_path):
    bits = base64.b64encode(png([[0, 255, 255], [255, 0, 255]])).decode()
    shapes = [
        shape("mask", [[4, 2], [6, 3]], "mask", mask=bits),
        shape("disc", [[10.0, 8.0], [14.0, 8.0]], "circle"),
        shape("box", [[18.0, 9.0], [15.0, 4.0]], "rectangle"),
        shape("dot", [[1.0, 1.0]], "point"),
    ]
    samples = opened(put(tmp_path, {"a.jpg": photo(16, 20), "a.json": record(*shapes)}))
    masks = samples[0].instances.masks
    assert samples.classes == ("background", "box", "disc", "mask")
    assert [samples.classes[label] for label in samples[0].instances.labels] == ["mask", "disc", "box"]
    assert masks[0].nonzero().tolist() == [[2, 5], [2, 6], [3, 4], [3, 6]]
    y, x = np.mgrid[:16, :20] + 0.5
    assert masks[1].equal(torch.from_numpy((x - 10) ** 2 + (y - 8) ** 2 <= 16))
    assert masks[2].nonzero().amin(0).tolist() == [4, 15] and masks[2].sum() == 15
    assert "1 shapes of kind point have no area and are left out" in samples.notes
    assert "1 of 3 objects are boxes among masks, and are drawn as filled boxes" in samples.notes


def test_a_circle_of_any_size_is_cut_at_the_borders(tmp_path):
    """A slip of the hand in a number; a mask of all its pixels would have been of terabytes."""
    shapes = [shape(points=[[-8.0, 8.0], [10.0**6, 8.0]], kind="circle"), shape("b", [[30, 8], [22, 8]], "circle")]
    sample = opened(put(tmp_path, {"a.jpg": photo(16, 20), "a.json": record(*shapes)}))[0]
    assert sample.instances.masks.all() and len(sample.instances) == 1  # the other is outside


def test_two_files_for_one_photograph_are_noted(tmp_path):
    samples = opened(put(tmp_path, {"a.jpg": photo(16, 20), "a.json": record(shape()), "copy.json": record(shape())}))
    assert len(samples) == 2 and "1 of the photographs are listed more than once" in samples.notes[0]
    assert "such as a.jpg" in samples.notes[0]
    put(tmp_path, {"copy.json": record(name="b.jpg"), "b.jpg": photo(16, 20)})
    assert opened(tmp_path).notes == ()


def test_shapes_of_one_group_are_one_object(tmp_path):
    left, right = [[1, 1], [4, 1], [4, 4], [1, 4]], [[10, 1], [14, 1], [14, 4], [10, 4]]
    shapes = [shape("cat", left, group_id=7), shape("dog", left), shape("cat", right, group_id=7), shape("cat", right)]
    masks = opened(put(tmp_path, {"a.jpg": photo(16, 20), "a.json": record(*shapes)}))[0].instances.masks
    assert masks.sum((1, 2)).tolist() == [9 + 12, 9, 12]


def test_classes_are_those_of_the_list_and_placeholders_are_none(tmp_path):
    files = {"a.jpg": photo(16, 20), "a.json": record(shape("zebra"), shape("_background_"))}
    files["labels.txt"] = "\ufeff__ignore__\r\n_background_\r\nzebra\r\nape\r\n"
    samples = opened(put(tmp_path, files))
    assert samples.classes == ("background", "zebra", "ape") and samples[0].instances.labels.tolist() == [1]


def test_rectangles_alone_are_boxes(tmp_path):
    root = put(tmp_path, {"a.jpg": photo(16, 20), "a.json": record(shape("cat", [[1, 2], [5.5, 6]], "rectangle"))})
    samples = opened(root)
    assert samples[0].instances.masks is None and samples[0].instances.boxes.tolist() == [[1, 2, 5.5, 6]]
    assert samples.lacks["masks"] == "it holds boxes and no masks; a detector of boxes, faster_rcnn, trains on them"
    assert (samples[0].label_map == 255).all()


@pytest.mark.parametrize(
    ("photo_name", "text", "json_name"),
    [
        ("Übung 1.JPG", record(shape(), name="Übung 1.jpg"), "Übung 1.json"),
        ("a.PNG", record(shape()), "a.JSON"),
        ("a.jpg", "\ufeff" + record(shape()), "a.json"),
        ("a.jpg", record(shape()).replace("{", "{\r\n"), "a.json"),
        ("images/a.jpg", record(shape(), name="..\\images\\a.jpg"), "labels/a.json"),
        ("b.jpg", record(shape()), "b.json"),  # both files were renamed
        ("a.jpg", record(shape(), imageHeight=None, imageWidth=None), "a.json"),
        ("a.jpg", record(shape()).replace('"shape_type": "polygon", ', ""), "a.json"),
    ],
    ids=[
        "umlaut and space",
        "capitals",
        "byte-order mark",
        "Windows lines",
        "Windows path",
        "renamed",
        "no size",
        "v3",
    ],
)
def test_slightly_other_files_are_read(tmp_path, photo_name, text, json_name):
    samples = opened(put(tmp_path, {photo_name: photo(16, 20), json_name: text}))
    assert samples[0].instances.masks.sum() > 90


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.json": record(shape())}, "a.jpg: is not there, though a.json names it"),
        ({"a.jpg": photo(9, 9), "a.json": record(shape())}, "imageWidth: must be that of a.jpg, (9, 9), got (16, 20)"),
        ({"a.jpg": photo(16, 20), "a.json": record(shape())[:-9] + "imagePath"}, "a.json: cannot be read as JSON"),
        ({"a.jpg": photo(16, 20), "a.json": record(shape(label=" "))}, "shapes[0], label: must be a name"),
        ({"a.jpg": photo(16, 20), "a.json": record(shape(points=[[1, 2]]))}, "points: must be at least 3 pairs"),
        ({"a.jpg": photo(16, 20), "a.json": record(shape(kind="star"))}, "shape_type: must be one of polygon"),
        ({"a.jpg": photo(16, 20), "a.json": record(shape(kind=["star"]))}, "shape_type: must be one of polygon"),
        (
            {"a.jpg": photo(16, 20), "a.json": record(shape(group_id=[1]))},
            "group_id: must be a number or null, got [1]",
        ),
        ({"a.jpg": photo(16, 20), "a.json": record(shape("m", [[1, 1], [2, 2]], "mask", mask="no"))}, "a PNG in base"),
        ({"a.jpg": photo(16, 20), "a.json": record(shape(points=[[900, 1], [1, 2], [3, 4]]))}, "near its image of 20"),
        ({"p/a.jpg": photo(16, 20), "q/a.jpg": photo(16, 20), "a.json": record(shape())}, "must be one file that a.js"),
        ({"a.jpg": photo(16, 20), "a.json": record(shape())[:60]}, "a.json: cannot be read as JSON"),
        ({"a.jpg": photo(16, 20), "a.json": ""}, "a.json: cannot be read as JSON"),
        ({"a.json": record(shape(), name="a" * 300 + ".jpg")}, "a.jpg: is not there, though a.json names it"),
        ({"a.jpg": b"", "a.json": record(shape())}, "a.jpg: is empty (0 bytes)"),
    ],
)
def test_damage_names_the_file_and_can_be_skipped(tmp_path, files, said):
    files |= {"b.jpg": photo(16, 20), "b.json": record(shape(), name="b.jpg")}
    samples = opened(put(tmp_path, files))
    with pytest.raises(DamagedFile) as caught:
        samples[0]
    assert said in str(caught.value) and str(tmp_path) in str(caught.value)
    skipping = open_dataset("auto", tmp_path, "all", on_error="skip")
    assert len(list(skipping)) == 1 and said in skipping.report()


def test_a_photograph_that_asks_to_be_turned_is_explained(tmp_path):
    turned = Image.new("RGB", (16, 20))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "a.jpg", exif=exif)
    put(tmp_path, {"a.json": record(shape())})
    with pytest.raises(
        DamagedFile, match=r"a.jpg asks to be turned .EXIF orientation 6., and its pixels count as they"
    ):
        opened(tmp_path)[0]
