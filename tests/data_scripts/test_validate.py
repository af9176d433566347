"""The validator finds what was planted, with its file and field, and nothing in clean sets."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from data_scripts.make_scenes import LAYOUTS, make_scenes
from data_scripts.validate import main, validate
from lessons_lib.data.scenes import PRESETS
from tests.data.published import photo, png

COUNT = 3


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Every layout written once, and checked to be clean."""
    home = tmp_path_factory.mktemp("clean")
    config = replace(PRESETS["easy"], size=32, objects=(2, 3))
    for layout in LAYOUTS:
        make_scenes(layout, home / layout, COUNT, config, seed=4)
    return home


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_is_found_in_clean_scenes(clean, layout):
    report = validate(clean / layout)
    assert report.findings == []
    assert {name for name, _ in report.splits} == {layout}
    assert list(report.splits.values()) == [[COUNT, COUNT]]


@pytest.mark.skipif("LESSONS_REAL_DATA" not in os.environ, reason="LESSONS_REAL_DATA is not set")
@pytest.mark.parametrize(
    ("folder", "count"), [("coco2017_ccby136", 136), ("nuclei_dsb2018_120", 120), ("nuclei_cvppp_layout40", 40)]
)
def test_nothing_is_found_in_real_sets(folder, count):
    root = Path(os.environ["LESSONS_REAL_DATA"]) / folder
    if not root.is_dir():
        pytest.skip(f"{root} is not there")
    report = validate(root)
    assert sum(whole for _, whole in report.splits.values()) == count
    in_both = {path.name for path in root.glob("train2017/*.jpg")} & {path.name for path in root.glob("val2017/*.jpg")}
    assert len(in_both) == (11 if folder.startswith("coco") else 0)  # this sample of COCO has them in both folders
    assert [(found.kind, found.file) for found in report.findings] == [
        ("duplicate", f"val2017/{name}") for name in sorted(in_both)
    ]


def cut(file):
    file.write_bytes(file.read_bytes()[:-60])


def empty(file):
    file.write_bytes(b"")


def web_page(file):
    file.write_bytes(b"<!DOCTYPE html><title>404 Not Found</title>")


