"""A look before training: counts worked by hand, and each planted fault found and named."""

import json

import pytest

from lessons_lib.data.exports.given_splits import split_by_name
from lessons_lib.data.look import look_at
from lessons_lib.data.report import report
from tests.data.exports.test_coco_json import image, note
from tests.data.exports.test_coco_json import record as coco
from tests.data.exports.test_labelme import record, shape
from tests.data.published import photo, png
from tests.data.test_layouts import put

SQUARE = [[2, 2], [6, 2], [6, 6], [2, 6]]


def grey(value):
    return png([[(value, value, x * 5) for x in range(20)]] * 16)


@pytest.fixture
def pets(tmp_path):
    """Three images of training and one of validation, of which one is damaged."""
    cats = [shape("cat", SQUARE), shape("cat", [[0, 0], [10, 0], [10, 8], [0, 8]])]
    put(tmp_path / "train", {"a.png": grey(10), "a.json": record(*cats, name="a.png")})
    put(tmp_path / "train", {"b.png": grey(90), "b.json": record(name="b.png")})
    put(tmp_path / "train", {"c.png": b"", "c.json": record(shape("cat", SQUARE), name="c.png")})
    put(tmp_path / "val", {"d.png": grey(170), "d.json": record(shape("dog", SQUARE), name="d.png")})
    return tmp_path


def test_what_is_counted(pets):
    look = look_at(pets)
    assert (look.layout, look.also, look.classes) == ("labelme", (), ("background", "cat", "dog"))
    assert look.splits == {"train": 3, "val": 1} and not look.splits_made
    assert look.objects == {"cat": {"train": 2}, "dog": {"val": 1}}
    assert look.areas["cat"] == [16 / 320, 80 / 320] and look.areas["dog"] == [16 / 320]
    assert dict(look.sizes) == {(16, 20): 3} and look.empty == 1 and look.damaged == 1


def test_faults_of_images_and_classes(pets):
    found = [(fault.kind, fault.split, fault.name) for fault in look_at(pets).faults]
    assert found == [("broken file", "train", "c"), ("missing class", "val", "cat"), ("missing class", "train", "dog")]


def test_a_leak_is_named_from_both_sides(pets):
    put(pets / "val", {"e.png": grey(11), "e.json": record(shape("cat", SQUARE), name="e.png")})
    leaks = [fault for fault in look_at(pets).faults if fault.kind == "near duplicate"]
    assert [(leak.split, leak.name) for leak in leaks] == [("train", "a")] and "val e" in leaks[0].what


def test_objects_that_are_odd(tmp_path):
    thin = [5.1, 5.1, 5.2, 5.1, 5.2, 5.15]
    notes = [
        note(),
        note(2),
        note(3, segmentation=[thin], bbox=[5, 5, 0, 0]),
        note(4, bbox=[1, 1, 30, 2], category_id=3),
    ]
    put(tmp_path, {"a.jpg": photo(16, 20), "x.json": coco([image()], notes)})
    found = {fault.kind: fault.what for fault in look_at(tmp_path).faults}
    assert found["empty object"] == "1 of 4 objects cover no pixel and are left out"
    assert found["duplicate object"] == "1 of 3 objects are there twice, pixel by pixel"
    assert found["box outside"] == "a box reaches 1, 1 to 31, 3 of 20 × 16 pixels"


def test_classes_that_are_called_almost_alike(tmp_path):
    put(tmp_path, {"a.jpg": photo(16, 20), "a.json": record(shape("fire truck"), shape("Fire-Truck"))})
    fault = next(fault for fault in look_at(tmp_path).faults if fault.kind == "similar names")
    assert fault.name == "fire truck" and fault.what == "is a class beside 'Fire-Truck': are they one?"


def test_label_maps_count_images(tmp_path):
    put(tmp_path, {f"images/{i}.png": grey(50 * i) for i in range(3)})
    put(tmp_path, {f"masks/{i}.png": png([[0] * 20] * 8 + [[i] * 20] * 8) for i in range(3)})
    look = look_at(tmp_path)
    assert look.splits_made and look.empty == 1 and sum(look.splits.values()) == 3
    assert look.objects == {f"class {i}": {split_by_name(str(i)): 1} for i in (1, 2)} or look.splits["val"] == 1
    assert look.areas == {"class 1": [0.5], "class 2": [0.5]}


def test_a_published_set_is_looked_at_too(tmp_path):
    for number in range(5):
        put(tmp_path, {f"p{number}_rgb.png": grey(number * 40), f"p{number}_label.png": png([[1] * 20] * 16)})
    look = look_at(tmp_path)
    assert look.layout == "leaves" and look.splits == {"train": 4, "val": 1}
    assert look_at(tmp_path, "leaves").chosen


def test_a_set_with_words_of_its_own_for_its_splits(tmp_path):
    for number, split in enumerate(("train2017", "val2017")):
        put(tmp_path, {f"{split}/a.jpg": photo(16, 20, number * 90)})
        put(tmp_path, {f"annotations/instances_{split}.json": coco()})
    look = look_at(tmp_path)
    assert look.layout == "coco2017" and look.splits == {"train": 1, "val": 1}
    assert look.objects == {"cat": {"train": 1, "val": 1}}


def test_the_report_says_it_line_by_line(pets):
    lines = report(look_at(pets))
    assert lines[:4] == [
        "layout   labelme",
        "splits   train 3, val 1",
        "sizes    20 × 16 pixels",
        "classes  2, objects in train / val, share of the image: least, median, most",
    ]
    assert lines[4].split() == ["cat", "2", "/", "0", "5.00%", "15.00%", "25.00%"]
    assert lines[5].split() == ["dog", "0", "/", "1", "5.00%", "5.00%", "5.00%"]
    assert lines[6] == "empty    1 image without any label"
    assert lines[7] == "faults   3: 1 broken file, 2 missing class"
    assert lines[8].strip().startswith("broken file: train c: ") and "c.png: is empty (0 bytes)" in lines[8]
    assert lines[9].strip() == "missing class: val cat: only train has it, so that it is not scored"


def test_many_faults_are_counted(tmp_path):
    put(tmp_path, {f"{i:02d}.json": json.dumps({"shapes": [], "imagePath": f"{i:02d}.png"}) for i in range(25)})
    put(tmp_path, {"z.png": grey(1), "z.json": record(shape("cat", SQUARE), name="z.png")})
    lines = report(look_at(tmp_path))
    assert "25 missing file" in next(line for line in lines if line.startswith("faults"))
    assert any(line.strip() == "missing file: 5 more" for line in lines)
