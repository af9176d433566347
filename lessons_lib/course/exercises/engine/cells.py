"""Which cells of a notebook belong to its exercises, and the same notebook solved."""

import ast
import copy
import re
from typing import Any

from lessons_lib.course.exercise_list import number
from lessons_lib.course.exercises.engine.exercise import find

ID = re.compile(r"\d\d\.\d+")
DECORATOR = re.compile(r"""^@exercise\(\s*["'](\d\d\.\d+)["']\s*\)""", re.MULTILINE)


def ids_of_cell(cell: dict[str, Any]) -> set[str]:
    """The exercises that a code cell belongs to: by its tags, or by the decorator written in it."""
    if cell["cell_type"] != "code":
        return set()
    return set(filter(ID.fullmatch, _tags(cell))) | set(DECORATOR.findall(cell["source"]))


def ids_of_notebook(notebook: dict[str, Any]) -> list[str]:
    """The ids of all exercises in a notebook, in order."""
    return sorted(set().union(*map(ids_of_cell, notebook["cells"])), key=number)


def is_setup(cell: dict[str, Any]) -> bool:
    """Whether a cell prepares the lesson: imports, seed, device."""
    return cell["cell_type"] == "code" and "setup" in _tags(cell)


def solved(notebook: dict[str, Any]) -> dict[str, Any]:
    """A copy with the setup and exercise cells only, and the model answer in place of each stub.

    Executed, every card in it says passed. Raises ValueError for an exercise that does not exist.
    """
    answer = copy.deepcopy(notebook)
    answer["cells"] = [cell for cell in answer["cells"] if is_setup(cell) or ids_of_cell(cell)]
    for cell in answer["cells"]:
        cell["outputs"], cell["execution_count"] = [], None
        if DECORATOR.search(cell["source"]):
            cell["source"] = _with_model_answers(cell["source"])
    return answer


def _with_model_answers(source: str) -> str:
    """Replace each function or class below @exercise(id) by the exercise's model answer."""
    lines = source.splitlines()
    stubs = [node for node in ast.parse(source).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    for stub, exercise_id in reversed([(node, id_of_definition(node)) for node in stubs]):
        if exercise_id is None:
            continue
        first = min(decorator.lineno for decorator in stub.decorator_list)
        lines[first - 1 : stub.end_lineno] = [f'@exercise("{exercise_id}")', find(exercise_id).model_source()]
    return "\n".join(lines)


def id_of_definition(stub: ast.FunctionDef | ast.ClassDef) -> str | None:
    """The id in the decorator @exercise(id), if there is one."""
    for decorator in stub.decorator_list:
        found = DECORATOR.match("@" + ast.unparse(decorator))
        if found:
            return found.group(1)
    return None


def _tags(cell: dict[str, Any]) -> list[str]:
    return cell["metadata"].get("tags", [])
