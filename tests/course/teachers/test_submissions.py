"""What a folder of submitted notebooks passes; no notebook stops the others."""

import io

import nbformat
import psutil
import pytest
from nbclient import NotebookClient

from lessons_lib.__main__ import main
from lessons_lib.course.exercises import solved
from lessons_lib.course.exercises.engine.cells import ids_of_cell, ids_of_notebook
from lessons_lib.course.exercises.engine.exercise import find
from lessons_lib.course.teachers import submissions
from lessons_lib.course.teachers.limits import Limits
from lessons_lib.course.teachers.submissions import check_folder, write_csv

STUB = '@exercise("00.1")\ndef covered_pixels(mask):\n    """How many?"""\n    raise NotImplementedError("your turn")'
RIGHT = STUB.replace('raise NotImplementedError("your turn")', "return mask.sum()")
IMPORT = "from lessons_lib.course.exercises import exercise"
RECORD = """import os, pathlib
pathlib.Path(os.environ["LESSONS_HOME"], "progress.json").write_text('{"version": 1, "passed": {"00.1": ""}}')
"""  # passes without importing torch, for tests of what goes wrong around the exercises

SLEEPER = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"


def code(source, *tags, id=None):
    made = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {})
    made["id"] = id or made["id"]
    return made


def notebook(*cells, setup=IMPORT):
    return nbformat.v4.new_notebook(cells=[code(setup, "setup", id="setup"), *cells])


def quick(*cells):
    return notebook(*cells, setup="first = 1")


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A shipped lesson 00 with a demonstration cell and the stub."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    lesson = notebook(code("raise SystemExit('never run')", id="demo"), code(STUB, "00.1", id="stub"))
    nbformat.write(lesson, folder / "00_start_here.ipynb")
    monkeypatch.setattr(submissions, "LESSONS_FOLDER", folder)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "handed in"
    (made / "bo" / ".ipynb_checkpoints").mkdir(parents=True)
    return made


def test_a_folder_of_everything(folder, shipped, monkeypatch, tmp_path):
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "the teacher's own"))
    demo = code("raise SystemExit('never run')", id="demo")
    uses_helper = STUB.replace('raise NotImplementedError("your turn")', "return helper(mask)")
    helper = code("def helper(mask):\n    return int(mask.sum())", id="mine")
    written = {
        "ada.ipynb": notebook(demo, code(RIGHT, "00.1", id="stub")),
        "bo/helper.ipynb": notebook(demo, helper, code(uses_helper, "00.1", id="stub")),
        "bo/.ipynb_checkpoints/copy.ipynb": notebook(code(RIGHT, "00.1")),
        "cy.ipynb": notebook(code(STUB, "00.1", id="stub")),
        "dee.ipynb": quick(code("1 / 0", id="own"), code(RECORD, "00.1")),
        "ed.ipynb": quick(code("import os\nos._exit(1)", id="own"), code(RECORD, "00.1")),
        "hal.ipynb": quick(code("print('no exercise here')")),
    }
    for name, made in written.items():
        nbformat.write(made, folder / name)
    (folder / "gil.ipynb").write_text("{not json")
    (folder / "ida.ipynb").write_text('{"cells": 3}')
    stream = io.StringIO()
    write_csv(check_folder(folder), stream)
    assert stream.getvalue().splitlines() == [
        "notebook,problem,calls of the library or torch,00.1",
        "ada.ipynb,,,passed",
        "bo/helper.ipynb,,,passed",
        "cy.ipynb,,,not yet",
        "dee.ipynb,,,passed",
        "ed.ipynb,kernel died,,not yet",
        "gil.ipynb,not a notebook,,",
        "hal.ipynb,no exercises,,",
        "ida.ipynb,not a notebook,,",
    ]
    assert not (tmp_path / "the teacher's own").exists()


