"""The experiment on nuclei: its tiles, its baseline of connected pieces, and its table."""

import json

import pytest
import torch

from data_scripts.make_scenes import make_scenes
from lessons_lib.data.sample import Instances, Sample, tight_boxes
from lessons_lib.data.scenes.rosettes import RosetteConfig
from lessons_lib.shipped import results
from notebooks import nuclei


def test_two_that_touch_are_one_piece():
    masks = torch.zeros(3, 4, 6, dtype=torch.bool)
    masks[0, 0, :2], masks[1, 1, 2:4], masks[2, 3, 5] = True, True, True  # the first two meet at a corner
    objects = Instances(tight_boxes(masks), torch.ones(3, dtype=torch.int64), masks)
    sample = Sample(torch.zeros(3, 4, 6), masks.any(0).long(), objects)
    assert len(nuclei.truth_in_pieces(sample)) == 2
    found = nuclei.scores_of(nuclei.truth_in_pieces, [sample])
    assert found["dic"] == -1 and found["best_iou"] == pytest.approx((0.5 + 0.5 + 1) / 3)


def test_the_command_makes_the_table(tmp_path, monkeypatch, capsys):
    make_scenes("leaves", tmp_path / "set", 3, RosetteConfig(size=64))
    monkeypatch.setattr(nuclei, "RECIPE", nuclei.RECIPE | {"train": 2, "steps": 1, "batch": 1})
    monkeypatch.setattr(nuclei, "SEEDS", (0,))
    assert nuclei.main(["--root", str(tmp_path / "set"), "--out", str(tmp_path / "out.json")]) == 0
    table = json.loads((tmp_path / "out.json").read_text("utf-8"))
    (row,) = table["splits"]
    assert len(row["train"]) == 2 and len(row["test"]) == 1 and not set(row["train"]) & set(row["test"])
    assert set(table["mean"]) == set(nuclei.SYSTEMS) and set(row["recurrent"]) == set(nuclei.NUMBERS)
    assert row["pieces_of_truth"]["abs_dic"] > 0  # leaves touch


def test_the_table_that_is_kept_has_three_drawings_of_thirty_and_ten():
    table = results("nuclei_recurrent")
    assert [row["seed"] for row in table["splits"]] == [0, 1, 2]
    for row in table["splits"]:
        assert len(row["train"]) == 30 and len(row["test"]) == 10 and not set(row["train"]) & set(row["test"])
    assert table["recipe"] == nuclei.RECIPE
