"""Scenes written in a layout and read back are the same samples; a folder is written whole or not at all."""

import json
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask
from torchvision.datasets import SBDataset

from data_scripts import make_scenes as script
from data_scripts.export.ade20k import write_ade20k
from data_scripts.export.cityscapes import write_cityscapes
from data_scripts.export.coco import write_coco
from data_scripts.export.nuclei import write_nuclei
from data_scripts.export.pictures import save_numbers, voc_palette
from data_scripts.export.relabel import relabel
from data_scripts.export.sbd import write_sbd
from data_scripts.export.voc import write_voc
from data_scripts.fetch.whole_folder import whole_folder
from data_scripts.make_scenes import LAYOUTS, main, make_scenes
from lessons_lib.data.objects import no_instances
from lessons_lib.data.open import open_dataset
from lessons_lib.data.sample import Instances, Sample, tight_boxes
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes
from lessons_lib.data.scenes.rosettes import draw_rosettes
from lessons_lib.data.sets.coco import CocoSamples
from lessons_lib.data.sets.voc import VocSamples

COUNT = 40  # more than are drawn at once


def assert_same(read, drawn):
    for a, b in zip(read, drawn, strict=True):
        assert torch.equal(a.image, b.image)
        assert torch.equal(a.label_map, b.label_map)
        for name in ("boxes", "labels", "masks", "is_crowd"):
            assert torch.equal(getattr(a.instances, name), getattr(b.instances, name)), name


@pytest.mark.parametrize("preset", PRESETS)
def test_voc_gives_the_same_samples_back(tmp_path, preset):
    config = replace(PRESETS[preset], crowd_probability=0.0, size=64)
    assert make_scenes("voc2012", tmp_path / "out", COUNT, config, seed=3, split="val") == COUNT
    samples = VocSamples(tmp_path / "out", "val")
    assert_same([samples[i] for i in range(len(samples))], draw_scenes(range(COUNT), config, 3))


@pytest.mark.parametrize("preset", ["easy", "crowded"])
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name not in ("voc2012", "coco2017")])
def test_every_layout_gives_the_same_samples_back(tmp_path, layout, preset):
    crowds = PRESETS[preset].crowd_probability if LAYOUTS[layout].crowds else 0.0
    config = replace(PRESETS[preset], crowd_probability=crowds, size=48)
    split = LAYOUTS[layout].splits[-1] if LAYOUTS[layout].splits else None
    assert make_scenes(layout, tmp_path / "out", 6, config, seed=2, split=split) == 6
    chosen = LAYOUTS[layout]
    samples = open_dataset(chosen.reads_back.name, tmp_path / "out", split or "all")
    void = 0 if layout in ("penn_fudan", "nuclei", "leaves") else 255
    drawn = [relabel(sample, chosen.labels, void) for sample in draw_scenes(range(6), config, 2)]
    assert any((sample.label_map == 255).any() for sample in drawn) == (void == 255)
    assert_same([samples[i] for i in range(len(samples))], [as_kept(layout, sample) for sample in drawn])
    assert (samples.classes, samples.colours) == (chosen.reads_back.classes.names, chosen.reads_back.classes.colours)
    for sample in samples:
        assert all(samples.classes[label] for label in sample.label_map.unique().tolist() if label != 255)


def as_kept(layout, sample):
    """What a layout keeps of a sample: no instances, or another order of them."""
    if layout in ("pascal_context", "sunrgbd", "camvid"):
        return replace(sample, instances=no_instances(*sample.label_map.shape))
    if layout == "cityscapes":
        order = sample.instances.labels.argsort(stable=True)
        return replace(sample, instances=with_order(sample.instances, order))
    return sample


def with_order(instances, order):
    parts = (instances.boxes, instances.labels, instances.masks)
    return Instances(*(part[order] for part in parts), is_crowd=instances.is_crowd[order])


def test_the_59_labels_of_context_have_no_void(tmp_path):
    make_scenes("pascal_context", tmp_path / "out", 3, replace(PRESETS["easy"], size=48))
    samples = open_dataset("pascal_context", tmp_path / "out")
    names = {samples.classes[label] for sample in samples for label in sample.label_map.unique().tolist()}
    assert {"background", "ground"} <= names <= {"background", "ground", "water", "grass"}


@pytest.mark.parametrize("preset", PRESETS)
def test_coco_gives_the_same_samples_back(tmp_path, preset):
    config = replace(PRESETS[preset], size=64, objects=(0, 4))
    assert make_scenes("coco2017", tmp_path / "out", COUNT, config, seed=5) == COUNT
    samples = CocoSamples(tmp_path / "out", "train2017")
    drawn = draw_scenes(range(COUNT), config, 5)
    assert samples.classes == CLASSES and samples.category_ids == tuple(range(1, 9))
    assert any(len(sample.instances) == 0 for sample in drawn)
    assert any(sample.instances.is_crowd.any() for sample in drawn) == (preset == "crowded")
    assert_same([samples[i] for i in range(len(samples))], drawn)


