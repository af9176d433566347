"""Training from a terminal runs on every set that the course reads: scenes written in each layout, then one step."""

import shutil
from dataclasses import replace

import pytest

from data_scripts.make_scenes import LAYOUTS, make_scenes
from lessons_lib.__main__ import main
from lessons_lib.data.open import SPECS
from lessons_lib.data.scenes import PRESETS


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_step_and_its_scores(layout, tmp_path, capsys):
    root = tmp_path / "set"
    known = SPECS[layout]
    for split in {known.train, known.val} if LAYOUTS[layout].splits else [None]:
        make_scenes(layout, tmp_path / str(split), 5, replace(PRESETS["easy"], size=32), split=split)
        shutil.copytree(tmp_path / str(split), root, dirs_exist_ok=True)
    out = tmp_path / "run"
    command = ["train", "fcn32s", "--data", layout, "--root", str(root), "--size", "32", "--out", str(out)]
    assert main([*command, "--steps", "1", "--batch", "2", "--device", "cpu"]) == 0, capsys.readouterr().err
    assert (out / "checkpoint.safetensors").is_file() and (out / "scores.json").is_file()
