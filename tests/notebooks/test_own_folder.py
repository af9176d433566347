"""Lesson 20 on a folder of the learner's own: one variable is changed, and the lesson reaches its end."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from lessons_lib.course import planted
from tests.some_steps import train_for_some_steps

LESSON = Path(__file__).resolve().parents[2] / "notebooks" / "20_your_own_data.ipynb"


@pytest.fixture
def lesson(tmp_path):
    """The lesson, with the folder of a small project in its second cell."""
    folder = tmp_path / "my cells ü"
    planted.write_project(planted.project(), folder)
    notebook = nbformat.read(LESSON, as_version=4)
    (setup,) = (cell for cell in notebook.cells if "FOLDER = None" in cell.source)
    setup.source = setup.source.replace("FOLDER = None", f"FOLDER = {str(folder)!r}")
    return notebook


def test_the_lesson_runs_on_a_folder_of_ones_own(lesson, tmp_path, monkeypatch):
    train_for_some_steps(tmp_path / "ipython")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    NotebookClient(lesson, timeout=1200, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    printed = "".join(o.text for cell in lesson.cells for o in cell.get("outputs", []) if o.output_type == "stream")
    assert printed.count(" on your data; on the course's own it is above ") == 2