def small_sample():
    """A ball in column 1, rows 1 and 2, beside void and water: 4 × 3 pixels."""
    masks = torch.zeros(1, 4, 3, dtype=torch.bool)
    masks[0, 1:3, 1] = True
    label_map = torch.tensor([[0, 255, 9], [0, 1, 9], [0, 1, 9], [0, 0, 9]])
    image = torch.arange(36).view(3, 4, 3) * 7 / 255
    crowd = torch.zeros(1, dtype=torch.bool)
    return Sample(image, label_map, Instances(tight_boxes(masks), torch.tensor([1]), masks, is_crowd=crowd))


def test_the_files_of_voc_by_hand(tmp_path):
    write_voc([small_sample()], CLASSES, tmp_path / "out")
    home = tmp_path / "out" / "VOCdevkit" / "VOC2012"
    assert (home / "ImageSets" / "Segmentation" / "train.txt").read_text() == "scene_000000\n"
    with Image.open(home / "SegmentationClass" / "scene_000000.png") as picture:
        assert picture.mode == "P"
        assert np.array(picture).tolist() == [[0, 255, 9], [0, 1, 9], [0, 1, 9], [0, 0, 9]]
        palette = picture.getpalette()
    assert palette[3 * 15 : 3 * 16] == [192, 128, 128] and palette[3 * 255 :] == [224, 224, 192]
    with Image.open(home / "SegmentationObject" / "scene_000000.png") as picture:
        assert np.array(picture).tolist() == [[0, 255, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]]
    entry = ElementTree.parse(home / "Annotations" / "scene_000000.xml").find("object")
    assert entry.find("name").text == "ball"
    corners = [int(entry.find(f"bndbox/{tag}").text) for tag in ("xmin", "ymin", "xmax", "ymax")]
    assert corners == [2, 2, 2, 3]  # counted from 1, the last pixel included


@pytest.mark.parametrize(
    ("index", "colour"),
    [
        (0, [0, 0, 0]),
        (1, [128, 0, 0]),
        (2, [0, 128, 0]),
        (3, [128, 128, 0]),
        (20, [0, 64, 128]),
        (255, [224, 224, 192]),
    ],
)
def test_palette_of_the_format(index, colour):
    assert voc_palette()[3 * index : 3 * index + 3] == colour


def test_the_files_of_coco_by_hand(tmp_path):
    write_coco([small_sample(), small_sample()], CLASSES, 8, tmp_path / "out", "val2017")
    record = json.loads((tmp_path / "out" / "annotations" / "instances_val2017.json").read_text())
    assert [image["id"] for image in record["images"]] == [1, 2]
    assert record["images"][0] == {"id": 1, "file_name": "000000000001.png", "height": 4, "width": 3}
    assert [category["id"] for category in record["categories"]] == list(range(1, 9))
    first, second = record["annotations"]
    assert (first["id"], second["id"], second["image_id"]) == (1, 2, 2)
    assert first["segmentation"] == {"size": [4, 3], "counts": "525"}  # 5 zeros, 2 ones, 5 zeros, down the columns
    assert first["bbox"] == [1, 1, 1, 2] and first["area"] == 2 and first["iscrowd"] == 0
    assert coco_mask.area(first["segmentation"]) == 2
    with Image.open(tmp_path / "out" / "stuffthingmaps" / "val2017" / "000000000002.png") as picture:
        assert np.array(picture).tolist() == [[10, 255, 8], [10, 0, 8], [10, 0, 8], [10, 10, 8]]
    stuff = json.loads((tmp_path / "out" / "annotations" / "stuff_val2017.json").read_text())["categories"]
    assert [(entry["id"], entry["name"]) for entry in stuff] == [(9, "water"), (10, "grass"), (11, "ground")]


@pytest.mark.parametrize("layout", ["voc2012", "coco2017", "cityscapes", "nuclei"])
def test_nothing_stays_when_writing_fails(tmp_path, layout, monkeypatch):
    def broken(indices, config, seed):
        yield from draw_scenes([0], config, seed)
        raise KeyboardInterrupt

    monkeypatch.setattr(script, "draw_scenes", broken)
    with pytest.raises(KeyboardInterrupt):
        make_scenes(layout, tmp_path / "out", 5, PRESETS["easy"])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_appears_at_the_end_only(tmp_path):
    out = tmp_path / "deep" / "out"
    with whole_folder(out) as draft:
        (draft / "file").write_text("whole")
        assert not out.exists()
    assert (out / "file").read_text() == "whole" and list(out.parent.iterdir()) == [out]
    empty = tmp_path / "empty"
    empty.mkdir()
    with whole_folder(empty) as draft:
        (draft / "file").write_text("whole")
    assert (empty / "file").exists()


