"""What the trunks say to a wrong argument: the name, what came, and what is allowed."""

import re

import pytest
import torch

from lessons_lib.models.backbones import ResNet, TinyBackbone, load_vgg16, make_backbone, vgg16_classifier, vgg16_stages

NAMES = "tiny, vgg16, resnet18, resnet50, resnet101, resnext101"


@pytest.fixture(autouse=True)
def on_the_meta_device():
    with torch.device("meta"):
        yield


CASES = [
    (lambda: make_backbone("resnet34"), f"backbone must be one of {NAMES}, got 'resnet34'"),
    (lambda: make_backbone("resnet18", 4), "output_stride must be 8, 16 or 32, got 4"),
    (lambda: TinyBackbone(output_stride=64), "output_stride must be 8, 16 or 32, got 64"),
    (
        lambda: make_backbone("tiny", weights=True),
        "ImageNet weights exist for vgg16, resnet18, resnet50, resnet101, resnext101, got 'tiny'",
    ),
    (lambda: ResNet("vgg16"), "name must be one of resnet18, resnet50, resnet101, resnext101, got 'vgg16'"),
    (lambda: vgg16_stages([1, 1, 2]), "dilations must be 5 numbers, one a stage, got (1, 1, 2)"),
    (
        lambda: load_vgg16({"features.0.weight": torch.zeros(64, 3, 3, 3)}, vgg16_stages()),
        "features must be 13 layers in the state dict and 13 convolutions here, got 1 and 13",
    ),
    (
        lambda: load_vgg16(dense(4096), vgg16_stages(), vgg16_classifier()),
        "features must be 13 layers in the state dict and 13 convolutions here, got 0 and 13",
    ),
    (
        lambda: load_vgg16(features(32), vgg16_stages()),
        "features.0.weight must hold the weights of (64, 3, 3, 3), got a tensor of (32, 3, 3, 3)",
    ),
]


def features(first: int) -> dict[str, torch.Tensor]:
    sizes = {f"features.{i}.weight": torch.zeros(first, 3, 3, 3) for i in range(13)}
    return sizes | {name.replace("weight", "bias"): torch.zeros(first) for name in sizes}


def dense(width: int) -> dict[str, torch.Tensor]:
    return {f"classifier.{i}.weight": torch.zeros(width, 1) for i in (0, 3, 6)}


@pytest.mark.parametrize(("call", "message"), CASES, ids=[message for _, message in CASES])
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
