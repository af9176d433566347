"""Two processes, connected by gloo, against one: equal weights, equal scores, and one end for both."""

import json
import os
import signal
import time

import pytest
import torch

from data_scripts.make_scenes import make_scenes
from lessons_lib.data.scenes import PRESETS
from lessons_lib.training.checkpoint import open_checkpoint
from lessons_lib.training.journal import read_journal
from tests.training.lives import (
    CAN_BE_KILLED,
    KINDS,
    Life,
    command,
    fit_a_poisoned_share,
    fit_a_share,
    launch,
    together,
    weights,
)

pytestmark = pytest.mark.skipif(not CAN_BE_KILLED, reason="gloo's processes are tried where a process can fork")


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_train_as_one_does(kind, tmp_path):
    assert Life(tmp_path / "one.txt", fit_a_share, tmp_path, True, kind).end() == 0
    together(tmp_path, fit_a_share, tmp_path, True, kind)
    one, first, second = (weights(tmp_path, name) for name in ("1_0", "2_0", "2_1"))
    for name, tensor in one.items():
        assert torch.equal(first[name], second[name]), name
        assert (first[name] - tensor).abs().max() <= 1e-6, name
    assert one["losses"][-1] < one["losses"][0] - 0.1  # there was something to compute


def test_where_counts_differ_both_still_end_with_the_same_weights(tmp_path):
    assert Life(tmp_path / "one.txt", fit_a_share, tmp_path, False).end() == 0
    together(tmp_path, fit_a_share, tmp_path, False)
    one, first, second = (weights(tmp_path, name) for name in ("1_0", "2_0", "2_1"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    # the mean over processes is another one than over pixels, as the loop's docstring says
    assert max((first[name] - one[name]).abs().max() for name in one) > 1e-4


def test_a_loss_that_is_no_number_in_one_process_stops_both(tmp_path):
    said = together(tmp_path, fit_a_poisoned_share)
    assert all("losses must be finite, got cross_entropy = nan in step 2" in text for text in said)


@pytest.fixture(scope="module", params=["tiny", "tiny_pieces", "faster_rcnn"])
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    words = [
        "train",
        request.param,
        "--size",
        "32",
        "--batch",
        "4",
        "--steps",
        "6",
        "--device",
        "cpu",
        "--out",
        str(folder),
    ]
    assert Life(folder.with_suffix(".txt"), command, *words).end() == 0
    return folder


@pytest.mark.parametrize("count", [1, 21])  # one picture leaves the second process nothing to do
def test_two_processes_evaluate_as_one_does(count, run, tmp_path):
    words = ["evaluate", str(run), "--device", "cpu", "--count", str(count)]
    assert Life(tmp_path / "one.txt", command, *words).end() == 0
    expected = json.loads((run / "scores.json").read_text())
    (run / "scores.json").unlink()
    together(tmp_path, command, *words)
    assert json.loads((run / "scores.json").read_text()) == expected
    assert expected["images"] == count


def test_the_command_trains_in_two_processes_and_the_first_one_speaks(tmp_path):
    root = tmp_path / "set"
    make_scenes("voc2012", root, 2, PRESETS["easy"])
    words = ["train", "tiny", "--data", "voc2012", "--root", str(root), "--split", "train", "--size", "32"]
    words += ["--batch", "4", "--steps", "5", "--device", "cpu", "--out"]
    assert Life(tmp_path / "one.txt", command, *words, str(tmp_path / "one")).end() == 0
    said = together(tmp_path, command, *words, str(tmp_path / "two"))
    assert "trained, and not scored" in said[0]
    assert said[1] == ""
    lines = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("one", "two")]
    assert len(lines[1]) == len(lines[0]) == 5
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == sorted(
        ["checkpoint.safetensors", "metrics.jsonl", "losses.png"]
    )


def test_asked_to_stop_both_end_after_the_same_step(tmp_path):
    folder = tmp_path / "run"
    words = [
        "train",
        "tiny",
        "--size",
        "32",
        "--batch",
        "4",
        "--steps",
        "4000",
        "--device",
        "cpu",
        "--out",
        str(folder),
    ]
    lives = launch(tmp_path, command, *words)
    while not (folder / "metrics.jsonl").exists() or (folder / "metrics.jsonl").stat().st_size < 1000:
        assert all(life.process.is_alive() for life in lives), lives[0].said.read_text()
        time.sleep(0.01)
    os.kill(lives[1].process.pid, signal.SIGINT)  # one of them is told, and tells the other
    assert [life.end() for life in lives] == [130, 130]
    step = open_checkpoint(folder / "checkpoint.safetensors").notes["step"]
    assert step == read_journal(folder / "metrics.jsonl")[-1]["step"] < 4000
    assert "To go on: the same command, launcher and all, with --resume" in lives[0].said.read_text()
