"""A small project as an annotation tool exports it, with the three faults that real projects have, for lesson 20.

Photographs (scenes) with objects of four classes, which no network of the course has learned. Two people have
annotated it; one of them left out a class, two annotation files were exchanged, and one photograph came in twice.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image

from lessons_lib.data.crop import resize_short_side
from lessons_lib.data.predictions import CocoFile
from lessons_lib.data.sample import Sample
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes

NAMES = ("background", "round", "angular", "bird", "stick")
"""The project's classes by label."""

THINGS = {"ball": 1, "ring": 1, "crate": 2, "kite": 2, "star": 2, "duck": 3, "hen": 3, "pole": 4}
TRAIN, VAL = 60, 40
EXCHANGED = (7, 23)
"""Two training images, each of which has the other's annotations."""

COPIED, AS = 12, 31
"""The training image that is also a validation image, at that position, larger and under another name."""

LEFT_OUT = NAMES.index("stick")
"""The class that nobody annotated in the training images."""


@dataclass(frozen=True)
class Project:
    """The samples of each split, "train" and "valid", and the names of their files."""

    samples: dict[str, list[Sample]]
    files: dict[str, list[str]]


def project(seed: int = 0, mended: bool = False) -> Project:
    """The project with its faults; `mended` is without the two that counting finds, and the exchange is still there."""
    config = replace(PRESETS["clear"], size=96)
    train = [_renamed(scene) for scene in draw_scenes(range(TRAIN), config, seed=100 + seed)]
    val = [_renamed(scene) for scene in draw_scenes(range(VAL), config, seed=1)]
    one, other = EXCHANGED
    train[one], train[other] = _with(train[one], train[other]), _with(train[other], train[one])
    files = {"train": [f"IMG_{1000 + 7 * n}.png" for n in range(TRAIN)]}
    files["valid"] = [f"IMG_{3000 + 3 * n}.png" for n in range(VAL)]
    if not mended:
        copy = resize_short_side(train[COPIED], 128)
        whole = (copy.image * 255).round() / 255  # as a file keeps it
        val[AS], files["valid"][AS] = replace(copy, image=whole), "photo (1).png"
        train = [_without(sample, LEFT_OUT) for sample in train]
    return Project({"train": train, "valid": val}, files)


def write_project(made: Project, folder: Path) -> None:
    """Writes the images of each split and its `_annotations.coco.json` beside them, as Roboflow exports a project."""
    for split, samples in made.samples.items():
        write_split(folder / split, samples, made.files[split])


def write_split(folder: Path, samples: Sequence[Sample], files: Sequence[str], classes: Sequence[str] = NAMES) -> None:
    """Writes images as PNG, without loss, and one COCO file with their objects."""
    folder.mkdir(parents=True, exist_ok=True)
    coco = CocoFile(classes)
    for sample, name in zip(samples, files, strict=True):
        pixels = (sample.image * 255).round().byte().permute(1, 2, 0)
        Image.fromarray(pixels.numpy()).save(folder / name)
        coco.add_image(name, (sample.image.shape[1], sample.image.shape[2]))
        coco.add_objects(sample.instances)
    (folder / "_annotations.coco.json").write_text(json.dumps(coco.record), encoding="utf-8")


def _renamed(scene: Sample) -> Sample:
    """A scene with the project's classes."""
    labels = torch.tensor([THINGS.get(name, 0) for name in CLASSES])[scene.instances.labels]
    return _of(scene, replace(scene.instances, labels=labels))


def _with(sample: Sample, other: Sample) -> Sample:
    return _of(sample, other.instances)


def _without(sample: Sample, label: int) -> Sample:
    return _of(sample, sample.instances[sample.instances.labels != label])


def _of(sample: Sample, instances) -> Sample:
    """The sample with these objects, and the label map that they paint."""
    label_map = torch.zeros_like(sample.label_map)
    areas = instances.known_masks.flatten(1).sum(1)
    for i in areas.argsort(descending=True).tolist():
        label_map[instances.known_masks[i]] = instances.labels[i]
    return Sample(sample.image, label_map, instances)
