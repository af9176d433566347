"""After a cell of an exercise with an error the name is the library's, and a line says so."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

from lessons_lib.course.exercises.engine.notebook import library_version
from lessons_lib.course.exercises.engine.rescue import rescue

STUB = '@exercise("00.1")\ndef covered_pixels(mask):\n'


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a cell in a fresh shell, as a notebook does; returns its names."""
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell()
    shell.showtraceback = shell.showsyntaxerror = lambda *args, **words: None
    shell.events.register("post_run_cell", lambda result: rescue(shell, result, library_version))
    shell.run_cell("from lessons_lib.course.exercises import exercise")

    def run_cell(source):
        shell.run_cell(source)
        return shell.user_ns

    yield run_cell
    InteractiveShell.clear_instance()


def test_a_syntax_error_leaves_the_librarys_function(run, capsys):
    names = run(STUB + "    return mask.sum(")
    assert names["covered_pixels"].mine is None and names["covered_pixels"].__name__ == "covered_pixels"
    said = capsys.readouterr().out
    assert "✗ 00.1: this cell could not be run (SyntaxError)" in said
    assert "Until then covered_pixels is the library's own version, so the lesson goes on." in said


def test_an_error_before_the_check_does_too(run, capsys):
    assert run("nothing\n\n" + STUB + "    return 1")["covered_pixels"].mine is None
    assert "(NameError)" in capsys.readouterr().out


def test_an_error_after_the_check_keeps_the_learners_own(run, capsys):
    mine = run(STUB + "    return mask.sum()\n\n\nnothing")["covered_pixels"].mine
    assert mine is not None and mine.__name__ == "covered_pixels"
    assert "could not be run" not in capsys.readouterr().out


def test_other_cells_are_left_alone(run, capsys):
    assert "covered_pixels" not in run("broken(")
    run(STUB + "    return mask.sum()")
    assert "could not be run" not in capsys.readouterr().out
