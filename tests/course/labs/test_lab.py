"""The shell of the laboratories: what the page is told, what it may ask for, what is left without a kernel."""

import html
import io

import ipywidgets as widgets
import pytest
from matplotlib.figure import Figure
from PIL import Image

from lessons_lib.course.labs.lab import NAMES, WIDGET, Lab, bare_figure, slider, still


class Counted:
    """A laboratory's `compute` and `draw` that count how often they are called."""

    def __init__(self):
        self.computed, self.drawn = 0, 0

    def compute(self, size, place, way):
        self.computed += 1
        if size == 7:
            raise ValueError("size must not be 7")
        return size, min(place, size - 1), way

    def draw(self, state) -> Figure:
        self.drawn += 1
        figure = bare_figure(1.0, 1.0)
        figure.add_subplot().plot([0, state[0]], [0, state[1]])
        return figure


@pytest.fixture
def counted():
    return Counted()


@pytest.fixture
def lab(counted):
    controls = {
        "size": slider("size", 4, 1, 9),
        "place": slider("place", 2, 0, 3),
        "way": widgets.Dropdown(options=["near", "far"], description="way", style=NAMES),
    }
    buttons = {"largest": lambda: {"size": 9, "place": 8}}
    limits = lambda state: {"place": state[0] - 1}  # noqa: E731
    return Lab(
        controls, counted.compute, counted.draw, lambda s: f"<b>{s[1]}</b> &lt; {s[0]}", limits, walks="place",
        buttons=buttons,
    )  # fmt: skip


def ask(lab, **asked):
    """What the page sends when somebody moves something."""
    lab.page.asked = {"number": lab.page.asked.get("number", 0) + 1, **asked}


def test_the_page_is_told_every_control_by_name(lab):
    size, place, way = lab.page.shown
    assert size == {
        "name": "size", "label": "size", "kind": "range", "value": 4, "min": 1, "max": 9, "step": 1, "walks": False,
    }  # fmt: skip
    assert place["walks"] and way["kind"] == "select"
    assert (way["label"], way["options"], way["value"]) == ("way", ["near", "far"], 0)
    assert lab.page.words == "<b>2</b> &lt; 4" and lab.page.picture.startswith("data:image/png;base64,iVBOR")
    assert lab.page.buttons == ["largest"]


def test_one_move_of_several_controls_draws_once(lab, counted):
    counted.computed = counted.drawn = 0
    ask(lab, values={"size": 6, "way": 1})
    assert (lab.state, counted.computed, counted.drawn, lab.page.answered) == ((6, 2, "far"), 1, 1, 1)
    assert lab.controls["place"].max == 5 and lab.page.shown[1]["max"] == 5


def test_a_value_that_no_longer_fits_is_pulled_back_and_drawn_once(lab, counted):
    ask(lab, values={"place": 3})
    counted.drawn = 0
    ask(lab, values={"size": 2})
    assert lab.values == {"size": 2, "place": 1, "way": "near"} and lab.state == (2, 1, "near")
    assert counted.drawn == 1 and lab.page.shown[1]["value"] == 1


def test_beyond_a_sliders_end_it_stops(lab):
    ask(lab, values={"size": 1000, "place": 1000})
    assert lab.state == (9, 8, "near") and lab.controls["size"].max == 9


def test_buttons_and_reset(lab):
    ask(lab, pressed="largest", values={})
    assert lab.state == (9, 8, "near")
    ask(lab, values={"way": 1})
    ask(lab, pressed="reset", values={})
    assert lab.values == {"size": 4, "place": 2, "way": "near"} and lab.page.answered == 3


def test_moving_nothing_changes_nothing(lab):
    before = lab.image, lab.words
    ask(lab, values={})
    assert (lab.image, lab.words) == before and lab.page.answered == 1


def test_a_failure_is_answered_too_and_the_next_move_works(lab):
    before = lab.image
    with pytest.raises(ValueError, match="size must not be 7"):
        ask(lab, values={"size": 7})
    assert lab.page.answered == 1 and lab.image == before
    ask(lab, values={"size": 8})
    assert lab.state[0] == 8


def test_a_control_moved_from_python_reaches_the_page(lab):
    lab.controls["way"].value = "far"
    assert lab.state[2] == "far" and lab.page.shown[2]["value"] == 1


def test_what_is_left_without_a_kernel(lab):
    bundle = lab._repr_mimebundle_()
    assert WIDGET in bundle and "Run this cell" in bundle["text/plain"]
    assert bundle["text/html"] == still(lab.image, lab.words)


def test_the_picture_of_a_sleeping_laboratory_has_its_caption_as_alt_text(lab):
    element = still(lab.image, 'A <b>"bold"</b> claim:<br>1 &lt; 2 & 3')
    assert f'alt="{html.escape(chr(34) + "bold" + chr(34))}' not in element  # what stands before it is kept
    assert 'alt="A &quot;bold&quot; claim: 1 &lt; 2 &amp; 3"' in element
    assert Image.open(io.BytesIO(lab.image)).format == "PNG"
