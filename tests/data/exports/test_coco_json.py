"""COCO's JSON as each tool lays it out, byte by byte: found, matched with its photographs, and the same pixels."""

import json
import re

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from lessons_lib.data.files import DamagedFile
from lessons_lib.data.open import open_dataset, recognised
from tests.data.published import photo
from tests.data.test_layouts import put

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")
POLYGON = [2.0, 1.0, 17.5, 3.0, 6.0, 14.5]
CATS = ({"id": 1, "name": "cat", "supercategory": ""}, {"id": 3, "name": "dog", "supercategory": ""})


def image(name="a.jpg", number=1, **more):
    return {"id": number, "file_name": name, "height": 16, "width": 20} | more


def note(number=1, image_id=1, category_id=1, **more):
    fields = {"id": number, "image_id": image_id, "category_id": category_id, "segmentation": [POLYGON]}
    return fields | {"bbox": [2, 1, 15.5, 13.5], "area": 100.0, "iscrowd": 0} | more


def record(images=None, annotations=None, categories=CATS):
    images = [image()] if images is None else images
    parts = {"images": images, "annotations": [note()] if annotations is None else annotations}
    return json.dumps(parts | {"categories": list(categories)}, ensure_ascii=False)


def pixels(polygons=(POLYGON,)):
    runs = coco_mask.frPyObjects(list(polygons), 16, 20)
    return torch.from_numpy(coco_mask.decode(coco_mask.merge(runs)).astype(bool))


ROBOFLOW = [
    {"id": 0, "name": "my-pets", "supercategory": "none"},
    {"id": 1, "name": "cat", "supercategory": "my-pets"},
    {"id": 2, "name": "dog", "supercategory": "my-pets"},
]
LABELME2COCO = [{"id": 0, "name": "cat", "supercategory": "cat"}]
BACKGROUND = [{"id": 0, "name": "_background_", "supercategory": None}, *CATS]
LAYOUTS = {
    "Roboflow": (
        {"train/a_jpg.rf.0a1b.jpg": photo(16, 20), "train/_annotations.coco.json": ("a_jpg.rf.0a1b.jpg", ROBOFLOW)},
        "cat dog",
    ),
    "CVAT": (
        {"images/Train/a.jpg": photo(16, 20), "annotations/instances_Train.json": ("Train/a.jpg", CATS)},
        "cat dog",
    ),
    "CVAT, one task": (
        {"images/a.jpg": photo(16, 20), "annotations/instances_default.json": ("a.jpg", CATS)},
        "cat dog",
    ),
    "labelme2coco": ({"pictures/a.jpg": photo(16, 20), "dataset.json": ("C:\\me\\a.jpg", LABELME2COCO)}, "cat"),
    "labelme's script": (
        {"JPEGImages/a.jpg": photo(16, 20), "annotations.json": ("JPEGImages/a.jpg", BACKGROUND)},
        "cat dog",
    ),
    "VIA": ({"a.jpg": photo(16, 20), "via_project_coco.json": ("a.jpg", CATS)}, "cat dog"),
    "Label Studio": (
        {"images/3f2a-a.jpg": photo(16, 20), "result.json": ("../../files/images\\3f2a-a.jpg", CATS)},
        "cat dog",
    ),
}


@pytest.mark.parametrize("tool", LAYOUTS)
def test_wherever_it_lies(tmp_path, tool):
    files, names = LAYOUTS[tool]
    for name, content in files.items():
        if isinstance(content, tuple):
            called, categories = content
            file = record([image(called)], [note(category_id=categories[-1]["id"])], categories)
            put(tmp_path, {name: file})
        else:
            put(tmp_path, {name: content})
    assert [spec.name for spec in recognised(tmp_path)] == ["coco_json"]
    samples = open_dataset("auto", tmp_path, "all")
    assert samples.classes == ("background", *names.split()) and len(samples) == 1
    sample = samples[0]
    assert sample.instances.labels.tolist() == [len(names.split())]
    assert sample.instances.masks[0].equal(pixels()) and sample.instances.boxes.tolist() == [[2, 1, 17.5, 14.5]]
    assert sample.label_map.equal(pixels() * len(names.split()))
    assert all(path.is_file() for path in samples.paths(0))


