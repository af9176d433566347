"""Writes how long a lesson and its exercises take into the lessons: python -m notebooks.minutes [NUMBER ...].

Under each headline "### Exercise 02.1 · …" stands the line *●●○ about 10 minutes*, from the exercise's own
difficulty and minutes, and the head says how long the lesson takes: its exercises, and reading the rest of it; and how
long its cells run, from the CPU seconds in results/run_seconds.json, which tests/notebooks/test_run.py prints. Only
these lines change; outputs stay.
"""

import json
import re
import sys

import nbformat

from lessons_lib.course.course_map import dots
from lessons_lib.course.exercise_list import written_exercises
from notebooks.rewrite import HERE, rewrite

WORDS_A_MINUTE = 90  # read, with the formulas and the figures, by someone who meets them for the first time
LINES_A_MINUTE = 25  # of code, read and run
CLOSE = 7  # minutes by which the head may differ before it is written again
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

HEADLINE = re.compile(r"^### Exercise (\d\d\.\d+)\b.*$", re.MULTILINE)
STATED = re.compile(r"\n*\*[●○]{3} about \d+ minutes\*\n*")
RUN = re.compile(r"(the cells themselves run in )about [^.;]*(?=[.;])")
MEASURED = json.loads((HERE.parent / "results" / "run_seconds.json").read_text("utf-8"))["cpu_seconds"]
FASTER = 2  # times as fast as the machine of these measurements is a core of a recent laptop
ROW = re.compile(r"^\*\*The course:\*\* .*$", re.MULTILINE)  # of all lessons: nobody reads it through
TIME = re.compile(r"(\*\*Time:\*\* about )(\d+)( minutes,? with the )(?:[a-z]+ )?exercises")


def with_effort(source: str, effort: dict[str, str]) -> str:
    """A text with the line of each exercise, by id, beneath its headline; a headline without one stays as it is."""
    parts = HEADLINE.split(source)  # text, id, text, id, text, …
    headlines = [match.group() for match in HEADLINE.finditer(source)]
    written = parts[0]
    for headline, exercise_id, rest in zip(headlines, parts[1::2], parts[2::2], strict=True):
        if exercise_id not in effort:
            written += headline + rest
            continue
        stated = STATED.match(rest)
        after = rest[stated.end() :] if stated else rest.lstrip("\n")
        written += f"{headline}\n\n{effort[exercise_id]}" + (f"\n\n{after}" if after else "")
    return written


def minutes_of(notebook: nbformat.NotebookNode, lesson: str) -> int:
    """What a lesson takes, in fives: the minutes of its exercises, and reading its text and its code."""
    texts = [ROW.sub("", cell.source) for cell in notebook.cells if cell.cell_type == "markdown"]
    words = sum(len(text.split()) for text in texts)
    lines = sum(len(cell.source.splitlines()) for cell in notebook.cells if cell.cell_type == "code")
    exercises = sum(one.minutes for one in written_exercises(lesson))
    return 5 * round((exercises + words / WORDS_A_MINUTE + lines / LINES_A_MINUTE) / 5)


def with_minutes(source: str, minutes: int, count: int) -> str:
    """A head that says how long the lesson takes, if it was further off than CLOSE, and how many exercises it has."""

    def time(found: re.Match[str]) -> str:
        kept = found[2] if abs(int(found[2]) - minutes) <= CLOSE else str(minutes)
        return f"{found[1]}{kept}{found[3]}{COUNTS[count]} exercises"

    return TIME.sub(time, source)


def with_seconds(source: str, seconds: float) -> str:
    """A head that says how long the cells run on a fast machine and on a slow one, the one that was measured."""
    fast, slow = (_rounded(seconds / FASTER), _rounded(seconds))
    return RUN.sub(rf"\1about {fast} seconds on a fast machine and {slow} on a slow one", source)


def _rounded(seconds: float) -> int:
    """Whole seconds below ten, above that in fives."""
    return max(1, round(seconds)) if seconds < 10 else 5 * round(seconds / 5)


def written(notebook: nbformat.NotebookNode, lesson: str) -> nbformat.NotebookNode:
    """The lesson with its minutes and those of its exercises; changes the notebook in place, and returns it."""
    exercises = written_exercises(lesson)
    effort = {one.id: f"*{dots(one.difficulty)} about {one.minutes} minutes*" for one in exercises}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = with_effort(cell.source, effort)
    if lesson != "00":  # with its one exercise it says its time in its own way
        head = with_minutes(notebook.cells[0].source, minutes_of(notebook, lesson), len(exercises))
        notebook.cells[0].source = with_seconds(head, MEASURED[lesson]) if lesson in MEASURED else head
    return notebook


if __name__ == "__main__":
    rewrite(written, sys.argv[1:])
