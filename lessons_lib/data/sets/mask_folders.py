"""Images and masks: for each photograph an image of numbers, in a folder beside it or under a longer name."""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from lessons_lib.data.exports.given_splits import SPLITS, split_of_path
from lessons_lib.data.exports.numbers import is_mask_file, read_mask, value_names
from lessons_lib.data.exports.photos import IMAGES, MASKS, key
from lessons_lib.data.exports.reader import ExportSamples, Found, Item
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.leftovers import listed
from lessons_lib.data.objects import no_instances
from lessons_lib.data.sample import VOID, Instances
from lessons_lib.data.spec import DatasetSpec

_MASK_WORD = re.compile(
    r"(?:[\s._-]+|(?<=\d))(masks?|labels?|labelids|gt|seg|segmentation|annotation|groundtruth)$", re.I
)
_MASK_START = re.compile(r"^(masks?|labels?|gt|seg)[\s._-]+", re.I)
_PHOTO_WORD = re.compile(r"[\s._-]+(images?|img|rgb|sat|photo)$", re.I)
_PHOTO_START = re.compile(r"^(images?|img|rgb)[\s._-]+(?=.)", re.I)

LOOKED_AT = 200
"""How many masks are read to learn which values there are; more would make a large set slow to open."""

NO_OBJECTS = (
    "its masks say which class a pixel has and not which object: models of pixels (fcn8s, unet) train on it; for "
    "objects save one mask for each in a folder per image"
)


class MaskFolderSamples(ExportSamples):
    """A label map for each photograph: masks/a.png for images/a.jpg, or a_mask.png beside a.jpg, and the like.

    The pairs have one name, apart from the suffix and from words such as _mask, _label, _gt, and _image. Values are
    labels, 255 void; where the masks have one value beside 0 (255, say), that is label 1. A classes.txt, one name a
    line, names them. Which values there are is learned from `LOOKED_AT` masks. There are no objects: see `lacks`.
    """

    def find(self, root: Path) -> Found:
        """Every photograph of a folder that has masks."""
        pairs, orphans = paired(root)
        if not pairs:
            raise FileNotFoundError(f"root must hold folders images and masks, or files a.jpg and a_mask.png: {root}")
        items = []
        for photo, mask in sorted(pairs.items()):
            fault = "" if mask else f"has no mask of its name among {_example(pairs)}"
            items.append(
                Item(photo, mask or photo, split=split_of_path(photo, root), fault=fault, masks=(mask or photo,))
            )
        self._single, values = _values([mask for mask in pairs.values() if mask])
        notes = [f"{len(orphans)} masks have no photograph, such as {orphans[0]}"] if orphans else []
        lacks = {"masks": NO_OBJECTS, "boxes": NO_OBJECTS}
        return Found(value_names(root, values), tuple(items), tuple(notes), tuple(lacks.items()))

    def truth(self, item: Item, size: tuple[int, int]) -> tuple[Int64[Tensor, "H W"], Instances]:
        """The label map; there are no objects."""
        file = item.masks[0]
        values = read_mask(file, size)
        if self._single is not None:
            allowed = f"0 and {self._single}, as the others do"
            labels = np.where(values == self._single, 1, np.where(values == 0, 0, -1))
        else:
            allowed = f"labels 0 to {len(self.classes) - 1}, or {VOID} for void"
            labels = np.where((values < len(self.classes)) | (values == VOID), values, -1)
        if (labels < 0).any():
            got = values[labels < 0]
            reason = f"must hold {allowed}, got {got[0]} in {len(got)} pixels: name all classes in a classes.txt"
            raise DamagedFile(file, reason, "pixels", "unknown label")
        return torch.from_numpy(labels), no_instances(*size)


def _example(pairs: dict[Path, Path | None]) -> str:
    mask = next(mask for mask in pairs.values() if mask)
    return f"masks such as {mask.parent.name}/{mask.name}"


def paired(root: Path) -> tuple[dict[Path, Path | None], list[Path]]:
    """The mask of each photograph, None where it is missing, and the masks that have no photograph."""
    folders: dict[Path, list[Path]] = defaultdict(list)
    for path in listed(root, "**/*"):
        if is_mask_file(path):
            folders[path.parent].append(path)
    pairs: dict[Path, Path | None] = {}
    orphans = []
    for folder, files in folders.items():
        masks = next((folders[home] for home in _mask_homes(folder) if home in folders), None)
        if masks is None:  # both in one folder: masks are those whose name says so
            masks = [path for path in files if key_of_mask(path) != key(path.stem)]
            files = [path for path in files if path not in masks]
            if not masks or not {key_of_mask(path) for path in masks} & {key_of_photo(path) for path in files}:
                continue
        exact = {key(path.stem): path for path in masks}
        loose = {key_of_mask(path): path for path in masks}
        matched = {
            path: exact.get(key(path.stem)) or loose.get(key_of_photo(path)) or loose.get(key(path.stem))
            for path in files
        }
        if any(matched.values()):
            pairs |= matched
            orphans += [path for path in masks if path not in matched.values()]
    return pairs, orphans


def _mask_homes(folder: Path) -> list[Path]:
    """Where the masks of a folder of photographs may lie."""
    homes = []
    for above in (folder, *folder.parents):  # images/train and masks/train, or train/images and train/masks
        if key(above.name) in IMAGES:
            inner = folder.relative_to(above)
            beside = sorted(above.parent.iterdir()) if above.parent.is_dir() else []
            homes += [path / inner for path in beside if path.is_dir() and key(path.name) in MASKS]
    for word in ("_masks", "_mask", "_labels", "masks", "annot"):  # train and train_masks
        homes.append(folder.with_name(folder.name + word))
    return homes


def key_of_mask(path: Path) -> str:
    """The name of a mask without the words that say so."""
    return key(_MASK_START.sub("", _MASK_WORD.sub("", path.stem)))


def key_of_photo(path: Path) -> str:
    """The name of a photograph without the words that say so."""
    return key(_PHOTO_START.sub("", _PHOTO_WORD.sub("", path.stem)))


def _values(masks: list[Path]) -> tuple[int | None, list[int]]:
    """The one value beside 0, where there is but one in all masks, and the labels that occur."""
    step = -(-len(masks) // LOOKED_AT) or 1
    found: set[int] = set()
    for file in masks[::step]:
        try:
            found |= set(np.unique(read_mask(file)).tolist())
        except DamagedFile:
            continue  # said where the sample is read
    marks = found - {0}
    if len(marks) == 1:
        return marks.pop(), [1]
    return None, sorted(value for value in marks if value < VOID)


MASK_FOLDERS = DatasetSpec(
    name="mask_folders",
    reader=MaskFolderSamples,
    splits=SPLITS,
    classes=None,
    void=(VOID,),
    recognises=lambda root: bool(paired(root)[0]),
)
DATASETS = (MASK_FOLDERS,)
