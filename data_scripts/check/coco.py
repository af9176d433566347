"""Check COCO's JSON, entry by entry: what the reader refuses, and what it reads though it can hardly be meant."""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco_mask

from data_scripts.check.findings import Report
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.sets.coco import read_record
from lessons_lib.data.sets.coco_checks import compressed, has_mask, segmentation_fault
from lessons_lib.data.sets.coco_entries import EntryFault, annotation_faults, record_faults, side_fault

OUTSIDE = 1.0
"""Pixels that a box may leave its image by: COCO's own boxes are rounded."""

OVERLAP = 0.5
"""The least IoU of a box with the smallest box around its mask: COCO's own have 0.7 and more."""

SHOWN = 5
"""How often one and the same fault of entries is listed; one more line then counts the rest."""


def check_coco(file: Path, report: Report) -> None:
    """Note everything that is wrong inside `annotations/instances_<split>.json`."""
    try:
        record = read_record(file)
    except DamagedFile as error:
        report.add_damage(error)
        return
    faults = list(record_faults(record))
    if any(fault.kind == "broken file" for fault in faults):
        _note(faults, file, report)
        return
    _note([*faults, *_repeated_ids(record["annotations"])], file, report)
    images = {entry["id"]: entry for entry in record["images"] if _is_sound(entry)}
    entries = [entry for entry in record["annotations"] if isinstance(entry, dict)]
    masks = any(map(has_mask, entries))
    for number, entry in enumerate(entries):
        if any(annotation_faults(entry, number, None, None)) or entry["image_id"] not in images:
            continue
        image = images[entry["image_id"]]
        for field, kind, what in _annotation_remarks(entry, image["height"], image["width"], masks):
            report.add(kind, file, f"annotation {entry['id']}, {field}", what)


def _is_sound(image: object) -> bool:
    """Whether an image has an id and a size."""
    if not isinstance(image, dict):
        return False
    return not any(side_fault(image.get(side)) for side in ("height", "width")) and isinstance(image.get("id"), int)


def _note(faults: Iterable[EntryFault], file: Path, report: Report) -> None:
    """Note faults, those of one cause a few times and then how many more there are."""
    causes = defaultdict(list)
    for fault in faults:
        part, _, field = fault.place.partition(", ")
        causes[part.rstrip("0123456789[]- "), field, fault.kind, fault.reason.partition(", got")[0]].append(fault)
    for (part, field, kind, reason), found in causes.items():
        for fault in found[:SHOWN]:
            report.add(fault.kind, file, fault.place, fault.reason)
        if (rest := len(found) - SHOWN) > 0:
            report.add(kind, file, f"other {part}, {field}", f"{reason}: {rest:,} more of the same")


def _repeated_ids(annotations: list) -> Iterator[EntryFault]:
    """Annotation ids that were there before: the reader does not need them, but pycocotools loses objects."""
    seen = set()
    for number, entry in enumerate(annotations):
        value = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(value, int):
            if value in seen:
                yield EntryFault(f"annotations[{number}], id", f"must be there once, got {value} again", "duplicate")
            seen.add(value)


def _annotation_remarks(entry: dict, height: int, width: int, masks: bool) -> Iterator[tuple[str, str, str]]:
    """Field, kind and words for what is odd in an annotation that is whole, or wrong in its segmentation."""
    if entry.get("area", 0) > height * width:
        yield "area", "broken annotation", f"must be in [0, {height * width}], got {entry['area']}"
    box = entry["bbox"]
    fault = _box_remark(box, height, width)
    if fault:
        yield "bbox", *fault
    if not masks:
        return
    segmentation = entry.get("segmentation")
    if wrong := segmentation_fault(segmentation, height, width) if "segmentation" in entry else "is missing":
        yield "segmentation", "broken annotation", wrong
        return
    mask = _decode(segmentation, height, width)
    if not mask.any():
        yield "segmentation", "empty mask", "must cover a pixel, got none"
    elif not fault and _iou(box, _extent(mask)) < OVERLAP:
        yield "bbox", "box off its mask", f"must be around its mask, near {_extent(mask)}, got {box}"


def _box_remark(box: list, height: int, width: int) -> tuple[str, str] | None:
    """Kind and words for a box that cannot be compared with its mask."""
    x, y, wide, high = box
    if wide == 0 or high == 0:
        return "broken annotation", f"must have an area, got width {wide} and height {high}"
    if min(x, y) < -OUTSIDE or x + wide > width + OUTSIDE or y + high > height + OUTSIDE:
        return "box outside", f"must lie in its image of {width} × {height}, got {box}"
    return None


def _extent(mask: Bool[np.ndarray, "H W"]) -> list[int]:
    """The smallest box around a mask, as x, y, width, height."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1]


def _iou(a: Sequence[float], b: Sequence[float]) -> float:
    """IoU of two boxes x, y, width, height."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(wide, 0) * max(high, 0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def _decode(segmentation: Any, height: int, width: int) -> Bool[np.ndarray, "H W"]:
    with warnings.catch_warnings():  # pycocotools 2.0 passes arrays in a way that numpy 2 announces to change
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        return coco_mask.decode(compressed(segmentation, height, width)).astype(bool)
