"""Each exercise's stub shows a call and its result, and the library's function gives that result."""

import ast
import doctest
import math
from pathlib import Path

import nbformat
import pytest
import torch
from torch import nn

from lessons_lib.course.exercises.engine.cells import DECORATOR
from lessons_lib.course.exercises.engine.exercise import find

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SHOWN = 1e-3  # to which numbers are printed


def stubs(notebook: nbformat.NotebookNode) -> dict[str, ast.FunctionDef | ast.ClassDef]:
    """The definition in each exercise's cell, by the exercise's id."""
    cells = [c for c in notebook.cells if c.cell_type == "code" and DECORATOR.search(c.source)]
    return {DECORATOR.search(cell.source)[1]: ast.parse(cell.source).body[-1] for cell in cells}


def wrong(stub: ast.FunctionDef | ast.ClassDef, answer: object) -> list[str]:
    """What is wrong with a stub's example when the answer is what it calls."""
    examples = doctest.DocTestParser().get_examples(ast.get_docstring(stub) or "")
    if not any(example.want and stub.name in example.source for example in examples):
        return [f"{stub.name} shows no call with its result"]
    scope = {"torch": torch, "nn": nn, stub.name: answer}
    found = []
    for example in examples:
        if not example.want:
            exec(example.source, scope)
            continue
        result = eval(example.source, scope)
        if not alike(result, eval(example.want, {"tensor": torch.tensor, "torch": torch})):
            found.append(f"{example.source.strip()} gives {result!r}, not {example.want.strip()}")
    return found


def alike(one: object, other: object) -> bool:
    """Whether two results are the same to the digits that are shown."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        same = (one.dtype, one.shape) == (other.dtype, other.shape)
        return same and torch.allclose(one.double(), other.double(), rtol=0, atol=SHOWN)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, abs_tol=SHOWN)
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_example_of_each_stub_is_right(path):
    found = stubs(nbformat.read(path, as_version=4))
    faults = {exercise_id: wrong(stub, find(exercise_id).oracle) for exercise_id, stub in found.items()}
    assert {exercise_id: fault for exercise_id, fault in faults.items() if fault} == {}


@pytest.mark.parametrize(
    ("docstring", "fault"),
    [
        ("Twice.", "double shows no call with its result"),
        ("Twice.\n\n>>> other(2)\n4", "double shows no call with its result"),
        ("Twice.\n\n>>> double(2)\n5", "double(2) gives 4, not 5"),
        ("Twice.\n\n>>> double(2)\n4.0", "double(2) gives 4, not 4.0"),
        ("Twice.\n\n>>> x = torch.ones(2)\n>>> double(x)\ntensor([2, 2])", "double(x) gives tensor([2., 2.]), not"),
        ("Twice.\n\n>>> (double(2), double(3))\n(4, 5)", "(double(2), double(3)) gives (4, 6), not (4, 5)"),
    ],
)
def test_a_wrong_example_is_found(docstring, fault):
    stub = ast.parse(f'def double(x):\n    """{docstring}"""').body[0]
    (said,) = wrong(stub, lambda x: 2 * x)
    assert said.startswith(fault)


def test_a_right_example_is_right():
    stub = ast.parse(
        'def third(x):\n    """A third.\n\n    >>> third(torch.ones(1))\n    tensor([0.3333])\n    """'
    ).body[0]
    assert wrong(stub, lambda x: x / 3) == []
