"""The solved run: with the model answers in place of the stubs, every exercise's card says passed."""

import os
import tempfile
from pathlib import Path

import nbformat
import pytest

from lessons_lib.course.exercises.engine.cells import ids_of_cell, solved
from notebooks.refresh import execute

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))


def shown(cell: nbformat.NotebookNode) -> str:
    """All text that a cell printed or displayed."""
    outputs = [output.get("text", output.get("data", {}).get("text/plain", "")) for output in cell.outputs]
    return "\n".join(outputs)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_model_answers_pass_in_the_lesson(path, home, tmp_path):
    notebook = solved(nbformat.read(path, as_version=4))
    execute(notebook, tmp_path)
    for cell in notebook.cells:
        for exercise_id in ids_of_cell(cell):
            if f'@exercise("{exercise_id}")' in cell.source:
                first_line = shown(cell).splitlines()[0]
                assert first_line.startswith(f"✓ {exercise_id} "), shown(cell)
                assert first_line.endswith(": passed."), shown(cell)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_stubs_say_not_yet_attempted(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if "@exercise(" in cell.source and cell.cell_type == "code":
            assert "not yet attempted" in shown(cell), "the shipped lesson leaves its exercises to the learner"


def test_the_course_is_not_written_to_by_its_tests():
    assert Path(os.environ["LESSONS_HOME"]).is_relative_to(tempfile.gettempdir())
