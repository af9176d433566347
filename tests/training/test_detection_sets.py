"""A detector from the terminal on every kind of set: trained, scored by COCO's twelve numbers, its proposals judged."""

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


def trained_and_scored(words: list[str], out: Path, capsys) -> tuple[dict, str]:
    """The scores of a short training, and what `evaluate` prints of the same run."""
    assert main(["train", "faster_rcnn", *words, *STEPS, "--out", str(out)]) == 0, capsys.readouterr().err
    scores = json.loads((out / "scores.json").read_text("utf-8"))
    (out / "predictions.png").unlink()
    capsys.readouterr()
    assert main(["evaluate", str(out), "--device", "cpu", "--count", "6", "--split", "val"]) == 0
    with Image.open(out / "predictions.png") as picture:
        assert picture.format == "PNG" and picture.width > 900
    return scores, capsys.readouterr().out


def assert_whole(scores: dict, said: str) -> None:
    """Twelve numbers, AP by class, and the proposals' recall, in JSON and in words."""
    assert scores["task"] == "detection" and {f"box_{name}" for name in NUMBERS} <= scores.keys()
    assert any(value is not None for value in scores["ap"].values())
    for name in ("proposal_recall50", "proposal_recall"):
        values = list(scores[name].values())
        assert list(scores[name]) == [str(count) for count in COUNTS]
        assert values == sorted(values) and 0 <= values[0] <= values[-1] <= 1
    assert scores["proposal_recall50"]["1000"] >= scores["proposal_recall"]["1000"]
    lines = said.splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [["box", "AP"], ["box", "AP50"], ["box", "AP75"]]
    assert sum(line.startswith(("box AP ", "box AR ", "box AP5", "box AP7", "box AR1")) for line in lines) >= 13
    place = next(i for i, line in enumerate(lines) if line.startswith("recall of the first"))
    assert lines[place].split()[-len(COUNTS) :] == [str(count) for count in COUNTS]
    assert lines[place + 1].startswith("at IoU 0.5") and lines[place + 2].startswith("mean over IoU 0.5 to 0.95")
    assert lines[place + 1].split()[-1] == f"{scores['proposal_recall50']['1000']:.4f}"


@pytest.mark.parametrize("name", SETS)
def test_scenes_in_the_layout_of_a_set(name, tmp_path, capsys):
    words = [*written(name, tmp_path), "--size", "64"]
    assert_whole(*trained_and_scored(words, tmp_path / "run", capsys))


@pytest.mark.skipif(real_set() is None, reason="LESSONS_REAL_DATA names no folder in COCO's layout")
def test_real_photographs(tmp_path, capsys):
    split = next(name for name in ("train2017", "val2017") if (real_set() / name).is_dir())
    words = ["--data", "coco", "--root", str(real_set()), "--split", split, "--size", "96", "--count", "8"]
    scores, said = trained_and_scored(words, tmp_path / "run", capsys)
    assert_whole(scores, said)
    assert len(scores["ap"]) == 80


@pytest.mark.skipif(not NUCLEI.is_dir(), reason="LESSONS_REAL_DATA has no nuclei_dsb2018_120")
def test_real_nuclei(tmp_path, capsys):
    words = ["--data", "nuclei", "--root", str(NUCLEI), "--size", "96", "--count", "8"]
    scores, said = trained_and_scored(words, tmp_path / "run", capsys)
    assert_whole(scores, said)
    assert list(scores["ap"]) == ["nucleus"]
