"""ADE20K, SceneParse150: how scenes are written in its layout."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from data_scripts.check.findings import Report
from data_scripts.check.orphans import beside, check_orphans
from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import object_map, save_numbers, save_photo
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.sets.ade20k import ADE20K
from lessons_lib.data.sets.classes_ade20k import INSTANCE_CATEGORIES


def write_ade20k(samples: Iterable[Sample], out: Path | str, split: str = "training") -> int:
    """Write `images`, `annotations` and `annotations_instance` below `out/ADEChallengeData2016`; return how many.

    Labels are 0 to 149, those of instances among the 100 categories of the instance challenge; void becomes 0.
    Raises ValueError for an instance of another class and for what `write_voc` refuses, FileExistsError where `out` is
    not empty. Nothing stays on an error.
    """
    count = 0
    with whole_folder(out) as draft:
        home = draft / "ADEChallengeData2016"
        for part in ("images", "annotations", "annotations_instance"):
            (home / part / split).mkdir(parents=True)
        for count, sample in enumerate(samples, start=1):
            name = f"ADE_{'train' if split == 'training' else 'val'}_{count:08d}"
            save_photo(sample.image, home / "images" / split / f"{name}.jpg")
            values = torch.where(sample.label_map == VOID, 0, sample.label_map + 1)
            save_numbers(values, home / "annotations" / split / f"{name}.png")
            Image.fromarray(_objects(sample)).save(home / "annotations_instance" / split / f"{name}.png")
    return count


def _objects(sample: Sample) -> np.ndarray:
    """Red is the category, 1 to 100, green the number of the object, from 1."""
    numbers = object_map(sample).numpy()
    pixels = np.zeros((*numbers.shape, 3), dtype=np.uint8)
    for i, label in enumerate(sample.instances.labels.tolist(), start=1):
        if label + 1 not in INSTANCE_CATEGORIES:
            raise ValueError(f"labels of instances must be among the 100 categories with instances, got {label}")
        pixels[numbers == i] = (INSTANCE_CATEGORIES.index(label + 1) + 1, i, 0)
    return pixels


def check_labels(root: Path, report: Report) -> None:
    """Note labels without a photograph."""
    check_orphans(
        root, report, "**/annotations/*/*.png", lambda file: beside(file, "annotations", "images", ".png", ".jpg")
    )


_EXPORT = Export(
    write=write_ade20k,
    labels=(13, 119, 41, 149, 82, 148, 93, 126, 108, 21, 9),  # earth; ball, box, flag, light, clock, pole, …
    reads_back=ADE20K,
    splits=ADE20K.splits,
)


ENTRIES = (Entry(ADE20K, _EXPORT, check_folder=check_labels),)
