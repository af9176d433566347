"""Lesson 19, exercise 5: a leaderboard that flatters."""

import statistics

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.scoreboard.table import means

# 19.5


def board_cases():
    """Three systems whose order turns four times, one system, more seeds, and one look."""
    generator = torch.Generator().manual_seed(195)
    small = {
        "names": ["FCIS", "MNC", "SDS"],
        "validation": torch.tensor([[[1, 3, 2], [2, 4, 1]], [[6, 5, 4], [1, 2, 5]], [[9, 4, 8], [3, 7, 5]]]).double(),
        "test": torch.tensor([[[2, 5, 8], [1, 7, 3]], [[4, 8, 9], [5, 9, 2]], [[1, 3, 2], [6, 4, 9]]]).double(),
    }
    single = {
        "names": ["MNC"],
        "validation": torch.tensor([[[1, 2], [4, 3]]]).double(),
        "test": torch.tensor([[[5, 3], [2, 6]]]).double(),
    }
    cases = [small, single]
    for systems, seeds, looks in ((2, 2, 2), (4, 3, 5), (5, 4, 3), (3, 3, 1)):
        names, total = [f"system {letter}" for letter in "DACEB"[:systems]], systems * seeds * looks
        curves = [torch.randperm(total, generator=generator).double().view(systems, seeds, looks) for _ in range(2)]
        cases.append({"names": names, "validation": curves[0], "test": curves[1]})
    return cases


def library_leaderboard(names, validation, test):
    """The rows by plain numbers, with the scoreboard's own mean."""
    rows = []
    for name, curves, tests in zip(names, validation.tolist(), test.tolist(), strict=True):
        looks = [curve.index(max(curve)) for curve in curves]
        runs = [{"scores": {"AP": scores[look]}} for look, scores in zip(looks, tests, strict=True)]
        rows.append((name, means(runs)["AP"], statistics.stdev(run["scores"]["AP"] for run in runs)))
    return sorted(rows, key=lambda row: row[1], reverse=True)


BOARD = Exercise(
    "19.5",
    "Find the bug: the leaderboard",
    difficulty=2,
    minutes=25,
    oracle=library_leaderboard,
    cases=board_cases,
    hints=(
        "Four things are wrong: which images choose the look; which seed is shown; how the spread of a few runs is "
        "estimated; which end of the list is first.",
        "The test images may be looked at once, when everything is chosen: look = validation.argmax(2, keepdim=True), "
        "of each run its own, and test.gather(2, look)[..., 0] are the scores, (S, K).",
        "scores.mean(1), scores.std(1) (torch divides by K − 1), and sorted(rows, key=lambda row: -row[1]).",
    ),
)


@BOARD.model
def leaderboard(names, validation, test):
    look = validation.argmax(2, keepdim=True)  # (S, K, 1): chosen without the test images
    scores = test.gather(2, look)[..., 0]  # (S, K)
    rows = zip(names, scores.mean(1).tolist(), scores.std(1).tolist(), strict=True)
    return sorted(rows, key=lambda row: row[1], reverse=True)


@BOARD.flags(
    chosen_on_test="This looks like the best look at the test images. Chosen so, the maximum of noise is published: "
    "the validation images choose, the test images are looked at once.",
    chosen_together="This looks like one look for all seeds of a system. Each run chooses its own, as each would have "
    "been trained alone.",
    last_look="This looks like the last look, without a choice. That is honest too, but here each run shows the look "
    "that was best on the validation images.",
    shows_validation="This looks like validation scores in the table. They were chosen to be high: show the test "
    "images' AP at the chosen look.",
    best_seed="This looks like the best of the seeds. The more seeds someone can pay for, the better their system "
    "looks: show the mean.",
    median="This looks like the median over the seeds. The table shows the mean.",
    all_of_them="This looks like a deviation divided by K. A few seeds are a sample: their mean was fitted to them, "
    "so divide by K − 1.",
    of_the_mean="This looks like the standard error, divided by √K too. The table says how far one run lies from "
    "another: the standard deviation.",
    upside_down="This looks like the lowest AP first.",
    names_stay="This looks like sorted scores beside names that stayed where they were. Sort the rows as a whole.",
)
def wrong_board(names, validation, test, *, chosen_on_test=False, chosen_together=False, last_look=False,
                shows_validation=False, best_seed=False, median=False, all_of_them=False, of_the_mean=False,
                upside_down=False, names_stay=False):  # fmt: skip
    judge = test if chosen_on_test else validation
    judge = judge.mean(1, keepdim=True).expand_as(judge) if chosen_together else judge
    look = judge.argmax(2, keepdim=True)
    look = torch.full_like(look, test.shape[2] - 1) if last_look else look
    scores = (validation if shows_validation else test).gather(2, look)[..., 0]
    shown = scores.amax(1) if best_seed else scores.quantile(0.5, 1) if median else scores.mean(1)
    spread = scores.std(1, correction=int(not all_of_them)) / (scores.shape[1] ** 0.5 if of_the_mean else 1)
    rows = list(zip(names, shown.tolist(), spread.tolist(), strict=True))
    ranked = sorted(rows, key=lambda row: row[1], reverse=not upside_down)
    return [(name, *row[1:]) for name, row in zip(names, ranked, strict=True)] if names_stay else ranked


@BOARD.mistake("This looks like the order of the list. The system with the highest mean comes first.")
def does_not_sort(names, validation, test):
    rows = {row[0]: row for row in wrong_board(names, validation, test)}
    return [rows[name] for name in names]


@BOARD.mistake("This looks like rows sorted by name. Sort them by the mean: key=lambda row: row[1].")
def sorts_by_name(names, validation, test):
    return sorted(wrong_board(names, validation, test), reverse=True)


@BOARD.mistake(
    "This looks like the colleague's table, with all four mistakes. Begin with the first line: which images may choose "
    "the look?"
)
def publishes_it_unchanged(names, validation, test):
    return wrong_board(names, validation, test, chosen_on_test=True, best_seed=True, all_of_them=True, upside_down=True)


@BOARD.mistake(
    "This looks like a deviation over all looks. It is that of the K scores that were chosen, one of each seed."
)
def spreads_over_the_looks(names, validation, test):
    spread = dict(zip(names, test.flatten(1).std(1).tolist(), strict=True))
    return [(*row[:2], spread[row[0]]) for row in wrong_board(names, validation, test)]


def with_means(names, validation, test, shown):
    """The right deviations beside other means."""
    spread = {row[0]: row[2] for row in wrong_board(names, validation, test)}
    rows = [(name, mean, spread[name]) for name, mean in zip(names, shown.tolist(), strict=True)]
    return sorted(rows, key=lambda row: row[1], reverse=True)


@BOARD.mistake(
    "This looks like the seed that is best on the validation images. That choice is honest, but one run stands for the "
    "system then: show the mean over the seeds."
)
def takes_the_seed_that_validates_best(names, validation, test):
    best = validation.flatten(1).argmax(1, keepdim=True)
    return with_means(names, validation, test, test.flatten(1).gather(1, best)[:, 0])


@BOARD.mistake("This looks like the mean over all looks of all runs: most of them were taken long before the end.")
def averages_the_curve(names, validation, test):
    return with_means(names, validation, test, test.mean((1, 2)))
