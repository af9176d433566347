"""Damaged sets and folders that cannot be written to: one line says what is wrong, and no work is lost."""

import json
import shutil
from dataclasses import replace

import pytest

from data_scripts.make_scenes import make_scenes
from lessons_lib.__main__ import main
from lessons_lib.data.scenes import PRESETS

WORDS = ["train", "tiny", "--data", "camvid", "--size", "32", "--batch", "2", "--steps", "6", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path):
    """A set with 4 images to learn from and 3 to be judged on."""
    for split, count, seed in (("train", 4, 0), ("val", 3, 1)):
        make_scenes("camvid", tmp_path / split, count, replace(PRESETS["easy"], size=32), seed, split=split)
        shutil.copytree(tmp_path / split, tmp_path / "set", dirs_exist_ok=True)
    return tmp_path


def cut(folder, split: str) -> str:
    """Cuts one photograph of a split in half; gives its name."""
    photo = sorted((folder / "set").rglob(f"{split}/*.png"))[1]
    content = photo.read_bytes()
    photo.write_bytes(content[: len(content) // 2])
    return photo.name


def words(folder, *more: str) -> list[str]:
    return [*WORDS, "--root", str(folder / "set"), "--out", str(folder / "run"), *more]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # from Python 3.12 on: fork beside threads
def test_one_line_names_the_file_with_workers_and_without(folder, capsys):
    name = cut(folder, "train")
    said = []
    for workers in ("0", "1"):
        assert main(words(folder, "--workers", workers, "--resume")) == 1
        said.append(capsys.readouterr().err)
    assert said[0] == said[1] and name in said[0]
    assert said[0].startswith("error: ") and said[0].count("\n") == 1


@pytest.mark.parametrize("more", [[], ["--count", "4"]])
def test_skipping_goes_on_and_reports(more, folder, capsys):
    name = cut(folder, "train")
    assert main(words(folder, "--on-error", "skip", *more)) == 0
    said = capsys.readouterr().out
    assert "1 of 4 samples are damaged and were skipped" in said and name in said
    assert "on 3 unseen images" in said


def test_a_damaged_val_image_does_not_lose_the_scores_of_a_finished_run(folder, capsys):
    name = cut(folder, "val")
    assert main(words(folder)) == 0
    said = capsys.readouterr().out
    assert "skipped image 1: " in said and name in said and "on 2 unseen images" in said
    scores = json.loads((folder / "run" / "scores.json").read_text("utf-8"))
    assert scores["images"] == 2 and scores["miou"] is not None


def test_evaluate_stops_at_a_damaged_image_or_skips_it(folder, capsys):
    assert main(words(folder)) == 0
    name = cut(folder, "val")
    before = (folder / "run" / "scores.json").read_bytes()
    capsys.readouterr()
    assert main(["evaluate", str(folder / "run"), "--device", "cpu"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and name in said and said.count("\n") == 1
    assert (folder / "run" / "scores.json").read_bytes() == before
    assert main(["evaluate", str(folder / "run"), "--device", "cpu", "--on-error", "skip"]) == 0
    said = capsys.readouterr().out
    assert "1 image skipped, whose files are damaged" in said and "\n2 images\n" in said


def test_a_set_of_nothing_but_damage_is_an_error_even_when_skipping(folder, capsys):
    for photo in (folder / "set").rglob("train/*.png"):
        photo.write_bytes(b"")
    assert main(words(folder, "--on-error", "skip")) == 1
    assert "is empty (0 bytes)" in capsys.readouterr().err


def test_a_val_split_of_nothing_but_damage_leaves_a_finished_run(folder, capsys):
    for photo in (folder / "set").rglob("val/*.png"):
        photo.write_bytes(b"")
    assert main(words(folder)) == 0
    assert "on 0 unseen images" in capsys.readouterr().out


def test_evaluate_prints_before_it_writes(folder, capsys):
    assert main(words(folder)) == 0
    (folder / "taken").write_text("a file, so no folder can be made here")
    capsys.readouterr()
    here = ["evaluate", str(folder / "run"), "--device", "cpu", "--out"]
    assert main([*here, str(folder / "taken" / "scores")]) == 1
    said = capsys.readouterr()
    assert "mIoU" in said.out and "error: out must be a folder that can be written to (--out FOLDER)" in said.err
    assert main([*here, str(folder / "new" / "scores")]) == 0
    assert {path.name for path in (folder / "new" / "scores").iterdir()} == {"scores.json", "predictions.png"}


def test_unseen_is_said_only_where_it_is_true(folder, capsys):
    assert main(words(folder, "--split", "val")) == 0
    assert "on 3 images, of which it has learned from all" in capsys.readouterr().out
    assert main(["evaluate", str(folder / "run"), "--device", "cpu"]) == 0
    assert "These are images of which it has learned from all." in capsys.readouterr().out
    assert main(["evaluate", str(folder / "run"), "--device", "cpu", "--split", "train"]) == 0
    assert "These are images" not in capsys.readouterr().out


def test_a_file_in_the_place_of_the_run(folder, capsys):
    (folder / "taken").write_text("a file, so no folder can be made here")
    assert main(words(folder, "--out", str(folder / "taken"))) == 1
    said = capsys.readouterr().err
    assert f"error: out must be a folder that can be written to (--out FOLDER), got {folder / 'taken'}: " in said
