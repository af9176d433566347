"""Which exercises were passed: one JSON file on the learner's own machine, and the map of the course."""

import html
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lessons_lib.atomic import write_whole

VERSION = 1
LOCK_SECONDS = 5

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


def data_folder() -> Path:
    """The folder of the course's own files: LESSONS_HOME, or the user's data folder."""
    chosen = os.environ.get("LESSONS_HOME")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_data_path("from-strides-to-masks", appauthor=False)


def progress_file() -> Path:
    """Where the progress is kept: {"version": 1, "passed": {"02.1": "2017-04-28", …}}."""
    return data_folder() / "progress.json"


def record_pass(exercise_id: str) -> str:
    """Remember that an exercise was passed; what is passed stays passed.

    Returns a line for the learner, empty if all is well. Raises nothing for a file or folder in trouble.
    """
    try:
        with _locked():
            passed, note = _read()
            if exercise_id not in passed or note:
                today = datetime.now().date().isoformat()
                _write({exercise_id: today, **passed})
            return note
    except OSError as error:
        return f"Your progress could not be saved in {progress_file()}: {error.strerror or error}."


def passed_exercises() -> tuple[dict[str, str], str]:
    """The date of each exercise passed, by id, and a line for the learner, empty if all is well."""
    try:
        if not progress_file().exists():
            return {}, ""
        with _locked():
            passed, note = _read()
            if note:
                _write(passed)
            return passed, note
    except OSError as error:
        return {}, f"Your progress could not be read from {progress_file()}: {error.strerror or error}."


def progress() -> "CourseMap":
    """The map of the course: all lessons, and how many exercises of each were passed. Notebooks draw it."""
    passed, note = passed_exercises()
    from lessons_lib.course.exercises.engine.exercise import written_ids  # the exercises import this module

    lessons = [(lesson, title, written_ids(lesson)) for lesson, title in LESSONS.items()]
    return CourseMap(lessons, frozenset(passed), note)


@contextmanager
def _locked() -> Iterator[None]:
    """Keep other notebooks out while the file is read and written."""
    from filelock import FileLock, Timeout

    progress_file().parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{progress_file()}.lock", timeout=LOCK_SECONDS):
            yield
    except Timeout as error:
        raise OSError("another notebook has kept the file busy") from error


def _read() -> tuple[dict[str, str], str]:
    """The records, and a line if the file had to be moved aside: damaged, or of another version."""
    path = progress_file()
    if not os.path.lexists(path):
        return {}, ""
    try:
        data = json.loads("" if path.is_dir() else path.read_text("utf-8"))
        version = data["version"]
        passed = _records(data["passed"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}, f"Your progress file was damaged. It is kept as {_set_aside(path)}, and a new one was begun."
    if version == VERSION:
        return passed, ""
    if isinstance(version, int) and version < VERSION:
        return passed, f"Your progress was carried over to a new file; the old one is kept as {_set_aside(path)}."
    aside = _set_aside(path)
    return {}, f"Your progress file is from another version of the course. It is kept as {aside}; a new one was begun."


def _records(passed: Any) -> dict[str, str]:
    """The dates by id. Older files hold a plain list of ids. Raises TypeError or ValueError for anything else."""
    dates = dict.fromkeys(passed, "") if isinstance(passed, list) else dict(passed)
    if not all(isinstance(value, str) for pair in dates.items() for value in pair):
        raise TypeError("passed must map ids to dates")
    from lessons_lib.course.exercises.engine.exercise import number

    for exercise_id in dates:
        number(exercise_id)
    return dates


def _set_aside(path: Path) -> Path:
    """Rename the file to a dated name that is still free."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    names = (f"progress.kept-{stamp}{suffix}.json" for suffix in ["", *(f"-{i}" for i in range(2, 100))])
    aside = next(path.with_name(name) for name in names if not path.with_name(name).exists())
    os.replace(path, aside)
    return aside


def _write(passed: dict[str, str]) -> None:
    """Write the file as a whole; the caller holds its lock."""
    text = json.dumps({"version": VERSION, "passed": dict(sorted(passed.items()))}, indent=1)
    write_whole(progress_file(), text + "\n")


@dataclass(frozen=True, eq=False)
class CourseMap:
    """The lessons with their exercises' ids, and which of these were passed."""

    lessons: list[tuple[str, str, list[str]]]
    passed: frozenset[str]
    note: str = ""

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Number, title, one mark an exercise (● passed, ○ open) and the count in words."""
        rows = []
        for lesson, title, ids in self.lessons:
            marks = "".join("●" if one in self.passed else "○" for one in ids)
            done = sum(one in self.passed for one in ids)
            rows.append((lesson, title, marks, f"{done} of {len(ids)}" if ids else "no exercises yet"))
        return rows

    def headline(self) -> str:
        """The sum over the course."""
        ids = [one for _, _, ids in self.lessons for one in ids]
        return f"{sum(one in self.passed for one in ids)} of {len(ids)} exercises passed"

    def __repr__(self) -> str:
        lines = [f"{lesson}  {title:<24} {marks:<8} {count}" for lesson, title, marks, count in self.rows()]
        return "\n".join([self.headline(), *lines, *([self.note] if self.note else [])])

    def _repr_html_(self) -> str:
        cells = "".join(
            f'<div style="display:flex;gap:1em;opacity:{1 if marks else 0.65}"><b>{lesson}</b>'
            f'<span style="width:14em">{html.escape(title)}</span>'
            f'<span style="width:6em;color:#1d9a6c" aria-hidden="true">{marks}</span><span>{count}</span></div>'
            for lesson, title, marks, count in self.rows()
        )
        note = f"<div><i>{html.escape(self.note)}</i></div>" if self.note else ""
        return f'<div style="margin:.4em 0"><div><b>{self.headline()}</b></div>{cells}{note}</div>'
