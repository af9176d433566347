"""CVAT's own XML, "CVAT for images 1.1": polygons, boxes, ellipses and masks as run lengths."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from lessons_lib.data.exports.given_splits import SPLITS, split_of_path, split_of_word
from lessons_lib.data.exports.photos import Photos
from lessons_lib.data.exports.reader import ExportSamples, Found, Item, ordered_classes
from lessons_lib.data.exports.shapes import Ellipse, Patch, Shape, joined, turned_box
from lessons_lib.data.exports.texts import any_holding, holding
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.spec import DatasetSpec

SIGNS = (("<annotations", "<image "), ("<annotations", "<track "))
WITH_AREA, WITHOUT_AREA = ("polygon", "box", "ellipse", "mask"), ("polyline", "points", "cuboid", "skeleton")


class CvatSamples(ExportSamples):
    """CVAT's XML files, anywhere below the root; every image that they list, with or without shapes.

    Polygons, ellipses and masks are objects, a box is a box, and one that is turned a polygon; shapes of one label and
    one group_id are one object. Lines, points and cuboids are counted in `notes`. The classes are the labels of the
    task in its order. A file of a video, with tracks, is refused. Source: CVAT's documentation, "CVAT for image: data
    format", and its source, cvat/apps/dataset_manager/formats/cvat.py: run lengths go along the rows of the mask's box.
    """

    def find(self, root: Path) -> Found:
        """Every image of every file."""
        files = holding(root, (".xml",), *SIGNS)
        if not files:
            raise FileNotFoundError(f"root must hold an XML of CVAT, with annotations and images: {root}")
        photos, passed, listed, items = Photos(root), Counter[str](), list[str](), []
        for file in files:
            try:
                top = ElementTree.parse(file).getroot()
            except (ElementTree.ParseError, ValueError, LookupError) as error:
                raise DamagedFile(file, f"cannot be read as XML: {error}") from error
            if top.find("track") is not None:
                cure = 'export the task as "CVAT for images 1.1" instead of "CVAT for video"'
                raise DamagedFile(file, f"must hold images, got tracks of a video: {cure}", "track")
            listed += [name.text.strip() for name in top.iterfind("meta//labels/label/name") if name.text]
            items += [_item(image, file, root, photos, passed) for image in top.iterfind("image")]
        used = {shape.name for item in items for shape in item.shapes}
        notes = [f"{count} shapes of kind {kind} have no area and are left out" for kind, count in passed.items()]
        return Found(ordered_classes(used, listed), tuple(items), tuple(notes))


def _item(image: Element, file: Path, root: Path, photos: Photos, passed: Counter[str]) -> Item:
    name = image.get("name", "")
    if not name.strip():
        raise DamagedFile(file, "must be the name of an image, got none", f"image {image.get('id')}, name")
    photo, place = photos.find(name, file), f"image {name}, height and width"
    fault, size = photo.fault, None
    shapes: tuple[Shape, ...] = ()
    try:
        sides = [_integer(image, side, file, f"image {name}") for side in ("height", "width")]
        size = (sides[0], sides[1])
        shapes = tuple(_shapes(image, file, name, passed))
    except DamagedFile as error:
        fault = fault or f"cannot be labelled by {error}"
    split = split_of_word(image.get("subset", "")) or split_of_path(file, root, stem=True)
    split = split or (split_of_path(photo.path, root) if not photo.fault else "")
    return Item(photo.path, file, shapes, size, place, split, fault=fault)


def _shapes(image: Element, file: Path, name: str, passed: Counter[str]) -> Iterator[Shape]:
    shapes, groups = [], []
    for number, entry in enumerate(image):
        place = f"image {name}, shape {number + 1} ({entry.tag})"
        if entry.tag in WITHOUT_AREA:
            passed[entry.tag] += 1
        elif entry.tag in WITH_AREA:
            label = entry.get("label", "").strip()
            if not label:
                raise DamagedFile(file, "must be a name, got none", f"{place}, label", "unknown label")
            shapes.append(_shape(label, entry, file, place))
            groups.append(entry.get("group_id"))
    yield from joined(shapes, [group if group not in ("", "0") else None for group in groups])


def _shape(label: str, entry: Element, file: Path, place: str) -> Shape:
    if entry.tag == "polygon":
        return Shape(label, place, [_points(entry, file, place)])
    if entry.tag == "mask":
        return Shape(label, place, patches=(_mask(entry, file, place),))
    degrees = _number(entry, "rotation", file, place, "0")
    if entry.tag == "ellipse":
        x, y, rx, ry = (_number(entry, field, file, place) for field in ("cx", "cy", "rx", "ry"))
        return Shape(label, place, patches=(Ellipse(x, y, rx, ry, degrees),))
    x0, y0, x1, y1 = (_number(entry, field, file, place) for field in ("xtl", "ytl", "xbr", "ybr"))
    if degrees % 360:
        return Shape(label, place, [turned_box(x0, y0, x1, y1, degrees)])
    return Shape(label, place, box=(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))


def _points(entry: Element, file: Path, place: str) -> list[float]:
    """The corners of "x,y;x,y;…" as one list."""
    text = entry.get("points", "")
    try:
        pairs = [[float(value) for value in pair.split(",")] for pair in text.strip().strip(";").split(";")]
        if all(len(pair) == 2 for pair in pairs):
            return [value for pair in pairs for value in pair]
    except ValueError:
        pass
    raise DamagedFile(file, f"must be x,y;x,y;…, got {text[:40]!r}", f"{place}, points", "broken annotation")


def _mask(entry: Element, file: Path, place: str) -> Patch:
    """A mask of run lengths along the rows of its box, zeros first."""
    left, top, width, height = (_integer(entry, field, file, place) for field in ("left", "top", "width", "height"))
    text = entry.get("rle", "")
    try:
        runs = np.array([int(run) for run in text.split(",")])
    except ValueError:
        runs = np.array([-1])
    if min(width, height) < 1 or (runs < 0).any() or runs.sum() != width * height:
        reason = f"must be run lengths that fill {width} × {height} pixels, got {text[:40]!r}"
        raise DamagedFile(file, reason, f"{place}, rle", "broken annotation")
    return Patch(left, top, np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width))


def _number(entry: Element, field: str, file: Path, place: str, default: str = "") -> float:
    text = entry.get(field, default)
    try:
        value = float(text)
        if abs(value) < 1e12:
            return value
    except ValueError:
        pass
    raise DamagedFile(file, f"must be a number, got {text!r}", f"{place}, {field}", "broken annotation")


def _integer(entry: Element, field: str, file: Path, place: str) -> int:
    return round(_number(entry, field, file, place))


CVAT_XML = DatasetSpec(
    name="cvat_xml",
    reader=CvatSamples,
    splits=SPLITS,
    classes=None,
    recognises=lambda root: any_holding(root, (".xml",), *SIGNS),
)
DATASETS = (CVAT_XML,)
