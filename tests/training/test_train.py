"""The command in this process: what a run leaves, says and refuses; settings, precision, memory, NaN."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

from data_scripts.make_scenes import LAYOUTS, make_scenes
from lessons_lib.__main__ import main
from lessons_lib.data.photo import real_set
from lessons_lib.data.scenes import PRESETS
from lessons_lib.models.zoo import MODELS, Entry
from lessons_lib.training import train as train_module
from lessons_lib.training.checkpoint import open_checkpoint
from lessons_lib.training.journal import read_journal
from lessons_lib.training.settings import Settings
from tests.tiny_model import TinyModel

WORDS = ["train", "tiny", "--size", "32", "--batch", "2", "--steps", "6", "--device", "cpu"]


@pytest.fixture(autouse=True)
def few_unseen(monkeypatch):
    monkeypatch.setattr(train_module, "UNSEEN", 9)


def test_the_rate_falls_to_nothing():
    rate = Settings("tiny", steps=4, lr=0.5).rate()
    assert rate(1) == 0.5
    assert rate(3) == pytest.approx(0.5 * 0.5**0.9)
    assert 0 < rate(4) < rate(3) < rate(2) < rate(1)


def test_a_run_leaves_its_five_files_and_its_scores(tmp_path, capsys):
    out = tmp_path / "deep" / "run"
    assert main([*WORDS, "--save-every", "4", "--out", str(out)]) == 0
    lines = read_journal(out / "metrics.jsonl")
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all(line["loss"] == line["losses"]["cross_entropy"] for line in lines)
    assert [line["lr"] for line in lines] == [Settings("tiny", steps=6).rate()(step) for step in range(1, 7)]
    notes = open_checkpoint(out / "checkpoint.safetensors").notes
    assert (notes["step"], notes["settings"]["model"], notes["device"]) == (6, "tiny", "cpu")
    with Image.open(out / "losses.png") as picture:
        assert picture.format == "PNG"
    scores = json.loads((out / "scores.json").read_text("utf-8"))
    assert scores["images"] == 9
    said = capsys.readouterr().out
    assert said.startswith(f"tiny, 323 parameters, cpu, 1 process, in {out}: 0 of 6 steps made")
    assert "step 4/6" in said
    assert f"mIoU {scores['miou']:.3f}" in said
    assert "on 9 unseen images" in said
    assert sorted(p.name for p in out.iterdir()) == [
        "checkpoint.safetensors", "losses.png", "metrics.jsonl", "predictions.png", "scores.json",
    ]  # fmt: skip


def test_the_folder_has_a_name_by_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(WORDS) == 0
    assert (tmp_path / "runs" / "tiny_scenes" / "checkpoint.safetensors").exists()


def test_a_second_run_does_not_overwrite_the_first(tmp_path, capsys):
    words = [*WORDS, "--out", str(tmp_path / "run")]
    assert main(words) == 0
    before = (tmp_path / "run" / "checkpoint.safetensors").read_bytes()
    assert main(words) == 1
    assert f"{tmp_path / 'run'} holds a run: add --resume to continue it" in capsys.readouterr().err
    assert main([*words, "--resume", "--lr", "0.1"]) == 1
    assert "error: lr must be as the run began, 0.001, got 0.1" in capsys.readouterr().err
    assert main([*words, "--resume", "--steps", "3"]) == 1
    assert "error: steps must be ≥ 6, which are made already, got 3" in capsys.readouterr().err
    assert (tmp_path / "run" / "checkpoint.safetensors").read_bytes() == before
    assert main([*words, "--resume"]) == 0  # made already: scored once more
    assert (tmp_path / "run" / "checkpoint.safetensors").read_bytes() == before
    assert main([*words, "--resume", "--steps", "8"]) == 0
    assert [line["step"] for line in read_journal(tmp_path / "run" / "metrics.jsonl")] == list(range(1, 9))


def test_the_seed_decides(tmp_path):
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert main([*WORDS, "--seed", seed, "--out", str(tmp_path / name)]) == 0
    a, b, c = (open_checkpoint(tmp_path / name / "checkpoint.safetensors").tensors for name in "abc")
    assert all(a[name].equal(b[name]) for name in a)
    assert not a["model.score.weight"].equal(c["model.score.weight"])


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # from Python 3.12 on: fork beside threads
def test_random_numbers_used_elsewhere_change_nothing(tmp_path, monkeypatch):
    assert main([*WORDS, "--out", str(tmp_path / "a")]) == 0
    monkeypatch.setattr(
        train_module.Run, "save", lambda run, step, save=train_module.Run.save: (torch.rand(5), save(run, step))
    )
    torch.manual_seed(99)
    assert main([*WORDS, "--save-every", "1", "--workers", "1", "--out", str(tmp_path / "b")]) == 0
    a, b = (open_checkpoint(tmp_path / name / "checkpoint.safetensors").tensors for name in "ab")
    assert all(a[name].equal(b[name]) for name in a)


def test_bf16_computes_in_bf16_and_keeps_float32(tmp_path, monkeypatch):
    seen = []

    class Watched(TinyModel):
        def forward(self, batch):
            seen.append(self.logits(batch.images).dtype)
            return super().forward(batch)

    monkeypatch.setitem(MODELS, "tiny", Entry("semantic", lambda classes, backbone: Watched(classes)))
    assert main([*WORDS, "--precision", "bf16", "--out", str(tmp_path / "run")]) == 0
    assert set(seen) == {torch.bfloat16}
    tensors = open_checkpoint(tmp_path / "run" / "checkpoint.safetensors").tensors
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}


def test_nan_stops_names_the_loss_and_keeps_the_last_good_checkpoint(tmp_path, monkeypatch, capsys):
    class Failing(TinyModel):
        steps = 0  # the first look, before the first step, counts too

        def forward(self, batch):
            self.steps += 1
            losses = super().forward(batch)
            return {**losses, "mask": losses["cross_entropy"] * (float("nan") if self.steps == 7 else 0)}

    monkeypatch.setitem(MODELS, "tiny", Entry("semantic", lambda classes, backbone: Failing(classes)))
    assert main([*WORDS, "--save-every", "2", "--out", str(tmp_path / "run")]) == 1
    assert "error: losses must be finite, got mask = nan in step 6" in capsys.readouterr().err
    assert open_checkpoint(tmp_path / "run" / "checkpoint.safetensors").notes["step"] == 4
    assert (tmp_path / "run" / "losses.png").exists()


@pytest.mark.parametrize(
    ("room", "advice"), [(3, "--batch 2 fits"), (0, "not even a batch of 1 fits: try a smaller --size")]
)
def test_out_of_memory_says_what_fits(room, advice, tmp_path, monkeypatch, capsys):
    class Hungry(TinyModel):
        def forward(self, batch):
            if len(batch) > room:
                torch.empty(10**15)
            return super().forward(batch)

    monkeypatch.setitem(MODELS, "tiny", Entry("semantic", lambda classes, backbone: Hungry(classes)))
    assert main([*WORDS, "--batch", "8", "--out", str(tmp_path / "run")]) == 1
    assert f"error: batch 8 needs more memory than there is; {advice} (" in capsys.readouterr().err
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()


def test_other_runtime_errors_are_not_taken_for_memory(tmp_path, monkeypatch):
    class Broken(TinyModel):
        def forward(self, batch):
            raise RuntimeError("broken")

    monkeypatch.setitem(MODELS, "tiny", Entry("semantic", lambda classes, backbone: Broken(classes)))
    with pytest.raises(RuntimeError, match="broken"):
        main([*WORDS, "--out", str(tmp_path / "run")])


def test_a_terminal_sees_a_bar(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert main([*WORDS, "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr()
    assert "6/6" in said.err
    assert "loss" in said.err
    assert "step 6/6" not in said.out  # the bar says it


def test_a_real_model_learns_scenes(tmp_path):
    words = ["train", "fcn8s", "--size", "32", "--batch", "2", "--steps", "12", "--device", "cpu", "--lr", "0.003"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    losses = [line["loss"] for line in read_journal(tmp_path / "run" / "metrics.jsonl")]
    assert sum(losses[-3:]) < sum(losses[:3]) - 0.5


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.parametrize("name", LAYOUTS)
def test_trains_on_files_of_every_layout_that_is_read(name, tmp_path, capsys):
    root = tmp_path / "set"
    make_scenes(name, root, 6, replace(PRESETS["easy"], size=48))
    words = ["train", "tiny", "--data", name, "--root", str(root), "--size", "32", "--batch", "2", "--steps", "2"]
    assert main([*words, "--device", "cpu", "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "unseen images" in said or "not scored" in said
    assert len(read_journal(tmp_path / "run" / "metrics.jsonl")) == 2
    assert main(["evaluate", str(tmp_path / "run"), "--split", "train", "--device", "cpu"]) == 0
    assert " images\npixel accuracy" in capsys.readouterr().out


def test_a_model_is_judged_by_its_own_classes(tmp_path, capsys):
    make_scenes("voc2012", tmp_path / "set", 2, PRESETS["easy"])
    assert main([*WORDS, "--out", str(tmp_path / "run")]) == 0
    words = [
        "evaluate",
        str(tmp_path / "run"),
        "--data",
        "voc2012",
        "--root",
        str(tmp_path / "set"),
        "--split",
        "train",
    ]
    assert main([*words, "--device", "cpu"]) == 1
    assert (
        "error: classes must be as the model was trained, 11 classes, ground to grass, got 21, background"
        in capsys.readouterr().err
    )


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.skipif(real_set() is None, reason="LESSONS_REAL_DATA names no folder in COCO's layout")
def test_trains_on_real_photographs(tmp_path, capsys):
    words = [
        "train",
        "tiny",
        "--data",
        "coco",
        "--root",
        str(real_set()),
        "--size",
        "32",
        "--batch",
        "2",
        "--steps",
        "3",
    ]
    split = next(name for name in ("train2017", "val2017") if (real_set() / name).is_dir())
    words += ["--split", split, "--steps", "3", "--device", "cpu"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    assert "on 9 " in capsys.readouterr().out


def test_one_can_look_on_between_the_steps(tmp_path):
    seen = []

    def look(run, step):
        seen.append(step)
        assert len(read_journal(run.folder / "metrics.jsonl")) == step

    settings = Settings("tiny", size=32, batch=2, steps=4)
    assert train_module.train(settings, tmp_path / "run", device="cpu", unseen=0, look=look) is None
    assert seen == [1, 2, 3, 4] and not (tmp_path / "run" / "scores.json").exists()
    train_module.train(settings, tmp_path / "other", device="cpu", unseen=3)
    assert json.loads((tmp_path / "other" / "scores.json").read_text("utf-8"))["images"] == 3
    states = [open_checkpoint(tmp_path / name / "checkpoint.safetensors").tensors for name in ("run", "other")]
    assert all(states[0][key].equal(states[1][key]) for key in states[0]), "a look changes nothing"
    with pytest.raises(ValueError, match="unseen must be ≥ 0, got -1"):
        train_module.train(settings, tmp_path / "third", device="cpu", unseen=-1)
