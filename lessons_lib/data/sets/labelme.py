"""labelme: one JSON beside each photograph, with polygons, rectangles, circles and pixel masks."""

import base64
import binascii
import io
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lessons_lib.data.exports.given_splits import SPLITS, split_of_path
from lessons_lib.data.exports.photos import Photos
from lessons_lib.data.exports.reader import ExportSamples, Found, Item, ordered_classes
from lessons_lib.data.exports.shapes import Ellipse, Patch, Shape, joined
from lessons_lib.data.exports.texts import any_holding, holding, names_in
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.leftovers import listed
from lessons_lib.data.sets.coco import read_record
from lessons_lib.data.sets.coco_entries import is_number, shown
from lessons_lib.data.spec import DatasetSpec

SIGNS = ('"shapes"', '"imagePath"')

WITHOUT_AREA = ("point", "points", "line", "linestrip", "points_with_labels")
"""Kinds of shapes that cover nothing."""

CORNERS = {"polygon": 3, "rectangle": 2, "circle": 2, "mask": 2, "oriented_rectangle": 4}
"""The least number of points of each kind."""


class LabelmeSamples(ExportSamples):
    """labelme's JSON files, anywhere below the root; an image without one is not labelled and not part of the set.

    A polygon, a circle (its centre and a point on it) and a mask are objects; shapes of one label and one group_id are
    one object; a rectangle is a box. Points and lines have no area and are counted in `notes`. The classes are those of
    a labels.txt where there is one, else all labels by name. Source: the format of labelme 5, labelme/_label_file.py.
    """

    def find(self, root: Path) -> Found:
        """Every image that a JSON names."""
        files = holding(root, (".json",), SIGNS)
        if not files:
            raise FileNotFoundError(f"root must hold JSON files of labelme, with shapes and imagePath: {root}")
        photos, passed = Photos(root), Counter[str]()
        files += [file for file in _beside(files) if file not in files and _is_cut(file, photos)]
        items = [_item(file, root, photos, passed) for file in files]
        listed = names_in(root, "labels.txt")
        used = {shape.name for item in items for shape in item.shapes}
        notes = [f"{count} shapes of kind {kind} have no area and are left out" for kind, count in passed.items()]
        return Found(ordered_classes(used, listed[1] if listed else ()), tuple(items), tuple(notes))


def _beside(files: list[Path]) -> list[Path]:
    """All JSON files of the folders in which labelme's lie."""
    folders = sorted({file.parent for file in files})
    return [path for folder in folders for path in listed(folder) if path.suffix.lower() == ".json"]


def _is_cut(file: Path, photos: Photos) -> bool:
    """Whether a file that is called as an image is no whole JSON, as a full disk leaves it."""
    if not photos.called(file.stem):
        return False
    try:
        read_record(file)
    except DamagedFile:
        return True
    return False


def _item(file: Path, root: Path, photos: Photos, passed: Counter[str]) -> Item:
    split = split_of_path(file, root)
    try:
        record = read_record(file)
        if not isinstance(record, dict) or not isinstance(record.get("shapes"), list):
            raise DamagedFile(file, "must be an object with a list of shapes", "shapes")
        shapes = _shapes(record["shapes"], file, passed)
    except DamagedFile as error:
        photo = photos.find(file.stem, file)
        return Item(photo.path, file, split=split, fault=f"cannot be labelled by {error}")
    photo = photos.find(str(record.get("imagePath") or file.stem), file)
    if photo.fault and not (beside := photos.find(file.stem, file)).fault:
        photo = beside  # the JSON was renamed together with its photograph
    height, width = record.get("imageHeight"), record.get("imageWidth")
    size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    place = "imageHeight and imageWidth"
    return Item(photo.path, file, tuple(shapes), size, place, split, fault=photo.fault)


def _shapes(entries: list[Any], file: Path, passed: Counter[str]) -> list[Shape]:
    shapes, groups = [], []
    for number, entry in enumerate(entries):
        place = f"shapes[{number}]"
        if not isinstance(entry, dict):
            raise DamagedFile(file, f"must be an object, got {shown(entry)}", place, "broken annotation")
        kind = entry.get("shape_type") or "polygon"  # which old files leave out
        if kind in WITHOUT_AREA:
            passed[kind] += 1
            continue
        label = entry.get("label")
        if not isinstance(label, str) or not label.strip():
            raise DamagedFile(file, f"must be a name, got {shown(label)}", f"{place}, label", "unknown label")
        if not isinstance(kind, str) or kind not in CORNERS:
            allowed = ", ".join(CORNERS)
            raise DamagedFile(file, f"must be one of {allowed}, got {shown(kind)}", f"{place}, shape_type")
        group = entry.get("group_id")
        if isinstance(group, list | dict):
            raise DamagedFile(file, f"must be a number or null, got {shown(group)}", f"{place}, group_id")
        points = _points(entry.get("points"), CORNERS[kind], file, f"{place}, points")
        shapes.append(_shape(label.strip(), kind, points, entry, file, place))
        groups.append(group)
    return joined(shapes, groups)


def _points(points: Any, least: int, file: Path, place: str) -> list[list[float]]:
    pairs = isinstance(points, list) and all(
        isinstance(point, list) and len(point) == 2 and all(map(is_number, point)) for point in points
    )
    if not pairs or len(points) < least:
        raise DamagedFile(file, f"must be at least {least} pairs x, y, got {shown(points)}", place, "broken annotation")
    return [[float(x), float(y)] for x, y in points]


def _shape(name: str, kind: str, points: list[list[float]], entry: dict, file: Path, place: str) -> Shape:
    (x0, y0), (x1, y1) = points[:2]
    if kind == "rectangle" and len(points) == 2:
        return Shape(name, place, box=(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
    if kind == "circle":
        radius = math.hypot(x1 - x0, y1 - y0)
        return Shape(name, place, patches=(Ellipse(x0, y0, radius, radius),))
    if kind == "mask":
        return Shape(name, place, patches=(_patch(entry.get("mask"), round(x0), round(y0), file, f"{place}, mask"),))
    return Shape(name, place, [[value for point in points for value in point]])


def _patch(text: Any, left: int, top: int, file: Path, place: str) -> Patch:
    """A mask that stands as a PNG in base 64, whose upper left pixel is at the shape's first point."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as picture:
            return Patch(left, top, np.array(picture.convert("L")) > 0)
    except (TypeError, ValueError, OSError, SyntaxError, binascii.Error) as error:
        raise DamagedFile(file, f"must be a PNG in base 64: {error}", place, "broken annotation") from error


LABELME = DatasetSpec(
    name="labelme",
    reader=LabelmeSamples,
    splits=SPLITS,
    classes=None,
    recognises=lambda root: any_holding(root, (".json",), SIGNS),
)
DATASETS = (LABELME,)
