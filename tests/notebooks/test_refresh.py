"""The refresher: what it writes is clean and the same whoever ran it, and a lesson that fails stays as it was."""

import os
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lessons_lib.course.labs.lab import WIDGET, still
from notebooks import refresh


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("LESSONS_HOME", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, os.environ[name])  # main() sets them; this puts them back
    monkeypatch.setenv("LESSONS_REAL_DATA", "private")


def write(path: Path, *sources: str) -> Path:
    cells = [new_markdown_cell("# Title", id="title")]
    cells += [new_code_cell(source, id=f"cell-{i}", metadata={"tags": ["setup"]}) for i, source in enumerate(sources)]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": {"name": "mine", "display_name": "M"}}), path)
    return path


def test_runs_in_place_and_leaves_only_what_is_the_same_for_all(tmp_path):
    source = "import os\nopen('made.txt', 'w').close()\nprint(os.environ.get('LESSONS_REAL_DATA'))"
    path = write(tmp_path / "02_lesson.ipynb", source, "6 * 7", "import ipywidgets; ipywidgets.IntSlider()")
    assert refresh.main([str(path)]) == 0
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert [cell.id for cell in notebook.cells] == ["title", "cell-0", "cell-1", "cell-2"]
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2, 3]
    assert notebook.cells[1].outputs[0].text == "None\n"
    assert notebook.cells[2].outputs[0].data == {"text/plain": "42"}
    assert all(dict(cell.metadata) == {"tags": ["setup"]} for cell in notebook.cells[1:])
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert os.listdir(tmp_path) == ["02_lesson.ipynb"], "neither a part nor what the lesson wrote"
    first = path.read_bytes()
    assert refresh.main([str(path)]) == 0
    assert path.read_bytes().replace(b"\r", b"").count(b"model_id") == 1
    assert len(path.read_bytes()) == len(first)


def test_of_a_laboratory_its_picture_stays():
    sleeping = {"text/html": still(b"a PNG", "<b>Words</b>"), "text/plain": "A laboratory"}
    cell = new_code_cell("lab()", outputs=[new_output("display_data", {**sleeping, WIDGET: {"model_id": "x"}})])
    (cleaned,) = refresh.clean(new_notebook(cells=[cell])).cells
    assert cleaned.outputs[0].data == sleeping


def test_a_failing_lesson_stays_as_it_was_and_stops_the_rest(tmp_path, capsys):
    first = write(tmp_path / "01_fails.ipynb", "1 / 0")
    second = write(tmp_path / "02_waits.ipynb", "1")
    before = first.read_bytes(), second.read_bytes()
    assert refresh.main([str(first), str(second)]) == 1
    assert (first.read_bytes(), second.read_bytes()) == before
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ["01_fails.ipynb", "02_waits.ipynb"]


def test_clean_merges_streams_counts_anew_and_drops_times():
    pieces = [
        new_output("stream", text=text, name=name) for text, name in (("a", "stdout"), ("b", "stdout"), ("c", "stderr"))
    ]
    result = new_output("execute_result", {"text/plain": "1"}, execution_count=40)
    cells = [
        new_code_cell(
            "x", execution_count=40, outputs=[*pieces, result], metadata={"execution": {"t": "1"}, "tags": ["a"]}
        ),
        new_code_cell("", execution_count=41),
        new_code_cell("y", execution_count=42),
    ]
    cleaned = refresh.clean(new_notebook(cells=cells, metadata={"widgets": {"state": {}}}))
    assert [cell.execution_count for cell in cleaned.cells] == [1, None, 2]
    assert [output.get("text") for output in cleaned.cells[0].outputs] == ["ab", "c", None]
    assert cleaned.cells[0].outputs[-1].execution_count == 1
    assert dict(cleaned.cells[0].metadata) == {"tags": ["a"]}
    assert "widgets" not in cleaned.metadata


def test_an_error_in_an_exercise_does_not_end_a_run():
    stub = new_code_cell('@exercise("02.1")\ndef f(x):\n    raise NotImplementedError', metadata={"tags": ["02.1"]})
    use = new_code_cell("print('@exercise')", metadata={"tags": ["02.1"]})
    cleaned = refresh.clean(refresh.clean(new_notebook(cells=[stub, use])))
    assert [cell.metadata["tags"] for cell in cleaned.cells] == [["02.1", "raises-exception"], ["02.1"]]


DRAWS = "fig, ax = plt.subplots()\nax.plot(x)\nax.set(title='x')\nax.legend()\nshow(fig, 'A line.')"
SHOWN = [new_output("display_data", {"text/html": refresh.SHOWN})]


@pytest.mark.parametrize(
    ("source", "later", "folded"),
    [
        (DRAWS, "fig, ax = plt.subplots()\nax.plot(y)", True),
        (DRAWS, "ax.plot(y)", False),  # what the cell made is used later
        (f"x = 1\n{DRAWS}", "y = 2\nprint(x)", False),
        (f"x = 1\n{DRAWS}", "for x in y:\n    print(x)", True),  # made again
        (f"{DRAWS}\nprint(1)", "", False),
        (f"assert x\n{DRAWS}", "", False),
        (f"{DRAWS}\nclaim(1)", "", False),
        (f"torch.testing.assert_close(x, y)\n{DRAWS}", "", False),
        ("fig = draw()\nshow(fig, 'A line.')", "", False),  # short
    ],
)
def test_only_code_that_only_draws_is_folded(source, later, folded):
    cells = [new_code_cell(source, outputs=SHOWN, metadata={"jupyter": {"source_hidden": True}}), new_code_cell(later)]
    cleaned = refresh.clean(new_notebook(cells=cells))
    assert [refresh.is_folded(cell) for cell in cleaned.cells] == [folded, False]
    without = refresh.clean(new_notebook(cells=[new_code_cell(source), new_code_cell(later)]))
    assert not any(map(refresh.is_folded, without.cells)), "without a figure nothing is folded"


def test_cleaning_alone_runs_nothing_and_says_what_it_changed(tmp_path, capsys):
    path = write(tmp_path / "02_lesson.ipynb", "1 / 0")
    assert refresh.main(["--clean", str(path)]) == 1
    assert capsys.readouterr().out == "02_lesson.ipynb: cleaned\n"
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.kernelspec.name == "python3" and notebook.cells[1].outputs == []
    assert refresh.main(["--clean", str(path)]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("path", sorted(refresh.HERE.glob("*.ipynb")), ids=lambda path: path.stem)
def test_committed_lessons_are_clean(path, tmp_path):
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    assert not refresh.clean_file(copy)
