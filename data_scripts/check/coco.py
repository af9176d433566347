"""Check COCO's JSON, entry by entry: ids, categories, boxes, polygons, run lengths, areas."""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco_mask

from data_scripts.check.findings import Report
from lessons_lib.data.sets.coco_checks import box_fault, segmentation_fault

OUTSIDE = 1.0
"""Pixels that a box may leave its picture by: COCO's own boxes are rounded."""

OVERLAP = 0.5
"""The least IoU of a box with the smallest box around its mask: COCO's own have 0.7 and more."""

_NUMBER = int | float
_WANTED = {
    "images": {"id": int, "file_name": str, "height": int, "width": int},
    "categories": {"id": int, "name": str},
    "annotations": {
        **{"id": int, "image_id": int, "category_id": int, "iscrowd": int, "area": _NUMBER},
        **{"bbox": object, "segmentation": object},
    },
}


def check_coco(file: Path, report: Report) -> None:
    """Note everything that is wrong inside `annotations/instances_<split>.json`."""
    try:
        record = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        report.add("broken file", file, "", f"cannot be read as JSON: {error}")
        return
    for name in _WANTED:
        entries = record.get(name) if isinstance(record, dict) else None
        if not isinstance(entries, list):
            report.add("broken file", file, name, f"must be a list, got {type(entries).__name__}")
            return
    parts = {name: list(_entries(record[name], name, file, report)) for name in _WANTED}
    for name, unique in (("images", "id"), ("images", "file_name"), ("categories", "id"), ("annotations", "id")):
        seen = set()
        for place, entry in parts[name]:
            value = entry[unique]
            if value in seen:
                report.add("duplicate", file, f"{place}, {unique}", f"must be there once, got {value!r} again")
            seen.add(value)
    images = {entry["id"]: entry for _, entry in parts["images"]}
    categories = {entry["id"] for _, entry in parts["categories"]}
    for _, entry in parts["annotations"]:
        _check_annotation(entry, images, categories, file, report)


def _entries(entries: list, name: str, file: Path, report: Report) -> Iterator[tuple[str, dict]]:
    """The entries of a list that have all their fields, each of its type, with their places."""
    for number, entry in enumerate(entries):
        place = f"{name}[{number}]"
        whole = True
        for key, wanted in _WANTED[name].items():
            if not isinstance(entry, dict) or key not in entry:
                report.add("broken annotation", file, f"{place}, {key}", "is missing")
                whole = False
            elif not isinstance(entry[key], wanted):
                words = f"must be {getattr(wanted, '__name__', 'a number')}, got {entry[key]!r}"
                report.add("broken annotation", file, f"{place}, {key}", words)
                whole = False
        if whole:
            yield place, entry


def _check_annotation(entry: dict, images: dict, categories: set, file: Path, report: Report) -> None:
    def note(kind: str, field: str, what: str) -> None:
        report.add(kind, file, f"annotation {entry['id']}, {field}", what)

    if entry["category_id"] not in categories:
        note("unknown label", "category_id", f"must be a category of the file, got {entry['category_id']}")
    if entry["iscrowd"] not in (0, 1):
        note("broken annotation", "iscrowd", f"must be 0 or 1, got {entry['iscrowd']!r}")
    picture = images.get(entry["image_id"])
    if picture is None:
        note("broken annotation", "image_id", f"must be a picture of the file, got {entry['image_id']}")
        return
    height, width = picture["height"], picture["width"]
    if not 0 <= entry["area"] <= height * width:
        note("broken annotation", "area", f"must be in [0, {height * width}], got {entry['area']!r}")
    box_is_whole = _check_box(entry["bbox"], height, width, note)
    if fault := segmentation_fault(entry["segmentation"], height, width):
        note("broken annotation", "segmentation", fault)
        return
    mask = _decode(entry["segmentation"], height, width)
    if not mask.any():
        note("empty mask", "segmentation", "must cover a pixel, got none")
    elif box_is_whole:
        extent = _extent(mask)
        if _iou(entry["bbox"], extent) < OVERLAP:
            note("box off its mask", "bbox", f"must be around its mask, near {extent}, got {entry['bbox']}")


def _extent(mask: Bool[np.ndarray, "H W"]) -> list[int]:
    """The smallest box around a mask, as x, y, width, height."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1]


def _iou(a: list[float], b: list[float]) -> float:
    """IoU of two boxes x, y, width, height."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(wide, 0) * max(high, 0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def _check_box(box: object, height: int, width: int, note) -> bool:
    """Note what is wrong with a box; tell whether it can be compared with its mask."""
    if fault := box_fault(box):
        note("broken annotation", "bbox", fault)
        return False
    x, y, wide, high = box
    if wide == 0 or high == 0:
        note("broken annotation", "bbox", f"must have an area, got width {wide} and height {high}")
    elif min(x, y) < -OUTSIDE or x + wide > width + OUTSIDE or y + high > height + OUTSIDE:
        note("box outside", "bbox", f"must lie in its picture of {width} × {height}, got {box}")
    else:
        return True
    return False


def _decode(segmentation: list | dict, height: int, width: int) -> Bool[np.ndarray, "H W"]:
    with warnings.catch_warnings():  # pycocotools 2.0 passes arrays in a way that numpy 2 announces to change
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        runs = segmentation
        if isinstance(segmentation, list) or isinstance(segmentation["counts"], list):
            runs = coco_mask.frPyObjects(segmentation, height, width)
        return coco_mask.decode(coco_mask.merge(runs) if isinstance(runs, list) else runs).astype(bool)
