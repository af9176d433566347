"""exercise, hint and reveal as a lesson calls them, outside IPython."""

import inspect
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from lessons_lib.course import exercise_list
from lessons_lib.course.exercises import exercise, hint, reveal
from lessons_lib.course.exercises.engine.exercise import Exercise, find
from lessons_lib.course.progress import passed_exercises


def doubled(x, factor=2):
    """The library's own."""
    return factor * x


@pytest.fixture(autouse=True)
def lesson(tmp_path, monkeypatch):
    """A lesson 99 with one exercise, and a home of its own."""
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path))
    made = Exercise("99.1", "Double", doubled, lambda: [{"x": 3}, {"x": 4.5, "factor": 3}], ("look", "look closer"))
    made.mistake("Forgets the factor.")(lambda x, factor=2: 2 * x)
    made.model(doubled)
    module = types.ModuleType("lessons_lib.course.exercises.lesson_99.all")
    module.DOUBLE = made
    monkeypatch.setitem(sys.modules, module.__name__, module)
    engine = sys.modules["lessons_lib.course.exercises.engine.exercise"]
    files = engine.exercise_files
    monkeypatch.setattr(
        engine, "exercise_files", lambda lesson: [Path("lesson_99/all.py")] if lesson == "99" else files(lesson)
    )
    return made


def test_a_lesson_in_several_files(tmp_path, monkeypatch):
    engine = sys.modules["lessons_lib.course.exercises.engine.exercise"]
    monkeypatch.undo()
    monkeypatch.setattr(exercise_list, "FOLDER", tmp_path)
    for name, ids in (("98/late", ["98.10", "98.2"]), ("98/early", ["98.1"]), ("97/all", ["97.1"])):
        path = tmp_path / f"lesson_{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(f'Exercise("{one}", "Title", minutes=5)' for one in ids))
        module = types.ModuleType(f"lessons_lib.course.exercises.lesson_{name.replace('/', '.')}")
        for i, one in enumerate(ids):
            setattr(module, f"NUMBER_{i}", Exercise(one, "Title", doubled, list, ("a", "b")))
        monkeypatch.setitem(sys.modules, module.__name__, module)
    assert exercise_list.lessons_with_exercises() == ["97", "98"]
    assert exercise_list.written_ids("98") == list(engine.exercises_of("98")) == ["98.1", "98.2", "98.10"]
    assert exercise_list.written_ids("96") == []


def test_the_name_becomes_the_librarys_function(capsys):
    @exercise("99.1")
    def double(x, factor=2):
        return 2 * x

    assert double(4.5, factor=3) == 13.5
    assert double.mine(4.5, factor=3) == 9.0
    assert inspect.signature(double) == inspect.signature(doubled)
    assert double.__doc__ == "The library's own."
    out = capsys.readouterr().out
    assert out.startswith(
        "✗ 99.1 Double: not yet.\nForgets the factor.\ndouble(x=4.5, factor=3) gave 9.0, expected 13.5.\n"
    )
    assert "Forgets the factor." in out
    assert passed_exercises() == ({}, "")


def test_a_pass_is_recorded_and_a_later_failure_takes_nothing_away(capsys):
    exercise("99.1")(lambda x, factor=2: x * factor)
    assert "✓ 99.1 Double: passed." in capsys.readouterr().out
    assert "99.1" in passed_exercises()[0]
    exercise("99.1")(lambda x, factor=2: 0)
    assert "not yet" in capsys.readouterr().out
    assert "99.1" in passed_exercises()[0]


def test_a_pass_after_the_stub_is_written_anew(monkeypatch):
    engine, recorded = sys.modules["lessons_lib.course.exercises.engine.notebook"], []
    monkeypatch.setattr(engine, "_open", set())
    monkeypatch.setattr(engine, "record_pass", lambda exercise_id, anew: recorded.append(anew) or "")

    def stub(x, factor=2):
        raise NotImplementedError("your turn")

    for function in (doubled, stub, doubled, doubled, lambda x, factor=2: 0, doubled):
        exercise("99.1")(function)
    assert recorded == [False, True, False, True]