def test_an_endless_cell_is_interrupted_and_the_rest_is_run(folder, shipped):
    nbformat.write(quick(code("while True:\n    pass", id="own"), code(RECORD, "00.1")), folder / "a.ipynb")
    (found,) = check_folder(folder, Limits(cell_seconds=3))
    assert (found.problem, found.passed) == ("timed out", {"00.1": True})


def test_a_cell_that_cannot_be_interrupted_ends_its_notebook_only(folder, shipped, monkeypatch):
    begun, execute = [], NotebookClient.async_execute_cell

    async def counted(self, cell, *args, **words):
        begun.append(cell["id"])
        return await execute(self, cell, *args, **words)

    monkeypatch.setattr(NotebookClient, "async_execute_cell", counted)
    stuck = "while True:\n    try:\n        while True:\n            pass\n    except:\n        pass"
    after = [code(RECORD, "00.1") for _ in range(20)]
    nbformat.write(quick(code(stuck, id="own"), *after), folder / "a.ipynb")
    nbformat.write(quick(code(RECORD, "00.1")), folder / "b.ipynb")
    found = check_folder(folder, Limits(cell_seconds=3))
    assert [(one.problem, one.passed) for one in found] == [("timed out", {"00.1": False}), ("", {"00.1": True})]
    assert "own" in begun and len(begun) < 20  # the 20 cells after it are not waited for


def test_without_the_shipped_lesson_only_setup_and_exercises_run(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "LESSONS_FOLDER", tmp_path / "nowhere")
    nbformat.write(quick(code("import os\nos._exit(1)"), code(RECORD, "00.1")), folder / "a.ipynb")
    assert check_folder(folder)[0].problem == ""


@pytest.mark.parametrize("left", ["{", "[]", '{"passed": 3}'])
def test_a_submission_that_leaves_a_broken_progress_file(folder, shipped, left):
    (folder / "progress.json").write_text(left)
    assert submissions._passed_in(folder / "progress.json") == set()


def test_a_notebook_from_an_editor_that_gives_new_ids(shipped):
    other = notebook(code("raise SystemExit('never run')"), code("own = 1"), code(RIGHT))
    run = submissions.cells_to_run(other, "00")
    assert [cell["source"] for cell in run] == [IMPORT, "own = 1", RIGHT]


def test_a_submission_changes_only_its_own_copies(folder, shipped):
    (folder / "table.txt").write_text("given")
    spoil = "import pathlib\nassert pathlib.Path('table.txt').read_text() == 'given'\n"
    spoil += "for path in pathlib.Path().iterdir():\n    path.write_text('spoiled')"
    nbformat.write(quick(code(spoil, id="own"), code(RECORD, "00.1")), folder / "a.ipynb")
    before = (folder / "a.ipynb").read_text()
    (found,) = check_folder(folder)
    assert found.passed == {"00.1": True} and (folder / "table.txt").read_text() == "given"
    assert (folder / "a.ipynb").read_text() == before and len(list(folder.iterdir())) == 3


def test_too_much_memory_ends_a_notebook(folder, shipped):
    hungry = "held = []\nwhile True:\n    held.append(bytearray(10**7))"
    nbformat.write(quick(code(hungry, id="own"), code(RECORD, "00.1")), folder / "a.ipynb")
    (found,) = check_folder(folder, Limits(memory=4e8))
    assert (found.problem, found.passed) == ("more than 0.4 GB of memory", {"00.1": False})


def test_too_much_time_ends_a_notebook_and_what_it_started(folder, shipped, tmp_path):
    child = "import subprocess, sys\n"
    child += f"child = subprocess.Popen([sys.executable, '-c', {SLEEPER!r}, {str(tmp_path / 'pid')!r}])"
    slow = [code("import time\ntime.sleep(2)", id=f"slow{i}") for i in range(20)]
    nbformat.write(quick(code(child, id="own"), *slow, code(RECORD, "00.1")), folder / "a.ipynb")
    (found,) = check_folder(folder, Limits(seconds=6))
    assert (found.problem, found.passed) == ("more than 0.1 minutes", {"00.1": False})
    pid = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_last_card_of_each_exercise_is_kept(folder, shipped):
    wrong = RIGHT.replace("mask.sum()", "mask.sum() + 1")
    cells = code(f"x = 1\n{wrong}", "00.1", id="stub"), code("1 / 0", "00.1", id="more")
    nbformat.write(notebook(*cells), folder / "a.ipynb")
    (found,) = check_folder(folder)
    assert list(found.cards) == ["00.1"] and "not yet" in found.cards["00.1"] and "<div" in found.cards["00.1"]
    assert found.calls == {"00.1": []} and found.sources["00.1"].endswith("\n\n1 / 0")