def test_splits_that_are_given(tmp_path):
    for folder, number in (("train", 1), ("valid", 2), ("test", 3)):
        files = {f"{name}{number}.jpg": photo(16, 20) for name in "ab"}
        images = [image(f"{name}{number}.jpg", i) for i, name in enumerate("ab")]
        used = [] if folder == "test" else [note(category_id=number, image_id=0)]
        put(tmp_path / folder, files | {"_annotations.coco.json": record(images, used, ROBOFLOW)})
    opened = {split: open_dataset("auto", tmp_path, split) for split in ("train", "val", "valid", "test", "all")}
    assert {split: samples.names for split, samples in opened.items()} == {
        **{"train": ("a1", "b1"), "val": ("a2", "b2"), "valid": ("a2", "b2"), "test": ("a3", "b3")},
        "all": ("a1", "a2", "a3", "b1", "b2", "b3"),
    }
    assert not opened["train"].splits_made and opened["train"].splits == {"train": 2, "val": 2, "test": 2}
    assert opened["train"][0].instances.labels.tolist() == [1] and opened["val"][0].instances.labels.tolist() == [2]
    assert len(opened["test"][0].instances) == 0 and opened["test"].classes == ("background", "cat", "dog")


def test_classes_are_matched_by_name_over_files(tmp_path):
    put(tmp_path, {"a.jpg": photo(16, 20), "b.jpg": photo(16, 20)})
    put(tmp_path, {"train.json": record([image("a.jpg")], [note(category_id=1)], [{"id": 1, "name": "cat"}])})
    turned = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
    put(tmp_path, {"val.json": record([image("b.jpg")], [note(), note(2, category_id=2)], turned)})
    put(tmp_path, {"all.json": record([image("a.jpg"), image("b.jpg", 2)], [], turned)})
    samples = open_dataset("auto", tmp_path, "val")
    assert samples.classes == ("background", "cat", "dog") and samples[0].instances.labels.tolist() == [2, 1]
    assert samples.notes == ("all.json left out, since others are named after splits",)


def test_run_lengths_crowds_and_boxes_among_masks(tmp_path):
    mask = torch.zeros(16, 20, dtype=torch.bool)
    mask[3:9, 4:9] = True
    mask[5:7, 6:8] = False  # a hole
    runs = coco_mask.encode(np.asfortranarray(mask.numpy().astype("uint8")))
    runs["counts"] = runs["counts"].decode()
    notes = [note(segmentation=runs), note(2, segmentation=[], bbox=[1, 1, 2, 3]), note(3, iscrowd=1)]
    put(tmp_path, {"a.jpg": photo(16, 20), "x.json": record(annotations=notes)})
    samples = open_dataset("auto", tmp_path, "all")
    instances = samples[0].instances
    assert instances.masks[0].equal(mask) and instances.is_crowd.tolist() == [False, False, True]
    assert instances.masks[1].sum() == 6 and instances.masks[1, 1:4, 1:3].all()
    assert samples.notes == ("1 of 3 objects are boxes among masks, and are drawn as filled boxes",)


