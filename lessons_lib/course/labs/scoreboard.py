"""Laboratory of lesson 19: the scoreboard, sorted by any column and filtered by what a system may cost."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import ipywidgets as widgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lessons_lib.course.labs.lab import NAMES, Lab, bare_figure, slider
from lessons_lib.shipped import results

TABLES = {"masks": "mask", "boxes": "box"}
SCORES = ("AP", "AP50", "AP75", "AP small", "AP medium", "AP large")
COSTS = {"parameters": 1000.0, "ms an image": 1.0, "training, s": 1.0}
"""The columns: scores, then costs, each with what it is divided by before it is printed."""

COLUMNS = (*SCORES, *COSTS)
BAR, CHOSEN = "#2E8BC0", "#B34700"


@dataclass(frozen=True)
class Line:
    """A row of the table: its name, its columns, and the AP of each seed. A column that has no number is None."""

    words: str
    values: dict[str, float | None]
    seeds: tuple[float, ...]


@dataclass(frozen=True)
class View:
    """The rows in order, by which column, and how many were left out."""

    table: str
    column: str
    rows: tuple[Line, ...]
    left_out: int
    slowest: float


@cache
def lines(table: str) -> tuple[Line, ...]:
    """Every row of the scoreboard that has the masks or boxes of this table."""
    kind, found = TABLES[table], []
    for row in results("scoreboard")["rows"].values():
        if row["mean"].get(f"{kind}_ap") is None:
            continue
        runs = row["runs"]
        values = {name: row["mean"][f"{kind}_{name.lower().replace(' ', '_')}"] for name in SCORES}
        costs = (
            float(row["parameters"]),
            min(run["predict_ms"] for run in runs),
            sum(run["train_seconds"] for run in runs) / len(runs),
        )
        seeds = tuple(run["scores"][f"{kind}_ap"] for run in runs)
        found.append(Line(row["words"], values | dict(zip(COSTS, costs, strict=True)), seeds))
    return tuple(found)


def compute(table: str, column: str, slowest: float) -> View:
    """The rows that need at most so many milliseconds an image, the best (or cheapest) in `column` first."""
    known = lines(table)
    kept = [line for line in known if (line.values["ms an image"] or 0) <= slowest]
    cheap_first = column in COSTS

    def place(line: Line) -> tuple[bool, float]:
        value = line.values[column]
        return value is None, 0.0 if value is None else value if cheap_first else -value

    return View(table, column, tuple(sorted(kept, key=place)), len(known) - len(kept), slowest)


HEADS = {
    "AP small": "AP\nS", "AP medium": "AP\nM", "AP large": "AP\nL", "parameters": "1,000\nweights",
    "ms an image": "ms an\nimage", "training, s": "trained,\nseconds",
}  # fmt: skip
"""What stands over a column, where that is not its name."""


def draw(view: View) -> Figure:
    """The table as text, and beside it the AP of each row: a bar for the mean, a dot for each seed."""
    every = lines(view.table)
    height = 0.75 + 0.27 * len(every)
    figure = bare_figure(8.8, height)
    spaces = {"left": 0.01, "right": 0.98, "bottom": 0.25 / height, "top": 1 - 0.45 / height, "wspace": 0.03}
    left, right = figure.subplots(1, 2, width_ratios=[3.6, 1], gridspec_kw=spaces)
    for ax in (left, right):
        ax.set(ylim=(len(every) - 0.5, -0.5))
    draw_text(left, view)
    for place, line in enumerate(view.rows):
        right.barh(place, line.values["AP"] or 0.0, height=0.7, color=BAR)
        right.plot(line.seeds, [place] * len(line.seeds), ".", color="black", markersize=4)
    right.set(yticks=[], xlim=(0, 1.05 * max((seed for line in every for seed in line.seeds), default=1.0)))
    right.set_title(f"AP of {view.table}", fontsize=9)
    right.tick_params(labelsize=8)
    return figure


def draw_text(ax: Axes, view: View) -> None:
    """The columns, the one that is sorted by in its own colour."""
    ax.set(xlim=(0, 1))
    ax.axis("off")
    for n, name in enumerate(COLUMNS):
        x = 0.33 + 0.67 * (n + 1) / len(COLUMNS)
        colour, weight = (CHOSEN, "bold") if name == view.column else ("black", "normal")
        style: dict[str, Any] = {"ha": "right", "fontsize": 8, "color": colour, "fontweight": weight}
        ax.text(x, -0.55, HEADS.get(name, name), va="bottom", linespacing=1.0, **style)
        for place, line in enumerate(view.rows):
            ax.text(x, place, shown(name, line.values[name]), va="center", **style)
    for place, line in enumerate(view.rows):
        ax.text(0, place, line.words, ha="left", va="center", fontsize=8)


def shown(column: str, value: float | None) -> str:
    """A number as the table prints it; – where there is none."""
    if value is None:
        return "–"
    return f"{value / COSTS[column]:,.0f}" if column in COSTS else f"{value:.3f}"


def caption(view: View) -> str:
    """The first row, and what was left out."""
    if not view.rows:
        return f"<b>No system</b> needs at most {view.slowest:.0f} ms an image."
    first = view.rows[0]
    value = first.values[view.column]
    text = f"<b>First by {view.column} of {view.table}:</b> {first.words}, {shown(view.column, value)}"
    text += {"parameters": " thousand", "ms an image": " ms", "training, s": " s"}.get(view.column, "") + ". "
    if view.left_out:
        text += f"{view.left_out} that need more than {view.slowest:.0f} ms an image are left out."
    return text


def lab() -> Lab:
    """Which table, the column to sort by, and the most milliseconds an image."""
    slowest = max((line.values["ms an image"] or 0.0) for table in TABLES for line in lines(table))
    controls: dict[str, widgets.Widget] = {
        "table": widgets.Dropdown(options=list(TABLES), description="table", style=NAMES),
        "column": widgets.Dropdown(options=list(COLUMNS), description="sort by", style=NAMES),
        "slowest": slider("at most, ms", int(slowest) + 1, 5, int(slowest) + 1),
    }

    def compute_ms(table: str, column: str, slowest: int) -> View:
        return compute(table, column, float(slowest))

    return Lab(controls, compute_ms, draw, caption)


STILLS: dict[str, Any] = {"table": tuple(TABLES), "column": COLUMNS}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
