"""One reader for all exports: a layout says which images there are and what is drawn on them, this does the rest."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from PIL import Image
from torch import Tensor

from lessons_lib.data.class_table import voc_colour
from lessons_lib.data.exports.given_splits import ALL, SPLITS, settled, split_of_word
from lessons_lib.data.exports.shapes import Shape, draw
from lessons_lib.data.files import DamagedFile, read_photo
from lessons_lib.data.reader import Reader
from lessons_lib.data.sample import VOID, Instances, Sample, tight_boxes
from lessons_lib.data.sets.coco import paint_label_map

PLACEHOLDERS = frozenset({"_background_", "__background__", "__ignore__", "_ignore_"})
"""Names that tools give to no class."""


@dataclass(frozen=True, eq=False)
class Item:
    """One image of an export.

    file: the annotation file, which messages name; the photograph where there is none. size: (height, width) as the
    file states it, at `place`. split: "train", "val", "test", or "" where the export gives none. fault: why the image
    cannot be read, found while the folder was looked through. masks: files of numbers, for layouts that have them.
    """

    photo: Path
    file: Path
    shapes: tuple[Shape, ...] = ()
    size: tuple[int, int] | None = None
    place: str = ""
    split: str = ""
    name: str = ""
    fault: str = ""
    masks: tuple[Path, ...] = ()


@dataclass(frozen=True, eq=False)
class Found:
    """What a folder holds: names of the classes from label 1 on, images, what was passed over, what is lacking."""

    classes: tuple[str, ...]
    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()
    lacks: tuple[tuple[str, str], ...] = ()


class ExportSamples(Reader):
    """An export, map-style, in the order of the names: a subclass writes `find`, and `truth` where it has no shapes.

    `split` is "train", "val", "test", a tool's own word for one of them, or "all". `splits` counts the images of each;
    `splits_made` says that they were made by a hash of the names, since the export gives none. `lacks` says why there
    are no "masks" or "label maps": see `require_truth`. `notes` are sentences about what was passed over.

    Raises FileNotFoundError for a folder without the layout or the split, ValueError for a word that is no split,
    DamagedFile at once where a file of the whole set is broken, otherwise in `samples[index]`.
    """

    def __init__(self, root: Path | str, split: str = "train"):
        wanted = split if split == ALL else split_of_word(split)
        if not wanted:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, {ALL}, got {split!r}")
        self.root = Path(root)
        found = _without_placeholders(self.find(self.root))
        if not found.items:
            raise FileNotFoundError(f"root must hold an image with annotations, got none: {root}")
        given, keys = [item.split for item in found.items], [item.name or item.photo.stem for item in found.items]
        splits, self.splits_made = settled(given, keys)
        counted = Counter(splits)
        self.splits = {name: counted[name] for name in SPLITS if counted[name]}
        if wanted not in (ALL, *self.splits):
            there = ", ".join(f"{name} {count}" for name, count in self.splits.items())
            raise FileNotFoundError(f"root must hold the split {wanted}, got {there}: {root}")
        chosen = [item for item, own in zip(found.items, splits, strict=True) if wanted in (own, ALL)]
        names = _names(chosen, self.root)
        order = sorted(range(len(chosen)), key=lambda i: names[i])
        self.items, self.names = [chosen[i] for i in order], tuple(names[i] for i in order)
        self.classes = ("no object" if "background" in found.classes else "background", *found.classes)
        self.colours = tuple(map(voc_colour, range(len(self.classes))))
        self._labels = {name: label for label, name in enumerate(found.classes, start=1)}
        shapes = [shape for item in found.items for shape in item.shapes]
        boxes = sum(shape.is_box for shape in shapes)
        self._boxes_alone = 0 < boxes == len(shapes)
        self.lacks = dict(found.lacks) | self._missing()
        self.notes = found.notes
        counts = Counter(item.photo for item in found.items if not item.fault)
        twice = [photo for photo, count in counts.items() if count > 1]
        if twice:
            what = f"{len(twice)} of the photographs are listed more than once, and counted as often"
            self.notes += (f"{what}, such as {twice[0].name}: is there a copy of an annotation file?",)
        if 0 < boxes < len(shapes):
            self.notes += (f"{boxes} of {len(shapes)} objects are boxes among masks, and are drawn as filled boxes",)

    def find(self, root: Path) -> Found:
        """What the folder holds. FileNotFoundError where it does not have the layout."""
        raise NotImplementedError

    def paths(self, index: int) -> list[Path]:
        """The files of a sample: photograph, then where its annotations stand."""
        item = self.items[index]
        return list(dict.fromkeys([item.photo, *(item.masks or [item.file])]))

    def read(self, index: int) -> Sample:
        """The sample of a valid index."""
        item = self.items[index]
        if item.fault:
            kind = "broken file" if os.path.isfile(item.photo) else "missing file"
            raise DamagedFile(item.photo, f"{item.fault}; {SKIP}", kind=kind)
        refuse_stack(item.photo)
        image = read_photo(item.photo)
        size = (image.shape[1], image.shape[2])
        if item.size not in (None, size):
            reason = f"must be that of {item.photo.name}, {size}, got {item.size}"
            raise DamagedFile(item.file, reason, item.place, "wrong size")
        return Sample(image, *self.truth(item, size))

    def truth(self, item: Item, size: tuple[int, int]) -> tuple[Int64[Tensor, "H W"], Instances]:
        """Label map and objects of an image of (height, width), without those that cover no pixel."""
        shapes = [shape.in_pixels(*size) for shape in item.shapes]
        masks = None
        boxes = torch.tensor([shape.box or (0, 0, 0, 0) for shape in shapes], dtype=torch.float32).view(-1, 4)
        if not self._boxes_alone:
            drawn = np.zeros((len(shapes), *size), dtype=bool)
            for place, shape in enumerate(shapes):
                drawn[place] = draw(shape, *size, item.file)
            covers: Any = drawn.any((1, 2))
            shapes = [shape for shape, kept in zip(shapes, covers, strict=True) if kept]
            masks, boxes = torch.from_numpy(drawn[covers]), boxes[torch.from_numpy(covers)]
            own = torch.tensor([shape.box is not None for shape in shapes], dtype=torch.bool)
            boxes = torch.where(own[:, None], boxes, tight_boxes(masks))
        instances = Instances(
            boxes=boxes,
            labels=torch.tensor([self._labels[shape.name] for shape in shapes], dtype=torch.int64),
            masks=masks,
            is_crowd=torch.tensor([shape.crowd for shape in shapes], dtype=torch.bool),
        )
        label_map = torch.full(size, VOID) if "label maps" in self.lacks else paint_label_map(instances)
        return label_map, instances

    def _missing(self) -> dict[str, str]:
        """What the export lacks, and why."""
        lacks = {}
        if self._boxes_alone:
            lacks["masks"] = "it holds boxes and no masks; a detector of boxes, faster_rcnn, trains on them"
            lacks["label maps"] = lacks["masks"]
        if (count := len(self._labels)) >= VOID:
            lacks["label maps"] = f"a label map holds at most {VOID - 1} classes, as {VOID} means void, got {count}"
        return lacks


SKIP = "put it right, or leave the image out with --on-error skip"
"""What to do about one image that cannot be read."""


def remarks(samples: object) -> list[str]:
    """What is to be said of an export that is opened: splits that were made, and notes; nothing for other sets."""
    said = list(getattr(samples, "notes", ()))
    if getattr(samples, "splits_made", False):
        counts = ", ".join(f"{split} {count}" for split, count in getattr(samples, "splits", {}).items())
        said.insert(0, f"splits made by a hash of each file's name, so that one more file moves no other: {counts}")
    return said


def refuse_stack(file: Path) -> None:
    """Raise DamagedFile for a file of several images, of which a reader would take the first and say nothing."""
    if file.suffix.lower() not in (".tif", ".tiff", ".gif", ".webp"):
        return
    try:
        with Image.open(file) as picture:
            count = getattr(picture, "n_frames", 1)
    except Exception:  # what is broken or missing is said where it is read
        return
    if count > 1:
        raise DamagedFile(file, f"must hold one image, got a stack of {count}: save each as a file of its own")


def ordered_classes(used: Iterable[str], listed: Sequence[str] = ()) -> tuple[str, ...]:
    """The classes: those that a list has, in its order, then the other used ones by name; placeholders are none."""
    others = sorted(set(used) - set(listed))
    return tuple(name for name in dict.fromkeys([*listed, *others]) if name not in PLACEHOLDERS)


def _without_placeholders(found: Found) -> Found:
    """The same without the objects that are of no class."""
    items = []
    for item in found.items:
        kept = tuple(shape for shape in item.shapes if shape.name not in PLACEHOLDERS)
        items.append(item if len(kept) == len(item.shapes) else replace(item, shapes=kept))
    return replace(found, items=tuple(items))


def _names(items: Sequence[Item], root: Path) -> list[str]:
    """The names of images: of the file alone where they differ, with their folders where not."""
    short = [item.name or item.photo.stem for item in items]
    if len(set(short)) == len(short):
        return short
    long = []
    for item, name in zip(items, short, strict=True):
        folder = item.photo.parent
        inside = folder.relative_to(root) if folder.is_relative_to(root) else folder
        long.append((inside / name).as_posix())
    return long
