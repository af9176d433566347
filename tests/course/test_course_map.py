"""The map of the course: counts, dots, minutes, what comes next and what to repeat."""

import re
from datetime import date, timedelta

import pytest

from lessons_lib.course.course_map import GAPS, LESSONS, CourseMap, Lesson, dots, progress
from lessons_lib.course.exercise_list import Written
from lessons_lib.course.progress import record_pass

TODAY = date(2026, 3, 1)
START = Lesson("00", "Start <here>", "00_start_here.ipynb", (Written("00.1", "Covered <pixels>", 1, 5),))
SIZES = (Written("02.1", "Output size", 1, 5), Written("02.2", "Paddings", 2, 10), Written("02.10", "Matrix", 3, 20))
CONVOLUTION = Lesson("02", "Convolution", "02_convolution.ipynb", SIZES)
LATER = Lesson("03", "Later", "")
LESSON_LIST = [START, CONVOLUTION, LATER]


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path))


def shown(passes, note=""):
    return CourseMap(LESSON_LIST, passes, note, TODAY)


def ago(*days):
    return [(TODAY - timedelta(number)).isoformat() for number in days]


def test_the_rows_count_and_show_what_is_open():
    assert repr(shown({"02.1": ago(0), "77.7": ago(0)}, "a note")).splitlines() == [
        "1 of 4 exercises passed   (✓ passed, ● easy, ●●● hard)",
        "00  Start <here>             ●         0 of 1 passed, about 5 minutes to go",
        "02  Convolution              ✓ ●● ●●●  1 of 3 passed, about 30 minutes to go",
        "03  Later                              not written yet",
        "Next: 02.2 Paddings (●●○, about 10 minutes).",
        "a note",
    ]
    assert shown({one.id: ago(0) for one in SIZES}).count(CONVOLUTION) == "3 of 3 passed"
    assert shown({}).count(Lesson("20", "Your own data", "20_data.ipynb")) == "no exercises"


def test_the_page_is_escaped_linked_and_unfolds():
    page = shown({"02.1": ago(0)}, "a <note>")._repr_html_()
    assert '<a href="00_start_here.ipynb">Start &lt;here&gt;</a>' in page and "<here>" not in page
    assert "○ 00.1 Covered &lt;pixels&gt; (●○○, about 5 minutes)" in page and "✓ 02.1 Output size" in page
    summaries = re.findall("<summary.*?</summary>", page)
    assert len(summaries) == 2 and not any("<a " in one for one in summaries), "a link is no part of a button"
    assert page.count("<details>") == 2 and "not written yet" in page and "a &lt;note&gt;" in page


def test_nothing_passed_suggests_nothing():
    assert shown({}).suggestions() == []
    assert shown({"77.7": ago(500)}).suggestions() == []  # of a lesson that is no more


def test_the_next_exercise_follows_the_latest_pass():
    assert shown({"02.1": ago(1), "02.2": ago(1)}).suggestions()[0].startswith("Next: 02.10 Matrix")
    everything_after = {"02.1": ago(0), "02.2": ago(0), "02.10": ago(0)}
    assert shown(everything_after).suggestions() == ["Next: 00.1 Covered <pixels> (●○○, about 5 minutes)."]
    assert shown({**everything_after, "00.1": ago(0)}).suggestions() == []


@pytest.mark.parametrize("times", range(1, 6))
def test_the_gaps_grow_with_each_repetition(times):
    gap = GAPS[min(times, len(GAPS)) - 1]
    before = ago(*range(200 + times, 201, -1))
    assert not any(line.startswith("To repeat") for line in shown({"02.1": [*before, *ago(gap - 1)]}).suggestions())
    due = shown({"02.1": [*before, *ago(gap)]}).suggestions()[-1]
    assert due.startswith("To repeat: 02.1 Output size (●○○, about 5 minutes). Put raise NotImplementedError")


def test_the_longest_overdue_come_first_and_no_more_than_three():
    passes = {"02.1": ago(10), "02.2": ago(30), "02.10": [""], "00.1": ago(20)}
    line = shown(passes).suggestions()[-1]
    assert [one for one in passes if f"{one} " in line] == ["02.2", "02.10", "00.1"]
    assert line.index("02.10") < line.index("02.2") < line.index("00.1")


@pytest.mark.parametrize("day", ["", "yesterday", "9999-12-31"])
def test_a_day_that_is_no_date_counts_as_long_ago(day):
    assert shown({"02.1": [day]}).suggestions()[-1].startswith("To repeat: 02.1")


def test_the_dots():
    assert [dots(number) for number in (1, 2, 3)] == ["●○○", "●●○", "●●●"]


def test_the_map_of_the_course_follows_the_record():
    assert list(LESSONS) == [f"{i:02d}" for i in range(21)]
    assert "0 of 1 passed, about 5 minutes to go" in repr(progress()).splitlines()[1]
    record_pass("00.1")
    assert repr(progress()).splitlines()[1].split() == ["00", "Start", "here", "✓", "1", "of", "1", "passed"]
    assert [lesson.file[:2] for lesson in progress().lessons if lesson.exercises] == [
        lesson.number for lesson in progress().lessons if lesson.exercises
    ]  # what has exercises is written


def test_the_unwritten_lessons_say_so():
    rows = repr(progress()).splitlines()
    for row, lesson in zip(rows[1:22], progress().lessons, strict=True):
        assert row.endswith("not written yet") == (lesson.file == "")
