"""Which exercises each submitted notebook in a folder passes, as a CSV for the teacher.

This runs the code that learners handed in, with the rights of the caller and in the folder where the
notebook lies. Run it where that is acceptable: in a container, or for people that you trust.
"""

import csv
import io
import json
import os
import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lessons_lib
from lessons_lib.course.exercise_list import number
from lessons_lib.course.exercises.engine.cells import ids_of_cell, ids_of_notebook, is_setup

SECONDS_A_CELL = 60.0
LESSONS_FOLDER = Path(lessons_lib.__file__).parents[1] / "notebooks"


@dataclass
class Submission:
    """What one notebook passes. `problem` is empty, or says in a few words why it could not be run."""

    notebook: str
    problem: str = ""
    passed: dict[str, bool] = field(default_factory=dict)


def check_folder(folder: Path | str, seconds: float | int = SECONDS_A_CELL) -> list[Submission]:
    """Run the exercises of every notebook below folder, sorted by path; no notebook stops the others.

    Of each notebook run, in a fresh kernel with a progress file of its own: the cells tagged `setup`, the
    cells of an exercise, and those that the learner added to the shipped lesson (where the shipped lesson
    can be found). A cell may err; after `seconds` it is interrupted. Raises ValueError if there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"folder must be an existing folder, got {str(folder)!r}")
    paths = [path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts]
    return [_check_notebook(path, path.relative_to(folder).as_posix(), seconds) for path in sorted(paths)]


def write_csv(folder: Path | str, stream: io.TextIOBase, seconds: float | int = SECONDS_A_CELL) -> None:
    """Check a folder and write one row a notebook: its path, its problem, and a column an exercise.

    A field says `passed` or `not yet`; it is empty for an exercise that the notebook does not hold.
    """
    submissions = check_folder(folder, seconds)
    ids = sorted({one for submission in submissions for one in submission.passed}, key=number)
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["notebook", "problem", *ids])
    words = {True: "passed", False: "not yet", None: ""}
    for submission in submissions:
        fields = [words[submission.passed.get(one)] for one in ids]
        table.writerow([submission.notebook, submission.problem, *fields])


def _check_notebook(path: Path, name: str, seconds: float | int) -> Submission:
    import nbformat

    try:
        with warnings.catch_warnings(action="ignore"):
            notebook = nbformat.read(path, as_version=4)
        ids = ids_of_notebook(notebook)
    except Exception:  # nbformat raises whatever the broken file makes it raise
        return Submission(name, "not a notebook")
    if not ids:
        return Submission(name, "no exercises")
    notebook["cells"] = cells_to_run(notebook, ids[0][:2])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        try:
            problem = _run(notebook, path.parent, home, seconds)
        except Exception as error:
            problem = f"could not be run: {type(error).__name__}"
        passed = _passed_in(Path(home) / "progress.json")
    return Submission(name, problem, {one: one in passed for one in ids})


def cells_to_run(notebook: dict[str, Any], lesson: str) -> list[dict[str, Any]]:
    """The setup cells, the exercise cells, and the code cells that are not in the shipped lesson.

    A cell is the learner's own if neither its id nor its text is in the lesson: some editors give new ids.
    """
    shipped = _shipped_cells(lesson)
    ids = {cell.get("id") for cell in shipped}
    texts = {cell["source"] for cell in shipped}
    return [
        cell
        for cell in notebook["cells"]
        if is_setup(cell)
        or ids_of_cell(cell)
        or (shipped and cell["cell_type"] == "code" and cell.get("id") not in ids and cell["source"] not in texts)
    ]


def _shipped_cells(lesson: str) -> list[dict[str, Any]]:
    import nbformat

    paths = sorted(LESSONS_FOLDER.glob(f"{lesson}_*.ipynb"))
    return nbformat.read(paths[0], as_version=4)["cells"] if paths else []


def _run(notebook: dict[str, Any], folder: Path, home: str, seconds: float | int) -> str:
    """Execute the notebook in a fresh kernel; returns the problem, if any."""
    from nbclient import NotebookClient
    from nbclient.util import run_sync
    from nbformat import from_dict

    client = NotebookClient(
        from_dict(notebook),
        timeout=seconds,
        kernel_name="python3",
        allow_errors=True,
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(folder)}},
    )
    return run_sync(_execute)(client, dict(os.environ, LESSONS_HOME=home))


async def _execute(client: Any, environment: dict[str, str]) -> str:
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    problem = ""
    stuck = False
    async with client.async_setup_kernel(env=environment):
        for i, cell in enumerate(client.nb["cells"]):
            try:
                await client.async_execute_cell(cell, i)
                stuck = False
            except CellTimeoutError:
                problem = "timed out"
                if stuck:  # the cell before this one could not even be interrupted
                    return problem
                stuck = True
                await client.km.interrupt_kernel()
            except DeadKernelError:
                return "kernel died"
    return problem


def _passed_in(progress_file: Path) -> set[str]:
    """The ids in a progress file; none where a submission has left no such file, or a broken one."""
    try:
        return set(json.loads(progress_file.read_text("utf-8"))["passed"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()
