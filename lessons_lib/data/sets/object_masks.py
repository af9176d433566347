"""A folder of masks for each photograph, one file an object, as the Data Science Bowl of 2018 has it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from lessons_lib.data.exports.given_splits import SPLITS, split_of_path, split_of_word
from lessons_lib.data.exports.numbers import is_mask_file, read_mask, value_names
from lessons_lib.data.exports.photos import IMAGES, MASKS, key
from lessons_lib.data.exports.reader import ExportSamples, Found, Item
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.leftovers import listed
from lessons_lib.data.objects import instances_of
from lessons_lib.data.sample import Instances
from lessons_lib.data.sets.mask_folders import key_of_mask, key_of_photo
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
        return Found(value_names(root, [1])[:1], tuple(items), tuple(_lonely(root, {item.file for item in items})))

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


def _lonely(root: Path, used: set[Path]) -> Iterator[str]:
    """A note of folders of masks that no photograph has: it is missing, or there are several where one should be."""
    folders = [path for path in listed(root, "**/*") if path.is_dir() and path not in used]
    folders = [path for path in folders if {key(path.name), key(path.parent.name)} & MASKS]
    folders = [path for path in folders if any(map(is_mask_file, listed(path)))]
    if folders:
        yield f"{len(folders)} folders of masks have no photograph, or not one alone, such as {folders[0]}"


def mask_homes(root: Path) -> dict[Path, tuple[str, Path]]:
    """The name of each photograph and its folder of masks, which may be missing beside others that are there."""
    homes: dict[Path, tuple[str, Path]] = {}
    for folder in [root, *(path for path in listed(root, "**/*") if path.is_dir())]:
        if key(folder.name) not in IMAGES:
            continue
        beside = [path for path in listed(folder.parent) if path.is_dir() and key(path.name) in MASKS]
        photos = [path for path in listed(folder) if is_mask_file(path)]
        if len(photos) == 1 and _is_one_of_many(photos[0], root):
            masks = beside[0] if beside else folder.parent / "masks"
            homes[photos[0]] = (folder.parent.name, masks)
        for masks in beside:
            inside = {key(path.name): path for path in listed(masks) if path.is_dir()}
            if any(key(photo.stem) in inside for photo in photos):
                homes |= {photo: (photo.stem, inside.get(key(photo.stem), masks / photo.stem)) for photo in photos}
    return homes


def _is_one_of_many(photo: Path, root: Path) -> bool:
    """Whether a photograph, alone in its folder, has masks of objects beside it, or others like it have."""
    masks, above = _masks_beside(photo.parent), photo.parent.parent
    if masks:
        names = {key_of_photo(photo), key(photo.stem)}
        return len(masks) > 1 or key_of_mask(masks[0]) not in names or (above != root and _alike(photo.parent) > 1)
    return above != root and _alike(photo.parent) > 0


def _alike(folder: Path) -> int:
    """How many folders that lie as this one does have masks beside them; none where they are splits."""
    if split_of_word(folder.parent.name):
        return 0
    beside = [path / folder.name for path in listed(folder.parent.parent) if (path / folder.name).is_dir()]
    return sum(bool(_masks_beside(path)) for path in beside)


def _masks_beside(folder: Path) -> list[Path]:
    """The images in the folders of masks beside a folder."""
    homes = [path for path in listed(folder.parent) if path.is_dir() and key(path.name) in MASKS]
    return [path for home in homes for path in listed(home) if is_mask_file(path)]


OBJECT_MASKS = DatasetSpec(
    name="object_masks",
    reader=ObjectMaskSamples,
    splits=SPLITS,
    classes=None,
    recognises=lambda root: bool(mask_homes(root)),
)
DATASETS = (OBJECT_MASKS,)
