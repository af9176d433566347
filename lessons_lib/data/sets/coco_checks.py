"""COCO annotations, checked before pycocotools decodes them: its C code trusts what it is given.

Too few run lengths leave memory undefined there, and a coordinate that is NaN or huge takes all memory.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64


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


def box_fault(box: object) -> str:
    """What is wrong with a box (x, y, width, height) by itself, or ""."""
    if not _numbers(box) or len(box) != 4:
        return f"must be four finite numbers x, y, width, height, got {box}"
    if box[2] < 0 or box[3] < 0:
        return f"must have width and height ≥ 0, got {box[2]} and {box[3]}"
    return ""


def segmentation_fault(segmentation: object, height: int, width: int) -> str:
    """What is wrong with a list of polygons, or with run lengths, for a picture of this size; "" where all is well.

    Polygons may leave the picture by up to its own length, as pycocotools cuts them at its edge.
    """
    if isinstance(segmentation, dict):
        return _runs_fault(segmentation, height, width)
    if not isinstance(segmentation, list) or len(segmentation) == 0:
        return f"must be polygons or run lengths, got {type(segmentation).__name__} of {_length(segmentation)}"
    for number, polygon in enumerate(segmentation):
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            return f"must hold polygons of x, y for ≥ 3 corners, got {_length(polygon)} values in polygon {number}"
        if not set(map(type, polygon)) <= {int, float} or not math.isfinite(sum(polygon)):
            return f"must hold finite numbers, got others in polygon {number}"
        xs, ys = polygon[0::2], polygon[1::2]
        if min(xs) < -width or max(xs) > 2 * width or min(ys) < -height or max(ys) > 2 * height:
            corners = [min(xs), min(ys), max(xs), max(ys)]
            return f"must lie near its picture of {width} × {height}, got {corners} in polygon {number}"
    return ""


def _runs_fault(segmentation: dict, height: int, width: int) -> str:
    if not {"size", "counts"} <= set(segmentation):
        return f"must hold size and counts, got {', '.join(segmentation) or 'nothing'}"
    if list(segmentation["size"]) != [height, width]:
        return f"must be as large as its picture, {(height, width)}, got {tuple(segmentation['size'])}"
    try:
        counts = run_lengths(segmentation["counts"])
    except (TypeError, ValueError, OverflowError) as error:
        return f"counts cannot be read: {error}"
    if len(counts) == 0 or counts.min() < 0 or counts.sum() != height * width:
        return f"counts must be ≥ 0 and cover {height * width} pixels, got {counts.sum()} in {len(counts)} runs"
    return ""


def _numbers(values: object) -> bool:
    """Whether this is a list of finite numbers."""
    return isinstance(values, list) and all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) for value in values
    )


def _length(value: object) -> str:
    return str(len(value)) if hasattr(value, "__len__") else "no length"
