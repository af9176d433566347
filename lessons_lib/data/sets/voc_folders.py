"""Folders in VOC's layout with classes of their own: label maps as numbers, in a palette or in colours."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from lessons_lib.data.class_table import Colour, voc_colour
from lessons_lib.data.exports.given_splits import SPLITS, split_of_word
from lessons_lib.data.exports.numbers import is_mask_file, read_mask, value_names
from lessons_lib.data.exports.photos import SUFFIXES, Photos, key
from lessons_lib.data.exports.reader import PLACEHOLDERS, ExportSamples, Found, Item
from lessons_lib.data.exports.texts import names_in, read_lines, refuse_twice
from lessons_lib.data.files import DamagedFile, open_picture, read_numbers, require_size
from lessons_lib.data.leftovers import listed
from lessons_lib.data.objects import instances_of, masks_of, no_instances, numbers_in
from lessons_lib.data.sample import VOID, Instances
from lessons_lib.data.sets.classes import VOC
from lessons_lib.data.sets.voc import class_of
from lessons_lib.data.spec import DatasetSpec

CLASS_FOLDERS = ("segmentationclass", "segmentationclasspng")
OBJECT_FOLDERS = ("segmentationobject", "segmentationobjectpng")
"""The folders of maps, in small letters; the second is labelme2voc's."""

NO_OBJECTS = "its folder SegmentationObject is not there, so that nobody knows which pixels are one object"

LOOKED_AT = 200
"""How many maps are read to learn which labels there are, where nothing names the classes."""


