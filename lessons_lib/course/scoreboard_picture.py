"""The scoreboard as a picture, for the README: python -m lessons_lib.course.scoreboard_picture [FILE]."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lessons_lib.scoreboard.published import BOXES, MASKS
from lessons_lib.shipped import results

HOME = Path(__file__).resolve().parents[2] / "docs" / "scoreboard.png"
PANELS = {"mask": ("AP of masks", MASKS), "box": ("AP of boxes", BOXES)}
BAR = {"mask": "#0072B2", "box": "#009E73"}


def draw(table: dict[str, Any]) -> Figure:
    """Both tables: a bar for the mean of the seeds, a dot for each seed, and the lecture's number where it has one."""
    with plt.style.context("lessons_lib.course.course"):
        figure, axes = plt.subplots(1, 2, figsize=(10.5, 3.9))
    for ax, (kind, (title, published)) in zip(axes, PANELS.items(), strict=True):
        rows = [(name, row) for name, row in table["rows"].items() if f"{kind}_ap" in row["mean"]]
        rows.sort(key=lambda entry: -entry[1]["mean"][f"{kind}_ap"])
        lecture = {row.ours: row.ap for row in published if row.ours}
        for place, (name, row) in enumerate(rows):
            seeds = [run["scores"][f"{kind}_ap"] for run in row["runs"]]
            ax.barh(place, row["mean"][f"{kind}_ap"], color=BAR[kind], height=0.7)
            ax.plot(seeds, [place] * len(seeds), "o", color="black", markersize=2.5)
            said = f"{lecture[name]:.1f}" if name in lecture else "–"
            ax.text(1.02, place, said, transform=ax.get_yaxis_transform(), va="center", fontsize=9)
        ax.text(1.02, 1.02, "lecture, %", transform=ax.transAxes, fontsize=9)
        ax.set_yticks(range(len(rows)), [row["words"] for _, row in rows], fontsize=9)
        ax.set(ylim=(len(rows) - 0.4, -0.6))
        ax.set_title(title, loc="left")
    return figure


def gist(table: dict[str, Any]) -> str:
    """Letters that change with any mean of the table; a picture keeps them, and so says which table it shows."""
    means = {name: row["mean"] for name, row in table["rows"].items()}
    return hashlib.sha256(json.dumps(means, sort_keys=True).encode()).hexdigest()[:16]


def main(words: list[str]) -> int:
    """Writes the picture of the committed table."""
    table = results("scoreboard")
    draw(table).savefig(words[0] if words else HOME, dpi=110, metadata={"Description": gist(table)})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
