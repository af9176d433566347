"""Laboratories without a kernel: which controls move, what is drawn for each of their positions, the page element."""

import html
import importlib
import json
import pkgutil
import re

import pytest
from matplotlib.figure import Figure
from PIL import Image

from lessons_lib.course import labs
from lessons_lib.course.labs.lab import Lab, slider
from website.laboratories import MOST_STILLS, combinations, controls_of, draw_stills, element

MODULES = [module.name for module in pkgutil.iter_modules(labs.__path__) if module.name != "lab"]


def draw(state):
    figure = Figure(figsize=(1, 1))
    figure.text(0.5, 0.5, str(state))
    return figure


@pytest.fixture
def lab():
    """Two numbers and their sum; equal sums are equal pictures."""
    controls = {"a": slider("left", 1, 0, 5), "b": slider("right", 2, 0, 5), "c": slider("kept", 7, 0, 9)}
    return Lab(controls, lambda a, b, c: a + b + c, draw, lambda state: f"<b>{state}</b> & more")


def test_stills_of_two_controls(lab, tmp_path):
    controls = controls_of(lab, {"a": range(2), "b": (2, 3, 4)})
    assert [(c.label, c.start) for c in controls] == [("left", 1), ("right", 0)]
    stills = draw_stills(lab, controls, tmp_path)
    assert [still.words for still in stills] == [f"<b>{7 + a + b}</b> & more" for a in range(2) for b in (2, 3, 4)]
    assert len({still.file for still in stills}) == len(list(tmp_path.iterdir())) == 4, "sums 9, 10, 11 and 12"
    with Image.open(tmp_path / stills[0].file) as image:
        assert image.size == (180, 180) and stills[0].width == 90, "drawn at twice the dots that it is shown at"


def test_the_element_opens_at_the_start_of_its_controls(lab, tmp_path):
    controls = controls_of(lab, {"a": range(2), "b": (2, 3, 4)})
    stills = draw_stills(lab, controls, tmp_path)
    text = element("sum", controls, stills, "../stills")
    assert f'<img src="../stills/{stills[3].file}" width="90" alt="10 &amp; more">' in text
    assert 'aria-live="polite"><b>10</b> & more</p>' in text
    assert '<label for="sum-a">left</label>' in text and 'aria-valuetext="2"' in text
    table = json.loads(html.unescape(re.search(r"<script[^>]*>(.*)</script>", text)[1]))
    assert table["positions"] == [["0", "1"], ["2", "3", "4"]] and len(table["files"]) == len(table["words"]) == 6


def test_unknown_controls_are_refused(lab):
    with pytest.raises(ValueError, match="STILLS names d, the laboratory has a, b, c"):
        controls_of(lab, {"d": range(3)})


@pytest.mark.parametrize("module", MODULES)
def test_every_laboratory_says_what_moves_without_a_kernel(module, monkeypatch):
    monkeypatch.delenv("LESSONS_REAL_DATA", raising=False)
    home = importlib.import_module(f"lessons_lib.course.labs.{module}")
    lab = home.example() if hasattr(home, "example") else home.lab()
    controls = controls_of(lab, home.STILLS)
    assert 1 <= len(controls) <= 2, "a reader without a kernel moves one or two controls"
    places = list(combinations(controls))
    assert 4 <= len(places) <= MOST_STILLS
    fixed = {name: control.value for name, control in lab.controls.items()}
    words = [lab.caption(lab.compute(**{**fixed, **values})) for values in (places[0], places[-1])]
    assert words[0] != words[1], "the ends of the controls differ"
