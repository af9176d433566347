"""Runs the lessons again, in place, and cleans them: python notebooks/refresh.py [--clean] [NOTEBOOK ...].

Every lesson is run from a fresh kernel, top to bottom, in a copy of this folder, with a home of its own and without
LESSONS_REAL_DATA, so that committed outputs hold nothing of the author's. A lesson whose cell fails stays as it was.
With --clean nothing is run: the files are cleaned as they are, and the exit status is 1 if that changed one.
"""

import ast
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

from lessons_lib.atomic import write_whole
from lessons_lib.course.exercises.engine.cells import DECORATOR
from lessons_lib.course.figures import SHOWN
from lessons_lib.course.labs.lab import WIDGET
from lessons_lib.course.training_line import TRAINING
from lessons_lib.terminal import run

HERE = Path(__file__).resolve().parent
CELL_TIMEOUT = 300  # seconds; a whole lesson takes at most 60
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
FOLDED = "Code that only draws a figure is folded away; a click on the bar above the figure opens it."
SHORT = 4  # lines that need no folding
MORE = (ast.Assert, ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
SAYING = {"print", "claim", "exercise", "assert_close"}
KEPT_CELL_METADATA = ("tags", "jupyter", "editable", "deletable", "slideshow")


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Makes the notebook the same whoever ran it: no widgets, no times, one kernel name, counts from 1.

    Of a laboratory its picture stays, with alt text; a widget that no kernel keeps alive would be an error message.
    The line that says how far a training was goes. A cell with the stub of an exercise is tagged raises-exception, so
    that an error in it does not end Run All. A cell that only draws a figure is folded.
    Works in place and returns it. Cell ids stay; outputs stay, but for the trace that a progress bar or a stream split
    over several messages leaves: streams of one name that follow each other become one.
    """
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": {"name": "python"}})
    count = 0
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in KEPT_CELL_METADATA})
        if cell.cell_type == "code":
            tags = cell.metadata.get("tags", [])
            if DECORATOR.search(cell.source) and "raises-exception" not in tags:
                cell.metadata["tags"] = [*tags, "raises-exception"]
            count += bool(cell.source.strip())
            cell.execution_count = count if cell.source.strip() else None
            cell.outputs = _merge_streams([one for one in cell.outputs if not _is_training_line(one)])
            for output in cell.outputs:
                if "text/html" in output.get("data", {}):
                    output.data.pop(WIDGET, None)
                if output.output_type == "execute_result":
                    output.execution_count = count
    fold(notebook)
    return notebook


def _is_training_line(output: nbformat.NotebookNode) -> bool:
    return output.get("data", {}).get("text/html", "").startswith(TRAINING)


def fold(notebook: nbformat.NotebookNode) -> None:
    """Folds the code of every cell that only draws, and no other; in place."""
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        settings = {k: v for k, v in cell.metadata.get("jupyter", {}).items() if k != "source_hidden"}
        if only_draws(notebook.cells, place):
            settings["source_hidden"] = True
        if settings:
            cell.metadata["jupyter"] = settings
        else:
            cell.metadata.pop("jupyter", None)


def is_folded(cell: nbformat.NotebookNode) -> bool:
    """Whether JupyterLab shows the cell without its code."""
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


def only_draws(cells: list[nbformat.NotebookNode], place: int) -> bool:
    """Whether a cell shows a figure and does nothing else that a reader or a later cell needs."""
    source = cells[place].source
    figure = any(output.get("data", {}).get("text/html", "").startswith(SHOWN) for output in cells[place].outputs)
    if not figure or len(source.splitlines()) <= SHORT:
        return False
    nodes = list(ast.walk(ast.parse(source)))
    called = {getattr(n.func, "id", getattr(n.func, "attr", "")) for n in nodes if isinstance(n, ast.Call)}
    if called & SAYING or any(isinstance(node, MORE) for node in nodes):
        return False
    made = _names(nodes, ast.Store)
    for cell in cells[place + 1 :]:
        if cell.cell_type == "code" and made:
            later = list(ast.walk(ast.parse(_python(cell.source))))
            used = _names(later, ast.Load)
            made_again = _names(later, ast.Store)
            if made & used - made_again:
                return False
            made -= made_again
    return True


def _names(nodes: list[ast.AST], context: type[ast.expr_context]) -> set[str]:
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def _python(source: str) -> str:
    return "\n".join("pass" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())


def _merge_streams(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    merged: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last is not None and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def execute(notebook: nbformat.NotebookNode, folder: Path, timeout: int = CELL_TIMEOUT) -> nbformat.NotebookNode:
    """Runs every cell in a fresh kernel whose current folder is `folder`; in place, and returns it.

    The kernel is this Python, whatever the notebook names. Raises CellExecutionError at the first cell that fails and
    CellTimeoutError at the first that takes longer than `timeout` seconds.
    """
    notebook.metadata.kernelspec = nbformat.from_dict(KERNELSPEC)
    resources = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=timeout, resources=resources, store_widget_state=False).execute()


def refresh(path: Path) -> float:
    """Runs one lesson, writes it back cleaned, and returns the seconds that it took."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="lesson-") as temporary:
        folder = Path(temporary) / "notebooks"
        shutil.copytree(path.parent, folder, ignore=shutil.ignore_patterns("*.ipynb", "__pycache__", ".*"))
        start = time.perf_counter()
        execute(notebook, folder)
        seconds = time.perf_counter() - start
    _replace(path, nbformat.writes(clean(notebook)))
    return seconds


def clean_file(path: Path) -> bool:
    """Cleans one lesson without running it; true if that changed the file."""
    before = path.read_text("utf-8")
    after = nbformat.writes(clean(nbformat.reads(before, as_version=4)))
    if before.rstrip() == after.rstrip():
        return False
    _replace(path, after)
    return True


def _replace(path: Path, text: str) -> None:
    write_whole(path, text.rstrip() + "\n")


def main(names: list[str]) -> int:
    """Refreshes the named lessons, or all; stops at the first that fails and says which cell."""
    cleaning = "--clean" in names
    paths = [Path(name).resolve() for name in names if name != "--clean"] or sorted(HERE.glob("*.ipynb"))
    if cleaning:
        changed = [path.name for path in paths if clean_file(path)]
        print("".join(f"{name}: cleaned\n" for name in changed), end="")
        return int(bool(changed))
    os.environ.pop("LESSONS_REAL_DATA", None)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(prefix="lessons-home-") as home:
        os.environ["LESSONS_HOME"] = home
        for path in paths:
            print(f"{path.name} …", end=" ", flush=True)
            try:
                print(f"{refresh(path):.0f} s", flush=True)
            except (CellExecutionError, CellTimeoutError) as error:
                print(f"failed; the file is as it was.\n{error}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: main(sys.argv[1:])))
