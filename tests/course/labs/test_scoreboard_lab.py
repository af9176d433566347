"""The first laboratory of lesson 19, at the corners of its controls, and moved by hand."""

import itertools

import pytest
from matplotlib.figure import Figure

from lessons_lib.course.labs import scoreboard as laboratory
from lessons_lib.course.labs.scoreboard import Line, View
from lessons_lib.shipped import results

ROWS = results("scoreboard")["rows"]
CORNERS = list(itertools.product(laboratory.TABLES, laboratory.COLUMNS, (1.0, 1e6)))


@pytest.mark.parametrize("corner", CORNERS, ids=str)
def test_every_corner_can_be_computed_drawn_and_said(corner):
    table, column, slowest = corner
    view = laboratory.compute(table, column, slowest)
    assert len(view.rows) + view.left_out == len(laboratory.lines(table))
    assert isinstance(laboratory.draw(view), Figure)
    said = laboratory.caption(view)
    assert said == "<b>No system</b> needs at most 1 ms an image." if slowest == 1 else f"First by {column}" in said


def test_boxes_have_every_system_and_masks_those_that_draw_some():
    assert len(laboratory.lines("boxes")) == len(ROWS)
    assert {line.words for line in laboratory.lines("masks")} == {
        row["words"] for row in ROWS.values() if "mask_ap" in row["mean"]
    }


@pytest.mark.parametrize("column", laboratory.SCORES)
def test_by_a_score_the_best_stands_first(column):
    values = [line.values[column] for line in laboratory.compute("masks", column, 1e6).rows]
    assert len(values) > 1 and values == sorted(values, reverse=True)


@pytest.mark.parametrize("column", laboratory.COSTS)
def test_by_a_cost_the_cheapest_stands_first(column):
    values = [line.values[column] for line in laboratory.compute("boxes", column, 1e6).rows]
    assert len(values) > 1 and values == sorted(values)


def test_a_row_says_what_the_table_has():
    row = ROWS["mnc"]
    (line,) = (line for line in laboratory.lines("masks") if line.words == row["words"])
    assert line.seeds == tuple(run["scores"]["mask_ap"] for run in row["runs"])
    assert line.values["AP"] == pytest.approx(sum(line.seeds) / len(line.seeds))
    assert line.values["AP small"] == row["mean"]["mask_ap_small"]
    assert line.values["parameters"] == row["parameters"]
    assert line.values["ms an image"] == min(run["predict_ms"] for run in row["runs"])


def test_what_is_too_slow_is_left_out():
    needed = sorted(line.values["ms an image"] for line in laboratory.lines("boxes"))
    view = laboratory.compute("boxes", "AP", needed[2])
    assert len(view.rows) == 3 and view.left_out == len(needed) - 3
    assert f"{view.left_out} that need more than {needed[2]:.0f} ms an image are left out." in laboratory.caption(view)


def test_no_number_stands_last_and_is_a_dash(monkeypatch):
    values = dict.fromkeys(laboratory.COLUMNS, 1.0)
    known = Line("known", values, (1.0,))
    unknown = Line("unknown", values | {"AP large": None}, (1.0,))
    monkeypatch.setattr(laboratory, "lines", lambda table: (unknown, known))
    view = laboratory.compute("masks", "AP large", 5.0)
    assert view.rows == (known, unknown)
    texts = {text.get_text() for ax in laboratory.draw(view).axes for text in ax.texts}
    assert {"known", "unknown", "–", "1.000"} <= texts
    assert "unknown, –" in laboratory.caption(View("masks", "AP large", (unknown,), 0, 5.0))


def test_moved_by_hand():
    lab = laboratory.lab()
    first, said = lab.image, lab.words
    lab.controls["table"].value = "boxes"
    assert lab.image != first and "of boxes" in lab.words
    lab.controls["column"].value = "ms an image"
    assert "First by ms an image of boxes" in lab.words and lab.words != said
    lab.controls["slowest"].value = lab.controls["slowest"].min
    assert "are left out" in lab.words or "No system" in lab.words
