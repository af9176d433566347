"""Shapes of COCO annotations, checked before pycocotools decodes them: its C code trusts what it is given.

Too few run lengths leave memory undefined there, and a coordinate that is NaN or huge takes all memory.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64
from pycocotools import mask as coco_mask

from lessons_lib.data.sets.coco_entries import are_plain, is_number, shown


def run_lengths(counts: Sequence[int] | str | bytes) -> Int64[np.ndarray, " R"]:
    """Run lengths of a COCO mask, from its list or its compressed string; they alternate zeros and ones, down columns.

    A character is 48 + five bits and a bit that says "more"; the last of a number carries its sign; from the fourth
    number on, the number two before is added (common/maskApi.c of cocoapi). Raises ValueError for other characters.
    """
    if not isinstance(counts, str | bytes):
        return np.asarray(counts, dtype=np.int64).reshape(-1)
    text = counts.encode("latin-1", "replace") if isinstance(counts, str) else counts
    codes = np.frombuffer(text, dtype=np.uint8).astype(np.int64) - 48
    if len(codes) == 0:
        return codes
    if codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise ValueError("counts must be characters 0 to o, the last without the sign for more")
    last = np.flatnonzero((codes & 32) == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    place = np.arange(len(codes)) - np.repeat(first, last - first + 1)
    if place.max() > 6:
        raise ValueError("counts must be numbers of at most 7 characters")
    values = np.add.reduceat((codes & 31) << (5 * place), first)
    values -= np.where(codes[last] & 16, np.int64(1) << (5 * (place[last] + 1)), 0)
    for start in (1, 2):
        values[start::2] = np.cumsum(values[start::2])
    return values


def has_mask(annotation: dict) -> bool:
    """Whether an annotation says anything of its shape; exports of boxes leave `segmentation` out or empty."""
    return annotation.get("segmentation") not in (None, [], [[]])


def compressed(segmentation: Any, height: int, width: int) -> dict:
    """The compressed run lengths of polygons or run lengths in which `segmentation_fault` found nothing."""
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    if isinstance(segmentation["counts"], list | tuple):
        return coco_mask.frPyObjects({**segmentation, "counts": list(segmentation["counts"])}, height, width)
    return segmentation


def segmentation_fault(segmentation: Any, height: int, width: int) -> str:
    """What is wrong with a list of polygons, or with run lengths, for an image of this size; "" where all is well.

    Polygons may leave the image by up to its own length, as pycocotools cuts them at its edge.
    """
    if isinstance(segmentation, dict):
        return _runs_fault(segmentation, height, width)
    if not isinstance(segmentation, list) or len(segmentation) == 0:
        return f"must be polygons or run lengths, got {shown(segmentation)}"
    for number, polygon in enumerate(segmentation):
        if not isinstance(polygon, list):
            flat = all(map(is_number, segmentation))
            got = f"{len(segmentation)} numbers without it" if flat else f"{shown(polygon)} as polygon {number}"
            return f"must be a list of polygons, each a list x, y, x, y, …, got {got}"
        if len(polygon) < 6 or len(polygon) % 2:
            return f"must hold polygons of x, y for ≥ 3 corners, got {len(polygon)} values in polygon {number}"
        if not are_plain(polygon):
            wrong = [value for value in polygon if not is_number(value)]
            return f"must hold finite numbers, got {shown((wrong or polygon)[0])} in polygon {number}"
        xs, ys = polygon[0::2], polygon[1::2]
        if min(xs) < -width or max(xs) > 2 * width or min(ys) < -height or max(ys) > 2 * height:
            corners = [min(xs), min(ys), max(xs), max(ys)]
            return f"must lie near its image of {width} × {height}, got {corners} in polygon {number}"
    return ""


def _runs_fault(segmentation: dict, height: int, width: int) -> str:
    if not {"size", "counts"} <= set(segmentation):
        return f"must hold size and counts, got {', '.join(segmentation) or 'nothing'}"
    size, counts = segmentation["size"], segmentation["counts"]
    if not isinstance(size, list | tuple) or [*map(type, size)] != [int, int] or [*size] != [height, width]:
        got = tuple(size) if isinstance(size, list | tuple) else shown(size)
        return f"must be as large as its image, {(height, width)}, got {got}"
    if not isinstance(counts, list | tuple | str | bytes):
        return f"counts must be a list of integers or COCO's letters, got {shown(counts)}"
    if isinstance(counts, list | tuple) and not set(map(type, counts)) <= {int}:
        wrong = next(value for value in counts if type(value) is not int)
        return f"counts must be integers, got {shown(wrong)}"
    try:
        runs = run_lengths(counts)
    except (TypeError, ValueError, OverflowError) as error:
        return f"counts cannot be read: {error}"
    if len(runs) == 0 or runs.min() < 0 or runs.max() > height * width or runs.sum() != height * width:
        return f"counts must be ≥ 0 and cover {height * width} pixels, got {runs.sum()} in {len(runs)} runs"
    return ""
