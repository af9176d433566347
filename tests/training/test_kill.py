"""Killed, interrupted and taken up again: the weights are those of a run that nothing happened to, bit by bit."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from lessons_lib.training.checkpoint import open_checkpoint
from lessons_lib.training.journal import read_journal
from tests.training.lives import CAN_BE_KILLED, Life, command

pytestmark = pytest.mark.skipif(not CAN_BE_KILLED, reason="this system has no SIGKILL")
MODELS = ("tiny", "tiny_pieces", "faster_rcnn", "mask_rcnn", "sds", "mnc", "recurrent")
"""A semantic model, one that finds objects, detectors with dice, masks, remembered proposals and a cascade, and one
that counts its steps."""

STEPS = {"tiny": 240, "tiny_pieces": 120, "faster_rcnn": 40, "mask_rcnn": 20, "sds": 16, "mnc": 20, "recurrent": 30}
KILLS = {"tiny": 20, "tiny_pieces": 4, "faster_rcnn": 2, "mask_rcnn": 1, "sds": 1, "mnc": 1, "recurrent": 1}
SIGNALS = {"tiny": (signal.SIGINT, signal.SIGTERM)}  # for the others, SIGINT
OPTIONS = {"recurrent": ["--preset", "rosettes", "--option", "grow_every=5"]}
"""A curriculum that a run which began anew would take from its beginning."""

WORDS = ["--size", "32", "--batch", "2", "--device", "cpu", "--save-every", "5"]


def words_of(folder: Path, model: str) -> list[str]:
    words = ["train", model, *WORDS, *OPTIONS.get(model, []), "--steps", str(STEPS[model])]
    return [*words, "--out", str(folder), "--resume"]


def life(folder: Path, model: str) -> Life:
    return Life(folder.with_suffix(".txt"), command, *words_of(folder, model))


@pytest.fixture(scope="module", params=MODELS)
def whole(request, tmp_path_factory) -> Path:
    """A run that nothing happened to; its folder has the model's name."""
    folder = tmp_path_factory.mktemp("runs") / request.param
    assert life(folder, request.param).end() == 0
    return folder


def assert_same_end(folder: Path, whole: Path) -> None:
    """Weights, optimiser and recorded losses are equal bit by bit, and the scores with them."""
    ours, theirs = (open_checkpoint(path / "checkpoint.safetensors") for path in (folder, whole))
    assert ours.notes == theirs.notes
    assert ours.tensors.keys() == theirs.tensors.keys()
    different = [name for name, tensor in ours.tensors.items() if not torch.equal(tensor, theirs.tensors[name])]
    assert different == []
    lines = [
        [{**line, "seconds": 0, "cpu_seconds": 0} for line in read_journal(path / "metrics.jsonl")]
        for path in (folder, whole)
    ]
    assert lines[0] == lines[1]
    assert [line["step"] for line in lines[0]] == list(range(1, STEPS[whole.name] + 1))
    assert json.loads((folder / "scores.json").read_text()) == json.loads((whole / "scores.json").read_text())


def wait_for_steps(running: Life, journal: Path, count: int) -> None:
    """Until the life has opened the journal, which gives it a new place on the disk, and written some lines to it."""
    before = journal.stat().st_ino if journal.exists() else None
    opened, lines = False, 0
    while running.process.is_alive():
        if not opened and journal.exists() and journal.stat().st_ino != before:
            opened, lines = True, journal.read_bytes().count(b"\n")
        if opened and journal.read_bytes().count(b"\n") >= lines + count:
            return
        time.sleep(0.001)


def test_killed_many_times_it_ends_as_if_nothing_had_happened(whole, tmp_path):
    folder, chance, reached = tmp_path / "killed", random.Random(3), []
    at_least = 1 if KILLS[whole.name] > 2 else 6  # a model that is killed once or twice has saved a step before
    for _ in range(KILLS[whole.name]):
        running = life(folder, whole.name)
        wait_for_steps(running, folder / "metrics.jsonl", chance.randint(at_least, 12))
        time.sleep(chance.random() * 0.02)
        running.process.kill()
        assert running.end() == -signal.SIGKILL
        saved = folder / "checkpoint.safetensors"
        reached.append(open_checkpoint(saved).notes["step"] if saved.exists() else 0)
    assert reached == sorted(reached)  # what was saved once is never lost
    assert reached[-1] < STEPS[whole.name]
    assert life(folder, whole.name).end() == 0
    assert_same_end(folder, whole)


def test_asked_to_stop_it_saves_and_says_how_to_go_on(whole, tmp_path):
    for number in SIGNALS.get(whole.name, (signal.SIGINT,)):
        folder = tmp_path / f"stopped_{number}"
        running = life(folder, whole.name)
        wait_for_steps(running, folder / "metrics.jsonl", 8)
        os.kill(running.process.pid, number)
        assert running.end() == 128 + number
        said = running.said.read_text()
        assert "finishing this step, then saving" in said
        assert f"python -m lessons_lib {' '.join(words_of(folder, whole.name))}" in said
        step = open_checkpoint(folder / "checkpoint.safetensors").notes["step"]
        assert step == read_journal(folder / "metrics.jsonl")[-1]["step"] >= 8  # it stopped after a whole step
        assert (folder / "losses.png").exists()
        assert life(folder, whole.name).end() == 0
        assert_same_end(folder, whole)
