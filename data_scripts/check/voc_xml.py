"""What the XML files of Pascal VOC say beside the maps: sizes, boxes, and which of the two maps holds the objects."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from data_scripts.check.findings import Report
from lessons_lib.data.files import DamagedFile, open_picture, read_numbers
from lessons_lib.data.objects import numbers_in
from lessons_lib.data.reader import Reader
from lessons_lib.data.sample import VOID
from lessons_lib.data.sets.classes import VOC
from lessons_lib.data.sets.coco_entries import is_number

SAME_BOX = 0.7
"""The least IoU of a box in the XML with the box around an object in a map for the two to be one object."""


def check_voc_xml(samples: Reader, report: Report) -> None:
    """Note what is wrong with the boxes in Annotations/<name>.xml, for the images of a split that have the file, and
    whether the map of classes and the map of objects are exchanged."""
    votes = {True: 0, False: 0, None: 0}
    for index in range(len(samples)):
        photo, classes, objects = samples.paths(index)
        file = photo.parent.parent / "Annotations" / f"{photo.stem}.xml"
        if not file.is_file():
            continue
        try:
            root = ElementTree.parse(file).getroot()
        except ElementTree.ParseError as error:
            report.add("broken file", file, "", f"cannot be read as XML: {error}")
            continue
        boxes = _check_boxes(root, photo, file, report)
        try:
            votes[_exchanged(root, boxes, read_numbers(classes), read_numbers(objects))] += 1
        except DamagedFile:
            continue  # noted where the sample is read
    if votes[True] > votes[False]:
        what = f"must hold the classes, got the objects, by the XML files of {votes[True]} images"
        report.add("exchanged maps", classes.parent, "", f"{what}; those of {votes[False]} say otherwise")


def _check_boxes(root: ElementTree.Element, photo: Path, file: Path, report: Report) -> list[list[float]]:
    """The boxes of an XML that are numbers, after a note of what is wrong with it."""
    boxes = []
    stated = (_number(root, "size/width"), _number(root, "size/height"))
    if photo.is_file() and stated != (size := _size(photo)) and size is not None:
        report.add("wrong size", file, "size", f"must be that of the photograph, {size}, got {stated}")
    for number, entry in enumerate(root.iter("object"), start=1):
        if not (entry.findtext("name") or "").strip():
            report.add("unknown label", file, f"object {number}, name", "must name a class, got nothing")
        found = [_number(entry, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
        box = [value for value in found if value is not None]
        if len(box) < 4 or box[0] > box[2] or box[1] > box[3]:
            what = f"must be numbers with xmin ≤ xmax and ymin ≤ ymax, got {found}"
            report.add("broken annotation", file, f"object {number}, bndbox", what)
            continue
        boxes.append(box)
        width, height = stated
        if width is not None and height is not None and (min(box[:2]) < 1 or box[2] > width or box[3] > height):
            what = f"must lie in pixels 1 to {width}, 1 to {height}, got {box}"
            report.add("box outside", file, f"object {number}, bndbox", what)
    return boxes


def _exchanged(root: ElementTree.Element, boxes: list, classes: np.ndarray, objects: np.ndarray) -> bool | None:
    """Whether the map of classes fits an XML better as the map of objects; None where the XML does not tell.

    The boxes of the XML are boxes around objects. Where both maps have these, the names tell which values are classes.
    """
    fits = [_fitting(boxes, values) for values in (classes, objects)]
    if fits[0] != fits[1]:
        return fits[0] > fits[1]
    named = {entry.findtext("name") for entry in root.iter("object")}
    if not named or not named <= set(VOC.names):
        return None
    labels = {VOC.names.index(name) for name in named}
    known = [set(numbers_in(values, without=(0, VOID))) <= labels for values in (classes, objects)]
    return known[1] if known[0] != known[1] else None


def _fitting(boxes: list[list[float]], values: np.ndarray) -> int:
    """How many of the boxes of an XML are the box around one number of a map."""
    extents = []
    for number in numbers_in(values, without=(0, VOID)):
        rows, columns = np.nonzero(values == number)
        extents.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    corners = [(x0 - 1, y0 - 1, x1, y1) for x0, y0, x1, y1 in boxes]  # VOC counts from 1, the last pixel included
    return sum(any(_iou(box, extent) >= SAME_BOX for extent in extents) for box in corners)


def _iou(a: tuple, b: tuple) -> float:
    """IoU of two boxes x0, y0, x1, y1."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(wide, 0) * max(high, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def _number(entry: ElementTree.Element, path: str) -> float | None:
    try:
        value = float(entry.findtext(path) or "")
    except ValueError:
        return None
    return value if is_number(value) else None


def _size(photo: Path) -> tuple[int, int] | None:
    """Width and height of an image, None where it cannot be read, which is noted elsewhere."""
    try:
        return open_picture(photo).size
    except DamagedFile:
        return None
