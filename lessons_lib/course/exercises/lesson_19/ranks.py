"""Lesson 19, exercise 1: how far two tables agree on the order of their systems."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics.ranks import kendall_tau

# 19.1


def order_cases():
    """One pair turned, ties on one side, on both, the opposite order, all tied, and two things only."""
    lists = (
        ([1, 2, 3], [1, 3, 2]),
        ([4, 1, 3, 2, 5], [40, 25, 20, 10, 30]),
        ([1, 1, 2, 4], [3, 5, 5, 9]),
        ([25.2, 29.2, 33.1, 35.7, 37.1], [31, 20, 44, 44, 57]),
        ([5, 5, 1, 2, 2, 2], [7, 1, 8, 3, 3, 9]),
        ([3, 1, 2, 2], [1, 9, 3, 2]),
        ([7, 7, 7, 7], [9, 1, 6, 4]),
        ([1, 0], [0.5, 0.25]),
    )
    return [{"first": torch.tensor(one).double(), "second": torch.tensor(two).double()} for one, two in lists]


ORDER = Exercise(
    "19.1",
    "Do two tables agree on the order?",
    difficulty=2,
    minutes=20,
    oracle=kendall_tau,
    cases=order_cases,
    hints=(
        "Look at every pair of systems once: i, j = torch.triu_indices(n, n, 1) are the two positions of each pair.",
        "The sign of first[i] - first[j] is 1, −1 or, for a tie, 0. The product of both signs is 1 for a pair that "
        "agrees, −1 for one that disagrees, 0 where one side is tied.",
        "The sum of the products, divided by the root of (pairs not tied in first) · (pairs not tied in second). "
        "0 / 0 is NaN by itself.",
    ),
)


@ORDER.model
def rank_correlation(first, second):
    n = len(first)
    i, j = torch.triu_indices(n, n, 1)  # every pair once
    one, other = (first[i] - first[j]).sign(), (second[i] - second[j]).sign()
    ordered = one.abs().sum() * other.abs().sum()
    return ((one * other).sum() / ordered.sqrt()).item()


@ORDER.flags(
    ties_against="This looks like tied pairs that count as disagreeing. A tie says nothing: it counts for neither "
    "side.",
    ties_for="This looks like tied pairs that count as agreeing, as with ≥ in the comparison. A tie says nothing: it "
    "counts for neither side.",
    twice="This looks like pairs counted twice above the line, as (i, j) and as (j, i), and once below it.",
    all_pairs="This looks like τ-a, divided by all pairs. With ties even two equal lists would not reach 1: divide by "
    "the geometric mean of the pairs that each side orders.",
    both_ordered="This looks like Goodman and Kruskal's γ, divided by the pairs that both sides order. Then a system "
    "that ties nearly everything can reach 1.",
    share="This looks like the share of pairs that agree. Two random orders would have ½; subtract those that "
    "disagree, and they have 0.",
    turned="This looks like disagreeing minus agreeing pairs. In both lists more is better: the same order is +1.",
    neighbours="This looks like neighbours in the list only. The order of the rows is an accident: take every pair.",
    no_root="This looks like a product without its root. Both numbers count pairs, so their product counts pairs "
    "twice over: take the square root.",
    zero="This looks like 0 where one side is all tied. Nothing was ordered, so there is nothing to say: NaN.",
)
def wrong_tau(first, second, *, ties_against=False, ties_for=False, twice=False, all_pairs=False, both_ordered=False,
              share=False, turned=False, neighbours=False, no_root=False, zero=False):  # fmt: skip
    i, j = torch.triu_indices(len(first), len(first), 1)
    i, j = (i[j == i + 1], j[j == i + 1]) if neighbours else (i, j)
    one, other = (first[i] - first[j]).sign(), (second[i] - second[j]).sign()
    product = one * other * (-1 if turned else 1)
    agree, against = (product > 0) | ((product == 0) & ties_for), (product < 0) | ((product == 0) & ties_against)
    above = (2 if twice else 1) * (int(agree.sum()) - (0 if share else int(against.sum())))
    ordered = float(one.abs().sum() * other.abs().sum()) ** (1 if no_root else 0.5)
    below = float(product.abs().sum()) if both_ordered else len(i) if all_pairs else ordered
    if below == 0:
        return 0.0 if zero else float("nan")
    return above / below


def correlation(first, second):
    """Pearson's."""
    return torch.corrcoef(torch.stack([first, second]))[0, 1].item()


def mean_ranks(values):
    """From 0 on; what is tied shares the mean of its ranks."""
    below, equal = values[:, None] > values, values[:, None] == values
    return below.sum(1) + (equal.sum(1) - 1) / 2


@ORDER.mistake("This looks like Pearson's correlation: it asks for a straight line. An order knows no distances.")
def takes_pearson(first, second):
    return correlation(first, second)


@ORDER.mistake("This looks like Spearman's ρ, the correlation of the ranks. Kendall's τ counts pairs.")
def takes_spearman(first, second):
    return correlation(mean_ranks(first), mean_ranks(second))


@ORDER.mistake(
    "This looks like argsort taken for ranks. It says which system is first, second, …; the rank of each system is the "
    "argsort of the argsort. Better: compare the values themselves."
)
def compares_argsorts(first, second):
    return wrong_tau(first.argsort(stable=True), second.argsort(stable=True))


@ORDER.mistake(
    "This looks like first[i] > first[j] asked to equal second[i] > second[j]. A tie then passes for “smaller”: ask "
    "for both directions, or take the sign of the difference."
)
def compares_greater(first, second):
    i, j = torch.triu_indices(len(first), len(first), 1)
    agree = ((first[i] > first[j]) == (second[i] > second[j])).double()
    return (2 * agree.mean() - 1).item()


@ORDER.mistake("This looks like the share of ranks at which both lists have the same system. Kendall's τ counts pairs.")
def counts_equal_ranks(first, second):
    orders = [scores.argsort(descending=True, stable=True) for scores in (first, second)]
    return (orders[0] == orders[1]).double().mean().item()


@ORDER.mistake(
    "This looks like one list sorted and the other not. Sorted alone it loses its partners: move both together, or "
    "sort nothing."
)
def sorts_one_side(first, second):
    return wrong_tau(first.sort().values, second)
