"""ADE20K in the form of SceneParse150: 150 classes, and 100 of them object by object where that part is there."""

from pathlib import Path

import numpy as np

from lessons_lib.data.files import (
    DamagedFile,
    open_picture,
    read_numbers,
    read_photo,
    require_size,
    require_split,
    size_of,
    translate,
    value_table,
)
from lessons_lib.data.folders import first_folder
from lessons_lib.data.leftovers import listed
from lessons_lib.data.objects import instances_of, masks_of, no_instances, numbers_in
from lessons_lib.data.reader import Reader
from lessons_lib.data.sample import Instances, Sample
from lessons_lib.data.sets.classes_ade20k import CLASSES, INSTANCE_CATEGORIES
from lessons_lib.data.spec import DatasetSpec

SPLITS = ("training", "validation")
PLACES = (".", "ADEChallengeData2016")
_TABLE = value_table([0, *range(150)], void=(0,))


class Ade20kSamples(Reader):
    """SceneParse150, map-style, in the order of the names.

    `root` holds `images/<split>/` and `annotations/<split>/`, or the archive's folder `ADEChallengeData2016/` with
    them; `split` is "training" or "validation". A file's value is the label + 1; its 0, "other objects", is void.
    Instances come from `annotations_instance/<split>/<name>.png` of the Places Challenge 2017 where that folder is
    there, and then each image must have its file; else there are none. There, red is the category, 1 to 100, and green
    the number of the object, unique in the image (README of CSAILVision/placeschallenge, instancesegmentation). Objects
    come in the order of their numbers. This is not the full ADE20K, whose images code a class as (R / 10) × 256 + G.
    Raises FileNotFoundError for a root without the set, DamagedFile for a broken file.
    """

    classes, colours = CLASSES.names, CLASSES.colours

    def __init__(self, root: Path | str, split: str = "training"):
        require_split(split, SPLITS)
        self._home = first_folder(root, PLACES, (f"images/{split}", f"annotations/{split}"), one_split=True)
        self._split = split
        self.names = tuple(file.stem for file in listed(self._home / "images" / split, "*.jpg"))

    def paths(self, index: int) -> list[Path]:
        """The files of a sample: photograph, labels, and objects where that part is there."""
        name = self.names[index]
        files = [self._home / "images" / self._split / f"{name}.jpg"]
        files.append(self._home / "annotations" / self._split / f"{name}.png")
        objects = self._home / "annotations_instance" / self._split
        return [*files, objects / f"{name}.png"] if objects.is_dir() else files

    def read(self, index: int) -> Sample:
        """The sample of a valid index."""
        photo, labels, *objects = self.paths(index)
        image = read_photo(photo)
        size = size_of(image)
        label_map = translate(read_numbers(labels, size), _TABLE, labels, "labels 0 to 150")
        return Sample(image, label_map, _instances(objects[0], size) if objects else no_instances(*size))


def _instances(file: Path, size: tuple[int, int]) -> Instances:
    """The objects of an instance image; each must be of one category."""
    picture = open_picture(file, lossless=True)
    if picture.mode != "RGB":
        raise DamagedFile(file, f"must be a colour image (mode RGB), got mode {picture.mode}")
    pixels = np.array(picture)
    require_size(file, pixels.shape[:2], size)
    categories, numbers = pixels[..., 0].astype(np.int64), pixels[..., 1].astype(np.int64)
    ids, labels = numbers_in(numbers), []
    for number in ids:
        held = np.unique(categories[numbers == number]).tolist()
        if len(held) != 1 or not 1 <= held[0] <= len(INSTANCE_CATEGORIES):
            raise DamagedFile(
                file, f"must be of one category in 1 to 100, got {held}", f"object {number}", "unknown label"
            )
        labels.append(INSTANCE_CATEGORIES[held[0] - 1] - 1)
    return instances_of(masks_of(numbers, ids), labels)


ADE20K = DatasetSpec(
    name="ade20k",
    reader=Ade20kSamples,
    splits=SPLITS,
    classes=CLASSES,
    void=(0,),
    signs=("ADEChallengeData2016", "annotations/training", "annotations/validation"),
    train="training",
    val="validation",
)
DATASETS = (ADE20K,)