def test_the_card_does_not_depend_on_the_record(capsys):
    def stub(x, factor=2):
        raise NotImplementedError("your turn")

    exercise("99.1")(stub)
    before = capsys.readouterr().out
    exercise("99.1")(lambda x, factor=2: x * factor)
    passed = capsys.readouterr().out
    exercise("99.1")(stub)
    assert capsys.readouterr().out == before
    exercise("99.1")(lambda x, factor=2: x * factor)
    assert capsys.readouterr().out == passed


def test_a_card_appears_where_progress_cannot_be_saved(capsys, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "file" / "below"))
    exercise("99.1")(lambda x, factor=2: x * factor)
    out = capsys.readouterr().out
    assert "passed." in out and "Your progress could not be saved in" in out


def test_what_is_no_function_gets_a_card_too(capsys):
    double = exercise("99.1")(42)
    assert double(3) == 6
    assert "this is no function" in capsys.readouterr().out


def test_calling_the_librarys_version_by_ones_own_name_does_not_pass(capsys):
    names = {"exercise": exercise}
    source = "@exercise('99.1')\ndef double(x, factor=2):\n    return double(x, factor)"
    for _ in range(2):  # at the second run the name was bound to the library's function
        exec(source, names)
        assert "RecursionError" in capsys.readouterr().out
    assert names["double"](3) == 6


def test_hints_come_one_at_a_time_and_end_with_reveal(capsys, monkeypatch):
    monkeypatch.setattr(sys.modules["lessons_lib.course.exercises.engine.notebook"], "_hints_given", {})
    for _ in range(4):
        hint("99.1")
    assert capsys.readouterr().out.splitlines() == [
        "99.1, hint 1 of 2: look",
        "99.1, hint 2 of 2: look closer",
        'There are no more hints for 99.1. reveal("99.1") shows a model answer.',
        'There are no more hints for 99.1. reveal("99.1") shows a model answer.',
    ]


def test_reveal_shows_the_source_without_decorators(capsys, lesson):
    @lesson.model
    def double(x, factor=2):
        """Twice."""
        return x * factor  # or as often as asked

    reveal("99.1")
    expected = 'def double(x, factor=2):\n    """Twice."""\n    return x * factor  # or as often as asked\n'
    assert capsys.readouterr().out == expected


def test_the_model_answer_of_lesson_00(capsys):
    reveal("00.1")
    assert capsys.readouterr().out.startswith("def covered_pixels(mask):\n")
    assert find("00.1").oracle(torch.tensor([[True, False], [True, True]])) == 3


def test_importing_the_engine_is_light():
    code = (
        "import sys, lessons_lib.course.exercises\n"
        "heavy = {'matplotlib', 'nbclient', 'nbformat', 'scipy', 'torchvision', 'IPython', 'filelock'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_pass_says_how_far_the_lesson_is(monkeypatch):
    notebook = sys.modules["lessons_lib.course.exercises.engine.notebook"]
    three = [exercise_list.Written(f"99.{i}", f"Title {i}", 1, 5) for i in (1, 2, 10)]
    monkeypatch.setattr(notebook, "written_exercises", lambda lesson: three if lesson == "99" else [])
    says = notebook.lesson_progress
    assert says("99.2") == ("1 of the lesson's 3 exercises are passed.", ("99.10 Title 10", ""))
    exercise("99.1")(lambda x, factor=2: x * factor)
    assert says("99.10") == ("2 of the lesson's 3 exercises are passed.", ("99.2 Title 2", ""))
    monkeypatch.setattr(notebook, "passed_exercises", lambda: ({one.id: ["2026-01-01"] for one in three}, ""))
    assert says("99.2") == ("3 of the lesson's 3 exercises are passed.", ("", ""))
    assert says("98.1") == ("", ("", "")), "a lesson without a list"


def test_a_pass_leads_to_the_next_exercise_and_the_last_one_to_the_next_lesson(monkeypatch):
    notebook = sys.modules["lessons_lib.course.exercises.engine.notebook"]
    words, address = notebook.lesson_progress("02.1")[1]
    assert words == "02.2 Which paddings?" and address.startswith("02_convolution_arithmetic.ipynb#cell-id=")
    all_of_02 = {one.id: [""] for one in exercise_list.written_exercises("02")}
    monkeypatch.setattr(notebook, "passed_exercises", lambda: (all_of_02, ""))
    following = ("lesson 03, Transposed convolution", "03_transposed_convolution.ipynb")
    assert notebook.lesson_progress("02.1") == ("5 of the lesson's 5 exercises are passed.", following)
