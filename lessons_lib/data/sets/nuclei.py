"""Nuclei of the Data Science Bowl 2018: microscope images, one mask file a nucleus."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from lessons_lib.data.class_table import voc_coloured
from lessons_lib.data.exports.photos import is_image
from lessons_lib.data.files import DamagedFile, read_numbers, read_photo, size_of
from lessons_lib.data.folders import first_folder
from lessons_lib.data.leftovers import listed
from lessons_lib.data.objects import instances_of, numbers_in
from lessons_lib.data.reader import Reader
from lessons_lib.data.sample import Sample
from lessons_lib.data.spec import DatasetSpec
from lessons_lib.data.splits import EVERY_FIFTH, every_fifth

CLASSES = voc_coloured(("background", "nucleus"))


class NucleiSamples(Reader):
    """The training part of the Data Science Bowl 2018 (BBBC038), map-style, in the order of the ids.

    `root` holds `stage1_train/<id>/images/<id>.png` and `.../masks/*.png`, a grey image a nucleus, 0 or 255.
    Instances (label 1) come in the order of the mask files' names; a few masks share a pixel. The label map is their
    union. Every image has nuclei, so a folder `masks` that is empty or not there is damage and no background. The set
    has no splits with masks: "all" is all; "val" is every fifth image and "train" the others, which
    is the course's choice.
    Raises FileNotFoundError for a root without the set, DamagedFile for a broken file.
    """

    classes, colours = CLASSES.names, CLASSES.colours

    def __init__(self, root: Path | str, split: str = "train"):
        self._home = first_folder(root, ("stage1_train",), (".",))
        self.names = every_fifth([folder.name for folder in listed(self._home) if folder.is_dir()], split)

    def paths(self, index: int) -> list[Path]:
        """The files of a sample: photograph, then a mask a nucleus."""
        folder = self._home / self.names[index]
        return [folder / "images" / f"{folder.name}.png", *filter(is_image, listed(folder / "masks"))]

    def read(self, index: int) -> Sample:
        """The sample of a valid index."""
        photo, *files = self.paths(index)
        image = read_photo(photo)
        size = size_of(image)
        if not files:
            folder = photo.parent.parent / "masks"
            reason = "must hold a mask for each nucleus, got none" if folder.is_dir() else "is not there"
            raise DamagedFile(folder, reason, kind="missing file")
        masks = _nuclei(files, size)
        return Sample(image, masks.any(dim=0).long(), instances_of(masks, [1] * len(masks)))


def _nuclei(files: list[Path], size: tuple[int, int]) -> Bool[Tensor, "N H W"]:
    masks = np.zeros((len(files), *size), dtype=bool)
    for mask, file in zip(masks, files, strict=True):
        values = read_numbers(file, size, modes=("L", "1", "P"))
        mask[:] = values > 0
        if not mask.any():
            raise DamagedFile(file, "must mark a nucleus, got an empty mask", kind="empty mask")
        if len(shades := numbers_in(values)) > 1:
            raise DamagedFile(file, f"must hold 0 and one other value, got {len(shades)} others", "pixels")
    return torch.from_numpy(masks)


NUCLEI = DatasetSpec(name="nuclei", reader=NucleiSamples, splits=EVERY_FIFTH, classes=CLASSES, signs=("stage1_train",))
DATASETS = (NUCLEI,)
