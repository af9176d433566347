"""VIA, the VGG Image Annotator: one JSON with the regions of many images, as the balloon set has it."""

from collections import Counter
from pathlib import Path
from typing import Any

from lessons_lib.data.exports.given_splits import SPLITS, split_of_path
from lessons_lib.data.exports.photos import Photos
from lessons_lib.data.exports.reader import ExportSamples, Found, Item, ordered_classes
from lessons_lib.data.exports.shapes import Ellipse, Shape
from lessons_lib.data.exports.texts import any_holding, holding
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.sets.coco import read_record
from lessons_lib.data.sets.coco_entries import is_number, shown
from lessons_lib.data.spec import DatasetSpec

SIGNS = (('"_via_img_metadata"',), ('"shape_attributes"',), ('"filename"', '"regions"'))

PROJECT = "_via_img_metadata"
"""Where the images stand in a saved project; in exported annotations they are the whole file."""

CLASS_KEYS = ("class", "label", "name", "category", "type", "object")
"""What people call the attribute of a region that holds its class, the likeliest first."""

NO_CLASS = "object"
"""The class where regions have no attributes, as in the balloon set."""

NUMBERS = {"rect": ("x", "y", "width", "height"), "circle": ("cx", "cy", "r"), "ellipse": ("cx", "cy", "rx", "ry")}
"""The numbers of each kind of shape that has a fixed number of them."""


class ViaSamples(ExportSamples):
    """VIA's JSON files (version 1 or 2, exported annotations or a saved project), anywhere below the root.

    Polygons, circles and ellipses are objects, a rectangle is a box; points and lines are counted in `notes`. The class
    is the region's attribute `class`, `label`, `name`, `category`, `type` or `object`, else its only one; regions
    without attributes are of the class "object". An image without regions has no objects. Source: VIA 2,
    "Data format" in via.js and its documentation.
    """

    def find(self, root: Path) -> Found:
        """Every image of every file."""
        files = holding(root, (".json",), *SIGNS)
        if not files:
            raise FileNotFoundError(f"root must hold a JSON of VIA, with filename and regions: {root}")
        photos, passed, listed = Photos(root), Counter[str](), list[str]()
        items = []
        for file in files:
            record = read_record(file)
            entries = record.get(PROJECT, record) if isinstance(record, dict) else None
            if not isinstance(entries, dict):
                raise DamagedFile(file, f"must be an object of images, got {shown(record)}")
            listed += _options(record)
            items += [_item(entry, str(key), file, root, photos, passed) for key, entry in entries.items()]
        used = {shape.name for item in items for shape in item.shapes}
        notes = [f"{count} regions of kind {kind} have no area and are left out" for kind, count in passed.items()]
        return Found(ordered_classes(used, [name for name in listed if name in used]), tuple(items), tuple(notes))


def _options(record: dict) -> list[str]:
    """The classes in the order of the project's list of options, where it has one."""
    attributes = record.get("_via_attributes")
    region = attributes.get("region") if isinstance(attributes, dict) else None
    if not isinstance(region, dict):
        return []
    key = _class_key(region)
    options = region[key].get("options") if key and isinstance(region[key], dict) else None
    return [str(name) for name in options] if isinstance(options, dict) else []


def _class_key(attributes: dict) -> str | None:
    """The attribute that holds the class: one with a usual name, else the only one."""
    by_name = {name.strip().lower(): name for name in attributes}
    usual = next((by_name[name] for name in CLASS_KEYS if name in by_name), None)
    return usual if usual or len(attributes) != 1 else next(iter(attributes))


