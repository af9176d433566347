"""The laboratory of lesson 17 at the corners of its sliders, and moved by hand."""

import io
import itertools

import pytest
from matplotlib.figure import Figure
from PIL import Image

from lessons_lib.course.labs import matching as laboratory
from lessons_lib.course.labs.lab import picture
from tests.ops.matching_oracles import best_by_trying

START = {"x1": 16, "x2": 40, "x3": 55, "x4": 36, "softness": 0, "count": 3, "lam": 1, "matching": "best"}
PLACES = ((4, 4, 4, 4), (68, 68, 68, 68), (4, 68, 36, 14), (16, 40, 55, 36))
CORNERS = [
    dict(zip(START, (*places, *rest), strict=True))
    for places, *rest in itertools.product(PLACES, (0, 6), (0, 1, 3), (0, 5), ("best", "greedy", "first n"))
]


@pytest.fixture(scope="module")
def lab():
    return laboratory.lab()


@pytest.mark.parametrize("corner", CORNERS, ids=lambda corner: "-".join(map(str, corner.values())))
def test_compute_at_the_corners(corner):
    board = laboratory.compute(**corner)
    n = corner["count"]
    assert board.iou.shape == (4, n) and len(board.rows) == n == len(set(board.columns.tolist()))
    best = best_by_trying(board.iou.double())
    assert board.best == pytest.approx(best, abs=1e-6)
    if corner["matching"] == "best":
        assert board.matched == pytest.approx(best, abs=1e-6)
    elif corner["matching"] == "greedy":
        assert best / 2 - 1e-6 <= board.matched <= best + 1e-6
    else:
        assert sorted(board.rows.tolist()) == list(range(n))
        assert board.matched == pytest.approx(best_by_trying(board.iou[:n].double()), abs=1e-6)
    assert board.loss == pytest.approx(corner["lam"] * board.score - board.matched)
    assert board.masks.min() >= 0 and board.masks.max() <= 1


@pytest.mark.parametrize("corner", CORNERS[::13], ids=lambda corner: "-".join(map(str, corner.values())))
def test_every_corner_can_be_drawn(corner):
    board = laboratory.compute(**corner)
    assert isinstance(laboratory.draw(board), Figure)
    assert Image.open(io.BytesIO(picture(laboratory.draw, board))).size[0] > 600
    assert laboratory.caption(board).startswith("<b>Loss ")


def test_caption_by_hand():
    perfect = laboratory.compute(**START | {"count": 1, "x2": 14, "x1": 68})  # ŷ₂ lies on y₁ and may be matched
    words = laboratory.caption(perfect)  # −ln 0.9 − ln 0.2 − ln 0.3 − ln 0.6 = 3.43
    assert words == "<b>Loss 2.43</b> = −1.00 + 1 · 3.43. Matched: ŷ₂ with y₁."
    first = laboratory.compute(**START | {"count": 1, "x2": 14, "x1": 68, "matching": "first n"})
    expected = "<b>Loss 3.43</b> = −0.00 + 1 · 3.43. Matched: ŷ₁ with y₁. The best matching would cover 1.00 more."
    assert laboratory.caption(first) == expected
    assert "Matched: nothing." in laboratory.caption(laboratory.compute(**START | {"count": 0}))


def test_greedy_loses_on_the_board():
    places = {"x1": 4, "x2": 23, "x3": 58, "x4": 68}
    best, greedy = (laboratory.compute(**START | places | {"matching": name}) for name in ("best", "greedy"))
    assert best.matched - greedy.matched > 0.1
    assert "would cover 0.12 more" in laboratory.caption(greedy)


def test_controls_redraw_picture_and_number(lab):
    before, words = lab.image, lab.words
    for name, value in (("x1", 30), ("matching", "first n"), ("count", 1)):
        start = lab.controls[name].value
        lab.controls[name].value = value
        assert lab.image != before and lab.words != words, name
        lab.controls[name].value = start
        assert lab.image == before and lab.words == words, name


def test_every_slider_reaches_its_ends(lab):
    for name, control in lab.controls.items():
        start = control.value
        for value in (control.min, control.max) if hasattr(control, "min") else control.options:
            control.value = value
            assert lab.words.startswith("<b>Loss "), name
        control.value = start


def test_the_start_is_the_one_tested(lab):
    assert {name: control.value for name, control in lab.controls.items()} == START
