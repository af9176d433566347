"""Splits of sets that come without any: every fifth image is kept for validation, or another fifth of five."""

import re
from collections.abc import Sequence

from lessons_lib.data.files import require_split

EVERY_FIFTH = ("train", "val", "all")
"""The splits that the course makes of such a set."""

FOLDS = 5
WITH_FOLDS = (*EVERY_FIFTH, *(f"{part}{fold}" for fold in range(2, FOLDS + 1) for part in ("train", "val")))
"""The same with those of a cross-validation: "train2" goes with "val2", and so on."""


def every_fifth(names: Sequence[str], split: str) -> tuple[str, ...]:
    """Names of a split: "val" holds the 5th, 10th, … name, "train" the others, "all" all.

    "val2" holds the 1st, 6th, … name, "val3" the 2nd, 7th, …: together the five parts are all names, each once.

    >>> every_fifth("abcdefg", "val"), every_fifth("abcdefg", "val2"), every_fifth("abcdefg", "train2")
    (('e',), ('a', 'f'), ('b', 'c', 'd', 'e', 'g'))
    """
    require_split(split, WITH_FOLDS)
    if split == "all":
        return tuple(names)
    fold = int(split[-1]) if split[-1].isdigit() else 1
    return tuple(name for i, name in enumerate(names) if ((i + 2 - fold) % FOLDS == 0) == split.startswith("val"))


def unseen_by(split: str) -> str:
    """The split to judge a model on that has learned from this one: "val", or "val2" for "train2"."""
    fold = re.fullmatch(rf"train([2-{FOLDS}])", split)
    return f"val{fold[1]}" if fold else "val"
