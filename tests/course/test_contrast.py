"""Text and marks that are hard to see are found, and no laboratory draws any."""

import importlib
import pkgutil

import matplotlib.style
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lessons_lib.course import labs, plotting
from tests.course.contrast import contrast, problems, watch

LABS = [one.name for one in pkgutil.iter_modules(labs.__path__) if one.name != "lab"]
WHITE, YELLOW = np.ones(3), (0.9, 0.9, 0.2)


@pytest.fixture(autouse=True)
def style():
    with matplotlib.style.context("lessons_lib.course.course"):
        yield


@pytest.mark.parametrize(
    ("ink", "expected"), [((0, 0, 0), 21), ((1, 1, 1), 1), ((0x77 / 255,) * 3, 4.48), ((0, 0, 1), 8.59)]
)
def test_contrast_by_hand(ink, expected):
    """Published pairs: #777777 on white just fails 4.5, pure blue has 8.59."""
    assert contrast(np.array(ink), WHITE) == pytest.approx(expected, abs=0.01)


def figure_with(change):
    figure = Figure(figsize=(4, 3))
    ax = figure.add_subplot()
    ax.plot([0, 1], [0, 1])
    change(figure, ax)
    return figure


def test_the_courses_style_is_seen():
    def all_lines(figure, ax):
        for i in range(8):
            ax.plot([0, 1], [i, 0], label=str(i))
        ax.legend()
        ax.set(title="a title", xlabel="x", ylabel="y")

    assert problems(figure_with(all_lines)) == []
    cycle = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
    assert [colour.upper() for colour in cycle] == list(plotting.LINES)


FAULTS = {
    "text 'pale' has a contrast of 1.8": lambda figure, ax: ax.set_title("pale", color="#bbbbbb"),
    "text 'clear' has a contrast of 1.5": lambda figure, ax: ax.set_title("clear", alpha=0.2),
    "text 'small' is 6 points high": lambda figure, ax: ax.set_title("small", fontsize=6),
    "line of colour (0.9, 0.9, 0.2, 1.0) has a contrast of 1.3": lambda figure, ax: ax.plot([0, 1], color=YELLOW),
    "bar of colour (0.9, 0.9, 0.2, 1.0) has a contrast of 1.3": lambda figure, ax: ax.bar(0, 1, color=YELLOW),
    "dot of colour (0.9, 0.9, 0.2, 1.0) has a contrast of 1.3": lambda figure, ax: ax.scatter(0, 1, color=YELLOW),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault):
    assert problems(figure_with(FAULTS[fault])) == [fault]


def test_the_ground_is_what_lies_under_the_text():
    def black(figure, ax):
        ax.add_patch(Rectangle((0, 0), 1, 1, color="black"))

    def dark_on_dark(figure, ax):
        black(figure, ax)
        ax.text(0.5, 0.5, "lost", color="#222222")

    def on_a_box(figure, ax):
        black(figure, ax)
        ax.text(0.5, 0.5, "found", color="#222222", bbox=plotting.TEXT_BOX)

    def transparent(figure, ax):
        figure.patch.set_alpha(0)
        ax.set_title("where")  # outside the axes: on whatever page

    assert [one.split(" has")[0] for one in problems(figure_with(dark_on_dark))] == ["text 'lost'"]
    assert problems(figure_with(on_a_box)) == []
    assert "text 'where' has a contrast of 1.2" in problems(figure_with(transparent))


def test_a_dark_edge_makes_a_pale_bar_visible():
    assert problems(figure_with(lambda figure, ax: ax.bar(0, 1, color="#eeeeaa", edgecolor="#444444"))) == []


def test_watching_writes_what_it_finds_and_shows_all(tmp_path):
    seen = []
    watched = watch(tmp_path / "faint.txt", lambda figure, caption: seen.append(caption))
    watched(figure_with(lambda figure, ax: None), "Fine. And more.")
    assert not (tmp_path / "faint.txt").exists()
    watched(figure_with(FAULTS["text 'small' is 6 points high"]), "Not fine. And more.")
    assert (tmp_path / "faint.txt").read_text("utf-8") == "Not fine: text 'small' is 6 points high\n"
    assert seen == ["Fine. And more.", "Not fine. And more."]


@pytest.mark.parametrize("name", LABS)
def test_nothing_in_a_laboratory_is_hard_to_see(name):
    home = importlib.import_module(f"lessons_lib.course.labs.{name}")
    lab = home.example() if hasattr(home, "example") else home.lab()
    lab.move({control: list(positions)[-1] for control, positions in home.STILLS.items()})
    assert problems(lab.draw(lab.state)) == []
