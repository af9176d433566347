"""What a bug costs, as a sentence for the card of the exercise in which people make it."""

from functools import cache
from statistics import mean
from typing import Any

from lessons_lib.shipped import RESULTS, results

SOUND = "none"
"""The name of the runs without a bug."""


def price(bug: str) -> str:
    """One sentence that begins with a blank: the mean AP with the bug and without; "" where nothing was measured.

    A difference below the spread of the runs is no cost. The table is results/bugs.json, which a copy of the library
    without the rest of the course does not have.
    """
    with_it, without = aps(bug), aps(SOUND)
    if not with_it or not without:
        return ""
    got, usual = mean(with_it), mean(without)
    if usual - got < max(max(with_it) - min(with_it), max(without) - min(without)):
        return f" Small networks with this mistake did as well: mask AP {got:.2f}, and {usual:.2f} without it."
    return f" Small networks with this mistake reached mask AP {got:.2f} instead of {usual:.2f}."


def aps(bug: str, kind: str = "mask", number: str = "ap") -> list[float]:
    """`number` ("ap", "ap50" or "ap75") of each run with the bug, seed by seed; `kind` is "mask" or "box"."""
    return [run["measured"][kind][number] for run in _runs() if run["bug"] == bug]


@cache
def _runs() -> list[dict[str, Any]]:
    return results("bugs")["runs"] if (RESULTS / "bugs.json").exists() else []
