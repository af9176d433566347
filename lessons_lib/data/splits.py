"""Splits of sets that come without any: every fifth image is kept for validation."""

from collections.abc import Sequence

from lessons_lib.data.files import require_split

EVERY_FIFTH = ("train", "val", "all")
"""The splits that the course makes of such a set."""


def every_fifth(names: Sequence[str], split: str) -> tuple[str, ...]:
    """Names of a split: "val" holds the 5th, 10th, … name, "train" the others, "all" all."""
    require_split(split, EVERY_FIFTH)
    if split == "all":
        return tuple(names)
    return tuple(name for i, name in enumerate(names) if (i % 5 == 4) == (split == "val"))
