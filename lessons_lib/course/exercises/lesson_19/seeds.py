"""Lesson 19, exercise 2: how sure a mean over a few seeds is."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics.ranks import chosen_means, interval

# 19.2


def seed_cases():
    """Two systems by hand, one system, more systems than seeds, more seeds than systems, and many draws."""
    generator = torch.Generator().manual_seed(19)
    small = {
        "values": torch.tensor([[1.0, 3.0], [5.0, 9.0]], dtype=torch.float64),
        "chosen": torch.tensor([[[0, 0], [1, 0]], [[1, 0], [1, 1]], [[1, 1], [0, 0]]]),
    }
    cases = [small]
    for draws, systems, seeds in ((4, 1, 2), (12, 5, 3), (9, 2, 5), (40, 3, 3), (81, 2, 7)):
        values = torch.randint(20, (systems, seeds), generator=generator).double()
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


def within(centre, reach):
    return centre - reach, centre + reach


@SEEDS.mistake(
    "This looks like mean ± 1.96 · deviation / √D. That is how exactly the draws know their own mean; more draws teach "
    "nothing about the system. Their quantiles are the interval."
)
def divides_by_draws(values, chosen):
    means = chosen_means(values, chosen)
    return within(means.mean(0), 1.96 * means.std(0) / len(means) ** 0.5)


@SEEDS.mistake(
    "This looks like mean ± 1.96 · standard deviation of the draws. With three seeds the means are few and lopsided: "
    "take the quantiles."
)
def takes_the_normal(values, chosen):
    means = chosen_means(values, chosen)
    return within(means.mean(0), 1.96 * means.std(0))


@SEEDS.mistake(
    "This looks like mean ± one standard deviation of the draws. That holds 68 %, and only of a normal curve."
)
def takes_one_deviation(values, chosen):
    means = chosen_means(values, chosen)
    return within(means.mean(0), means.std(0))


@SEEDS.mistake(
    "This looks like mean ± 1.96 · deviation / √K of the table, without the draws. It holds for many runs that lie on "
    "a normal curve; the bootstrap asks for neither."
)
def takes_the_standard_error(values, chosen):
    return within(values.mean(1), 1.96 * values.std(1) / values.shape[1] ** 0.5)


@SEEDS.mistake("This looks like mean ± 1.96 · deviation of single runs. The question is how far their mean may be off.")
def takes_the_spread_of_runs(values, chosen):
    return within(values.mean(1), 1.96 * values.std(1))


@SEEDS.mistake(
    "This looks like sorted means read at the positions 0.025 · D and 0.975 · D. The quantiles of D numbers lie from "
    "position 0 to D − 1, and between two of them is interpolated: torch.quantile does both."
)
def reads_positions(values, chosen):
    means, draws = chosen_means(values, chosen).sort(0).values, len(chosen)
    return means[int(0.025 * draws)], means[int(0.975 * draws)]


@SEEDS.mistake(
    "This looks like an average over the draws and quantiles over the seeds: average the K seeds of each draw, then "
    "look at the D means."
)
def averages_the_draws(values, chosen):
    seeds = values.expand(len(chosen), -1, -1).gather(2, chosen).mean(0)
    return seeds.quantile(0.025, 1), seeds.quantile(0.975, 1)


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
