"""Which exercises each submitted notebook in a folder passes: a CSV for the teacher, and pages of cards.

This runs the code that learners handed in, with the rights of the caller. The limits stop what runs away by mistake,
not what means harm: run it where that is acceptable, in a container or for people that you trust.
"""

import csv
import html
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lessons_lib
from lessons_lib.course.exercise_list import number
from lessons_lib.course.exercises.engine.cells import ids_of_cell, ids_of_notebook, is_setup
from lessons_lib.course.teachers.limits import Limits, Watch
from lessons_lib.course.teachers.shortcuts import shortcuts

LESSONS_FOLDER = Path(lessons_lib.__file__).parents[1] / "notebooks"
CARD = re.compile(r". (\d\d\.\d+) ")


@dataclass
class Submission:
    """What one notebook passes. `problem` is empty, or says in a few words why it could not be run.

    By exercise: whether it is passed, the card's HTML as the submission showed it, the answer's source, and the names
    of the library and of torch that the answer calls.
    """

    notebook: str
    problem: str = ""
    passed: dict[str, bool] = field(default_factory=dict)
    cards: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    calls: dict[str, list[str]] = field(default_factory=dict)


def check_folder(folder: Path | str, limits: Limits | None = None) -> list[Submission]:
    """Run the exercises of every notebook below folder, sorted by path; no notebook stops the others.

    Of each notebook run, in a process of its own, in a folder of its own with the files that lie beside it, and with a
    progress file of its own: the cells tagged `setup`, the cells of an exercise, and those that the learner added to
    the shipped lesson (where the shipped lesson can be found). A cell may err. Raises ValueError if there is no such
    folder or no notebook in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"folder must be an existing folder, got {str(folder)!r}")
    paths = [path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts]
    if not paths:
        raise ValueError(f"folder must hold a notebook (*.ipynb), or folders with some, got {str(folder)!r} with none")
    return [_check_notebook(path, path.relative_to(folder).as_posix(), limits or Limits()) for path in sorted(paths)]


def write_csv(submissions: list[Submission], stream: io.TextIOBase) -> None:
    """Write one row a notebook: its path, its problem, what its answers call, and a column an exercise.

    A field says `passed` or `not yet`; it is empty for an exercise that the notebook does not hold.
    """
    ids = sorted({one for submission in submissions for one in submission.passed}, key=number)
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["notebook", "problem", "calls of the library or torch", *ids])
    words = {True: "passed", False: "not yet", None: ""}
    for submission in submissions:
        calls = "; ".join(f"{one} {', '.join(names)}" for one, names in submission.calls.items() if names)
        fields = [words[submission.passed.get(one)] for one in ids]
        table.writerow([submission.notebook, submission.problem, calls, *fields])


def _check_notebook(path: Path, name: str, limits: Limits) -> Submission:
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
    own = {one: [cell["source"] for cell in notebook["cells"] if one in ids_of_cell(cell)] for one in ids}
    sources = {one: "\n\n".join(cells) for one, cells in own.items()}
    try:
        calls = shortcuts(notebook)
    except ValueError:  # an exercise that does not exist
        calls = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        home, work = Path(temporary, "home"), Path(temporary, "work")
        home.mkdir()
        _copy_files(path.parent, work)
        try:
            problem = _run(notebook, work, home, limits)
        except Exception as error:
            problem = f"could not be run: {type(error).__name__}"
        passed = _passed_in(home / "progress.json")
    return Submission(name, problem, {one: one in passed for one in ids}, cards_of(notebook), sources, calls)


def cells_to_run(notebook: dict[str, Any], lesson: str) -> list[dict[str, Any]]:
    """The setup cells, the exercise cells, and the code cells that are not in the shipped lesson.

    A cell is the learner's own if neither its id nor its text is in the lesson: some editors give new ids. Their
    outputs are taken away.
    """
    shipped = _shipped_cells(lesson)
    ids = {cell.get("id") for cell in shipped}
    texts = {cell["source"] for cell in shipped}
    chosen = [
        cell
        for cell in notebook["cells"]
        if is_setup(cell)
        or ids_of_cell(cell)
        or (shipped and cell["cell_type"] == "code" and cell.get("id") not in ids and cell["source"] not in texts)
    ]
    return [{**cell, "outputs": []} for cell in chosen]


def cards_of(notebook: dict[str, Any]) -> dict[str, str]:
    """The cards that a notebook's outputs hold, by exercise, as HTML; the last one of each.

    Where a cell of an exercise ended in an error before its check, such as a SyntaxError, that error.
    """
    cards: dict[str, str] = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                error = html.escape(f"{output['ename']}: {output['evalue']}")
                for one in ids_of_cell(cell) - set(cards):
                    cards[one] = f"<p>No card: the cell ended in <code>{error}</code>.</p>"
            data = output.get("data", {})
            found = CARD.match(data.get("text/plain", ""))
            if found and "text/html" in data:
                cards[found[1]] = data["text/html"]
    return cards


def _shipped_cells(lesson: str) -> list[dict[str, Any]]:
    import nbformat

    paths = sorted(LESSONS_FOLDER.glob(f"{lesson}_*.ipynb"))
    return nbformat.read(paths[0], as_version=4)["cells"] if paths else []


def _copy_files(source: Path, target: Path) -> None:
    """What lies beside a notebook, without notebooks and folders: a submission changes only its own copy."""
    target.mkdir()
    for path in source.iterdir():
        if path.is_file() and path.suffix != ".ipynb":
            shutil.copyfile(path, target / path.name)


def _run(notebook: dict[str, Any], folder: Path, home: Path, limits: Limits) -> str:
    """Execute the notebook in a fresh kernel, which leaves its outputs there; returns the problem, if any."""
    from nbclient import NotebookClient
    from nbclient.util import run_sync
    from nbformat import from_dict

    client = NotebookClient(
        from_dict(notebook),
        timeout=limits.cell_seconds,
        kernel_name="python3",
        allow_errors=True,
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(folder)}},
    )
    problem = run_sync(_execute)(client, dict(os.environ, LESSONS_HOME=str(home)), limits)
    notebook["cells"] = client.nb["cells"]
    return problem


async def _execute(client: Any, environment: dict[str, str], limits: Limits) -> str:
    async with client.async_setup_kernel(env=environment, stderr=subprocess.DEVNULL):
        watch = Watch(client.km.provisioner.process.pid, limits)
        try:
            problem = await _execute_cells(client)
        finally:
            watch.end()
        return watch.exceeded or problem


async def _execute_cells(client: Any) -> str:
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    problem = ""
    stuck = False
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
