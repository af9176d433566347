"""Lesson 19, exercises 1 and 2: how far two tables agree on the order, and how sure a mean over seeds is."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics.ranks import chosen_means, interval, kendall_tau

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
        ([2, 2, 2], [1, 2, 3]),
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
    zero="This looks like 0 where one side is all tied. Nothing was ordered, so there is nothing to say: NaN.",
)
def wrong_tau(first, second, *, ties_against=False, ties_for=False, twice=False, all_pairs=False, both_ordered=False,
              share=False, turned=False, neighbours=False, zero=False):  # fmt: skip
    i, j = torch.triu_indices(len(first), len(first), 1)
    i, j = (i[j == i + 1], j[j == i + 1]) if neighbours else (i, j)
    one, other = (first[i] - first[j]).sign(), (second[i] - second[j]).sign()
    product = one * other * (-1 if turned else 1)
    tied = one * other == 0
    agree, against = (product > 0) | (tied & ties_for), (product < 0) | (tied & ties_against)
    above = agree.double().sum() - (0 if share else against.double().sum())
    below = (one.abs().sum() * other.abs().sum()).sqrt()
    if below == 0:
        return 0.0 if zero else float("nan")
    below = (one * other).abs().sum() if both_ordered else len(i) if all_pairs else below
    return (above * (2 if twice else 1) / below).item()


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
    "This looks like one list sorted and the other not. Sorted alone it loses its partners: move both together, or "
    "sort nothing."
)
def sorts_one_side(first, second):
    return wrong_tau(first.sort().values, second)


# 19.2


def seed_cases():
    """Two systems by hand, one draw, more systems than seeds, more seeds than systems, and many draws."""
    generator = torch.Generator().manual_seed(19)
    small = {
        "values": torch.tensor([[1.0, 3.0], [5.0, 9.0]], dtype=torch.float64),
        "chosen": torch.tensor([[[0, 0], [1, 0]], [[1, 0], [1, 1]], [[1, 1], [0, 0]]]),
    }
    cases = [small]
    for draws, systems, seeds in ((1, 2, 3), (12, 5, 3), (9, 2, 5), (40, 3, 3)):
        values = torch.rand(systems, seeds, generator=generator, dtype=torch.float64)
        chosen = torch.randint(seeds, (draws, systems, seeds), generator=generator)
        cases.append({"values": values, "chosen": chosen})
    return cases


def library_interval(values, chosen):
    """The ends of the middle 95 % of the means over the chosen seeds."""
    return interval(chosen_means(values, chosen))


SEEDS = Exercise(
    "19.2",
    "How sure is a mean of three seeds?",
    difficulty=2,
    minutes=20,
    oracle=library_interval,
    cases=seed_cases,
    hints=(
        "First the means, one for each draw and system: (D, S). values.expand(len(chosen), -1, -1) is the table once "
        "for each draw, as large as chosen.",
        "table.gather(2, chosen) reads, in each row, the seeds that were chosen, repeated ones too; .mean(2) averages "
        "them.",
        "means.quantile(0.025, dim=0) is the lower end of each system, 0.975 the upper one.",
    ),
)


@SEEDS.model
def mean_interval(values, chosen):
    table = values.expand(len(chosen), -1, -1)  # (D, S, K)
    means = table.gather(2, chosen).mean(2)  # (D, S)
    return means.quantile(0.025, dim=0), means.quantile(0.975, dim=0)


@SEEDS.flags(
    without_replacement="This looks like seeds that count once, however often they were chosen. Drawn with replacement "
    "a seed may come twice, and then counts twice.",
    shared="This looks like the first system's draw for all. The runs of two systems share nothing but a number: each "
    "has a draw of its own.",
    spread="This looks like the interval of single runs. The question is how far the mean over the seeds may be off, "
    "so average each draw first.",
    median="This looks like the median of the chosen seeds. The table shows means.",
    extremes="This looks like the lowest and the highest mean. The more draws, the wider that would be; 95 % lie "
    "between the quantiles 0.025 and 0.975.",
    ninety="This looks like the quantiles 0.05 and 0.95: 90 % lie between them. Of 95 %, 2.5 % are left at each end.",
    over_systems="This looks like quantiles over the systems. Each system has its own interval: over the draws.",
    swapped="This looks like the upper end first. Return low, high.",
)
def wrong_interval(values, chosen, *, without_replacement=False, shared=False, spread=False, median=False,
                   extremes=False, ninety=False, over_systems=False, swapped=False):  # fmt: skip
    chosen = chosen[:, :1].expand_as(chosen) if shared else chosen
    taken = values.expand(len(chosen), -1, -1).gather(2, chosen)  # (D, S, K)
    if without_replacement:
        again = (chosen[..., :, None] == chosen[..., None, :]).tril(-1).any(3)
        taken = taken.masked_fill(again, torch.nan)
    means = taken.nanquantile(0.5, 2) if median else taken.nanmean(2)
    means = taken.transpose(1, 2).flatten(0, 1) if spread else means
    ends = (0, 1) if extremes else (0.05, 0.95) if ninety else (0.025, 0.975)
    low, high = (means.nanquantile(end, int(over_systems)) for end in ends)
    return (high, low) if swapped else (low, high)


@SEEDS.mistake(
    "This looks like mean ± 1.96 · deviation / √D. That is how exactly the draws know their own mean; more draws teach "
    "nothing about the system. Their quantiles are the interval."
)
def divides_by_draws(values, chosen):
    means = chosen_means(values, chosen)
    reach = 1.96 * means.std(0, correction=0) / len(means) ** 0.5
    return means.mean(0) - reach, means.mean(0) + reach


@SEEDS.mistake(
    "This looks like mean ± 1.96 · standard deviation of the draws. With three seeds the means are few and lopsided: "
    "take the quantiles."
)
def takes_the_normal(values, chosen):
    means = chosen_means(values, chosen)
    reach = 1.96 * means.std(0, correction=0)
    return means.mean(0) - reach, means.mean(0) + reach


@SEEDS.mistake(
    "This looks like the table flattened before it is read: seed k is then the k-th number of the first system, for "
    "all systems."
)
def reads_the_first_row(values, chosen):
    return interval(values.flatten()[chosen].mean(2))


@SEEDS.mistake(
    "This looks like chosen systems instead of chosen seeds: the numbers of chosen stand for columns of the table."
)
def resamples_systems(values, chosen):
    seeds = torch.arange(values.shape[1])
    return interval(values[chosen % len(values), seeds].mean(2))
