"""Bad input to the data side: each error names the argument, what came, and what is allowed."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from lessons_lib.course.plotting import contact_sheet, draw_label_map
from lessons_lib.data.sample import Batch, Instances, Sample, collate
from lessons_lib.data.scenes import SceneConfig, Scenes, draw_scenes
from lessons_lib.data.scenes.noise import picture_keys
from lessons_lib.data.sets.coco import CocoSamples
from lessons_lib.data.sets.voc import VocSamples


def instances(**changes):
    values = {
        "boxes": torch.zeros(2, 4), "labels": torch.ones(2, dtype=torch.int64),
        "masks": torch.zeros(2, 5, 6, dtype=torch.bool),
    }  # fmt: skip
    return Instances(**{**values, **changes})


def sample(**changes):
    values = {"image": torch.zeros(3, 5, 6), "label_map": torch.zeros(5, 6).long(), "instances": instances()}
    return Sample(**{**values, **changes})


def batch(**changes):
    good = collate([sample()])
    values = {name: getattr(good, name) for name in ("images", "label_maps", "instances", "sizes")}
    return Batch(**{**values, **changes})


@pytest.mark.parametrize(
    ("build", "changes", "message"),
    [
        (instances, {"boxes": torch.zeros(3, 4)}, "masks must have shape (3, H, W), got (2, 5, 6)"),
        (instances, {"boxes": torch.zeros(2, 4).long()}, "boxes must be torch.float32, got torch.int64"),
        (instances, {"labels": torch.ones(2)}, "labels must be torch.int64, got torch.float32"),
        (instances, {"labels": torch.ones(1).long()}, "labels must have shape (2,), got (1,)"),
        (instances, {"masks": torch.zeros(2, 5, 6)}, "masks must be torch.bool, got torch.float32"),
        (instances, {"masks": torch.zeros(2, 5).bool()}, "masks must have shape (2, H, W), got (2, 5)"),
        (instances, {"scores": torch.zeros(3)}, "scores must have shape (2,), got (3,)"),
        (instances, {"is_crowd": torch.zeros(2)}, "is_crowd must be torch.bool, got torch.float32"),
        (sample, {"image": torch.zeros(5, 6, 3)}, "image must have shape (3, H, W), got (5, 6, 3)"),
        (sample, {"image": torch.zeros(3, 5, 6).byte()}, "image must be torch.float32, got torch.uint8"),
        (sample, {"label_map": torch.zeros(6, 5).long()}, "label_map must have shape (5, 6), got (6, 5)"),
        (sample, {"label_map": torch.zeros(5, 6)}, "label_map must be torch.int64, got torch.float32"),
        (
            sample,
            {"instances": instances(masks=torch.zeros(2, 5, 7).bool())},
            "instances.masks must be as large as the image, (5, 6), got (5, 7)",
        ),
        (batch, {"images": torch.zeros(1, 1, 5, 6)}, "images must have shape (B, 3, H, W), got (1, 1, 5, 6)"),
        (batch, {"label_maps": torch.zeros(2, 5, 6).long()}, "label_maps must have shape (1, 5, 6), got (2, 5, 6)"),
        (batch, {"sizes": torch.zeros(1, 3).long()}, "sizes must have shape (1, 2), got (1, 3)"),
        (batch, {"instances": []}, "instances must hold 1 entries, one per image, got 0"),
    ],
)
def test_records(build, changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build(**changes)


def test_records_of_no_tensors():
    with pytest.raises(TypeError, match="boxes must be a tensor, got list"):
        instances(boxes=[[0, 0, 1, 1]])
    with pytest.raises(TypeError, match="image must be a tensor, got ndarray"):
        sample(image=np.zeros((3, 5, 6)))
    with pytest.raises(TypeError, match="instances must be Instances, got dict"):
        sample(instances={})


def test_collate_of_nothing():
    with pytest.raises(ValueError, match="samples must hold at least 1 sample, got 0"):
        collate([])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 31}, "size must be in [32, 1024], got 31"),
        ({"size": 1025}, "size must be in [32, 1024], got 1025"),
        ({"objects": (3, 2)}, "objects must be (fewest, most) with 0 ≤ fewest ≤ most ≤ 10, got (3, 2)"),
        ({"objects": (0, 11)}, "objects must be (fewest, most) with 0 ≤ fewest ≤ most ≤ 10, got (0, 11)"),
        ({"classes": ()}, "classes must be labels among 1 to 8, at least one, got ()"),
        ({"classes": (1, 9)}, "classes must be labels among 1 to 8, at least one, got (1, 9)"),
        ({"radii": ((0.1, 0.2),)}, "radii must be three ranges (low, high) in [0.02, 0.3], got ((0.1, 0.2),)"),
        ({"beside": 1.5}, "beside must be in [0, 1], got 1.5"),
        ({"crowd_probability": -0.1}, "crowd_probability must be in [0, 1], got -0.1"),
        (
            {"crowd_probability": 0.5, "classes": (7, 8)},
            "classes must hold one of 1 to 6 where crowds are drawn, got (7, 8)",
        ),
        ({"min_visible": 0}, "min_visible must be ≥ 1, got 0"),
        (
            {"clearing": 5.0, "classes": (1, 2)},
            "classes must hold ducks or hens (7, 8) where clearing is set, got (1, 2)",
        ),
        ({"clearing": 50.0, "classes": (7,)}, "clearing must be in [0, 34.6] at size 96, got 50.0"),
    ],
)
def test_scene_config(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SceneConfig(**changes)


def test_scenes():
    with pytest.raises(ValueError, match=re.escape("length must be in [0, 2**32], got -1")):
        Scenes(length=-1)
    with pytest.raises(ValueError, match=re.escape("seed must be in [0, 2**32), got -1")):
        Scenes(seed=-1)
    with pytest.raises(IndexError, match=re.escape("index must be in [0, 3), got 3")):
        Scenes(length=3)[3]
    with pytest.raises(IndexError, match=re.escape("index must be in [0, 3), got -1")):
        Scenes(length=3)[-1]
    with pytest.raises(ValueError, match=re.escape("seed must be in [0, 2**32), got 4294967296")):
        draw_scenes([0], seed=2**32)
    with pytest.raises(ValueError, match=re.escape("index must be in [0, 2**32), got -1")):
        picture_keys([0, -1], 0)


def test_readers_of_missing_sets(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"root must hold VOCdevkit/VOC2012 with the list .*val\.txt"):
        VocSamples(tmp_path, "val")
    with pytest.raises(FileNotFoundError, match=r"root must hold .*val2017, which is not there"):
        CocoSamples(tmp_path)
    (tmp_path / "val2017").mkdir()
    with pytest.raises(FileNotFoundError, match=r"root must hold .*instances_val2017\.json, which is not there"):
        CocoSamples(tmp_path)


def write_voc(root, classes, objects):
    home = root / "VOCdevkit" / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"):
        (home / folder).mkdir(parents=True)
    (home / "ImageSets" / "Segmentation" / "train.txt").write_text("x\n")
    Image.fromarray(np.zeros((2, 2, 3), dtype=np.uint8)).save(home / "JPEGImages" / "x.jpg")
    classes.save(home / "SegmentationClass" / "x.png")
    objects.save(home / "SegmentationObject" / "x.png")
    return VocSamples(root)


@pytest.mark.parametrize(
    ("classes", "objects", "message"),
    [
        (
            np.zeros((2, 2, 3)),
            np.zeros((2, 2)),
            r"SegmentationClass.x\.png: must be an image of numbers .*got mode RGB",
        ),
        (np.zeros((2, 2)), np.zeros((3, 2)), r"SegmentationObject.x\.png: must be as large .*\(2, 2\), got \(3, 2\)"),
        (np.full((2, 2), 255), np.ones((2, 2)), r"x\.png, object 1: must lie on some class, got only background and"),
    ],
)
def test_broken_voc_files_are_named(tmp_path, classes, objects, message):
    pictures = (Image.fromarray(values.astype(np.uint8)) for values in (classes, objects))
    samples = write_voc(tmp_path, *pictures)
    with pytest.raises(ValueError, match=message):
        samples[0]
    with pytest.raises(IndexError, match=re.escape("index must be in [0, 1), got 1")):
        samples[1]


def write_coco(root, annotations, stuff=None):
    (root / "annotations").mkdir()
    (root / "val2017").mkdir()
    Image.fromarray(np.zeros((4, 3, 3), dtype=np.uint8)).save(root / "val2017" / "a.png")
    images = '[{"id": 1, "file_name": "a.png", "height": 4, "width": 3}]'
    record = f'{{"images": {images}, "annotations": {annotations}, "categories": [{{"id": 1, "name": "dog"}}]}}'
    (root / "annotations" / "instances_val2017.json").write_text(record)
    if stuff is not None:
        (root / "annotations" / "stuff_val2017.json").write_text('{"images": [], "annotations": [], "categories": []}')
        (root / "stuffthingmaps" / "val2017").mkdir(parents=True)
        Image.fromarray(stuff.astype(np.uint8)).save(root / "stuffthingmaps" / "val2017" / "a.png")
    return CocoSamples(root)


def test_broken_coco_files_are_named(tmp_path):
    wrong_size = (
        '[{"id": 5, "image_id": 1, "category_id": 1, "iscrowd": 1, "area": 1, "bbox": [0, 0, 1, 1],'
        ' "segmentation": {"size": [3, 3], "counts": [0, 9]}}]'
    )
    (tmp_path / "a").mkdir()
    with pytest.raises(
        ValueError, match=re.escape("annotation 5, segmentation: must be as large as its image, (4, 3), got (3, 3)")
    ):
        write_coco(tmp_path / "a", wrong_size)[0]
    (tmp_path / "b").mkdir()
    samples = write_coco(tmp_path / "b", "[]", stuff=np.full((4, 3), 7))
    with pytest.raises(ValueError, match=r"a\.png, pixels: must hold category ids − 1, or 255, got 7 in 12 pixels"):
        samples[0]
    with pytest.raises(IndexError, match=re.escape("index must be in [0, 1), got 1")):
        samples[1]
    (tmp_path / "c").mkdir()
    samples = write_coco(tmp_path / "c", "[]", stuff=np.zeros((4, 3, 3)))
    with pytest.raises(ValueError, match=r"a\.png: must be an image of numbers \(mode L or P\), got mode RGB"):
        samples[0]


def test_pictures():
    figure, ax = plt.subplots()
    with pytest.raises(ValueError, match=re.escape("label_map must be in [0, 255], got -1")):
        draw_label_map(ax, torch.tensor([[0, -1]]))
    plt.close(figure)
    with pytest.raises(ValueError, match="samples must hold at least 1 sample, got 0"):
        contact_sheet([])
    with pytest.raises(ValueError, match="columns must be ≥ 1, got 0"):
        contact_sheet([sample()], columns=0)
    with pytest.raises(ValueError, match="layers must be among 'image', 'instances', 'labels', got 'depth'"):
        contact_sheet([sample()], layers=("depth",))