def test_a_full_folder_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("precious")
    assert main(["--layout", "voc2012", "--out", str(tmp_path), "--count", "1"]) == 2
    assert "out must be a new or an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_command_line(tmp_path):
    command = [sys.executable, "-m", "data_scripts.make_scenes", "--layout", "coco2017", "--out", str(tmp_path / "out")]
    command += ["--count", "2", "--preset", "context", "--size", "48", "--seed", "9"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == f"2 images in {tmp_path / 'out'}"
    expected = draw_scenes(range(2), replace(PRESETS["context"], size=48), 9)
    assert_same(list(map(CocoSamples(tmp_path / "out", "train2017").__getitem__, range(2))), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layout", "voc2012", "--preset", "crowded"], "crowd_probability must be 0 in the layout voc2012, got 0.3"),
        (["--layout", "coco2017", "--count", "0"], "count must be ≥ 1, got 0"),
        (["--layout", "coco2017", "--size", "8"], "size must be in [32, 1024], got 8"),
        (["--layout", "coco2017", "--seed", "-1"], "seed must be in [0, 2**32), got -1"),
        (
            ["--layout", "voc2012", "--preset", "rosettes"],
            "layout must be among leaves, nuclei, penn_fudan for rosettes, got 'voc2012'",
        ),
        (
            ["--layout", "leaves", "--preset", "rosettes", "--crowd-probability", "0.5"],
            "crowd_probability must be 0 or left out for rosettes, which have no crowds",
        ),
        (["--layout", "leaves", "--preset", "rosettes", "--size", "8"], "size must be in [32, 1024], got 8"),
    ],
)
def test_the_command_line_says_what_is_wrong(tmp_path, capsys, arguments, message):
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.strip() == f"make_scenes: {message}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("layout", ["leaves", "nuclei"])
def test_rosettes_are_read_back_as_they_were_drawn(layout, tmp_path):
    assert main(["--layout", layout, "--preset", "rosettes", "--count", "3", "--out", str(tmp_path / "out")]) == 0
    samples = open_dataset(layout, tmp_path / "out", "all")
    for read, drawn in zip(samples, draw_rosettes(range(3)), strict=True):
        assert read.image.equal(drawn.image) and read.label_map.equal(drawn.label_map)
        assert read.instances.masks.equal(drawn.instances.masks) and read.instances.labels.equal(drawn.instances.labels)


def test_samples_that_a_layout_cannot_express(tmp_path):
    good = small_sample()
    masks = good.instances.masks
    crowd = replace(good.instances, is_crowd=torch.ones(1, dtype=torch.bool))
    with pytest.raises(ValueError, match="sample 0: is_crowd must be false"):
        write_voc([replace(good, instances=crowd)], CLASSES, tmp_path / "out")
    twice = Instances(tight_boxes(masks.repeat(2, 1, 1)), torch.tensor([1, 1]), masks.repeat(2, 1, 1))
    with pytest.raises(ValueError, match="sample 1: mask 1 must be non-empty, free of others"):
        write_voc([good, replace(good, instances=twice)], CLASSES, tmp_path / "out")
    many = Instances(torch.zeros(255, 4), torch.ones(255, dtype=torch.int64), torch.zeros(255, 4, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="at most 254"):
        write_voc([replace(good, instances=many)], CLASSES, tmp_path / "out")
    with pytest.raises(ValueError, match=r"labels must be in \[1, 8\], got 9"):
        write_coco([replace(good, instances=replace(good.instances, labels=torch.tensor([9])))], CLASSES, 8, tmp_path)
    with pytest.raises(ValueError, match=r"label_map must be in \[0, 10\] or 255, got 12"):
        write_coco([replace(good, label_map=torch.full_like(good.label_map, 12))], CLASSES, 8, tmp_path)
    with pytest.raises(ValueError, match=r"things must be in \[1, 10\], got 11"):
        write_coco([good], CLASSES, 11, tmp_path)
    with pytest.raises(ValueError, match=r"layout must be among ade20k, camvid, .* got 'yolo'"):
        make_scenes("yolo", tmp_path, 1, PRESETS["easy"])
    assert list(tmp_path.iterdir()) == []


def test_samples_that_the_smaller_layouts_cannot_express(tmp_path):
    good = small_sample()
    with pytest.raises(ValueError, match="labels of instances must be trainIds 11 to 18, got 1"):
        write_cityscapes([good], tmp_path / "out")
    with pytest.raises(ValueError, match="must be among the 100 categories with instances, got 1"):
        write_ade20k([good], tmp_path / "out")
    crowd = replace(good.instances, is_crowd=torch.ones(1, dtype=torch.bool))
    with pytest.raises(ValueError, match="is_crowd must be false for every instance in the layout of nuclei"):
        write_nuclei([replace(good, instances=crowd)], tmp_path / "out")
    with pytest.raises(ValueError, match="labels must be below 9, got 9"):
        relabel(good, range(9))
    with pytest.raises(ValueError, match=r"values must be in \[0, 256\), got 0 to 256"):
        save_numbers(torch.tensor([[0, 256]]), tmp_path / "a.png")
    with pytest.raises(ValueError, match="split must be among none for leaves, got 'train'"):
        make_scenes("leaves", tmp_path / "out", 1, PRESETS["easy"], split="train")
    assert list(tmp_path.iterdir()) == []


def test_boundaries_of_sbd_as_torchvision_reads_them(tmp_path):
    write_sbd([small_sample()], tmp_path / "out")
    _, boundaries = SBDataset(str(tmp_path / "out"), image_set="train", mode="boundaries")[0]
    assert boundaries.shape == (20, 4, 3)
    assert boundaries[0].tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]]  # a line is all boundary
