"""A folder of masks for each photograph, one file an object, as the Data Science Bowl of 2018 has it."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from lessons_lib.data.exports.given_splits import SPLITS, split_of_path, split_of_word
from lessons_lib.data.exports.numbers import is_mask_file, read_mask, value_names
from lessons_lib.data.exports.photos import key
from lessons_lib.data.exports.reader import ExportSamples, Found, Item
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.leftovers import listed
from lessons_lib.data.objects import instances_of
from lessons_lib.data.sample import Instances
from lessons_lib.data.sets.mask_folders import IMAGES, MASKS
from lessons_lib.data.spec import DatasetSpec


class ObjectMaskSamples(ExportSamples):
    """`<name>/images/<any>.png` and `<name>/masks/*.png`, or `images/<name>.jpg` and `masks/<name>/*.png`.

    Each file of masks is one object: 0 outside, one other value inside. All are of one class, "object", or the one that
    a classes.txt names. A photograph whose folder of masks is empty has no objects; one without the folder is damage.
    """

    def find(self, root: Path) -> Found:
        """Every photograph that has a folder of masks."""
        homes = mask_homes(root)
        if not homes:
            raise FileNotFoundError(
                f"root must hold NAME/images/ and NAME/masks/, or images/NAME and masks/NAME/: {root}"
            )
        items = []
        for photo, (name, folder) in sorted(homes.items()):
            fault = "" if folder.is_dir() else f"has no folder of masks, which should be {folder}"
            masks = tuple(path for path in listed(folder) if is_mask_file(path)) if folder.is_dir() else ()
            split = split_of_path(photo, root)
            items.append(Item(photo, folder, split=split, name=name, fault=fault, masks=masks))
        return Found(value_names(root, [1])[:1], tuple(items))

    def truth(self, item: Item, size: tuple[int, int]) -> tuple[Int64[Tensor, "H W"], Instances]:
        """One object for each file, in the order of their names; the label map is their union."""
        masks = np.zeros((len(item.masks), *size), dtype=bool)
        for mask, file in zip(masks, item.masks, strict=True):
            values = read_mask(file, size)
            marks = np.unique(values[values != 0])
            if len(marks) != 1:
                got = "an empty mask" if len(marks) == 0 else f"{len(marks)} others"
                kind = "empty mask" if len(marks) == 0 else "broken file"
                raise DamagedFile(file, f"must hold 0 and one other value, got {got}", "pixels", kind)
            mask[:] = values != 0
        drawn = torch.from_numpy(masks)
        return drawn.any(0).long(), instances_of(drawn, [1] * len(masks))


def mask_homes(root: Path) -> dict[Path, tuple[str, Path]]:
    """The name of each photograph and its folder of masks, which may be missing beside others that are there."""
    homes: dict[Path, tuple[str, Path]] = {}
    for folder in [root, *(path for path in listed(root, "**/*") if path.is_dir())]:
        if key(folder.name) not in IMAGES:
            continue
        beside = [path for path in listed(folder.parent) if path.is_dir() and key(path.name) in MASKS]
        photos = [path for path in listed(folder) if is_mask_file(path)]
        if len(photos) == 1 and _is_one_of_many(folder, root):
            masks = beside[0] if beside else folder.parent / "masks"
            homes[photos[0]] = (folder.parent.name, masks)
        for masks in beside:
            inside = {key(path.name): path for path in listed(masks) if path.is_dir()}
            if any(key(photo.stem) in inside for photo in photos):
                homes |= {photo: (photo.stem, inside.get(key(photo.stem), masks / photo.stem)) for photo in photos}
    return homes


def _is_one_of_many(folder: Path, root: Path) -> bool:
    """Whether a folder of one photograph is one of several that are built alike, or its masks are many."""
    if _masks_beside(folder) > 1:
        return True
    above = folder.parent
    if above == root or split_of_word(above.name):
        return False
    alike = [path / folder.name for path in listed(above.parent) if (path / folder.name).is_dir()]
    return len(alike) > 1 and any(map(_masks_beside, alike))


def _masks_beside(folder: Path) -> int:
    """How many images the folders of masks beside a folder hold; 0 where it is not there."""
    beside = [path for path in listed(folder.parent) if path.is_dir() and key(path.name) in MASKS]
    return sum(is_mask_file(path) for home in beside for path in listed(home)) if folder.is_dir() else 0


OBJECT_MASKS = DatasetSpec(
    name="object_masks",
    reader=ObjectMaskSamples,
    splits=SPLITS,
    classes=None,
    recognises=lambda root: bool(mask_homes(root)),
)
DATASETS = (OBJECT_MASKS,)
