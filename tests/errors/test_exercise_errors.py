"""The errors of the exercise engine name what came and what is allowed."""

import pytest

from lessons_lib.course.exercises import exercise, hint, reveal, solved
from lessons_lib.course.exercises.engine.comparing import mismatch
from lessons_lib.course.exercises.engine.exercise import Exercise, exercises_of, find
from lessons_lib.course.exercises.engine.time_limit import TimeLimit
from lessons_lib.course.teachers.limits import Limits
from lessons_lib.course.teachers.submissions import check_folder


@pytest.mark.parametrize("call", [exercise, hint, reveal, find])
def test_an_unknown_id_names_the_ids_of_its_lesson(call):
    with pytest.raises(ValueError, match=r"^there is no exercise 00\.9; lesson 00 has 00\.1$"):
        call("00.9")


@pytest.mark.parametrize("call", [exercise, hint, reveal, find])
def test_a_lesson_without_exercises_names_those_that_have_some(call):
    with pytest.raises(ValueError, match=r"^lesson 77 has no exercises; the lessons that have some: 00"):
        call("77.1")


@pytest.mark.parametrize("exercise_id", ["2.1", "02", "02.", "02.x", "../02.1", "", 2.1, None])
def test_what_is_no_id_says_what_one_looks_like(exercise_id):
    with pytest.raises(ValueError, match=r'an exercise id looks like "02\.1", got ') as raised:
        exercise(exercise_id)
    assert str(raised.value).endswith(repr(exercise_id))


def test_the_decorator_without_an_id():
    with pytest.raises(ValueError, match=r'an exercise id looks like "02\.1", got <function'):

        @exercise
        def stub(x):
            raise NotImplementedError("your turn")


def test_an_exercise_with_a_bad_id_or_hints():
    with pytest.raises(ValueError, match=r'an exercise id looks like "02\.1", got \'2\''):
        Exercise("2", "Title", len, list, ("a", "b"))
    with pytest.raises(TypeError, match="hints must be a tuple of strings, got the string 'a'"):
        Exercise("02.1", "Title", len, list, "a")


@pytest.mark.parametrize("difficulty", [0, 4, 1.5])
def test_an_exercise_has_one_to_three_dots(difficulty):
    with pytest.raises(ValueError, match=rf"^difficulty must be 1, 2 or 3, got {difficulty}$"):
        Exercise("02.1", "Title", len, list, ("a", "b"), difficulty=difficulty)


def test_an_exercise_takes_a_minute_at_least():
    with pytest.raises(ValueError, match=r"^minutes must be ≥ 1, got 0$"):
        Exercise("02.1", "Title", len, list, ("a", "b"), minutes=0)


def test_an_exercise_without_a_model_answer():
    with pytest.raises(ValueError, match=r"^exercise 98\.1 has no model answer$"):
        Exercise("98.1", "Title", len, list, ("a", "b")).model_source()


def test_an_error_inside_a_lessons_file_is_not_hidden(monkeypatch):
    import importlib

    def broken(name):
        raise ModuleNotFoundError("No module named 'elsewhere'", name="elsewhere")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="elsewhere"):
        exercises_of("00")


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_limit_is_positive(seconds):
    with pytest.raises(ValueError, match=f"^seconds must be > 0, got {seconds}$"):
        TimeLimit(seconds)


def test_an_oracle_of_a_kind_that_cannot_be_compared():
    with pytest.raises(TypeError, match=r"^expected must be made of numbers, tensors, .* got <object>$"):
        mismatch(object(), 3)


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(ValueError, match=r"^folder must be an existing folder, got '.*missing'$"):
        check_folder(tmp_path / "missing")


def test_a_folder_without_notebooks(tmp_path):
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "copy.ipynb").write_text("{}")
    with pytest.raises(ValueError, match=r"^folder must hold a notebook \(\*\.ipynb\), or .*, got '.*' with none$"):
        check_folder(tmp_path)


@pytest.mark.parametrize("name", ["cell_seconds", "seconds", "memory"])
def test_the_limits_of_a_submission_are_positive(name):
    with pytest.raises(ValueError, match=f"^{name} must be > 0, got 0$"):
        Limits(**{name: 0})


def test_solving_an_exercise_that_does_not_exist():
    cell = {"cell_type": "code", "metadata": {}, "source": '@exercise("00.9")\ndef f(x):\n    pass'}
    with pytest.raises(ValueError, match=r"there is no exercise 00\.9"):
        solved({"cells": [cell]})
