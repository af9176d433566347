"""Claims: what a lesson says, as a band that a measured number must lie in and that its control must miss.

A claim has a measure, a control (the same code with the mechanism off) and what a model that has learned nothing
reaches. The first lies inside the band, the other two outside, or the lesson stops. Trained networks end elsewhere on
another processor, so tests/notebooks/test_bands.py compares the bands of trained networks with twenty runs of the
lesson, kept in results/lesson_NN.json.
"""

import math
from collections.abc import Callable
from typing import Any, SupportsFloat

from lessons_lib.shipped import results

Measure = SupportsFloat | Callable[[int], SupportsFloat]


def claim(
    number: int,
    text: str,
    value: Measure,
    *,
    above: float | int | None = None,
    below: float | int | None = None,
    control: Measure | None = None,
    null: Measure | None = None,
    seeds: int | None = None,
    exact: bool = False,
) -> None:
    """Asserts that a measured number lies in a band, that its controls do not, and prints the claim with its band.

    The band is open: above < value < below; either end may be left out. What is printed holds no measured number, so
    it is the same on every machine.

    Args:
        number: of the claim in the course's ledger; 0 for a statement that is not one of the lecture's.
        text: what is measured, as the beginning of "… is above 0.05".
        value: a number, or with `seeds` a function of the seed.
        control: the same measure with the mechanism switched off.
        null: the same measure for a model that has learned nothing.
        seeds: how many seeds, from 0, the three functions are called with; every one must keep the band.
        exact: says that nothing random enters, so that seeds would change nothing.

    Raises:
        AssertionError: the value lies outside the band, or the control or the null model lies inside.
    """
    if above is None and below is None:
        raise ValueError("above or below must be given, got neither: a claim without a band says nothing")
    low, high = -math.inf if above is None else above, math.inf if below is None else below
    for found in _numbers(value, seeds):
        assert low < found < high, f"claim {number}: {text} must be {_words(above, below)}, got {found:.4g}"
    missed = []
    for role, other in (("the control", control), ("a model that has learned nothing", null)):
        for found in [] if other is None else _numbers(other, seeds):
            assert not low < found < high, f"claim {number}: {role} must not be {_words(above, below)}, got {found:.4g}"
        missed += [role] if other is not None else []
    name = f"Claim {number}: " if number else ""
    over = f", for each of {seeds} seeds" if seeds else ""
    print(f"{name}{text} is {_words(above, below)}{over}")
    if missed:
        print(f"{'':{len(name) or 2}}not so: {', '.join(missed)}")


def tell(
    number: int,
    text: str,
    value: Measure,
    *,
    above: float | None = None,
    below: float | None = None,
    **controls: Measure,
) -> None:
    """What stands for `claim` on data of the learner's own: prints the number, and asserts nothing."""
    (here,) = _numbers(value, None)
    print(f"{text}: {here:.2f} on your data; on the course's own it is {_words(above, below)}")


def runs(lesson: str) -> list[dict[str, Any]]:
    """What each run of results/lesson_NN.json measured; the first is seed 0, undisturbed. See notebooks/seeds.py."""
    return [run["measured"] for run in results(f"lesson_{lesson}")["runs"]]


def _numbers(value: Measure, seeds: int | None) -> list[float]:
    return [float(value(seed)) for seed in range(seeds or 1)] if callable(value) else [float(value)]


def _words(above: float | int | None, below: float | int | None) -> str:
    return " and ".join(
        f"{word} {number:g}" for word, number in (("above", above), ("below", below)) if number is not None
    )
