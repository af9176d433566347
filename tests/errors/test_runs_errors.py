"""What train, evaluate and their parts say to a wrong argument: the name, what came, and what is allowed."""

import re

import pytest
import torch
from accelerate.state import AcceleratorState, PartialState

from lessons_lib.__main__ import main
from lessons_lib.course.plotting import loss_curve
from lessons_lib.data.crop import crop, resize_short_side
from lessons_lib.data.open import open_dataset
from lessons_lib.data.sample import Instances, Sample
from lessons_lib.data.scenes import Scenes
from lessons_lib.training.machine import start_machine
from lessons_lib.training.sampling import Draws, step_draws
from lessons_lib.training.settings import Settings

NOTHING = Instances(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4, 5, dtype=torch.bool))
SAMPLE = Sample(torch.zeros(3, 4, 5), torch.zeros(4, 5, dtype=torch.int64), NOTHING)

CASES = [
    (lambda: Settings("fcn8s", steps=0), "steps must be ≥ 1, got 0"),
    (lambda: Settings("fcn8s", batch=0), "batch must be ≥ 1, got 0"),
    (lambda: Settings("fcn8s", size=31), "size must be ≥ 32, got 31"),
    (lambda: Settings("fcn8s", seed=-1), "seed must be ≥ 0, got -1"),
    (lambda: Settings("fcn8s", lr=0.0), "lr must be a number > 0, got 0.0"),
    (lambda: Settings("fcn8s", lr=float("nan")), "lr must be a number > 0, got nan"),
    (lambda: Settings("fcn8s", lr=float("inf")), "lr must be a number > 0, got inf"),
    (lambda: Settings("fcn8s", precision="fp16"), "precision must be one of fp32, bf16, got 'fp16'"),
    (lambda: Settings("fcn8s").require_same({"model": "unet"}), "model must be as the run began, 'unet', got 'fcn8s'"),
    (lambda: Draws(Scenes(length=0), 0), "samples must hold at least 1 image, got 0"),
    (lambda: step_draws(0, 5, batch=8, process=0, processes=3), "batch must be a multiple of the 3 processes, got 8"),
    (lambda: start_machine("tpu"), "device must be auto or one that this machine has (cpu"),
    (lambda: crop(SAMPLE, 1, 0, 4, 5), "window must lie within (4, 5), got rows 1 to 5, columns 0 to 5"),
    (lambda: crop(SAMPLE, 0, -1, 4, 5), "window must lie within (4, 5), got rows 0 to 4, columns -1 to 4"),
    (lambda: crop(SAMPLE, 0, 0, 0, 5), "window must lie within (4, 5), got rows 0 to 0, columns 0 to 5"),
    (lambda: resize_short_side(SAMPLE, 0), "size must be ≥ 1, got 0"),
    (lambda: open_dataset("imagenet"), "data must be one of scenes, ade20k, camvid"),
    (lambda: open_dataset("coco"), "root must be the folder that holds coco (--root FOLDER), got none"),
    (lambda: open_dataset("scenes", split="test"), "split must be one of train, val for scenes, got 'test'"),
    (lambda: open_dataset("scenes", preset="hard"), "preset must be one of easy, clear, context, "),
    (lambda: loss_curve([1, 2], {"a": [1.0]}), "losses must have 2 values each, one per step, got 1 for 'a'"),
]


@pytest.mark.parametrize(("call", "message"), CASES)
def test_error_says_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


COMMANDS = [
    (["train", "fcn7s"], "error: name must be one of patch, fcn32s"),
    (["train", "fcn8s", "--backbone", "large"], "error: "),
    (["train", "fcn8s", "--steps", "0"], "error: steps must be ≥ 1, got 0"),
    (["train", "fcn8s", "--save-every", "0"], "error: save_every must be ≥ 1, got 0"),
    (["train", "fcn8s", "--workers", "-1"], "error: workers must be ≥ 0, got -1"),
    (["train", "fcn8s", "--data", "coco"], "error: root must be the folder that holds coco (--root FOLDER), got none"),
    (["train", "fcn8s", "--data", "coco", "--root", "nowhere"], "error: root must hold nowhere"),
    (["evaluate", "nowhere"], "error: checkpoint must be a file, and nowhere is not there"),
]


@pytest.mark.parametrize(("words", "message"), COMMANDS)
def test_command_says_what_is_wrong_and_leaves_nothing(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        assert main([*words, "--device", "cpu"]) == 1
    finally:
        AcceleratorState._reset_state()
        PartialState._reset_state()
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [[], ["fcn8s", "--steps", "many"], ["fcn8s", "--precision", "fp16"]])
def test_wrong_words_are_a_wrong_command_line(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", *words])
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err