def test_an_error_before_the_check_stands_in_for_its_card():
    error = nbformat.v4.new_output("error", ename="SyntaxError", evalue="1 < 2", traceback=[])
    card = nbformat.v4.new_output("display_data", {"text/plain": "✓ 00.1 Covered: passed.", "text/html": "<b>card</b>"})
    cells = code("x", "00.1"), code("y", "00.2")
    cells[0]["outputs"], cells[1]["outputs"] = [card, error], [error]
    page = "<p>No card: the cell ended in <code>SyntaxError: 1 &lt; 2</code>.</p>"
    assert submissions.cards_of(notebook(*cells)) == {"00.1": "<b>card</b>", "00.2": page}


def test_the_command_prints_the_table_and_writes_the_pages(folder, shipped, tmp_path, capsys):
    nbformat.write(quick(code(RECORD, "00.1")), folder / "a.ipynb")
    assert main(["check", str(folder)]) == 0
    said = capsys.readouterr()
    assert said.out == "notebook,problem,calls of the library or torch,00.1\na.ipynb,,,passed\n"
    assert said.err == f"1 page of cards in {tmp_path / 'handed in_cards'}\n"
    assert "1 of 1 exercises passed" in (tmp_path / "handed in_cards" / "a.html").read_text("utf-8")
    assert main(["check", str(folder), "--pages", str(tmp_path / "here"), "--memory", "0"]) == 1
    assert capsys.readouterr().err == "error: memory must be > 0, got 0.0\n"
    (folder / "a.ipynb").unlink()
    assert main(["check", str(folder)]) == 1
    assert capsys.readouterr().err.startswith("error: folder must hold a notebook (*.ipynb)")


def test_the_exercises_of_a_cell():
    assert ids_of_cell(code("x = 1", "02.1", "nbval-ignore-output", "setup")) == {"02.1"}
    assert ids_of_cell(code("x = 1\n@exercise('02.10')\ndef f(): pass")) == {"02.10"}
    assert ids_of_cell(code("print('@exercise')")) == set()
    assert ids_of_cell(nbformat.v4.new_markdown_cell(STUB)) == set()
    assert ids_of_notebook(notebook(code("", "02.10"), code("", "02.9"), code("", "00.1"))) == ["00.1", "02.9", "02.10"]


def test_a_solved_notebook_holds_the_model_answers():
    helper = code("helper = 1", "00.1")
    stub = code(f"before = 1\n\n\n{STUB}\n\n\nafter = 2", "00.1")
    given = notebook(nbformat.v4.new_markdown_cell("words"), code("skipped = 1"), helper, stub)
    stub["outputs"] = [nbformat.v4.new_output("stream", text="old")]
    answer = solved(given)
    sources = [cell["source"] for cell in answer["cells"]]
    model = f'@exercise("00.1")\n{find("00.1").model_source()}'
    assert sources == [IMPORT, "helper = 1", f"before = 1\n\n\n{model}\n\n\nafter = 2"]
    assert answer["cells"][-1]["outputs"] == []
    assert given["cells"][-1]["source"].count("raise NotImplementedError") == 1  # the given one is not touched


def test_a_solved_notebook_passes(folder, shipped):
    nbformat.write(solved(notebook(code(STUB, "00.1"))), folder / "a.ipynb")
    (found,) = check_folder(folder)
    assert found.passed == {"00.1": True}
