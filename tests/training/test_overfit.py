"""Overfitting on purpose: images are learned, or it is said that they are not; nothing is kept."""

import pytest
import torch

from lessons_lib.__main__ import main
from lessons_lib.models.zoo import MODELS, Entry
from lessons_lib.training.overfit import overfit
from lessons_lib.training.settings import Settings
from tests.tiny_model import TinyModel

WORDS = ["train", "fcn8s", "--size", "64", "--lr", "0.005", "--device", "cpu"]


def test_a_model_that_can_learn_two_images(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*WORDS, "--overfit", "2", "--steps", "600"]) == 0
    said = capsys.readouterr().out
    assert "2 images learned after" in said and "≥ 0.8" in said.splitlines()[-1]
    assert "step 30/600  loss" in said
    assert list(tmp_path.iterdir()) == []


def test_one_that_finds_objects():
    """Mask AP 0.9 asks for masks that are right, box and all; one image, and as fast a rate as it bears."""
    settings = Settings("mask_rcnn", size=64, steps=600, lr=3e-3)
    verdict = overfit(settings, 1, "cpu", say=lambda text: None)
    assert verdict.learned and verdict.steps < 600 and "mask AP " in str(verdict)


def test_one_that_cannot_says_so(monkeypatch, capsys):
    class Frozen(TinyModel):
        """A model whose loss is detached from all but its biases, as by a forgotten `with torch.no_grad()`."""

        def logits(self, images):
            with torch.no_grad():
                features = self.features(images)
            return self.score(features.relu())

    monkeypatch.setitem(MODELS, "frozen", Entry("semantic", lambda classes, backbone: Frozen(classes)))
    assert main(["train", "frozen", "--size", "64", "--overfit", "1", "--steps", "40", "--device", "cpu"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert (
        last.startswith("1 image NOT learned after 40 steps: mIoU 0.") and "look for a mistake in model or data" in last
    )


@pytest.mark.parametrize(
    "more", [["--count", "3"], ["--out", "x"], ["--resume"], ["--augment", "flip"], ["--workers", "1"]]
)
def test_what_has_no_use_is_refused(more, capsys):
    assert main([*WORDS, "--overfit", "1", *more]) == 1
    assert f"error: overfit must go without {more[0]}, which it has no use for" in capsys.readouterr().err


def test_fewer_images_than_there_are(capsys):
    assert main([*WORDS, "--overfit", "0"]) == 1
    assert "error: count must be ≥ 1, got 0" in capsys.readouterr().err


def test_a_detector_learns_its_boxes_by_heart(capsys):
    """Box AP 0.95 asks for boxes that are right to a twentieth, not for objects that are found."""
    words = ["train", "faster_rcnn", "--lr", "0.001", "--device", "cpu", "--overfit", "3", "--steps", "600"]
    assert main(words) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert "3 images learned after" in last and "box AP 0.9" in last and last.endswith("≥ 0.95")
