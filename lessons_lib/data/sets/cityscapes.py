"""Cityscapes: street scenes, 19 classes that are scored, 8 of them object by object."""

from pathlib import Path

import numpy as np
from torchvision.datasets import Cityscapes

from lessons_lib.data.class_table import ClassTable
from lessons_lib.data.files import (
    DamagedFile,
    read_numbers,
    read_photo,
    require_split,
    size_of,
    translate,
    value_table,
)
from lessons_lib.data.folders import first_folder
from lessons_lib.data.leftovers import listed
from lessons_lib.data.objects import instances_of, masks_of, numbers_in
from lessons_lib.data.reader import Reader
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.spec import DatasetSpec

_LABELS = sorted((label for label in Cityscapes.classes if label.id >= 0), key=lambda label: label.id)
_SCORED = sorted((label for label in _LABELS if label.train_id not in (-1, VOID)), key=lambda label: label.train_id)

CLASSES = ClassTable(tuple(label.name for label in _SCORED), tuple(label.color for label in _SCORED))
"""The 19 classes in the order of their trainIds."""

TRAIN_IDS = tuple(VOID if label.train_id == -1 else label.train_id for label in _LABELS)
"""The trainId of each id 0 to 33; 255 where an id is not scored."""

THING_IDS = tuple(label.id for label in _SCORED if label.has_instances)
"""The ids of the classes that are scored object by object: 24 to 28 and 31 to 33."""

_TABLE = value_table(TRAIN_IDS)


class CityscapesSamples(Reader):
    """Cityscapes, map-style, city after city in the order of the names.

    `root` holds `leftImg8bit/<split>/` and `gtFine/<split>/` (or `gtCoarse/`, with `mode` "coarse"). `split` is
    "train" or "val", and "train_extra" in coarse mode; the test set's labels are not published. The label map is
    `..._labelIds.png` with its ids as trainIds, 0 to 18, or void. Each value ≥ 24,000 of `..._instanceIds.png` (id ×
    1000 + number) of a scored class is an instance, in ascending order, its label the trainId, 11 to 18; a plain id
    of such a class is a group of them that nobody told apart, one crowd in the order of the ids, before the instances.
    Stuff is no instance, and caravans and trailers, which are not scored, are none either.
    Raises FileNotFoundError for a root without the set, DamagedFile for a broken file or where the two maps disagree.
    """

    classes, colours = CLASSES.names, CLASSES.colours

    def __init__(self, root: Path | str, split: str = "train", mode: str = "fine"):
        if mode not in ("fine", "coarse"):
            raise ValueError(f"mode must be 'fine' or 'coarse', got {mode!r}")
        require_split(split, ("train", "val", "train_extra") if mode == "coarse" else ("train", "val"))
        folder = "gtFine" if mode == "fine" else "gtCoarse"
        home = first_folder(root, (".",), (f"leftImg8bit/{split}", f"{folder}/{split}"), one_split=True)
        self._photos = listed(home / "leftImg8bit" / split, "*/*_leftImg8bit.png")
        self._labels = home / folder / split
        self.names = tuple(photo.stem.removesuffix("_leftImg8bit") for photo in self._photos)

    def paths(self, index: int) -> list[Path]:
        """The files of a sample: photograph, label ids, instance ids."""
        photo, name = self._photos[index], self.names[index]
        start = f"{name}_{self._labels.parent.name}"
        maps = [self._labels / photo.parent.name / f"{start}_{kind}.png" for kind in ("labelIds", "instanceIds")]
        return [photo, *maps]

    def read(self, index: int) -> Sample:
        """The sample of a valid index."""
        photo, labels, objects = self.paths(index)
        image = read_photo(photo)
        size = size_of(image)
        ids = read_numbers(labels, size)
        label_map = translate(ids, _TABLE, labels, "label ids 0 to 33")
        values = read_numbers(objects, size, modes=("I;16", "I", "L"))
        wrong = np.where(values >= 1000, values // 1000, values) != ids
        if wrong.any():
            pixel = tuple(int(place[0]) for place in wrong.nonzero())
            reason = f"must be of the class in {labels.name}, got {values[pixel]} where that holds {ids[pixel]}"
            raise DamagedFile(objects, reason, f"pixel {pixel}", "broken annotation")
        numbers = [value for value in numbers_in(values) if _id_of(value) in THING_IDS]
        train_ids = [TRAIN_IDS[_id_of(value)] for value in numbers]
        crowds = [value < 1000 for value in numbers]  # a plain id: what the benchmark calls a group
        return Sample(image, label_map, instances_of(masks_of(values, numbers), train_ids, crowds))


def _id_of(value: int) -> int:
    """The label id of a value of an instance map."""
    return value // 1000 if value >= 1000 else value


CITYSCAPES = DatasetSpec(
    name="cityscapes",
    reader=CityscapesSamples,
    splits=("train", "val"),
    classes=CLASSES,
    void=tuple(number for number, train_id in enumerate(TRAIN_IDS) if train_id == VOID),
    signs=("leftImg8bit", "gtFine"),
)
DATASETS = (CITYSCAPES,)
