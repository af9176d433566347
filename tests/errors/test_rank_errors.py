"""What rank correlation and the bootstrap say to a wrong argument: the name, what came, and what is allowed."""

import re

import pytest
import torch

from lessons_lib.metrics.ranks import bootstrap_means, interval, kendall_tau

TWO, THREE = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0, 3.0])
CASES = [
    (lambda: kendall_tau(TWO, THREE), "second must have as many values as first, 2, got 3"),
    (lambda: kendall_tau(TWO[:1], TWO[:1]), "first must hold at least 2 values, got shape (1,)"),
    (lambda: kendall_tau(TWO, TWO[0]), "second must hold at least 2 values, got shape ()"),
    (lambda: kendall_tau(TWO, TWO[:0]), "second must hold at least 2 values, got shape (0,)"),
    (lambda: kendall_tau(TWO / 0, TWO), "first must be finite, got inf"),
    (lambda: kendall_tau(TWO, TWO * float("nan")), "second must be finite, got nan"),
    (lambda: bootstrap_means(TWO, 10), "values must be a table (systems, seeds), neither 0, got shape (2,)"),
    (
        lambda: bootstrap_means(TWO[None, :0], 10),
        "values must be a table (systems, seeds), neither 0, got shape (1, 0)",
    ),
    (lambda: bootstrap_means(TWO[None], 0), "draws must be ≥ 1, got 0"),
    (lambda: interval(TWO, 1.0), "level must be between 0 and 1, got 1.0"),
    (lambda: interval(TWO, 95), "level must be between 0 and 1, got 95"),
    (lambda: interval(TWO[0]), "samples must be at least one, got shape ()"),
    (lambda: interval(TWO[:0]), "samples must be at least one, got shape (0,)"),
]


@pytest.mark.parametrize(("call", "words"), CASES, ids=[words[:60] for _, words in CASES])
def test_error_names_argument_value_and_allowed(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()


def test_draws_that_are_no_int():
    with pytest.raises(TypeError, match=re.escape("draws must be an int, got 2.5")):
        bootstrap_means(TWO[None], 2.5)