class VocFolderSamples(ExportSamples):
    """`SegmentationClass/<name>.png`, `JPEGImages/<name>.jpg`, and `SegmentationObject/<name>.png` where it is there.

    Classes and their colours are those of a labelmap.txt (name:red,green,blue:: as CVAT has it), else the names of a
    class_names.txt, 0 first, else VOC's own where the XML files of the folder name such, else class 1, class 2, … Maps
    hold numbers, also in a palette, or with a labelmap.txt colours. The lists of ImageSets give the splits, and where
    there are any, only what they list is read. Without objects `lacks` says so. Source: the VOC2012 development kit;
    CVAT's documentation, "Segmentation mask".
    """

    def find(self, root: Path) -> Found:
        """Every map of classes with its photograph."""
        homes = [path for path in listed(root, "**/*") if path.is_dir() and key(path.name) in CLASS_FOLDERS]
        if not homes:
            raise FileNotFoundError(f"root must hold a folder SegmentationClass, which is not there: {root}")
        photos, splits, items = Photos(root), _lists(root), []
        self._colours = _label_colours(root)
        for folder in homes:
            objects = {key(path.stem): path for path in _beside(folder)}
            for file in listed(folder):
                split = splits.get(key(file.stem), "" if not splits else None)
                if not is_mask_file(file) or split is None:
                    continue
                photo, fault = _photo_of(file, photos), ""
                if photo is None:
                    photo, fault = (
                        file.parent.parent / "JPEGImages" / f"{file.stem}.jpg",
                        f"is not there, though {file.name} is",
                    )
                masks = [file, objects[key(file.stem)]] if key(file.stem) in objects else [file]
                items.append(Item(photo, file, split=split, fault=fault, masks=tuple(masks)))
        self._objects = any(len(item.masks) > 1 for item in items)
        there = {key(item.file.stem) for item in items}
        there |= {name.partition(" ")[0] for name in splits if " " in name}  # see `_lists`
        lost = [name for name in splits if not {name, name.partition(" ")[0]} & there]
        notes = (f"{len(lost)} names in ImageSets have no map in {homes[0].name}, such as {lost[0]}",) if lost else ()
        lacks = () if self._objects else (("masks", NO_OBJECTS), ("boxes", NO_OBJECTS))
        return Found(self._named(root, items), tuple(items), notes, lacks)

    def _named(self, root: Path, items: Sequence[Item]) -> tuple[str, ...]:
        """The classes from label 1 on."""
        if self._colours:
            return tuple(list(self._colours)[1:])
        found = names_in(root, "class_names.txt")
        if found is not None:
            names = [name for name in found[1] if name != "__ignore__"]
            refuse_twice(names, found[0])
            return tuple(names[1:] if names and key(names[0]).strip("_") == "background" else names)
        if _named_in_xml(root) & set(VOC.names):
            return VOC.names[1:]
        values: set[int] = set()
        for item in items[:: -(-len(items) // LOOKED_AT) or 1]:
            try:
                values |= set(numbers_in(read_mask(item.masks[0]), without=(0, VOID)))
            except DamagedFile:
                continue  # said where the sample is read
        return value_names(root, sorted(values))

    def truth(self, item: Item, size: tuple[int, int]) -> tuple[Int64[Tensor, "H W"], Instances]:
        """The map of classes, and an object for each number of the map of objects."""
        file = item.masks[0]
        values = read_coloured(file, size, self._colours) if self._colours else read_mask(file, size)
        wrong = (values >= len(self.classes)) & (values != VOID)
        if wrong.any():
            reason = f"must hold labels 0 to {len(self.classes) - 1}, or {VOID} for void, got {values[wrong][0]}"
            cure = "name all classes in a labelmap.txt or class_names.txt"
            raise DamagedFile(file, f"{reason} in {wrong.sum()} pixels: {cure}", "pixels", "unknown label")
        label_map = torch.from_numpy(values)
        if not self._objects:
            return label_map, no_instances(*size)
        if len(item.masks) < 2:
            objects = file.parent.parent / "SegmentationObject" / file.name
            raise DamagedFile(objects, f"is not there, though {file.name} is", kind="missing file")
        numbers = read_objects(item.masks[1], size)
        ids = numbers_in(numbers, without=(0, VOID))
        masks = masks_of(numbers, ids)
        labels = [class_of(label_map[mask], number, item.masks[1]) for mask, number in zip(masks, ids, strict=True)]
        return label_map, instances_of(masks, labels)


def _beside(folder: Path) -> list[Path]:
    """The maps of objects beside a folder of classes."""
    homes = [path for path in listed(folder.parent) if path.is_dir() and key(path.name) in OBJECT_FOLDERS]
    return [path for home in homes for path in listed(home) if is_mask_file(path)]


def _photo_of(file: Path, photos: Photos) -> Path | None:
    """The photograph of a map: the image of its name that lies in no folder of maps, the nearest."""
    found = [path for path in photos.called(file.stem) if not key(path.parent.name).startswith("segmentation")]
    shared = {path: len(set(path.parents) & set(file.parents)) for path in found}
    return max(found, key=lambda path: (shared[path], key(path.parent.name) == "jpegimages"), default=None)


def _lists(root: Path) -> dict[str, str]:
    """The split of each name in the lists of ImageSets; "" for a list such as default.txt or trainval.txt."""
    files = [path for path in listed(root, "**/*.txt") if "imagesets" in [key(part) for part in path.parts]]
    files = [path for path in files if key(path.parent.name) == "segmentation"] or files
    splits: dict[str, str] = {}
    for file in sorted(files, key=lambda path: bool(split_of_word(path.stem))):
        for line in filter(None, read_lines(file)):
            split = split_of_word(file.stem)
            splits[_listed_name(line)] = split
            splits.setdefault(_listed_name(line.split()[0]), split)  # VOC's lists of one class have a mark behind it
    return splits


def _listed_name(line: str) -> str:
    """The name that a line of a list means, with or without folders and a suffix."""
    path = Path(line.replace("\\", "/"))
    return key(path.stem if path.suffix.lower() in SUFFIXES else path.name)


def _label_colours(root: Path) -> dict[str, Colour]:
    """Names and colours of a labelmap.txt, the background first; nothing where there is none."""
    found = names_in(root, "labelmap.txt")
    if found is None:
        return {}
    colours: dict[str, Colour] = {}
    for number, line in enumerate(found[1], start=1):
        if line.startswith("#"):
            continue
        name, *rest = line.split(":")
        if rest and not rest[0].strip():  # no colour is that of VOC's palette
            colours[name.strip()] = voc_colour(len(colours))
            continue
        try:
            red, green, blue = (int(value) for value in rest[0].split(","))
        except (IndexError, ValueError) as error:
            reason = f"must be name:red,green,blue::, got {line[:40]!r}"
            raise DamagedFile(found[0], reason, f"line {number}") from error
        if name.strip() in colours:
            raise DamagedFile(found[0], f"must give each class one line, got {name.strip()!r} again", f"line {number}")
        colours[name.strip()] = (red, green, blue)
    zero = next((name for name in colours if key(name) == "background" or name in PLACEHOLDERS), None)
    black = colours.pop(zero) if zero else (0, 0, 0)
    return {"background": black, **colours}


def read_coloured(file: Path, size: tuple[int, int], colours: dict[str, Colour]) -> Int64[np.ndarray, "H W"]:
    """The labels of a map of classes whose colours, in channels or in a palette, are those of the table.

    A palette or grey image whose values are labels already is read as such where its colours are not in the table.
    """
    picture = open_picture(file, lossless=True)
    pixels = np.array(picture.convert("RGB")).astype(np.int64)
    require_size(file, pixels.shape[:2], size)
    codes = pixels @ np.array([65536, 256, 1])
    labels = np.full(size, -1, dtype=np.int64)
    void = {"void": voc_colour(VOID)}
    for name, (red, green, blue) in {**void, **colours}.items():
        label = VOID if name == "void" and "void" not in colours else list(colours).index(name)
        labels[codes == red * 65536 + green * 256 + blue] = label
    if (labels >= 0).all():
        return labels
    if picture.mode in ("L", "P", "1"):
        return read_mask(file, size)
    y, x = np.argwhere(labels < 0)[0].tolist()
    got = tuple(pixels[y, x].tolist())
    raise DamagedFile(file, f"must hold colours that labelmap.txt names, got {got}", "pixels", "unknown label")


def read_objects(file: Path, size: tuple[int, int]) -> Int64[np.ndarray, "H W"]:
    """The numbers of a map of objects; where it holds colours, the number that VOC's palette gives them."""
    picture = open_picture(file, lossless=True)
    if picture.mode not in ("RGB", "RGBA"):
        return read_numbers(file, size, ("L", "P", "I;16", "I"))
    pixels = np.array(picture.convert("RGB")).astype(np.int64)
    require_size(file, pixels.shape[:2], size)
    codes = pixels @ np.array([65536, 256, 1])
    void = int(np.array(voc_colour(VOID)) @ np.array([65536, 256, 1]))
    seen, places = np.unique(codes, return_inverse=True)
    numbers = np.array([0 if code == 0 else VOID if code == void else n for n, code in enumerate(seen, start=1000)])
    return numbers[places.reshape(codes.shape)]


def _named_in_xml(root: Path) -> set[str]:
    """The classes that a few of the XML files beside the photographs name."""
    names = set()
    for file in listed(root, "**/Annotations/*.xml")[:20]:
        try:
            names |= {entry.findtext("name", "") for entry in ElementTree.parse(file).getroot().iter("object")}
        except ElementTree.ParseError:
            continue
    return names


def has_voc_folders(root: Path) -> bool:
    """Whether a folder of maps of classes lies below the root."""
    return any(path.is_dir() and key(path.name) in CLASS_FOLDERS for path in listed(root, "**/*"))


VOC_FOLDERS = DatasetSpec(
    name="voc_folders",
    reader=VocFolderSamples,
    splits=SPLITS,
    classes=None,
    void=(VOID,),
    recognises=has_voc_folders,
)
DATASETS = (VOC_FOLDERS,)