def flipped_byte(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 255
    file.write_bytes(bytes(data))


def pixel(value, place=(0, 0)):
    """Set one pixel of a map of numbers, in its own mode."""

    def plant(file):
        with Image.open(file) as picture:
            values, palette = np.array(picture), picture.getpalette()
        values[place] = value
        changed = Image.fromarray(values)
        if palette:
            changed.putpalette(palette)
        changed.save(file)

    return plant


def other_size(file):
    with Image.open(file) as picture:
        picture.crop((0, 0, 31, 32)).save(file, format="png")


def colours(file):
    with Image.open(file) as picture:
        picture.convert("RGB").save(file)


def text(old, new):
    def plant(file):
        content = file.read_text("utf-8")
        assert old in content
        file.write_text(content.replace(old, new, 1), encoding="utf-8")

    return plant


def coco(change):
    """Change the record of a COCO JSON in place."""

    def plant(file):
        record = json.loads(file.read_text())
        change(record)
        file.write_text(json.dumps(record))

    return plant


def first(**values):
    return coco(lambda record: record["annotations"][0].update(values))


def runs(counts):
    return first(segmentation={"size": [32, 32], "counts": counts})


SEG = "annotation 1, segmentation"
BAD = "broken annotation"
JPG, CLASSES = "VOCdevkit/VOC2012/JPEGImages/scene_000001.jpg", "VOCdevkit/VOC2012/SegmentationClass/scene_000001.png"
OBJECTS, XML = CLASSES.replace("Class", "Object"), "VOCdevkit/VOC2012/Annotations/scene_000001.xml"
LIST = "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt"
COCO = "annotations/instances_train2017.json"
IDS = "gtFine/train/scenes/scenes_000001_000019_gtFine_labelIds.png"
MAPS = "ADEChallengeData2016/annotations/training/ADE_train_00000002.png"
NUCLEUS = f"stage1_train/{0:064x}/masks/{0:064x}.png"

PLANTED = [
    ("voc2012", JPG, cut, "broken file", "", "truncated"),
    ("voc2012", JPG, empty, "broken file", "", "is empty (0 bytes)"),
    ("voc2012", JPG, web_page, "broken file", "", "cannot identify image file"),
    ("voc2012", JPG, Path.unlink, "missing file", "", "is not there"),
    ("voc2012", JPG, other_size, "wrong size", "", "must be as large as its image"),
    ("voc2012", CLASSES, flipped_byte, "broken file", "", "cannot be read as an image"),
    ("voc2012", CLASSES, Path.unlink, "missing file", "", "is not there"),
    ("voc2012", CLASSES, colours, "broken file", "", "must be an image of numbers"),
    ("voc2012", CLASSES, other_size, "wrong size", "", "(32, 32), got (32, 31)"),
    ("voc2012", CLASSES, pixel(21), "unknown label", "pixels", "got 21 in 1 pixels"),
    ("voc2012", CLASSES, pixel(255, ...), "unknown label", "", "must lie on some class"),
    ("voc2012", OBJECTS, empty, "broken file", "", "is empty"),
    ("voc2012", XML, cut, "broken file", "", "cannot be read as XML"),
    ("voc2012", XML, text("<width>32", "<width>33"), "wrong size", "size", "got (33.0, 32.0)"),
    ("voc2012", XML, text("<xmin>", "<xmin>-"), "box outside", "object 1, bndbox", "must lie in pixels 1 to 32"),
    ("voc2012", XML, text("<xmax>", "<xmax>9"), "box outside", "object 1, bndbox", "must lie in pixels 1 to 32"),
    ("voc2012", XML, text("<ymax>", "<ymax>x"), BAD, "object 1, bndbox", "must be numbers"),
    ("voc2012", XML, text("<ymax>", "<ymax>1e999"), BAD, "object 1, bndbox", "must be numbers"),
    ("voc2012", LIST, text("scene_000002", "scene_000001"), "duplicate", "", "must be listed once, got 2 times"),
    ("voc2012", LIST, text("scene_000002", "scene_000009"), "missing file", "", "is not there"),
    ("voc2012", LIST, empty, "missing file", "voc2012, train", "must hold an image, got none"),
    ("coco2017", COCO, cut, "broken file", "", "cannot be read as JSON"),
    ("coco2017", COCO, coco(lambda r: r.pop("categories")), "broken file", "categories", "must be a list, got"),
    ("coco2017", COCO, coco(lambda r: r["annotations"][0].pop("bbox")), BAD, "annotation 1, bbox", "is missing"),
    ("coco2017", COCO, coco(lambda r: r["images"][0].pop("id")), BAD, "images[0], id", "is missing"),
    ("coco2017", COCO, coco(lambda r: r["annotations"][1].update(id=1)), "duplicate", "annotations[1], id", "got 1 ag"),
    ("coco2017", COCO, coco(lambda r: r["images"][1].update(id=1)), "duplicate", "images[1], id", "got 1 again"),
    ("coco2017", COCO, coco(lambda r: r["categories"][1].update(id=1)), "duplicate", "categories[1], id", "got 1 ag"),
    ("coco2017", COCO, coco(lambda r: r["images"][0].update(width=31)), "wrong size", "image 1, he", "got (32, 31)"),
    ("coco2017", COCO, first(image_id=77), BAD, "annotation 1, image_id", "got 77"),
    ("coco2017", COCO, first(category_id=77), "unknown label", "annotation 1, category_id", "got 77"),
    ("coco2017", COCO, first(iscrowd=2), BAD, "annotation 1, iscrowd", "must be 0 or 1, got 2"),
    ("coco2017", COCO, first(area=-1), BAD, "annotation 1, area", "must be a number ≥ 0, got -1"),
    ("coco2017", COCO, first(area=1025), BAD, "annotation 1, area", "must be in [0, 1024], got 1025"),
    ("coco2017", COCO, first(bbox=[20, 20, 30, 4]), "box outside", "annotation 1, bbox", "must lie in its image"),
    ("coco2017", COCO, first(bbox=[1, 1, 0, 4]), BAD, "annotation 1, bbox", "must have an area"),
    ("coco2017", COCO, first(bbox=[1, 1, -2, 4]), BAD, "annotation 1, bbox", "must have width and"),
    ("coco2017", COCO, first(bbox=[1, 1, "2", 4]), BAD, "annotation 1, bbox", "four finite numbers"),
    ("coco2017", COCO, first(bbox=[0, 0, 32, 32]), "box off its mask", "annotation 1, bbox", "must be around its mask"),
    ("coco2017", COCO, first(segmentation=[]), BAD, SEG, "must be polygons or"),
    ("coco2017", COCO, first(segmentation=[1, 1, 5, 1, 5, 5]), BAD, SEG, "got 6 numbers without it"),
    ("coco2017", COCO, first(segmentation=[[1, 1, 2, 2]]), BAD, SEG, "≥ 3 co"),
    ("coco2017", COCO, first(segmentation=[[1, 1, 5, 1, 5]]), BAD, SEG, "got 5"),
    ("coco2017", COCO, first(segmentation=[[1, 1, 2, 2, 3, 1e9]]), BAD, SEG, "near"),
    ("coco2017", COCO, first(segmentation=[[1, 1, 1, 1, 1, 1]]), "empty mask", SEG, "got none"),
    ("coco2017", COCO, runs([1024]), "empty mask", SEG, "must cover a pixel, got none"),
    ("coco2017", COCO, runs([1000, 3]), BAD, SEG, "and cover 1024 pixels, got"),
    ("coco2017", COCO, runs("5!"), BAD, SEG, "counts cannot be read"),
    ("coco2017", "train2017/000000000002.png", cut, "broken file", "", "cannot be read as an image"),
    ("coco2017", "stuffthingmaps/train2017/000000000002.png", pixel(200), "unknown label", "pixels", "got 200"),
    ("sbd", "cls/scene_000001.mat", cut, "broken file", "", "cannot be read as a MATLAB file"),
    ("sbd", "inst/scene_000001.mat", lambda f: savemat(f, {"GTcls": 1}), "broken file", "GTinst", "must hold the var"),
    ("pascal_context", "trainval/2010_000001.mat", lambda f: savemat(f, {"LabelMap": np.full((32, 32), 460)}),
     "unknown label", "LabelMap", "got 460 in 1024 pixels"),
    ("sunrgbd", "sunrgbd_train_test_labels/img-005052.png", pixel(38), "unknown label", "pixels", "got 38"),
    ("cityscapes", IDS, pixel(34), "unknown label", "pixels", "must hold label ids 0 to 33, got 34"),
    ("cityscapes", IDS.replace("labelIds", "instanceIds"), pixel(33), BAD, "pixel (0, 0)", "got 33 wh"),
    ("ade20k", MAPS, pixel(151), "unknown label", "pixels", "must hold labels 0 to 150, got 151"),
    ("ade20k", MAPS.replace("annotations", "annotations_instance"), pixel((0, 99, 0)), "unknown label", "object 9", ""),
    ("ade20k", MAPS.replace("annotations", "images").replace("png", "jpg"), Path.unlink, "missing file", "", "though"),
    ("penn_fudan", "PennFudanPed/PNGImages/ScenePed00002.png", Path.unlink, "missing file", "", "though ScenePed0"),
    ("penn_fudan", "PennFudanPed/PedMasks/ScenePed00002_mask.png", other_size, "wrong size", "", "got (32, 31)"),
    ("camvid", "CamVid/trainannot/scene_000002.png", pixel(12), "unknown label", "pixels", "got 12"),
    ("camvid", "CamVid/trainannot/scene_000002.png", pixel(11, ...), "unknown label", "pixels", "got void alone"),
    ("nuclei", NUCLEUS, pixel(0, ...), "empty mask", "", "got an empty mask"),
    ("nuclei", NUCLEUS, pixel(128), "broken file", "pixels", "must hold 0 and one other value, got 2 others"),
    ("nuclei", f"stage1_train/{0:064x}/images/{0:064x}.png", Path.unlink, "missing file", "", "is not there"),
    ("leaves", "training/A1/plant002_label.png", pixel(9), BAD, "", "must count the leaves of plant002"),
    ("leaves", "training/A1/plant002_fg.png", pixel(1), BAD, "pixels", "must mark the numbered leaves, got"),
    ("leaves", "training/A1/plant002_centers.png", pixel(1), BAD, "pixels", "got 1 outside them"),
    ("leaves", "training/A1/A1.csv", text("plant002_rgb.png, ", "plant002_rgb.png, 9"), BAD, "plant002", ""),
    ("leaves", "training/A1/A1.csv", text(", ", "; "), BAD, "line 1", "must be a name and a count"),
    ("leaves", "training/A1/plant002_rgb.png", Path.unlink, "missing file", "", "is not there, though plant002_label"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("layout", "name", "plant", "kind", "field", "what"),
    PLANTED,
    ids=[f"{i:02d}_{row[0]}" for i, row in enumerate(PLANTED)],
)
def test_planted_damage_is_found(clean, tmp_path, layout, name, plant, kind, field, what):
    root = tmp_path / layout
    shutil.copytree(clean / layout, root)
    plant(root / name)
    findings = validate(root, [layout]).findings
    fitting = [found for found in findings if (found.kind, what in found.what) == (kind, True) and field in found.field]
    assert fitting, findings
    if Path(name).suffix != ".txt":  # a wrong list shows in what it lists
        stem = Path(name).stem.split("_")[0] if layout == "leaves" else Path(name).stem
        assert any(stem in found.file + found.field for found in fitting), fitting
    assert len(findings) <= 6, findings  # a lost picture loses its annotations, but no fault shows everywhere


def test_more_than_twenty_kinds_of_damage_are_planted():
    assert len({(row[3], row[4], row[5]) for row in PLANTED}) >= 40


def test_every_broken_file_of_a_sample_is_listed(clean, tmp_path):
    root = tmp_path / "voc2012"
    shutil.copytree(clean / "voc2012", root)
    for name in (JPG, CLASSES, OBJECTS):
        empty(root / name)
    assert {found.file for found in validate(root).findings} == {JPG, CLASSES, OBJECTS}


def test_a_picture_in_two_splits(clean, tmp_path):
    root = tmp_path / "voc2012"
    shutil.copytree(clean / "voc2012", root)
    (root / LIST).with_name("val.txt").write_text("scene_000001\n")
    (found,) = validate(root).findings
    assert (found.kind, found.file, found.what) == ("duplicate", JPG, "must be in one split, got train and val")


def test_a_set_without_its_labels(tmp_path):
    (tmp_path / "leftImg8bit" / "train" / "ulm").mkdir(parents=True)
    (found,) = validate(tmp_path).findings
    assert (found.kind, found.field) == ("missing file", "cityscapes, train") and "root must hold" in found.what


def test_a_folder_with_two_layouts(tmp_path):
    for name, content in (("A1/a_rgb.png", photo(1, 1)), ("A1/a_label.png", png([[1]]))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "stage1_train").mkdir()
    report = validate(tmp_path)
    assert list(report.splits) == [("leaves", "all"), ("nuclei", "all")]
    assert [found.what for found in report.findings] == ["must hold an image, got none"]


def test_the_command_line(clean, tmp_path, capsys):
    root = tmp_path / "camvid"
    shutil.copytree(clean / "camvid", root)
    assert main([str(root)]) == 0
    assert capsys.readouterr().out.split()[-2:] == ["findings", "0"]
    empty(root / "CamVid" / "train" / "scene_000001.png")
    assert main([str(root), "--json", str(tmp_path / "report.json")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "broken file        CamVid/train/scene_000001.png: is empty (0 bytes)"
    record = json.loads((tmp_path / "report.json").read_text())
    assert record["splits"] == [{"layout": "camvid", "split": "train", "samples": 3, "whole": 2}]
    assert record["kinds"] == {"broken file": 1}
    assert record["findings"][0]["file"] == "CamVid/train/scene_000001.png"


def test_what_was_found_is_printed_before_it_is_written(clean, tmp_path, capsys):
    """A large set takes an hour to read, which a wrong name of the report must not cost."""
    assert main([str(clean / "camvid"), "--json", str(tmp_path / "nowhere" / "report.json")]) == 2
    said = capsys.readouterr()
    assert said.out.split()[-2:] == ["findings", "0"]
    assert said.err.startswith("validate: --json must be a file that can be written, got ")


def test_the_command_line_says_what_is_wrong(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "root must hold a dataset in a layout that is known, see docs/formats.md, got " in capsys.readouterr().err
    assert main([str(tmp_path / "nowhere")]) == 2
    assert "root must be a folder, got" in capsys.readouterr().err
