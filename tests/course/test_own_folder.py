"""From an unknown folder to a trained and scored model, and back: the commands of the README, in a row."""

import json

import pytest
from accelerate.state import AcceleratorState, PartialState

from lessons_lib.__main__ import main
from lessons_lib.course import planted
from lessons_lib.data.open import open_dataset
from lessons_lib.training import train as train_module


@pytest.fixture(autouse=True)
def fresh_machine():
    yield
    AcceleratorState._reset_state()
    PartialState._reset_state()


def test_look_train_predict_and_open_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train_module, "UNSEEN", 3)
    planted.write_project(planted.project(), tmp_path / "project")
    assert main(["data", "project"]) == 0
    said = capsys.readouterr().out
    assert "near duplicate" in said and "missing class: train stick" in said
    (command,) = [line.split("python -m lessons_lib ")[1] for line in said.splitlines() if "lessons_lib train" in line]
    assert "--root project" in command and "--from mask_rcnn" in command

    words = ["train", "mask_rcnn", "--root", "project", "--from", "mask_rcnn", "--steps", "2", "--batch", "2"]
    assert main([*words, "--device", "cpu", "--out", "run"]) == 0
    said = capsys.readouterr().out
    assert "begun anew for 4 classes, where it had 10 classes" in said and "on 3 unseen images" in said
    assert json.loads((tmp_path / "run/scores.json").read_text("utf-8"))["images"] == 3

    (tmp_path / "new").mkdir()
    for number in range(3):
        (tmp_path / f"project/valid/IMG_{3000 + 3 * number}.png").rename(tmp_path / f"new/{number}.png")
    words = ["predict", "new", "--run", "run", "--confidence", "0.1", "--out", "found", "--device", "cpu"]
    assert main(words) == 0
    assert "3 images predicted" in capsys.readouterr().out
    record = json.loads((tmp_path / "found/annotations/instances_found.json").read_text("utf-8"))
    again = open_dataset("coco_json", tmp_path / "found", "all")
    assert again.classes == planted.NAMES and again.names == ("0", "1", "2")
    for n, image in enumerate(record["images"]):
        areas = [entry["area"] for entry in record["annotations"] if entry["image_id"] == image["id"] and entry["area"]]
        assert again[n].instances.masks.flatten(1).sum(1).tolist() == areas
