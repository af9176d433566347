"""Detectors of boxes and masks from the terminal on every kind of set: COCO's twelve numbers, and their proposals."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from data_scripts.make_scenes import LAYOUTS, make_scenes
from lessons_lib.__main__ import main
from lessons_lib.data.open import SPECS
from lessons_lib.data.photo import real_set
from lessons_lib.data.scenes import PRESETS
from lessons_lib.metrics.detection import NUMBERS
from lessons_lib.metrics.proposal_recall import COUNTS
from lessons_lib.training import train as train_module

STEPS = ["--steps", "2", "--batch", "2", "--device", "cpu"]
SETS = ("scenes", "coco2017", "penn_fudan", "voc2012", "nuclei")
REAL = [("faster_rcnn", "box"), ("mask_rcnn", "mask")]
NUCLEI = Path(os.environ.get("LESSONS_REAL_DATA", ""), "nuclei_dsb2018_120")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(autouse=True)
def few_unseen(monkeypatch):
    monkeypatch.setattr(train_module, "UNSEEN", 6)


def written(name: str, folder: Path) -> list[str]:
    """The words for a set: scenes written in its layout, in both of its splits."""
    if name == "scenes":
        return []
    known, root = SPECS[name], folder / "set"
    for split in {known.train, known.val} if LAYOUTS[name].splits else [None]:
        part = folder / str(split)
        make_scenes(name, part, 8, replace(PRESETS["easy"], size=64), split=split)
        shutil.copytree(part, root, dirs_exist_ok=True)
    return ["--data", name, "--root", str(root)]


def trained_and_scored(words: list[str], out: Path, capsys, model: str = "faster_rcnn") -> tuple[dict, str]:
    """The scores of a short training, and what `evaluate` prints of the same run."""
    assert main(["train", model, *words, *STEPS, "--out", str(out)]) == 0, capsys.readouterr().err
    scores = json.loads((out / "scores.json").read_text("utf-8"))
    (out / "predictions.png").unlink()
    capsys.readouterr()
    assert main(["evaluate", str(out), "--device", "cpu", "--count", "6", "--split", "val"]) == 0
    with Image.open(out / "predictions.png") as picture:
        assert picture.format == "PNG" and picture.width > 900
    return scores, capsys.readouterr().out


def assert_whole(scores: dict, said: str, kind: str = "box") -> None:
    """Twelve numbers of each kind, AP by class, and the proposals' recall, in JSON and in words."""
    assert scores["task"] == ("detection" if kind == "box" else "instance")
    assert {f"{each}_{name}" for each in {kind, "box"} for name in NUMBERS} <= scores.keys()
    assert any(value is not None for value in scores["ap"].values())
    for name in ("proposal_recall50", "proposal_recall"):
        values = list(scores[name].values())
        assert list(scores[name]) == [str(count) for count in COUNTS]
        assert values == sorted(values) and 0 <= values[0] <= values[-1] <= 1
    assert scores["proposal_recall50"]["1000"] >= scores["proposal_recall"]["1000"]
    lines = said.splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [[kind, "AP"], [kind, "AP50"], [kind, "AP75"]]
    words = ("AP ", "AR ", "AP5", "AP7", "AR1")
    assert sum(line.startswith(tuple(f"{kind} {word}" for word in words)) for line in lines) >= 13
    place = next(i for i, line in enumerate(lines) if line.startswith("recall of the first"))
    assert lines[place].split()[-len(COUNTS) :] == [str(count) for count in COUNTS]
    assert lines[place + 1].startswith("at IoU 0.5") and lines[place + 2].startswith("mean over IoU 0.5 to 0.95")
    assert lines[place + 1].split()[-1] == f"{scores['proposal_recall50']['1000']:.4f}"


@pytest.mark.parametrize("name", SETS)
def test_scenes_in_the_layout_of_a_set(name, tmp_path, capsys):
    words = [*written(name, tmp_path), "--size", "64"]
    assert_whole(*trained_and_scored(words, tmp_path / "run", capsys))


@pytest.mark.parametrize("name", ["penn_fudan", "nuclei"])
def test_masks_in_the_layout_of_a_set(name, tmp_path, capsys):
    words = [*written(name, tmp_path), "--size", "64"]
    assert_whole(*trained_and_scored(words, tmp_path / "run", capsys, "mask_rcnn"), "mask")


@pytest.mark.parametrize(("model", "kind"), REAL)
@pytest.mark.skipif(real_set() is None, reason="LESSONS_REAL_DATA names no folder in COCO's layout")
def test_real_photographs(model, kind, tmp_path, capsys):
    split = next(name for name in ("train2017", "val2017") if (real_set() / name).is_dir())
    words = ["--data", "coco", "--root", str(real_set()), "--split", split, "--size", "96", "--count", "8"]
    scores, said = trained_and_scored(words, tmp_path / "run", capsys, model)
    assert_whole(scores, said, kind)
    assert len(scores["ap"]) == 80


@pytest.mark.parametrize(("model", "kind"), REAL)
@pytest.mark.skipif(not NUCLEI.is_dir(), reason="LESSONS_REAL_DATA has no nuclei_dsb2018_120")
def test_real_nuclei(model, kind, tmp_path, capsys):
    words = ["--data", "nuclei", "--root", str(NUCLEI), "--size", "96", "--count", "8"]
    scores, said = trained_and_scored(words, tmp_path / "run", capsys, model)
    assert_whole(scores, said, kind)
    assert list(scores["ap"]) == ["nucleus"]
