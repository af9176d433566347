"""The command scoreboard: few steps, whole rows; killed, resumed and made again, a run is the same."""

import json
from dataclasses import replace

import pytest
import torch

from data_scripts.make_scenes import make_scenes
from lessons_lib.__main__ import main
from lessons_lib.data.scenes import SceneConfig
from lessons_lib.scoreboard import make, run
from lessons_lib.scoreboard.pace import Pace
from lessons_lib.scoreboard.protocol import Protocol
from lessons_lib.scoreboard.run import make_row
from lessons_lib.scoreboard.systems import SYSTEMS
from lessons_lib.scoreboard.table import collect
from lessons_lib.training import train as train_module
from lessons_lib.training.checkpoint import open_checkpoint
from lessons_lib.training.run import CHECKPOINT

SMALL = Protocol(count=16, size=32, unseen=8, looks=(0.5,), batch=2)
STEPS = 6


@pytest.fixture
def paces(monkeypatch):
    """Every system is said to take a second a step."""
    monkeypatch.setattr(make, "measured_pace", lambda *_: (Pace(1.0, 0.0), 16))


def words(tmp_path, *more):
    place = ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "table.json")]
    return ["scoreboard", "--size", "32", "--count", "16", "--unseen", "8", "--device", "cpu", *place, *more]


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_makes_a_whole_row(name, tmp_path):
    assert make_row(SMALL, name, 0, 2, tmp_path, "cpu") is None
    row = json.loads((tmp_path / "row.json").read_text("utf-8"))
    kind = "mask" if SYSTEMS[name].has_masks else "box"
    assert {f"{kind}_ap", f"{kind}_ap50", "box_ap_small"} <= set(row["scores"])
    assert ("mask_ap" in row["scores"]) == SYSTEMS[name].has_masks
    assert [look["step"] for look in row["curve"]] == [1, 2] and row["curve"][-1]["seconds"] == row["train_seconds"]
    assert len(row["found"]) == 8 and row["predict_ms"] > 0
    assert row["errors"]["right"] + row["errors"]["missed"] == pytest.approx(1)


def test_a_run_that_was_stopped_ends_with_the_same_row(tmp_path, monkeypatch):
    make_row(SMALL, "faster_rcnn_fpn", 1, STEPS, tmp_path / "whole", "cpu")

    class Cut(Exception):
        pass

    def cut(self, step):
        kept(self, step)
        if step == 4:
            raise Cut

    kept = train_module.Run.save
    with monkeypatch.context() as patch:
        patch.setattr(train_module.Run, "save", cut)
        patch.setattr(run, "train", lambda *args, **more: train_module.train(*args, **more, save_every=2))
        with pytest.raises(Cut):
            make_row(SMALL, "faster_rcnn_fpn", 1, STEPS, tmp_path / "cut", "cpu")
    assert not (tmp_path / "cut" / "row.json").exists()
    make_row(SMALL, "faster_rcnn_fpn", 1, STEPS, tmp_path / "cut", "cpu")
    rows = [json.loads((tmp_path / name / "row.json").read_text("utf-8")) for name in ("whole", "cut")]
    for row in rows:
        del row["train_seconds"], row["predict_ms"]
        for look in row["curve"]:
            del look["seconds"]
    assert rows[0] == rows[1]


def test_the_command_makes_what_is_missing_and_a_table(tmp_path, paces, capsys):
    chosen = words(tmp_path, "--budget", "3", "--only", "faster_rcnn_c4", "mask_rcnn_c4", "--seeds", "0", "1")
    assert main(chosen) == 0
    said = capsys.readouterr().out
    assert "faster_rcnn_c4: 1000 ms a step, so 3 steps" in said and said.count("table.json") == 4
    table = json.loads((tmp_path / "table.json").read_text("utf-8"))
    assert list(table["rows"]) == ["mask_rcnn_c4", "faster_rcnn_c4"] and table["protocol"]["budget"] == 3
    row = table["rows"]["mask_rcnn_c4"]
    assert [one["seed"] for one in row["runs"]] == [0, 1] and row["runs"][0]["steps"] == 3
    assert "found" in row["runs"][0] and "found" not in row["runs"][1], "of one seed there are detections to draw"
    scores = [one["scores"]["mask_ap"] for one in row["runs"]]
    assert row["mean"]["mask_ap"] == pytest.approx(sum(scores) / 2)
    assert row["parameters"] == row["runs"][0]["parameters"] > 200_000
    before = (tmp_path / "table.json").read_bytes()
    assert main(chosen) == 0
    assert (tmp_path / "table.json").read_bytes() == before and "steps made" not in capsys.readouterr().out
    assert table == json.loads(json.dumps(table)) and collect(tmp_path / "work")["rows"].keys() == table["rows"].keys()


