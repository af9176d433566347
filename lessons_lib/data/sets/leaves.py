"""Leaves in the layout of the CVPPP leaf segmentation challenge: a numbered palette image a plant."""

from pathlib import Path

from lessons_lib.data.class_table import voc_coloured
from lessons_lib.data.files import read_numbers, read_photo, size_of
from lessons_lib.data.folders import homes
from lessons_lib.data.leftovers import listed
from lessons_lib.data.objects import instances_of, masks_of, numbers_in
from lessons_lib.data.reader import Reader
from lessons_lib.data.sample import Sample
from lessons_lib.data.spec import DatasetSpec
from lessons_lib.data.splits import EVERY_FIFTH, every_fifth

CLASSES = voc_coloured(("background", "leaf"))


class LeafSamples(Reader):
    """The CVPPP layout, map-style, in the order of the names.

    `root` holds `plantNNN_rgb.png` and `plantNNN_label.png`, or `training/A1/` or `A1/` with them (`subset` names
    another folder than A1). Each value of a label image but 0 is one leaf (label 1), in ascending order; the label
    map is 1 where there is one. The files `_fg.png`, `_centers.png` and the CSV of counts are not needed. The
    published test set has no labels: "all" is all; "val" is every fifth plant and "train" the others, which is the
    course's choice.
    Raises FileNotFoundError for a root without the set, DamagedFile for a broken file.
    """

    classes, colours = CLASSES.names, CLASSES.colours

    def __init__(self, root: Path | str, split: str = "train", subset: str = "A1"):
        places = homes(root, (f"training/{subset}", subset, "."))
        found = next((place for place in places if listed(place, "*_rgb.png")), None)
        if found is None:
            raise FileNotFoundError(f"root must hold training/{subset}/*_rgb.png, which is not there: {root}")
        self._home = found
        self.names = every_fifth([file.name.removesuffix("_rgb.png") for file in listed(found, "*_rgb.png")], split)

    def paths(self, index: int) -> list[Path]:
        """The files of a sample: photograph, numbered leaves."""
        name = self.names[index]
        return [self._home / f"{name}_rgb.png", self._home / f"{name}_label.png"]

    def read(self, index: int) -> Sample:
        """The sample of a valid index."""
        photo, labels = self.paths(index)
        image = read_photo(photo)
        values = read_numbers(labels, size_of(image))
        masks = masks_of(values, numbers_in(values))
        return Sample(image, masks.any(dim=0).long(), instances_of(masks, [1] * len(masks)))


LEAVES = DatasetSpec(
    name="leaves", reader=LeafSamples, splits=EVERY_FIFTH, classes=CLASSES, signs=("training/A1", "A1", "*_label.png")
)
DATASETS = (LEAVES,)
