"""Every model on every backbone: built and run on the meta device, or refused by name; and trained backbones put in."""

import pytest
import torch
from torchvision import models

from lessons_lib.models.backbones import BACKBONES
from lessons_lib.models.names import written_names
from lessons_lib.models.zoo import MODELS, build_model

SMALL = ("tiny", "vgg16")
TAKES = {"patch": ("tiny",), "deconvnet": SMALL, "plain": SMALL, "dilated": SMALL}  # the others take every backbone


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("name", MODELS)
def test_every_model_takes_a_backbone_or_refuses_it(name, backbone):
    if backbone not in TAKES.get(name, BACKBONES):
        with pytest.raises(ValueError, match=f"backbone must be .*got '{backbone}'"):
            build_model(name, 5, backbone)
        return
    with torch.device("meta"):
        model = build_model(name, 5, backbone)
        if MODELS[name].task == "semantic" and name != "deconvnet":  # its switches are values, which "meta" has not
            assert model.logits(torch.rand(2, 3, 64, 96)).shape == (2, 5, 64, 96)


@pytest.fixture
def imagenet(monkeypatch):
    """Random weights in the place of the downloaded ones: gives torchvision's state dict by name."""
    states = {}

    def state(name: str) -> dict[str, torch.Tensor]:
        if name not in states:
            states[name] = getattr(models, name)(weights=None).state_dict()
        return states[name]

    monkeypatch.setattr("lessons_lib.models.backbones.imagenet_weights", state)
    return state


@pytest.mark.parametrize("name", ["fcn8s", "unet", "hypercolumns", "plain_fcn"])
def test_a_trained_resnet_is_put_in(imagenet, name):
    model = build_model(name, 5, "resnet18", pretrained=True)
    expected = {key: value for key, value in imagenet("resnet18").items() if not key.startswith("fc.")}
    assert model.backbone.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[key]) for key, value in model.backbone.state_dict().items())


@pytest.mark.parametrize("name", [name for name in MODELS if "vgg16" in TAKES.get(name, BACKBONES)])
def test_a_trained_vgg16_fits(imagenet, name):
    with torch.device("meta"):
        build_model(name, 5, "vgg16", pretrained=True)


def test_a_models_own_options_are_given_to_it_and_others_refused():
    assert MODELS["pieces"].options == {"min_area": 16}
    assert build_model("pieces", 5, min_area=3).min_area == 3
    with pytest.raises(ValueError, match=r"options of pieces must be among its own \(min_area\), got 'area'"):
        build_model("pieces", 5, area=3)
    with pytest.raises(ValueError, match=r"options of fcn8s must be among its own \(none\), got 'min_area'"):
        build_model("fcn8s", 5, min_area=3)


def test_the_names_are_read_from_the_source_without_the_zoo():
    assert written_names() == list(MODELS)
