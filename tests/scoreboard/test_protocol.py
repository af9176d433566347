"""What is the same for all: settings, beginnings, images; and how a budget becomes steps."""

import pytest
import torch
from safetensors.torch import load_file

from lessons_lib.models.backbones import TinyBackbone
from lessons_lib.models.zoo import build_model
from lessons_lib.scoreboard.pace import LAST, STEPS, Pace, measured_pace
from lessons_lib.scoreboard.protocol import Protocol, begin
from lessons_lib.scoreboard.systems import LARGER, SYSTEMS, System
from lessons_lib.shipped import FOLDER


def test_all_but_the_model_is_the_same_for_all():
    protocol, own = Protocol(), ("model", "options", "backbone")
    settings = [vars(protocol.settings(system, 10, 2)) for system in SYSTEMS.values()]
    shared = [{key: value for key, value in s.items() if key not in own} for s in settings]
    assert all(s == shared[0] for s in shared) and shared[0]["seed"] == 2 and shared[0]["steps"] == 10
    assert [s["model"] for s in settings if s["backbone"] != "tiny"] == ["mask_rcnn"]
    for s in settings:
        build_model(s["model"], 3, s["backbone"], **s["options"])  # every option is the model's own


def test_the_backbones_begin_alike():
    trunk = load_file(FOLDER / "trunk.safetensors")
    for name, system in SYSTEMS.items():
        model = build_model(system.model, 11, system.backbone("tiny"), **system.options)
        begin(model)
        weight = model.backbone.state_dict()["stages.0.0.weight"]
        assert weight[:16].equal(trunk["stages.0.0.weight"].float()), name
        assert (len(weight) == 24) == system.larger
    large = build_model("mask_rcnn", 3, "resnet18")
    before = {key: value.clone() for key, value in large.state_dict().items()}
    assert begin(large) == "" and all(value.equal(before[key]) for key, value in large.state_dict().items())


def test_judging_never_sees_what_was_learned():
    protocol = Protocol(size=32, unseen=3)
    samples, classes = protocol.judged_on(protocol.settings(SYSTEMS["mnc"], 1, 0))
    again, _ = protocol.judged_on(protocol.settings(SYSTEMS["sds"], 9, 5))
    assert len(samples) == 3 and classes[1] == "ball"
    assert all(a.image.equal(b.image) for a, b in zip(samples, again, strict=True)), "the same for all"
    assert all((sample.label_map != 255).all() for sample in samples)


def test_a_seed_without_a_split_is_refused():
    folds = Protocol(data="nuclei", root="there", folds=True)
    assert [folds.settings(SYSTEMS["mnc"], 1, seed).split for seed in (0, 1, 4)] == ["train", "train2", "train5"]
    with pytest.raises(ValueError, match="seeds must be 0 to 4, a split each, got 5"):
        folds.settings(SYSTEMS["mnc"], 1, 5)


def test_the_larger_backbone():
    wide = System("wide", "mask_rcnn", larger=True)
    assert {usual: wide.backbone(usual) for usual in LARGER} == LARGER and SYSTEMS["mnc"].backbone("vgg16") == "vgg16"
    with pytest.raises(
        ValueError, match="backbone must be one of tiny, resnet18, resnet50 for a row with a larger one"
    ):
        wide.backbone("vgg16")


def test_steps_of_a_budget():
    assert Pace(0.1, 0.0).steps(30.0, 8, 2000) == 300
    assert Pace(0.1, 0.05).steps(300.0, 8, 2000) == 2000, "100 s are for seeing 2,000 images the first time"
    assert Pace(0.1, 0.05).steps(10.0, 8, 2000) == 20, "no image is seen twice: 0.5 s a step"
    assert Pace(0.1, 0.05).steps(125.0, 8, 2000) == 250, "both ways agree where every image has been seen once"
    assert Pace(2.0, 0.0).steps(1.0, 8, 10) == 1


def test_the_pace_counts_what_images_cost_the_first_time(monkeypatch):
    class Model(torch.nn.Module):
        """A second a step, half a second more for an image that it has not seen."""

        def __init__(self):
            super().__init__()
            self.backbone, self.seen, self.weight = TinyBackbone(), set(), torch.nn.Parameter(torch.ones(()))

        def forward(self, batch):
            new = {image.sum().item() for image in batch.images} - self.seen
            self.seen |= new
            time[0] += 1 + 0.5 * len(new)
            return {"loss": self.weight**2}

    time, model = [0.0], Model()
    monkeypatch.setattr("lessons_lib.training.run.build_model", lambda *_, **__: model)
    monkeypatch.setattr("lessons_lib.scoreboard.pace.clock_of", lambda device: lambda: time[0])
    pace, images = measured_pace(Protocol(size=32, count=50, batch=2), SYSTEMS["sds"], "cpu")
    assert images == 50 and pace.step == 1.0 and STEPS > LAST
    assert 0.5 <= pace.new_image <= 1.0, "an image and its mirror image are new once each"
