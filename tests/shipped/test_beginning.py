"""Fine-tuning: what is taken, which heads begin anew, what is refused, and that a run that goes on is the same."""

import re
from dataclasses import replace

import pytest
import torch
from accelerate.state import AcceleratorState, PartialState
from safetensors.torch import load_file
from torchvision.models import detection

from lessons_lib.__main__ import main
from lessons_lib.data.scenes import CLASSES
from lessons_lib.models.zoo import MODELS, build_model
from lessons_lib.shipped import FOLDER, beginning
from lessons_lib.shipped.beginning import begin_with_weights, class_dependent
from lessons_lib.shipped.trained import published_model
from lessons_lib.training import train
from lessons_lib.training.checkpoint import open_checkpoint
from lessons_lib.training.settings import Settings

MASKS = Settings("mask_rcnn", weights="mask_rcnn")
WORDS = ["--size", "32", "--batch", "1", "--device", "cpu"]
HEADS = [
    f"{layer}.{kind}"
    for layer in ("detector.box_head.predictor.classes", "mask_head.predictor")
    for kind in ("weight", "bias")
]


@pytest.fixture(autouse=True)
def fresh_machine():
    yield
    AcceleratorState._reset_state()
    PartialState._reset_state()


def shipped_weights(name: str):
    return {key: tensor.float() for key, tensor in load_file(FOLDER / f"{name}.safetensors").items()}


def test_all_is_taken_but_the_heads_of_other_classes():
    model = build_model("mask_rcnn", 4)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    said = begin_with_weights(MASKS, model, ["background", "cell", "rod", "ring"])
    assert said == (
        "begins with mask_rcnn: 44 of 48 weights taken; begun anew for 3 classes, where it had 10 classes: "
        "detector.box_head.predictor.classes, mask_head.predictor"
    )
    stored = shipped_weights("mask_rcnn")
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[key] if key in HEADS else stored[key]), key


def test_the_heads_are_taken_where_the_classes_are_the_same():
    model = build_model("mask_rcnn", len(CLASSES))
    assert "48 of 48 weights taken, the heads too" in begin_with_weights(MASKS, model, CLASSES)
    stored = shipped_weights("mask_rcnn")
    assert all(torch.equal(tensor, stored[key]) for key, tensor in model.state_dict().items())


def test_as_many_classes_with_other_names_are_other_classes():
    model = build_model("mask_rcnn", len(CLASSES))
    said = begin_with_weights(MASKS, model, [*CLASSES[:-1], "sand"])
    assert "44 of 48 weights taken; begun anew for 10 classes, where it had other classes" in said
    stored = shipped_weights("mask_rcnn")
    assert not any(torch.equal(model.state_dict()[key], stored[key]) for key in HEADS if key.endswith("weight"))


@pytest.mark.parametrize("name", MODELS)
def test_what_depends_on_the_classes_is_known_without_building_the_weights(name):
    state = torch.random.get_rng_state()
    heads = class_dependent(Settings(name))
    assert torch.equal(torch.random.get_rng_state(), state)
    two, five = build_model(name, 2).state_dict(), build_model(name, 5).state_dict()
    assert heads == [key for key in two if two[key].shape != five[key].shape]
    assert heads or name == "recurrent"  # which calls every object an object


def test_the_trunk_gives_the_backbone_alone():
    model = build_model("mask_rcnn", 4)
    said = begin_with_weights(replace(MASKS, weights="trunk"), model, ["background", "a", "b", "c"])
    assert said == "begins with trunk: 10 of 48 weights taken, the backbone; all else begun anew"
    stored = shipped_weights("trunk")
    assert all(torch.equal(tensor, stored[key]) for key, tensor in model.backbone.state_dict().items())


