"""Pascal VOC: two palette images a photograph, one of classes and one of objects, read into samples."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from torch import Tensor

from lessons_lib.data.exports.texts import read_lines
from lessons_lib.data.files import (
    DamagedFile,
    read_numbers,
    read_photo,
    size_of,
    translate,
    value_table,
)
from lessons_lib.data.folders import homes, read_names
from lessons_lib.data.objects import instances_of, masks_of, numbers_in
from lessons_lib.data.reader import Reader
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.sets.classes import VOC
from lessons_lib.data.spec import DatasetSpec

VOC_CLASSES = VOC.names
"""Names of the labels 0 to 20 of Pascal VOC."""

_TABLE = value_table(range(21), void=(VOID,))


class VocSamples(Reader):
    """The segmentation part of Pascal VOC, map-style, in the order of its lists.

    `root` holds `VOCdevkit/VOC<year>`, or is one of these folders; `split` is "train", "val" or "trainval". The label
    map is SegmentationClass with its void 255. Each value of SegmentationObject but 0 and 255 is an instance, in
    ascending order: its label is the class that most of its pixels have, its box is tight around its mask, and it is no
    crowd, which VOC lacks.
    Raises FileNotFoundError for a root without the set, DamagedFile (in `samples[index]`) for a broken file.
    """

    classes, colours = VOC.names, VOC.colours

    def __init__(self, root: Path | str, split: str = "train", year: str = "2012"):
        place, listing = f"VOCdevkit/VOC{year}", f"ImageSets/Segmentation/{split}.txt"
        found = next((home for home in homes(root, (place, f"VOC{year}")) if (home / listing).is_file()), None)
        if found is None:
            raise FileNotFoundError(f"root must hold {place} with the list {listing}, which is not there: {root}")
        if (own := _own_classes(found)) is not None:
            raise FileNotFoundError(f"root must hold the classes of VOC, but {own} names others (--data voc_folders)")
        self._home = found
        self.names = read_names(found / listing)

    def paths(self, index: int) -> list[Path]:
        """The files of a sample: photograph, classes, objects."""
        name = self.names[index]
        maps = [self._home / folder / f"{name}.png" for folder in ("SegmentationClass", "SegmentationObject")]
        return [self._home / "JPEGImages" / f"{name}.jpg", *maps]

    def read(self, index: int) -> Sample:
        """The sample of a valid index."""
        photo, classes, objects = self.paths(index)
        image = read_photo(photo)
        size = size_of(image)
        label_map = translate(read_numbers(classes, size), _TABLE, classes, "classes 0 to 20, or 255 for void")
        numbers = read_numbers(objects, size)
        ids = numbers_in(numbers, without=(0, VOID))
        masks = masks_of(numbers, ids)
        labels = [class_of(label_map[mask], number, objects) for mask, number in zip(masks, ids, strict=True)]
        return Sample(image, label_map, instances_of(masks, labels))


def _own_classes(home: Path) -> Path | None:
    """The file that names other classes than VOC's, as annotation tools leave it in such a folder."""
    for name in ("labelmap.txt", "class_names.txt"):
        if (file := home / name).is_file():
            lines = [line.split(":")[0].strip() for line in read_lines(file) if line and not line.startswith("#")]
            if not set(lines) <= {*VOC.names, "_background_", "__ignore__"}:
                return file
    return None


def class_of(values: Tensor, number: int, file: Path) -> int:
    """The commonest class under an object."""
    counts = np.bincount(values.numpy(), minlength=256)
    counts[[0, VOID]] = 0
    if counts.max() == 0:
        raise DamagedFile(
            file, "must lie on some class, got only background and void", f"object {number}", "unknown label"
        )
    return int(counts.argmax())


def _signs(year: str) -> tuple[str, ...]:
    """A folder of maps or of lists, below VOCdevkit or not."""
    home = f"VOC{year}"
    return tuple(
        f"{start}{home}/{part}"
        for start in ("VOCdevkit/", "")
        for part in ("SegmentationClass", "ImageSets/Segmentation")
    )


VOC2012 = DatasetSpec(
    name="voc2012",
    reader=VocSamples,
    splits=("train", "val", "trainval"),
    classes=VOC,
    void=(VOID,),
    signs=_signs("2012"),
)
VOC2007 = replace(
    VOC2012,
    name="voc2007",
    reader=partial(VocSamples, year="2007"),
    signs=_signs("2007"),
)
DATASETS = (VOC2012, VOC2007)
