"""What the launcher answers when it is asked for a lesson that is not there."""

import re

import pytest

from lessons_lib.course.flashcards import flashcards
from lessons_lib.course.launch import copy_lessons, reset_lesson


def test_a_folder_without_lessons_says_how_to_get_them(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=re.escape(f"no lessons in {tmp_path}: the course runs from its repository")
    ):
        copy_lessons(tmp_path, tmp_path / "my_course")
    assert not (tmp_path / "my_course").exists()


@pytest.mark.parametrize("lesson", ["77", "check", "", "04_checker", "00_start"])
def test_an_unknown_lesson_names_those_that_exist(lesson, tmp_path):
    for name in ("00_start_here.ipynb", "04_checkerboard.ipynb"):
        (tmp_path / name).write_text("{}")
    allowed = "lesson must be one of 00_start_here, 04_checkerboard, or its number, got "
    with pytest.raises(ValueError, match=re.escape(allowed + repr(lesson))):
        reset_lesson(lesson, tmp_path, tmp_path / "my_course")


@pytest.mark.parametrize("lesson", ["11", "011"])
def test_a_lesson_to_come_says_so(lesson, tmp_path):
    (tmp_path / "00_start_here.ipynb").write_text("{}")
    with pytest.raises(ValueError, match=r"^lesson 11, Proposals, is not written yet$"):
        reset_lesson(lesson, tmp_path, tmp_path / "my_course")


def test_a_folder_without_lessons_has_no_cards(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(f"no lessons in {tmp_path}: the cards are read from")):
        flashcards(tmp_path)