def test_published_weights_with_frozen_norms(monkeypatch):
    """Random weights in place of the download; the zoo's model takes all but its heads, and leaves BatchNorm alone."""
    theirs = detection.maskrcnn_resnet50_fpn(weights=None, weights_backbone=None).state_dict()
    source = published_model("maskrcnn_resnet50_fpn_coco", theirs, [str(label) for label in range(91)])
    monkeypatch.setattr(beginning, "open_weights", lambda name: source)
    settings = Settings("mask_rcnn", backbone="resnet50", weights="maskrcnn_resnet50_fpn_coco")
    model = build_model("mask_rcnn", 3, "resnet50")
    said = begin_with_weights(settings, model, ["background", "cell", "rod"])
    assert "begun anew for 2 classes, where it had 90 classes" in said and "box_head.predictor.deltas" in said
    assert torch.equal(model.backbone.conv1.weight, theirs["backbone.body.conv1.weight"])
    assert model.features.frozen and not model.backbone.bn1.weight.requires_grad
    with pytest.raises(ValueError, match=re.escape("(--backbone resnet50), got 'tiny'")):
        begin_with_weights(replace(settings, backbone="tiny"), model, [])


REFUSED = [
    (replace(MASKS, weights="fcn8s"), "from must be weights of mask_rcnn, got fcn8s, which are those of fcn8s"),
    (replace(MASKS, weights="faster_rcnn"), "from must be weights of mask_rcnn, got faster_rcnn, which"),
    (replace(MASKS, weights="nosuch"), "from must be one of deconvnet, "),
    (replace(MASKS, backbone="resnet18"), "backbone must be tiny for the weights mask_rcnn (--backbone tiny), got"),
    (replace(MASKS, options={"neck": "tdm"}), "option neck must be fpn for the weights mask_rcnn, got tdm"),
    (Settings("fcn8s", backbone="resnet18", weights="trunk"), "from must fit the model: trunk is a tiny backbone, got"),
    (Settings("patch", weights="trunk"), "from must fit the model: trunk is a tiny backbone, got patch"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_a_wrong_combination_is_refused(settings, message):
    model = build_model(settings.model, 3, settings.backbone, **settings.options)
    with pytest.raises(ValueError, match=re.escape(message)):
        begin_with_weights(settings, model, ["background", "a", "b"])


def test_imagenet_s_weights_and_others_exclude_each_other():
    with pytest.raises(ValueError, match="from must go without --pretrained, since trunk brings its own backbone"):
        replace(MASKS, weights="trunk", pretrained=True, backbone="resnet18")


def test_a_run_begins_with_another_and_goes_on_as_if_it_had_never_stopped(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "UNSEEN", 4)
    first, second, halves = (str(tmp_path / name) for name in ("first", "second", "halves"))
    assert main(["train", "fcn8s", *WORDS, "--steps", "1", "--out", first]) == 0
    words = ["train", "fcn8s", *WORDS, "--from", first, "--seed", "1", "--schedule", "constant"]
    assert main([*words, "--steps", "2", "--out", second]) == 0
    assert f"begins with {first}: 19 of 19 weights taken" in capsys.readouterr().out
    assert main([*words, "--steps", "1", "--out", halves]) == 0
    assert main([*words, "--steps", "2", "--out", halves, "--resume"]) == 0
    one, other = (open_checkpoint(tmp_path / name / "checkpoint.safetensors") for name in ("second", "halves"))
    assert one.notes["settings"]["weights"] == first
    assert all(torch.equal(tensor, other.tensors[key]) for key, tensor in one.tensors.items())
    assert main([*words[:-4], "--from", "trunk", *words[-4:], "--steps", "3", "--out", halves, "--resume"]) == 1
    assert f"error: from must be as the run began, {first!r}, got 'trunk'" in capsys.readouterr().err


def test_overfitting_and_recipes_say_what_they_do_with_it(capsys):
    words = ["train", "fcn8s", *WORDS, "--steps", "1", "--from", "trunk", "--overfit", "1"]
    assert main(words) in (0, 1)
    assert "begins with trunk: " in capsys.readouterr().out
    assert main(["train", "--recipe", "fcn8s", "--from", "trunk"]) == 1
    assert "recipe must go without --from" in capsys.readouterr().err
