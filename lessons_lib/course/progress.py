"""Which exercises were passed, and when: one JSON file on the learner's own machine."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from lessons_lib.atomic import write_whole
from lessons_lib.course.exercise_list import number

VERSION = 1
LOCK_SECONDS = 5


def data_folder() -> Path:
    """The folder of the course's own files: LESSONS_HOME, or the user's data folder."""
    chosen = os.environ.get("LESSONS_HOME")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_data_path("from-strides-to-masks", appauthor=False)


def progress_file() -> Path:
    """Where the progress is kept.

    {"version": 1, "passed": {"02.1": "2017-04-28", …}, "repeated": {"02.1": ["2017-05-02", …], …}}: the day of the
    first pass, and the days on which the exercise was written anew.
    """
    return data_folder() / "progress.json"


def record_pass(exercise_id: str, anew: bool = False) -> str:
    """Remember that an exercise was passed; what is passed stays passed.

    anew: the answer was written again, so that the day counts as a repetition, once a day. Returns a line for the
    learner, empty if all is well. Raises nothing for a file or folder in trouble.
    """
    try:
        with _locked():
            passes, note = _read()
            days = passes.setdefault(exercise_id, [])
            today = datetime.now().date().isoformat()
            fresh = not days or (anew and today not in days)
            if fresh:
                days.append(today)
            if fresh or note:
                _write(passes)
            return note
    except OSError as error:
        return f"Your progress could not be saved in {progress_file()}: {error.strerror or error}."


def passed_exercises() -> tuple[dict[str, list[str]], str]:
    """The days on which each exercise was passed, by id, and a line for the learner, empty if all is well."""
    try:
        if not progress_file().exists():
            return {}, ""
        with _locked():
            passes, note = _read()
            if note:
                _write(passes)
            return passes, note
    except OSError as error:
        return {}, f"Your progress could not be read from {progress_file()}: {error.strerror or error}."


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


def _read() -> tuple[dict[str, list[str]], str]:
    """The records, and a line if the file had to be moved aside: damaged, or of another version."""
    path = progress_file()
    if not os.path.lexists(path):
        return {}, ""
    try:
        data = json.loads("" if path.is_dir() else path.read_text("utf-8"))
        version = data["version"]
        passed = _records(data["passed"], data.get("repeated", {}))
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}, f"Your progress file was damaged. It is kept as {_set_aside(path)}, and a new one was begun."
    if version == VERSION:
        return passed, ""
    if isinstance(version, int) and version < VERSION:
        return passed, f"Your progress was carried over to a new file; the old one is kept as {_set_aside(path)}."
    aside = _set_aside(path)
    return {}, f"Your progress file is from another version of the course. It is kept as {aside}; a new one was begun."


def _records(passed: Any, repeated: Any) -> dict[str, list[str]]:
    """The days by id. Older files hold a plain list of ids. Raises TypeError or ValueError for anything else."""
    first = dict.fromkeys(passed, "") if isinstance(passed, list) else dict(passed)
    passes = {one: [day, *dict(repeated).get(one, [])] for one, day in first.items()}
    if not all(isinstance(value, str) for one, days in passes.items() for value in (one, *days)):
        raise TypeError("passed must map ids to dates, and repeated to lists of dates")
    for exercise_id in passes:
        number(exercise_id)
    return passes


def _set_aside(path: Path) -> Path:
    """Rename the file to a dated name that is still free."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    names = (f"progress.kept-{stamp}{suffix}.json" for suffix in ["", *(f"-{i}" for i in range(2, 100))])
    aside = next(path.with_name(name) for name in names if not path.with_name(name).exists())
    os.replace(path, aside)
    return aside


def _write(passes: dict[str, list[str]]) -> None:
    """Write the file as a whole; the caller holds its lock."""
    ordered = dict(sorted(passes.items()))
    passed = {one: days[0] for one, days in ordered.items()}
    repeated = {one: days[1:] for one, days in ordered.items() if len(days) > 1}
    write_whole(
        progress_file(), json.dumps({"version": VERSION, "passed": passed, "repeated": repeated}, indent=1) + "\n"
    )
