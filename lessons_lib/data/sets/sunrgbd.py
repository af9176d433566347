"""SUN RGB-D: indoor photographs labelled with 37 classes, or with the 13 they are often merged to."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from lessons_lib.data.class_table import class_table, voc_coloured
from lessons_lib.data.files import (
    read_numbers,
    read_photo,
    require_split,
    size_of,
    translate,
    value_table,
)
from lessons_lib.data.folders import first_folder
from lessons_lib.data.leftovers import listed
from lessons_lib.data.objects import no_instances
from lessons_lib.data.reader import Reader
from lessons_lib.data.sample import Sample
from lessons_lib.data.spec import DatasetSpec

CLASSES37 = voc_coloured(
    (
        *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf", "picture"),
        *("counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror", "floor mat", "clothes"),
        *("ceiling", "books", "fridge", "tv", "paper", "towel", "shower curtain", "box", "whiteboard", "person"),
        *("night stand", "toilet", "sink", "lamp", "bathtub", "bag"),
    )
)
"""SUN RGB-D's 37 classes, in the order of its seg37list; the file's values count from 1."""

CLASSES13 = class_table("""
bed 0 0 255
books 233 89 48
ceiling 0 218 0
chair 149 0 240
floor 222 241 24
furniture 255 206 206
objects 0 224 229
picture 106 136 204
sofa 117 29 41
table 240 35 235
tv 0 167 156
wall 249 139 0
window 225 229 194
""")
"""The 13 classes of Eigen and Fergus (ICCV 2015), with the colours of SceneNet's tables."""

FROM_37_TO_13 = (
    *(12, 5, 6, 1, 4, 9, 10, 12, 13, 6, 8, 6, 13, 10, 6, 13, 6, 7, 7),
    *(5, 7, 3, 2, 6, 11, 7, 7, 7, 7, 7, 7, 6, 7, 7, 7, 7, 7),
)
"""For each of the 37 classes its number among the 13, counted from 1: the table in SceneNet's README."""

SPLITS = ("train", "test")
VOID_VALUE = 0
TEST_COUNT = 5050
"""Labels 1 to 5,050 are of the test images; image n of train has label n + 5,050."""


class SunRgbdSamples(Reader):
    """SUN RGB-D's colour images with their labels, map-style, in the order of their numbers; it names no objects.

    `root` holds the archives' folders: `SUNRGBD-train_images/` or `SUNRGBD-test_images/` with img-000001.jpg and on,
    and `sunrgbd_train_test_labels/` with img-000001.png and on; the short names `train/`, `test/` and `labels/` do as
    well. `split` is "train" or "test". `num_classes` is 37, or 13 for the merged classes. A file's value counts from
    1, so it is the label + 1; 0 is unlabelled, and void.
    Raises FileNotFoundError for a root without the set, ValueError for another number of classes, DamagedFile for a
    broken file.
    """

    def __init__(self, root: Path | str, split: str = "train", num_classes: int = 37):
        require_split(split, SPLITS)
        if num_classes not in (37, 13):
            raise ValueError(f"num_classes must be 37 or 13, got {num_classes}")
        self._photos = first_folder(root, (f"SUNRGBD-{split}_images", split), (".",))
        self._labels = first_folder(root, ("sunrgbd_train_test_labels", "labels"), (".",))
        self._shift = TEST_COUNT if split == "train" else 0
        self.names = tuple(file.stem for file in listed(self._photos, "img-*.jpg"))
        table = CLASSES37 if num_classes == 37 else CLASSES13
        self.classes, self.colours = table.names, table.colours
        merged = [number - 1 for number in FROM_37_TO_13] if num_classes == 13 else range(37)
        self._table = value_table([0, *merged], void=(VOID_VALUE,))

    def paths(self, index: int) -> list[Path]:
        """The files of a sample: photograph, labels."""
        name = self.names[index]
        number = int(name.removeprefix("img-")) + self._shift
        return [self._photos / f"{name}.jpg", self._labels / f"img-{number:06d}.png"]

    def read(self, index: int) -> Sample:
        """The sample of a valid index."""
        photo, labels = self.paths(index)
        image = read_photo(photo)
        values = read_numbers(labels, size_of(image))
        label_map = translate(values, self._table, labels, "labels 0 to 37")
        return Sample(image, label_map, no_instances(*label_map.shape))


SUNRGBD = DatasetSpec(
    name="sunrgbd",
    reader=SunRgbdSamples,
    splits=SPLITS,
    classes=CLASSES37,
    void=(VOID_VALUE,),
    signs=("SUNRGBD-*_images", "sunrgbd_train_test_labels", "labels/img-??????.png"),
    val="test",
)
SUNRGBD13 = replace(
    SUNRGBD,
    name="sunrgbd13",
    reader=partial(SunRgbdSamples, num_classes=13),
    classes=CLASSES13,
    variant_of=SUNRGBD.name,
)
DATASETS = (SUNRGBD, SUNRGBD13)
