"""Rank correlation and the bootstrap: worked values, SciPy, every draw counted, ties, and nothing to compare."""

import itertools
import math
import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from lessons_lib.metrics.ranks import ahead, bootstrap_means, chosen_means, interval, kendall_tau

LISTS = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=2, max_size=9)


def t(*values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_tau_by_hand():
    assert kendall_tau(t(1, 2, 3, 4), t(2, 5, 7, 90)) == 1
    assert kendall_tau(t(1, 2, 3, 4), t(9, 8, 7, 1)) == -1
    # 6 pairs: (1, 2) and (3, 4) turn, the other four agree
    assert kendall_tau(t(1, 2, 3, 4), t(2, 1, 4, 3)).item() == pytest.approx((4 - 2) / 6)
    # the tie leaves 2 of 3 pairs on the one side, 3 on the other; two agree
    assert kendall_tau(t(1, 1, 2), t(3, 4, 5)).item() == pytest.approx(2 / math.sqrt(2 * 3))


@given(LISTS)
@settings(max_examples=200, deadline=None)
def test_tau_is_scipys(pairs):
    first, second = zip(*pairs, strict=True)
    expected = kendalltau(first, second).statistic
    assert kendall_tau(t(*first), t(*second)).item() == pytest.approx(expected, nan_ok=True, abs=1e-12)
    assert kendall_tau(t(*second), t(*first)).item() == pytest.approx(expected, nan_ok=True, abs=1e-12)


def test_tau_of_many_orders_at_once():
    draw = torch.Generator().manual_seed(0)
    many = torch.randint(0, 5, (3, 4, 6), generator=draw).double()
    fixed = t(1, 2, 2, 3, 9, 0)
    found = kendall_tau(many, fixed)
    assert found.shape == (3, 4)
    for place in itertools.product(range(3), range(4)):
        assert found[place].item() == pytest.approx(kendalltau(many[place], fixed).statistic, abs=1e-12)
    assert kendall_tau(torch.zeros(0, 3), t(1, 2, 3)).shape == (0,)


def test_tau_where_nothing_is_ordered():
    assert kendall_tau(t(2, 2, 2), t(1, 2, 3)).isnan()
    assert kendall_tau(t(1, 2), t(1, 1)).isnan()
    assert kendall_tau(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 9.0])).dtype == torch.float64


def test_chosen_means_by_hand():
    values = t([1, 2, 6], [10, 20, 60])
    chosen = torch.tensor([[[0, 1, 2], [2, 2, 2]], [[0, 0, 1], [1, 0, 0]]])
    torch.testing.assert_close(chosen_means(values, chosen), t([3, 60], [4 / 3, 40 / 3]))
    assert chosen_means(values, chosen[:0]).shape == (0, 2)


def test_the_bootstrap_draws_every_seed_alike_and_each_system_for_itself():
    """All 27 × 27 ways to draw three of three, twice, are equally likely: mean, spread and independence follow."""
    values = t([1, 2, 6], [4, 4.5, 5])
    means = bootstrap_means(values, 20000, torch.Generator().manual_seed(1))
    for system in range(2):
        all_ways = [statistics.mean(way) for way in itertools.product(values[system].tolist(), repeat=3)]
        kept, counts = means[:, system].mul(3).round(decimals=6).unique(return_counts=True)
        assert kept.tolist() == sorted({round(3 * mean, 6) for mean in all_ways})
        expected = [sum(round(3 * mean, 6) == one for mean in all_ways) / 27 for one in kept.tolist()]
        torch.testing.assert_close(counts / 20000, torch.tensor(expected), atol=0.02, rtol=0)
        spread = statistics.variance(values[system].tolist()) / 3 * 2 / 3  # 2/3: see the docstring
        assert means[:, system].var().item() == pytest.approx(spread, rel=0.05)
    assert abs(torch.corrcoef(means.T)[0, 1].item()) < 0.05


def test_the_bootstrap_is_the_same_from_the_same_generator_and_one_seed_says_nothing():
    values = torch.rand(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    one, other = (bootstrap_means(values, 5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, other) and one.shape == (5, 4)
    assert torch.equal(bootstrap_means(values[:, :1], 6), values[:, 0].expand(6, -1))


def test_intervals():
    samples = torch.stack([torch.arange(201.0), 10 - torch.arange(201.0)], 1).double()
    low, high = interval(samples)
    torch.testing.assert_close(low, t(5, -185))
    torch.testing.assert_close(high, t(195, 5))
    low, high = interval(samples[:1], 0.5)
    assert torch.equal(low, samples[0]) and torch.equal(high, samples[0])
    assert interval(samples[:, 0])[0].item() == pytest.approx(5)


def test_ahead():
    table = ahead(t([3, 2, 2], [3, 3, 1], [1, 2, 0], [4, 1, 1]))
    torch.testing.assert_close(table, t([0.5, 0.625, 1], [0.375, 0.5, 0.75], [0, 0.25, 0.5]))
    torch.testing.assert_close(table + table.T, torch.ones(3, 3).double())
    assert ahead(torch.zeros(0, 2).double()).isnan().all()
