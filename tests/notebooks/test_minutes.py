"""How long a lesson and its exercises take is said in the lesson, from the exercises' own minutes."""

import re
from pathlib import Path

import nbformat
import pytest

from lessons_lib.course.course_map import dots
from lessons_lib.course.exercise_list import written_exercises
from notebooks import minutes

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))
EFFORT = {"02.1": "*●○○ about 5 minutes*", "02.10": "*●●● about 20 minutes*"}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_head_says_how_long_the_lesson_takes(path):
    """After a change of an exercise's minutes, or of much text: python -m notebooks.minutes."""
    lesson = path.name[:2]
    notebook = nbformat.read(path, as_version=4)
    said = int(re.search(r"\*\*Time:\*\* about (\d+) minutes", notebook.cells[0].source)[1])
    assert abs(said - minutes.minutes_of(notebook, lesson)) <= minutes.CLOSE
    head = notebook.cells[0].source
    assert lesson == "00" or minutes.with_minutes(head, said, len(written_exercises(lesson))) == head


@pytest.mark.parametrize("path", LESSONS[1:], ids=lambda path: path.stem)
def test_the_head_says_how_long_the_cells_run(path):
    """From results/run_seconds.json: python -m notebooks.minutes. A new lesson needs its row there."""
    head = nbformat.read(path, as_version=4).cells[0].source
    assert re.search(r"run in about \d+ seconds? on a fast machine and \d+ on a slow one", head)
    assert minutes.with_seconds(head, minutes.MEASURED[path.name[:2]]) == head


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_exercise_says_its_difficulty_and_minutes(path):
    """Written by python -m notebooks.minutes, from the exercises themselves."""
    lesson = path.name[:2]
    text = "\n\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    effort = {one.id: f"*{dots(one.difficulty)} about {one.minutes} minutes*" for one in written_exercises(lesson)}
    assert minutes.with_effort(text, effort) == text
    assert lesson == "00" or set(minutes.HEADLINE.findall(text)) == set(effort)


def test_the_line_of_an_exercise_is_put_under_its_headline():
    write = minutes.with_effort
    bare = "Before.\n\n### Exercise 02.1 · Size\n\nText.\n\n### Exercise 02.10 · Last"
    said = (
        "Before.\n\n### Exercise 02.1 · Size\n\n*●○○ about 5 minutes*\n\nText.\n\n"
        "### Exercise 02.10 · Last\n\n*●●● about 20 minutes*"
    )
    assert write(bare, EFFORT) == said
    assert write(said, EFFORT) == said
    assert write(said.replace("about 5", "about 50").replace("●●●", "●○○"), EFFORT) == said
    assert write("### Exercise 03.1 · Other\n\nText.", EFFORT) == "### Exercise 03.1 · Other\n\nText."
    assert write("No exercise 02.1 here.", EFFORT) == "No exercise 02.1 here."


@pytest.mark.parametrize(("computed", "after"), [(90, 90), (97, 90), (98, 98), (82, 82)])
def test_the_head_is_written_again_only_if_it_was_far_off(computed, after):
    write = minutes.with_minutes
    head = "# 02 · Convolution\n\n**Time:** about 90 minutes with the five exercises; the cells take 15 seconds."
    assert write(head, computed, 6) == head.replace("90 minutes with the five", f"{after} minutes with the six")
    assert write(head.replace("the five", "the"), computed, 5).endswith(
        "with the five exercises; the cells take 15 seconds."
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "1 seconds on a fast machine and 1 on"),
        (7.0, "4 seconds on a fast machine and 7 on"),
        (31.1, "15 seconds on a fast machine and 30 on"),
        (60.3, "30 seconds on a fast machine and 60 on"),
    ],
)
def test_the_head_says_the_seconds_of_two_machines(seconds, said):
    head = "**Time:** about 90 minutes with the five exercises; the cells themselves run in about a minute. **Before"
    written = minutes.with_seconds(head, seconds)
    assert f"run in about {said} a slow one. **Before" in written
    assert minutes.with_seconds(written, seconds) == written


def test_a_lesson_takes_its_exercises_and_its_reading():
    exercises = sum(one.minutes for one in written_exercises("02"))
    words = nbformat.v4.new_markdown_cell("word " * 900)  # ten minutes
    code = nbformat.v4.new_code_cell("x = 1\n" * 125)  # five
    notebook = nbformat.v4.new_notebook(cells=[words, code])
    assert minutes.minutes_of(notebook, "02") == exercises + 15
    assert minutes.minutes_of(nbformat.v4.new_notebook(), "99") == 0
