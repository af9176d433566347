"""What can be wrong with the entries of a COCO file: their types, their ids, and annotations that match nothing.

The reader refuses a file at its first fault, the validator lists them all, and `evaluate_coco` looks at the same
fields.
"""

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

PARTS = ("images", "categories", "annotations")
HUGE = 1e12
"""What no coordinate or area reaches; larger numbers count as infinite."""

_KINDS = {str: "a string", bool: "a bool", float: "a float", list: "a list", dict: "an object"}
LONGEST = 10**6
"""What no height or width exceeds."""

MISSING = object()
"""Stands for a field that an entry does not have."""


@dataclass(frozen=True)
class EntryFault:
    """One thing that is wrong: `place` is an entry and its field, `kind` is one of DamagedFile's."""

    place: str
    reason: str
    kind: str = "broken annotation"


def record_faults(record: Any) -> Iterator[EntryFault]:
    """Everything that is wrong with the content of `instances_<split>.json` apart from shapes: see `coco_checks`.

    Two things are allowed though pycocotools stumbles over them: no `iscrowd` or no `area`, and annotation ids that are
    used again, for example when each image counts from 1.
    """
    if not isinstance(record, dict):
        yield EntryFault("", f"must be an object with {', '.join(PARTS)}, got {shown(record)}", "broken file")
        return
    broken = [part for part in PARTS if not isinstance(record.get(part), list)]
    for part in broken:
        got = shown(record[part]) if part in record else "none"
        yield EntryFault(part, f"must be a list, got {got}", "broken file")
    if broken:
        return
    images, categories, annotations = (record[part] for part in PARTS)
    for part in ("images", "categories"):
        if annotations and not record[part]:
            yield EntryFault(part, "must hold those of the annotations, got none")
    yield from _table_faults(images, "images", {"file_name": name_fault, "height": side_fault, "width": side_fault})
    yield from category_faults(categories)
    image_ids, category_ids = ids_of(images), ids_of(categories)
    for number, entry in enumerate(annotations):
        yield from annotation_faults(entry, number, image_ids or None, category_ids or None)


def category_faults(categories: list) -> Iterator[EntryFault]:
    """What is wrong with the categories: a name that is missing, or an id or a name that is there twice."""
    yield from _table_faults(categories, "categories", {"name": name_fault}, unique=("id", "name"))


def annotation_faults(
    entry: Any,
    number: int,
    images: Collection[int] | None,
    categories: Collection[int] | None,
    box: bool = True,
) -> Iterator[EntryFault]:
    """What is wrong with the annotation at position `number`, its segmentation left aside.

    `images` and `categories` are the ids that there are; None where those of the file are broken, so that one broken
    id does not accuse its annotations too. `box` says whether it must have one.
    """
    if not isinstance(entry, dict):
        yield EntryFault(f"annotations[{number}]", f"must be an object, got {shown(entry)}")
        return
    known = {"image_id": images, "category_id": categories}
    for field, fault in _FIELDS if box else _FIELDS[:-1]:
        value = entry.get(field, MISSING)
        reason, kind = fault(value), "broken annotation"
        if not reason and (ids := known.get(field)) is not None and value not in ids:
            wanted, kind = _UNKNOWN[field]
            reason = f"{wanted}, got {value}"
        if reason:
            number_or_id = entry.get("id", MISSING)
            place = f"annotations[{number}]" if id_fault(number_or_id) else f"annotation {number_or_id}"
            yield EntryFault(f"{place}, {field}", reason, kind)


def ids_of(entries: list) -> set[int] | None:
    """The ids of images or categories; None where one is broken or there twice."""
    if all(isinstance(entry, dict) and not id_fault(entry.get("id", MISSING)) for entry in entries):
        ids = {entry["id"] for entry in entries}
        return ids if len(ids) == len(entries) else None
    return None


def id_fault(value: Any) -> str:
    """What is wrong with an id, or ""."""
    if type(value) is int or (isinstance(value, Integral) and not isinstance(value, bool)):
        return ""
    return _reason("must be an integer", value)


def name_fault(value: Any) -> str:
    """What is wrong with the name of a category or a file, or ""."""
    return "" if isinstance(value, str) and value.strip("/. ") else _reason("must be a name", value)


def side_fault(value: Any) -> str:
    """What is wrong with the height or width of an image, or ""."""
    return id_fault(value) or ("" if 1 <= value <= LONGEST else f"must be in [1, {LONGEST}], got {shown(value)}")


def crowd_fault(value: Any) -> str:
    """What is wrong with `iscrowd`, or ""; it may be missing, which is 0."""
    return "" if value is MISSING or (isinstance(value, int) and value in (0, 1)) else _reason("must be 0 or 1", value)


def area_fault(value: Any) -> str:
    """What is wrong with `area`, or ""; it may be missing, and is then that of the mask."""
    return "" if value is MISSING or (is_number(value) and value >= 0) else _reason("must be a number ≥ 0", value)


def box_fault(box: Any) -> str:
    """What is wrong with a box (x, y, width, height) by itself, or ""."""
    if not isinstance(box, list | tuple) or len(box) != 4 or not (are_plain(box) or all(map(is_number, box))):
        return _reason("must be four finite numbers x, y, width, height", box)
    if box[2] < 0 or box[3] < 0:
        return f"must have width and height ≥ 0, got {box[2]} and {box[3]}"
    return ""


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, and no bool."""
    kind = type(value)
    if kind is not int and kind is not float and (kind is bool or not isinstance(value, Real)):
        return False
    return -HUGE < value < HUGE


def are_plain(values: list | tuple) -> bool:
    """Whether a list or tuple holds finite ints and floats alone; fast, for long ones."""
    try:
        return set(map(type, values)) <= {int, float} and sum(map(abs, values)) < HUGE
    except OverflowError:  # an int that no float holds
        return False


def shown(value: Any) -> str:
    """A value as JSON has it, cut at 60 characters, with its type where it is no integer."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    text = text if len(text) <= 60 else text[:57] + "…"
    return f"{text} ({_KINDS[type(value)]})" if type(value) in _KINDS else text


_FIELDS: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("id", id_fault),
    ("image_id", id_fault),
    ("category_id", id_fault),
    ("iscrowd", crowd_fault),
    ("area", area_fault),
    ("bbox", box_fault),
)


_UNKNOWN = {
    "image_id": ("must be the id of an image of the file", "broken annotation"),
    "category_id": ("must be a category of the file", "unknown label"),
}


def _reason(wanted: str, value: Any) -> str:
    return "is missing" if value is MISSING else f"{wanted}, got {shown(value)}"


def _table_faults(
    entries: list, part: str, fields: dict[str, Callable[[Any], str]], unique: tuple[str, ...] = ("id",)
) -> Iterator[EntryFault]:
    """Faults of images or categories, which have an id that must be there once."""
    seen: dict[str, set] = {field: set() for field in unique}
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            yield EntryFault(f"{part}[{number}]", f"must be an object, got {shown(entry)}")
            continue
        for field, fault in {"id": id_fault, **fields}.items():
            value = entry.get(field, MISSING)
            if reason := fault(value):
                yield EntryFault(f"{part}[{number}], {field}", reason)
            elif field in seen:
                if value in seen[field]:
                    yield EntryFault(
                        f"{part}[{number}], {field}", f"must be there once, got {value!r} again", "duplicate"
                    )
                seen[field].add(value)
