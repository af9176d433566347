"""What a shipped lesson must be, as a list of what it is not yet."""

import ast
import copy
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from lessons_lib.course.exercises.engine.cells import ids_of_cell, is_setup
from lessons_lib.course.labs.lab import SLEEPING, WIDGET
from notebooks.links import files, linked
from notebooks.refresh import FOLDED, is_folded

MAX_LINES = 25
MAX_BYTES = 1_000_000
IGNORED = "nbval-ignore-output"
IMAGE = re.compile(r"<img\b([^>]*)>(<figcaption>(?!\s*</figcaption>))?")
# Calls whose output is another on another machine, or for another learner.
VARYING = {"progress", "doctor", "fit", "perf_counter", "monotonic", "process_time", "time", "is_available"}


def problems(notebook: NotebookNode, name: str) -> list[str]:
    """Everything in which the lesson breaks the rules; `name` is its file name, whose number says the lesson."""
    return [
        *_committed_as_run(notebook),
        *_clean(notebook),
        *_figures(notebook),
        *_folded(notebook),
        *_tagged(notebook, name[:2]),
        *_linked(notebook, name[:2]),
        *(_parts(notebook) if not name.startswith("00") else _title(notebook)),
    ]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def without_magics(source: str) -> str:
    """The cell as Python: what only a notebook understands becomes `pass`."""
    return "\n".join("pass" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())


def calls(source: str) -> set[str]:
    """The names that a cell calls: f for f(...), and for module.f(...)."""
    functions = [node.func for node in ast.walk(ast.parse(without_magics(source))) if isinstance(node, ast.Call)]
    return {node.id if isinstance(node, ast.Name) else getattr(node, "attr", "") for node in functions}


def _committed_as_run(notebook: NotebookNode) -> Iterator[str]:
    cells = code_cells(notebook)
    if not cells:
        yield "holds no code"
    for place, cell in enumerate(cells, 1):
        if not cell.source.strip():
            yield f"code cell {place} is empty"
        elif cell.execution_count is None:
            yield f"code cell {place} was not run"
        elif cell.execution_count != place:
            yield f"code cell {place} was run as number {cell.execution_count}"
        if any(output.output_type == "error" for output in cell.outputs):
            yield f"code cell {place} ends in an error"
        if any(WIDGET in output.get("data", {}) for output in cell.outputs):
            yield f"code cell {place} keeps a widget, which no kernel keeps alive"


def _clean(notebook: NotebookNode) -> Iterator[str]:
    if "widgets" in notebook.metadata:
        yield "keeps widget state in its metadata"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "names another kernel than python3"
    ids = [cell.get("id") for cell in notebook.cells]
    if None in ids or len(set(ids)) != len(ids):
        yield "has cells without an id of their own"
    for place, cell in enumerate(code_cells(notebook), 1):
        lines = len(cell.source.splitlines())
        if lines > MAX_LINES:
            yield f"code cell {place} has {lines} lines, more than {MAX_LINES}"
        if {"execution", "ExecuteTime"} & cell.metadata.keys():
            yield f"code cell {place} says when it was run"


def _figures(notebook: NotebookNode) -> Iterator[str]:
    """JupyterLab shows no alt text of a PNG: a figure is HTML, its caption directly beneath."""
    for place, cell in enumerate(code_cells(notebook), 1):
        for output in cell.outputs:
            data = output.get("data", {})
            if any(kind.startswith("image/") for kind in data):
                yield f"code cell {place} shows an image without show(figure, caption)"
            for attributes, caption in IMAGE.findall(data.get("text/html", "")):
                if not re.search(r'\balt="[^"]*\w', attributes):
                    yield f"code cell {place} shows an image without alt text"
                if not caption:
                    yield f"code cell {place} shows an image without a caption directly beneath"


def _folded(notebook: NotebookNode) -> Iterator[str]:
    first = next((place for place, cell in enumerate(notebook.cells) if is_folded(cell)), None)
    if first is not None and not any(FOLDED in cell.source for cell in notebook.cells[:first]):
        yield "folds code and does not say so before"


def _tagged(notebook: NotebookNode, lesson: str) -> Iterator[str]:
    cells = code_cells(notebook)
    if len(cells) < 2 or not all(is_setup(cell) for cell in cells[:2]):
        yield "its first two code cells are not tagged setup"
    labs = {
        alias.asname or alias.name for cell in cells for alias in _imported_from(cell.source, "lessons_lib.course.labs")
    }
    for place, cell in enumerate(cells, 1):
        called = calls(cell.source)
        tags = cell.metadata.get("tags", [])
        if called & {"hint", "reveal"}:
            yield f"code cell {place} calls {', '.join(sorted(called & {'hint', 'reveal'}))}"
        for exercise_id in sorted(ids_of_cell(cell) - set(tags)):
            yield f"code cell {place} holds exercise {exercise_id} and has no such tag"
        for exercise_id in sorted(ids_of_cell(cell)):
            if not exercise_id.startswith(f"{lesson}."):
                yield f"code cell {place} holds exercise {exercise_id} of another lesson"
        varying = called & (VARYING | labs) or any(map(_is_lab, cell.outputs))
        if varying and cell.outputs and IGNORED not in tags:
            yield f"code cell {place} shows what varies and is not tagged {IGNORED}"


def _linked(notebook: NotebookNode, lesson: str) -> Iterator[str]:
    """What mentions a lesson leads to it, as `python -m notebooks.links` writes it; so does "Next"."""
    if linked(copy.deepcopy(notebook), lesson) != notebook:
        yield "mentions lessons that are no links; python -m notebooks.links writes them"
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    wrong = set(re.findall(r"\]\(([^)\s#]+\.ipynb)", text)) - set(files().values())
    yield from (f"has a link to {name}, which is no lesson" for name in sorted(wrong))
    for line in re.findall(r"\*\*Next:\*\* .*", text):
        later = set(re.findall(r"lesson (\d\d)", line)) - files().keys()
        if "](" not in line and not later and lesson < max(files()):
            yield f"says what is next without a link: {line}"


def _is_lab(output: NotebookNode) -> bool:
    return output.get("data", {}).get("text/html", "").startswith(SLEEPING)


def _imported_from(source: str, package: str) -> list[ast.alias]:
    nodes = [node for node in ast.walk(ast.parse(without_magics(source))) if isinstance(node, ast.ImportFrom)]
    return [alias for node in nodes if (node.module or "").startswith(package) for alias in node.names]


def _title(notebook: NotebookNode) -> Iterator[str]:
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "does not begin with its title"


def _parts(notebook: NotebookNode) -> Iterator[str]:
    yield from _title(notebook)
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    if not re.search(r"\d+\s*(–\s*\d+\s*)?min", text[:3000]):
        yield "does not say how many minutes it takes"
    sections = re.split(r"^#{2,3} ", text, flags=re.MULTILINE)
    for title in ("recap", "self-check", "further reading"):
        section = next((section for section in sections if re.match(rf".*\b{title}\b", section.lower())), None)
        if section is None:
            yield f"has no section: {title}"
        elif title == "self-check" and section.count("<details>") != 5:
            yield f"its self-check has {section.count('<details>')} folded answers, not 5"
        elif title == "further reading" and not re.search(r"\]\(https?://", section):
            yield "its further reading links to nothing"