def test_boxes_alone(tmp_path):
    notes = [note(segmentation=[]), note(2, segmentation=None, bbox=[1, 2, 3, 4])]
    put(tmp_path, {"a.jpg": photo(16, 20), "x.json": record(annotations=notes)})
    samples = open_dataset("auto", tmp_path, "all")
    assert samples[0].instances.masks is None and samples[0].instances.boxes[1].tolist() == [1, 2, 4, 6]
    assert set(samples.lacks) == {"masks", "label maps"}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace(", ", ",\r\n"),
        lambda text: text.replace("[[2.0", "[2.0").replace("14.5]]", "14.5]"),
        lambda text: text.replace('"id": 1, "image_id"', '"image_id"'),
        lambda text: text.replace('"bbox": [2, 1, 15.5, 13.5], ', ""),
        lambda text: text.replace('"id": 1, "file', '"id": "1", "file').replace('"image_id": 1', '"image_id": "1"'),
        lambda text: text.replace('"id": 1, "file', '"id": "a.jpg77", "file').replace(
            'id": 1, "cat', 'id": "a.jpg77", "cat'
        ),
        lambda text: text.replace('"height": 16', '"height": 0').replace('"width": 20', '"width": null'),
        lambda text: text.replace('"supercategory": ""', '"supercategory": ["animal"]'),
        lambda text: text.replace("a.jpg", "A.JPEG"),
        lambda text: text.replace('"a.jpg"', '"some/where%20else/a.jpg"'),
    ],
    ids=[
        "BOM",
        "Windows",
        "flat",
        "no id",
        "no box",
        "text id",
        "name as id",
        "no size",
        "list above",
        "capitals",
        "path",
    ],
)
def test_what_tools_write_otherwise(tmp_path, change):
    text = change(record())
    assert text != record()
    put(tmp_path, {"a.jpg": photo(16, 20), "x.json": text})
    sample = open_dataset("auto", tmp_path, "all")[0]
    assert sample.instances.masks[0].equal(pixels()) and sample.instances.boxes.tolist() == [[2, 1, 17.5, 14.5]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (record()[:-20], "x.json: cannot be read as JSON"),
        (record(categories=[]), "x.json, categories: must hold those of the annotations, got none"),
        (record(categories=[CATS[0], CATS[0]]), "x.json, categories[1], id: must be there once, got 1 again"),
        (record().encode("cp1252").replace(b'"cat"', b'"k\xe4tze"'), "x.json: cannot be read as JSON: 'utf-8' codec"),
    ],
)
def test_a_broken_file_is_named_at_once(tmp_path, text, said):
    put(tmp_path, {"a.jpg": photo(16, 20), "x.json": text})
    with pytest.raises(DamagedFile, match=re.escape(said)):
        open_dataset("auto", tmp_path, "all")


@pytest.mark.parametrize(
    ("images", "annotations", "said"),
    [
        (
            [image("b.jpg")],
            [note()],
            "b.jpg: is not there, though x.json names it; put it right, or leave the image out",
        ),
        ([image(height=20, width=16)], [note()], "x.json, image 1, height and width: must be that of a.jpg, (16, 20)"),
        (
            [image()],
            [note(segmentation=[[1, 2, 3, 4]])],
            "x.json, annotation 1, segmentation: must hold polygons of x, y",
        ),
        (
            [image()],
            [note(segmentation={"size": [1, 2], "counts": [2]})],
            "segmentation: must be as large as its image",
        ),
    ],
)
def test_a_broken_image_is_named_when_it_is_read(tmp_path, images, annotations, said):
    put(tmp_path, {"a.jpg": photo(16, 20), "x.json": record(images, annotations)})
    with pytest.raises(DamagedFile, match=re.escape(said)):
        open_dataset("auto", tmp_path, "all")[0]


def test_a_photograph_that_two_files_list_is_noted(tmp_path):
    """As a backup beside the file leaves it: its objects would be learned twice, the old and the new ones."""
    put(tmp_path, {"a.jpg": photo(16, 20), "x.json": record(), "x (1).json": record()})
    (said,) = open_dataset("auto", tmp_path, "all").notes
    assert said.startswith("1 of the photographs are listed more than once, and counted as often, such as a.jpg")


def test_names_that_no_file_can_have(tmp_path):
    """Half of a pair of UTF-16, and one that is too long for a disk."""
    images = [image("HALF.jpg"), image("a" * 300 + ".jpg", 2), image("b.jpg", 3)]
    put(tmp_path, {"b.jpg": photo(16, 20), "x.json": record(images, []).replace("HALF", "\\ud800")})
    samples = open_dataset("auto", tmp_path, "all", on_error="skip")
    assert len(list(samples)) == 1
    assert samples.report().count("is not there, though x.json names it") == 2


def test_an_object_without_a_pixel_is_left_out(tmp_path):
    thin = [5.1, 5.1, 5.2, 5.1, 5.2, 5.15]
    put(tmp_path, {"a.jpg": photo(16, 20), "x.json": record(annotations=[note(segmentation=[thin]), note(2)])})
    samples = open_dataset("auto", tmp_path, "all")
    assert len(samples[0].instances) == 1 and len(samples.items[0].shapes) == 2
