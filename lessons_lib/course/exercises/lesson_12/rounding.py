"""Exercise 12.1: rounding as C does it."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops.roi import regions


def rounding_cases():
    """Halves of both signs beside ordinary numbers, each of them alone, and a strided view in float64."""
    generator = torch.Generator().manual_seed(1)
    return [
        {"x": torch.tensor([2.5, -2.5, 1.5, -0.5, 0.7, -0.7, 0.2, -1.2, 3.0])},
        {"x": torch.tensor([2.5])},
        {"x": torch.tensor([-2.5])},
        {"x": torch.tensor([0.7])},
        {"x": torch.tensor([-0.7])},
        {"x": torch.tensor([1.2])},
        {"x": torch.tensor([1.5])},
        {"x": (torch.randn(2, 6, generator=generator, dtype=torch.float64) * 8).T},
    ]


ROUND = Exercise(
    "12.1",
    "Rounding as C does it",
    difficulty=1,
    minutes=10,
    oracle=regions.round_half_away,
    cases=rounding_cases,
    hints=(
        "Cut the fraction off first, with x.trunc(). Then ask whether what you cut off was at least a half.",
        "x.sign() says in which direction 'away from zero' lies.",
        "x.trunc() + x.sign() * ((x - x.trunc()).abs() >= 0.5)",
    ),
)


@ROUND.model
def round_half_away(x):
    whole = x.trunc()
    return whole + x.sign() * ((x - whole).abs() >= 0.5)


@ROUND.mistake("This looks like torch.round, which takes halves to the even neighbour: 2.5 becomes 2, in C it is 3.")
def halves_to_even(x):
    return x.round()


@ROUND.mistake("This looks like ⌊x + 0.5⌋. It takes −2.5 up to −2: for a negative number, away from zero is down.")
def floor_of_a_half_more(x):
    return (x + 0.5).floor()


@ROUND.mistake("This looks like ⌈x − 0.5⌉: halves go down, 2.5 to 2. Away from zero is up where x is positive.")
def ceiling_of_a_half_less(x):
    return (x - 0.5).ceil()


@ROUND.mistake(
    "This looks like int(x + 0.5), which cuts towards zero: −0.7 becomes 0. Right for positive numbers; for negative "
    "ones the half must be subtracted."
)
def cuts_after_adding_a_half(x):
    return (x + 0.5).trunc()


@ROUND.mistake("This looks like halves rounded towards zero, 2.5 to 2 and −2.5 to −2. C rounds them away from it.")
def halves_towards_zero(x):
    return x.sign() * (x.abs() - 0.5).ceil()


@ROUND.mistake("This looks like a lost sign: the size is rounded as it should be, and −2.5 comes back as 3.")
def loses_the_sign(x):
    return (x.abs() + 0.5).floor()


@ROUND.mistake("This looks like truncation: 0.7 becomes 0. Rounding goes to the nearer whole number.")
def cuts_off(x):
    return x.trunc()


@ROUND.mistake("This looks like the floor: 0.7 becomes 0. Rounding goes to the nearer whole number.")
def takes_the_floor(x):
    return x.floor()


@ROUND.mistake("This looks like the ceiling: 0.2 becomes 1. Rounding goes to the nearer whole number.")
def takes_the_ceiling(x):
    return x.ceil()


@ROUND.mistake("This looks like every fraction sent away from zero: 0.2 becomes 1. Only halves and more go up.")
def everything_away_from_zero(x):
    return x.sign() * x.abs().ceil()
