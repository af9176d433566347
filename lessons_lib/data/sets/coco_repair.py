"""What tools write otherwise than COCO's format says, though its meaning is clear: mended before it is checked."""

from typing import Any

from pycocotools import mask as coco_mask

from lessons_lib.data.sets.coco_checks import segmentation_fault
from lessons_lib.data.sets.coco_entries import PARTS, are_plain, id_fault


def repaired(record: Any) -> Any:
    """The content of a file with plain ids, polygons in a list, and the boxes that can be known.

    Ids that are texts become numbers, polygons that stand without their list get one, an annotation without an id is
    numbered, and one without a box gets that of its polygons or run lengths. Everything else stays, for
    `record_faults` to judge.
    """
    if not isinstance(record, dict) or not all(isinstance(record.get(part), list) for part in PARTS):
        return record
    images, categories, annotations = ([_copied(entry) for entry in record[part]] for part in PARTS)
    for table, field in ((images, "image_id"), (categories, "category_id")):
        _number([*table], [*annotations], field)
    for number, entry in enumerate(annotations, start=1):
        if isinstance(entry, dict):
            entry["id"] = entry.get("id", number) if not id_fault(entry.get("id", number)) else number
            _mend_shape(entry)
    return record | {"images": images, "categories": categories, "annotations": annotations}


def _copied(entry: Any) -> Any:
    return dict(entry) if isinstance(entry, dict) else entry


def _number(table: list[Any], annotations: list[Any], field: str) -> None:
    """Turn ids that are texts into numbers: those that they spell, where all do, else their positions."""
    texts = [entry["id"] for entry in table if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    if not texts:
        return
    spelled = all(text.isdecimal() for text in texts)
    numbers = {text: int(text) if spelled else place for place, text in enumerate(texts, start=1)}
    for entries, name in ((table, "id"), (annotations, field)):
        for entry in entries:
            if isinstance(entry, dict) and isinstance(entry.get(name), str):
                entry[name] = numbers.get(entry[name], entry[name])
            elif isinstance(entry, dict) and str(entry.get(name)) in numbers and not isinstance(entry[name], bool):
                entry[name] = numbers[str(entry[name])]


def _mend_shape(entry: dict) -> None:
    segmentation = entry.get("segmentation")
    if isinstance(segmentation, list) and segmentation and are_plain(segmentation):
        entry["segmentation"] = segmentation = [segmentation]
    if entry.get("bbox") in (None, []):
        if isinstance(segmentation, list) and segmentation and all(map(_is_polygon, segmentation)):
            xs = [value for part in segmentation for value in part[0::2]]
            ys = [value for part in segmentation for value in part[1::2]]
            entry["bbox"] = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
        elif isinstance(segmentation, dict) and _fits_itself(segmentation):
            counts, size = segmentation["counts"], segmentation["size"]
            runs = coco_mask.frPyObjects(segmentation, *size) if isinstance(counts, list) else segmentation
            entry["bbox"] = coco_mask.toBbox(runs).tolist()


def _fits_itself(runs: dict) -> bool:
    """Whether run lengths are sound for the size that they state."""
    size = runs.get("size")
    if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int and side > 0 for side in size):
        return False
    return not segmentation_fault(runs, *size)


def _is_polygon(part: Any) -> bool:
    return isinstance(part, list) and len(part) >= 2 and len(part) % 2 == 0 and are_plain(part)
