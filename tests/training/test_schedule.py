"""Schedules: values worked by hand, torch's own schedulers as oracle, and one step as the shortest training."""

import math

import pytest
import torch

from lessons_lib.training.schedule import SCHEDULES, constant, one_cycle, polynomial, warm_up_cosine


def torchs_rates(make, steps: int) -> list[float]:
    """The rates that a scheduler of torch gives to the steps."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler, rates = make(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(rates) < steps:
            scheduler.step()
    return rates


@pytest.mark.parametrize("steps", [10, 37, 300])
@pytest.mark.parametrize("warm_up", [0.2, 0.3])
def test_one_cycle_is_torchs(steps, warm_up):
    make = torch.optim.lr_scheduler.OneCycleLR
    expected = torchs_rates(lambda o: make(o, 0.5, total_steps=steps, pct_start=warm_up), steps)
    assert [one_cycle(0.5, steps, warm_up)(t) for t in range(1, steps + 1)] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 50])
def test_polynomial_is_torchs(steps):
    expected = torchs_rates(lambda o: torch.optim.lr_scheduler.PolynomialLR(o, steps, power=0.9), steps)
    assert [polynomial(0.5, steps)(t) for t in range(1, steps + 1)] == pytest.approx(expected, rel=1e-9)


def test_warm_up_and_cosine_by_hand():
    # 40 steps, a tenth of them to warm up: 4 steps of a fifth, then the highest rate; half of it 18 steps later
    rate = warm_up_cosine(1.0, 40, warm_up=0.1)
    assert [rate(t) for t in range(1, 6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rate(23) == pytest.approx(0.5)
    assert rate(40) == pytest.approx((1 + math.cos(math.pi * 35 / 36)) / 2)


def test_constant():
    assert [constant(0.3, 5)(t) for t in (1, 5)] == [0.3, 0.3]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 3, 5, 1000])
def test_every_rate_lies_above_nothing_and_reaches_the_highest(name, steps):
    rates = [SCHEDULES[name](0.5, steps)(t) for t in range(1, steps + 1)]
    assert all(0 < rate <= 0.5 + 1e-12 for rate in rates)
    assert steps < 5 or max(rates) == pytest.approx(0.5, rel=0.01)
