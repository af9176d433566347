"""What gives weights their meaning may not change under them: neither when a run goes on, nor when it is evaluated."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from data_scripts.make_scenes import make_scenes
from lessons_lib.__main__ import main
from lessons_lib.data.scenes import PRESETS
from lessons_lib.models.backbones import Normalisation
from lessons_lib.models.zoo import MODELS, Entry
from tests.tiny_model import TinyModel

WORDS = ["--size", "32", "--batch", "2", "--steps", "2", "--device", "cpu"]


class Normalised(TinyModel):
    """The tiny model, with the normalisation of the real ones."""

    def __init__(self, classes, width=8):
        super().__init__(classes, width)
        self.normalise = Normalisation()

    def logits(self, images):
        return super().logits(self.normalise(images))


def build(classes, backbone, *, width=8):
    return Normalised(classes, width)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A run on a COCO folder; gives the words that go on with it, and what checks that nothing was overwritten."""
    monkeypatch.setitem(MODELS, "normalised", Entry("semantic", build))
    make_scenes("coco2017", tmp_path / "set", 4, replace(PRESETS["easy"], size=32))
    words = ["train", "normalised", *WORDS, "--data", "coco", "--out", str(tmp_path / "run")]
    assert main([*words, "--root", str(tmp_path / "set")]) == 0
    checkpoint = tmp_path / "run" / "checkpoint.safetensors"
    before = checkpoint.read_bytes()

    def refused(message: str, root: str = "set") -> None:
        """Neither training nor evaluation go on, both say why, and the checkpoint is as it was."""
        place = ["--root", str(tmp_path / root)]
        split = ["--split", "train"]
        capsys.readouterr()
        assert main([*words, *place, "--resume", "--steps", "4"]) == 1
        said = capsys.readouterr().err
        assert f"error: {message.replace('WHEN', 'as the run began')}" in said, said
        assert main(["evaluate", str(tmp_path / "run"), *place, *split, "--device", "cpu"]) == 1
        said = capsys.readouterr().err
        assert f"error: {message.replace('WHEN', 'as the model was trained')}" in said, said
        assert checkpoint.read_bytes() == before

    return refused


def with_categories(folder, change) -> None:
    """Rewrites the list of categories in every annotation file below a folder."""
    for file in folder.rglob("*.json"):
        record = json.loads(file.read_text("utf-8"))
        record["categories"] = change(record["categories"])
        file.write_text(json.dumps(record), encoding="utf-8")


def test_the_same_images_with_classes_in_another_order(run, tmp_path):
    shutil.copytree(tmp_path / "set", tmp_path / "other")

    def swap(categories):
        first, second, *rest = categories
        return [{**first, "name": second["name"]}, {**second, "name": first["name"]}, *rest]

    with_categories(tmp_path / "other", swap)
    names = [
        category["name"] for category in json.loads(next((tmp_path / "set").rglob("*.json")).read_text())["categories"]
    ]
    run(f"classes must be WHEN, {names[0]!r} for label 1, got {names[1]!r}", "other")


def test_another_number_of_classes(run, tmp_path):
    shutil.copytree(tmp_path / "set", tmp_path / "other")
    with_categories(tmp_path / "other", lambda categories: [*categories, {"id": 90, "name": "yeti"}])
    run("classes must be WHEN, ", "other")


def test_another_normalisation(run, monkeypatch):
    original = Normalisation.__init__

    def other(self):
        original(self)
        self.mean = torch.full((3, 1, 1), 0.5)

    monkeypatch.setattr(Normalisation, "__init__", other)
    run("normalisation must be WHEN, [[0.48")


def test_another_default_of_an_option(run, monkeypatch):
    def changed(classes, backbone, *, width=9):
        return Normalised(classes, width)

    monkeypatch.setitem(MODELS, "normalised", Entry("semantic", changed))
    run("options must be WHEN, {'width': 8}, got {'width': 9}")


def test_another_task(run, monkeypatch):
    monkeypatch.setitem(MODELS, "normalised", Entry("instance", build))
    run("task must be WHEN, 'semantic', got 'instance'")


def test_images_that_are_not_those_it_began_with(run, tmp_path, capsys):
    """A run goes on with the same images or not at all; it may be evaluated on any."""
    make_scenes("coco2017", tmp_path / "more", 5, replace(PRESETS["easy"], size=32))
    words = ["train", "normalised", *WORDS, "--data", "coco", "--out", str(tmp_path / "run"), "--resume"]
    assert main([*words, "--root", str(tmp_path / "more")]) == 1
    assert "error: images must be as the run began, [4, " in capsys.readouterr().err
    place = ["--root", str(tmp_path / "more"), "--split", "train"]
    assert main(["evaluate", str(tmp_path / "run"), *place, "--device", "cpu"]) == 0
    assert "These are images of which it has learned from" in capsys.readouterr().out


def test_images_that_have_moved_are_the_same(run, tmp_path, capsys):
    (tmp_path / "set").rename(tmp_path / "moved")
    words = ["train", "normalised", *WORDS, "--data", "coco", "--out", str(tmp_path / "run"), "--resume"]
    assert main([*words, "--root", str(tmp_path / "moved"), "--steps", "3"]) == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--option", "width=9"], "options must be as the run began, {}, got {'width': 9}"),
        (["--backbone", "resnet18"], "backbone must be as the run began, 'tiny', got 'resnet18'"),
        (["--size", "48"], "size must be as the run began, 32, got 48"),
        (["--schedule", "constant"], "schedule must be as the run began, 'polynomial', got 'constant'"),
        (["--clip", "1"], "clip must be as the run began, None, got 1.0"),
        (["--count", "2"], "count must be as the run began, None, got 2"),
        (["--augment", "none"], "augment must be as the run began, 'flip', got 'none'"),
    ],
)
def test_settings_that_are_not_those_it_began_with(changed, message, run, tmp_path, capsys):
    words = ["train", "normalised", *WORDS, "--data", "coco", "--out", str(tmp_path / "run"), "--resume"]
    assert main([*words, "--root", str(tmp_path / "set"), *changed]) == 1
    assert f"error: {message}" in capsys.readouterr().err