def test_a_run_made_again_is_the_same_to_the_last_bit(tmp_path, paces, capsys):
    chosen = words(tmp_path, "--budget", "2", "--only", "faster_rcnn_c4", "--seeds", "0")
    assert main(chosen) == 0 and main([*chosen, "--verify"]) == 0
    assert "faster_rcnn_c4, seed 0: the same to the last bit" in capsys.readouterr().out
    path = tmp_path / "work" / "faster_rcnn_c4_0" / "row.json"
    row = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(row | {"weights": "0" * 16}), "utf-8")
    assert main([*chosen, "--verify"]) == 1
    assert "faster_rcnn_c4, seed 0: differs in weights" in capsys.readouterr().out
    assert main([*words(tmp_path, "--budget", "2", "--only", "sds"), "--verify"]) == 1
    assert "error: only must name finished runs, and sds with seed 0 is not finished" in capsys.readouterr().err


def test_the_slowest_pace_of_a_busy_moment_does_not_count(tmp_path, monkeypatch):
    turns = iter([Pace(1.0, 0.1), Pace(3.0, 0.0), Pace(0.5, 0.2), Pace(1.0, 0.0), Pace(2.0, 0.1), Pace(2.0, 0.0)])
    monkeypatch.setattr(make, "measured_pace", lambda *_: (next(turns), 16))
    make.measure_paces(replace(SMALL, budget=10.0), ["mnc", "sds"], tmp_path, "cpu")
    assert json.loads((tmp_path / "paces.json").read_text("utf-8")) == {
        "mnc": {"step": 0.5, "new_image": 0.1, "steps": 16}, "sds": {"step": 1.0, "new_image": 0.0, "steps": 10},
    }  # fmt: skip


def test_real_sets_are_learned_from_and_judged_in_squares(tmp_path, paces):
    make_scenes("nuclei", tmp_path / "set", 5, SceneConfig(size=70))
    chosen = words(tmp_path, "--data", "nuclei", "--root", str(tmp_path / "set"), "--budget", "2", "--count", "40")
    assert main([*chosen, "--only", "mask_rcnn_c4", "recurrent", "--seeds", "0", "3"]) == 0
    begun = open_checkpoint(tmp_path / "work" / "recurrent_3" / CHECKPOINT).notes["settings"]
    assert begun["count"] == 4, "all four that a split of five leaves, kept in memory: no step reads a file again"
    table = json.loads((tmp_path / "table.json").read_text("utf-8"))
    assert table["protocol"]["own_scale"] and table["protocol"]["folds"] and table["protocol"]["root"] is None
    assert table["rows"]["recurrent"]["runs"][0]["scores"]["images"] == 4, "one image of 70 pixels, four squares of 32"


def test_a_folder_of_another_protocol_is_refused(tmp_path, paces, capsys):
    assert main(words(tmp_path, "--budget", "1", "--only", "faster_rcnn_c4", "--seeds", "0")) == 0
    assert main(words(tmp_path, "--budget", "2", "--only", "faster_rcnn_c4", "--seeds", "0")) == 1
    assert "budget must be as the folder" in capsys.readouterr().err
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--only", "yolo"], "only must be among sds, mnc, "),
        (["--budget", "nan"], "budget must be > 0, got nan"),
        (["--budget", "0"], "budget must be > 0, got 0"),
        (["--size", "16"], "size must be ≥ 32, got 16"),
        (["--unseen", "1"], "unseen must be ≥ 2, got 1"),
        (["--root", "somewhere"], "root must not be given for scenes, which are drawn, got somewhere"),
        (["--data", "nuclei"], "root must be the folder that holds nuclei"),
        (["--data", "cifar"], "data must be one of"),
        (["--seeds", "-1"], "seed must be ≥ 0, got -1"),
        (["--backbone", "vgg16"], "backbone must be one of tiny, resnet18, resnet50"),
    ],
)
def test_bad_options_are_refused_before_anything_is_made(more, said, tmp_path, capsys):
    assert main(["scoreboard", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out.json"), *more]) == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