def _item(entry: Any, key: str, file: Path, root: Path, photos: Photos, passed: Counter[str]) -> Item:
    name = entry.get("filename") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not name.strip():
        raise DamagedFile(file, f"must be the name of an image, got {shown(name)}", f"{key}, filename")
    photo, fault, shapes = photos.find(name, file), "", []
    try:
        regions = entry.get("regions", [])
        regions = list(regions.values()) if isinstance(regions, dict) else regions  # a dict in version 1
        if not isinstance(regions, list):
            raise DamagedFile(file, f"must be a list, got {shown(regions)}", f"{key}, regions")
        for number, region in enumerate(regions):
            shapes += _shapes(region, file, f"{key}, regions[{number}]", passed)
    except DamagedFile as error:
        fault = f"cannot be labelled by {error}"
    split = split_of_path(file, root) or (split_of_path(photo.path, root) if not photo.fault else "")
    return Item(photo.path, file, tuple(shapes), split=split, fault=photo.fault or fault)


def _shapes(region: Any, file: Path, place: str, passed: Counter[str]) -> list[Shape]:
    """The shape of a region; none for a point or a line."""
    shape = region.get("shape_attributes") if isinstance(region, dict) else None
    if not isinstance(shape, dict):
        raise DamagedFile(file, f"must be an object, got {shown(shape)}", f"{place}, shape_attributes")
    kind = shape.get("name")
    if kind in ("point", "polyline"):
        passed[kind] += 1
        return []
    name = _class_of(region.get("region_attributes"), file, place)
    if kind == "polygon":
        xs: Any = shape.get("all_points_x")
        ys: Any = shape.get("all_points_y")
        right = isinstance(xs, list) and isinstance(ys, list) and len(xs) == len(ys) and all(map(is_number, xs + ys))
        if not right:
            reason = "must hold all_points_x and all_points_y, as many numbers of each"
            raise DamagedFile(file, f"{reason}, got {shown(xs)} and {shown(ys)}", place, "broken annotation")
        return [Shape(name, place, [[float(value) for point in zip(xs, ys, strict=True) for value in point]])]
    if not isinstance(kind, str) or kind not in NUMBERS:
        allowed = ", ".join(("polygon", *NUMBERS))
        raise DamagedFile(file, f"must be one of {allowed}, got {shown(kind)}", f"{place}, name", "broken annotation")
    values: list[Any] = [shape.get(field) for field in NUMBERS[kind]]
    if not all(map(is_number, values)):
        reason = f"must hold numbers {', '.join(NUMBERS[kind])}, got {shown(values)}"
        raise DamagedFile(file, reason, place, "broken annotation")
    x, y, *sides = (float(value) for value in values)
    if kind == "rect":
        (x0, x1), (y0, y1) = sorted((x, x + sides[0])), sorted((y, y + sides[1]))
        return [Shape(name, place, box=(x0, y0, x1, y1))]
    turned = shape.get("theta", 0)
    degrees = 57.29577951308232 * turned if is_number(turned) else 0.0  # VIA has radians
    return [Shape(name, place, patches=(Ellipse(x, y, sides[0], sides[-1], degrees),))]


def _class_of(attributes: Any, file: Path, place: str) -> str:
    """The class of a region."""
    if not attributes:
        return NO_CLASS
    key = _class_key(attributes) if isinstance(attributes, dict) else None
    if key is None:
        reason = f"must hold one attribute, or one called {' or '.join(CLASS_KEYS[:2])}, got {shown(attributes)}"
        raise DamagedFile(file, reason, f"{place}, region_attributes", "unknown label")
    value = attributes[key]
    chosen = [name for name, ticked in value.items() if ticked] if isinstance(value, dict) else [value]
    if len(chosen) != 1 or not (isinstance(chosen[0], str) or is_number(chosen[0])) or not str(chosen[0]).strip():
        raise DamagedFile(file, f"must name one class, got {shown(value)}", f"{place}, {key}", "unknown label")
    return str(chosen[0]).strip()


VIA = DatasetSpec(
    name="via",
    reader=ViaSamples,
    splits=SPLITS,
    classes=None,
    recognises=lambda root: any_holding(root, (".json",), *SIGNS),
)
DATASETS = (VIA,)
