"""The README's picture of the scoreboard: drawn from the committed table, and not from an older one."""

import copy

import pytest
from PIL import Image

from lessons_lib.course.scoreboard_picture import HOME, draw, gist, main
from lessons_lib.shipped import results

TABLE = results("scoreboard")


def test_the_committed_picture_shows_the_committed_table():
    assert Image.open(HOME).text["Description"] == gist(TABLE)


def test_another_mean_is_another_gist():
    other = copy.deepcopy(TABLE)
    other["rows"]["mnc"]["mean"]["mask_ap"] += 1e-9
    assert gist(other) != gist(TABLE) == gist(copy.deepcopy(TABLE))


def test_bars_are_the_means_the_best_on_top():
    masks, boxes = draw(TABLE).axes
    assert len(boxes.patches) == len(TABLE["rows"]) > len(masks.patches)
    for ax, kind in ((masks, "mask"), (boxes, "box")):
        lengths = [bar.get_width() for bar in ax.patches]
        means = sorted((row["mean"].get(f"{kind}_ap") or 0.0 for row in TABLE["rows"].values()), reverse=True)
        assert lengths == pytest.approx(means[: len(lengths)])
        with_numbers = [row for row in TABLE["rows"].values() if f"{kind}_ap" in row["mean"]]
        best = max(with_numbers, key=lambda row: row["mean"][f"{kind}_ap"])
        assert ax.get_yticklabels()[0].get_text() == best["words"]
    said = {text.get_text() for text in masks.texts}
    assert {"24.6", "29.2", "33.1", "35.7", "37.1", "–", "lecture, %"} == said


def test_it_is_written_where_it_is_asked_for(tmp_path):
    assert main([str(tmp_path / "a.png")]) == 0
    assert Image.open(tmp_path / "a.png").text["Description"] == gist(TABLE)
