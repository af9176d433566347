"""The map of the course: which exercises were passed, how hard the open ones are, and what to do or repeat next."""

import html
import json
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from lessons_lib.course.exercise_list import Written, number, written_exercises
from lessons_lib.course.progress import passed_exercises

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
GAPS = (3, 10, 30, 90)
"""Days from a pass to the next repetition, for the first, second, … pass: what was recalled before may wait longer."""
MOST_REPEATED = 3

LESSONS = {
    "00": "Start here",
    "01": "Pixels and instances",
    "02": "Convolution arithmetic",
    "03": "Transposed convolution",
    "04": "Checkerboard",
    "05": "Sub-pixel convolution",
    "06": "Fully convolutional",
    "07": "Skip connections",
    "08": "Unpooling",
    "09": "Dilation",
    "10": "Measuring",
    "11": "Proposals",
    "12": "RoIAlign",
    "13": "Faster R-CNN",
    "14": "Mask R-CNN",
    "15": "Cascades",
    "16": "Position-sensitive maps",
    "17": "Coverage loss",
    "18": "Recurrent",
    "19": "Scoreboard",
    "20": "Your own data",
}


def dots(difficulty: int) -> str:
    """One to three filled dots, of three."""
    return "●" * difficulty + "○" * (3 - difficulty)


@dataclass(frozen=True)
class Lesson:
    """A lesson on the map; `file` is its notebook, empty while it is not written."""

    number: str
    title: str
    file: str
    exercises: tuple[Written, ...] = ()


def lesson_file(lesson: str) -> str:
    """The notebook of a lesson, "" while it is not written."""
    return next((path.name for path in sorted(NOTEBOOKS.glob(f"{lesson}_*.ipynb"))), "")


def lesson_after(lesson: str) -> tuple[str, str]:
    """The next lesson that is written, in words, and its notebook; two empty strings after the last."""
    for later, title in LESSONS.items():
        if later > lesson and (file := lesson_file(later)):
            return f"lesson {later}, {title}", file
    return "", ""


def exercise_address(exercise_id: str) -> str:
    """The notebook of an exercise and the cell of its headline, as JupyterLab links to it; the notebook without one."""
    file = lesson_file(exercise_id[:2])
    cells = json.loads((NOTEBOOKS / file).read_text("utf-8"))["cells"] if file else []
    headline = re.compile(rf"^#+ Exercise {re.escape(exercise_id)}\b", re.MULTILINE)
    texts = [cell for cell in cells if cell["cell_type"] == "markdown" and headline.search("".join(cell["source"]))]
    return f"{file}#cell-id={texts[0]['id']}" if texts else file


def progress() -> "CourseMap":
    """The map of the course, from this machine's record of passed exercises. Notebooks draw it."""
    passes, note = passed_exercises()
    lessons = [
        Lesson(lesson, title, lesson_file(lesson), tuple(written_exercises(lesson)))
        for lesson, title in LESSONS.items()
    ]
    return CourseMap(lessons, passes, note)


@dataclass(frozen=True, eq=False)
class CourseMap:
    """The lessons with their exercises, and the days on which each exercise was passed, by id.

    A day that is no date ("", from an older record) counts as long ago.
    """

    lessons: list[Lesson]
    passes: dict[str, list[str]]
    note: str = ""
    today: date = field(default_factory=date.today)

    def count(self, lesson: Lesson) -> str:
        """What was passed in a lesson and what is left, in words."""
        left = [one.minutes for one in lesson.exercises if one.id not in self.passes]
        if not lesson.exercises:
            return "no exercises" if lesson.file else "not written yet"
        words = f"{len(lesson.exercises) - len(left)} of {len(lesson.exercises)} passed"
        return f"{words}, about {sum(left)} minutes to go" if left else words

    def marks(self, lesson: Lesson) -> str:
        """✓ for each exercise passed, the dots of its difficulty for each open one."""
        return " ".join("✓" if one.id in self.passes else "●" * one.difficulty for one in lesson.exercises)

    def headline(self) -> str:
        """The sum over the course."""
        ids = [one.id for lesson in self.lessons for one in lesson.exercises]
        return f"{sum(one in self.passes for one in ids)} of {len(ids)} exercises passed"

    def suggestions(self) -> list[str]:
        """What to do next, and what to repeat: lines, none while nothing was passed or when nothing is left."""
        exercises = {one.id: one for lesson in self.lessons for one in lesson.exercises}
        passed = [one for one in exercises if one in self.passes]
        if not passed:
            return []
        latest = max(passed, key=lambda one: (self.passes[one][-1], number(one)))
        waiting = sorted(set(exercises) - set(passed), key=number)
        later = [one for one in waiting if number(one) > number(latest)] or waiting
        lines = [f"Next: {_named(exercises[one])}." for one in later[:1]]
        due = sorted((one for one in passed if self._due(one) <= self.today), key=self._due)[:MOST_REPEATED]
        if due:
            named = "; ".join(_named(exercises[one]) for one in due)
            lines.append(
                f'To repeat: {named}. Put raise NotImplementedError("your turn") back, run it, then write it anew.'
            )
        return lines

    def _due(self, exercise_id: str) -> date:
        """The day on which a passed exercise should be repeated."""
        days = self.passes[exercise_id]
        try:
            return date.fromisoformat(days[-1]) + timedelta(GAPS[min(len(days), len(GAPS)) - 1])
        except (ValueError, OverflowError):
            return date.min

    def _lines_below(self) -> list[str]:
        return [*self.suggestions(), *([self.note] if self.note else [])]

    def __repr__(self) -> str:
        rows = [(one.number, one.title, self.marks(one), self.count(one)) for one in self.lessons]
        width = max([len(marks) for _, _, marks, _ in rows], default=0)
        lines = [f"{lesson}  {title:<24} {marks:<{width}}  {count}" for lesson, title, marks, count in rows]
        return "\n".join([f"{self.headline()}   (✓ passed, ● easy, ●●● hard)", *lines, *self._lines_below()])

    def _repr_html_(self) -> str:
        below = "".join(f"<div><i>{html.escape(line)}</i></div>" for line in self._lines_below())
        rows = "".join(self._row(lesson) for lesson in self.lessons)
        return f'<div style="margin:.4em 0"><div><b>{self.headline()}</b></div>{rows}{below}</div>'

    def _row(self, lesson: Lesson) -> str:
        """A lesson as HTML; it unfolds to the list of its exercises."""
        title = html.escape(lesson.title)
        if lesson.file:
            title = f'<a href="{html.escape(lesson.file)}">{title}</a>'
        name = f'<span style="flex:0 0 16em"><b>{lesson.number}</b> {title}</span>'
        head = (
            '<span style="display:inline-block;width:11em;color:#1d9a6c" aria-hidden="true">'
            f"{self.marks(lesson)}</span>"
            f"<span>{self.count(lesson)}</span>"
        )
        if not lesson.exercises:
            return f'<div style="display:flex;opacity:.8">{name}<div style="padding-left:1.1em">{head}</div></div>'
        listed = "".join(
            f"<div>{'✓' if one.id in self.passes else '○'} {html.escape(_named(one))}</div>" for one in lesson.exercises
        )
        return (  # the link stands beside the summary: a control within a control is lost to a screen reader
            f'<div style="display:flex">{name}<details><summary style="cursor:pointer">{head}</summary>'
            f'<div style="padding-left:1.5em">{listed}</div></details></div>'
        )


def _named(one: Written) -> str:
    """02.3 The window in loops (●●○, about 15 minutes)."""
    return f"{one.id} {one.title} ({dots(one.difficulty)}, about {one.minutes} minutes)"
