"""Penn-Fudan: 170 street photographs with a numbered mask of their pedestrians."""

from pathlib import Path

from lessons_lib.data.class_table import voc_coloured
from lessons_lib.data.files import read_numbers, read_photo, size_of
from lessons_lib.data.folders import first_folder
from lessons_lib.data.leftovers import listed
from lessons_lib.data.objects import instances_of, masks_of, numbers_in
from lessons_lib.data.reader import Reader
from lessons_lib.data.sample import Sample
from lessons_lib.data.spec import DatasetSpec
from lessons_lib.data.splits import EVERY_FIFTH, every_fifth

CLASSES = voc_coloured(("background", "pedestrian"))


class PennFudanSamples(Reader):
    """Penn-Fudan, map-style, in the order of the names.

    `root` holds `PNGImages/` and `PedMasks/<name>_mask.png`, or the archive's folder `PennFudanPed/` with them. Each
    value of a mask but 0 is one pedestrian (label 1), in ascending order; the label map is 1 where there is one. The
    set has no splits: "all" is all; "val" is every fifth image and "train" the others, which is the course's
    choice.
    Raises FileNotFoundError for a root without the set, DamagedFile for a broken file.
    """

    classes, colours = CLASSES.names, CLASSES.colours

    def __init__(self, root: Path | str, split: str = "train"):
        self._home = first_folder(root, (".", "PennFudanPed"), ("PNGImages", "PedMasks"))
        self.names = every_fifth([file.stem for file in listed(self._home / "PNGImages", "*.png")], split)

    def paths(self, index: int) -> list[Path]:
        """The files of a sample: photograph, mask."""
        name = self.names[index]
        return [self._home / "PNGImages" / f"{name}.png", self._home / "PedMasks" / f"{name}_mask.png"]

    def read(self, index: int) -> Sample:
        """The sample of a valid index."""
        photo, mask = self.paths(index)
        image = read_photo(photo)
        values = read_numbers(mask, size_of(image))
        masks = masks_of(values, numbers_in(values))
        return Sample(image, masks.any(dim=0).long(), instances_of(masks, [1] * len(masks)))


PENN_FUDAN = DatasetSpec(
    name="penn_fudan", reader=PennFudanSamples, splits=EVERY_FIFTH, classes=CLASSES, signs=("PedMasks", "PennFudanPed")
)
DATASETS = (PENN_FUDAN,)
