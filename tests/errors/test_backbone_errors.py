"""What the trunks say to a wrong argument: the name, what came, and what is allowed."""

import re

import pytest
import torch
from torch import nn
from torchvision.models import vgg16, vgg16_bn

from lessons_lib.models.backbones import ResNet, TinyBackbone, load_vgg16, make_backbone, vgg16_classifier, vgg16_stages
from lessons_lib.models.zoo import build_model

NAMES = "tiny, tiny_wide, vgg16, resnet18, resnet50, resnet101, resnext101"


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
        lambda: load_vgg16({}, vgg16_stages()[0]),
        "there must be 13 convolutions, or 15 with fc6 and fc7, got 2",
    ),
    (
        lambda: load_vgg16(vgg16_bn().state_dict(), vgg16_stages()),
        "state must be that of torchvision's vgg16, got one without features.2",
    ),
    (
        lambda: load_vgg16(vgg16().features.state_dict(prefix="features."), vgg16_stages(), vgg16_classifier()),
        "state must be that of torchvision's vgg16, got one without classifier.0",
    ),
    (
        lambda: load_vgg16(vgg16().state_dict(), nn.ModuleList([*list(vgg16_stages())[1:], vgg16_classifier()])),
        "features.0 must be a layer whose weights fill (128, 64, 3, 3), got (64, 3, 3, 3)",
    ),
    (
        lambda: build_model("patch", 3, "resnet18"),
        "backbone must be tiny for patch, whose network is its own, got 'resnet18'",
    ),
    (lambda: build_model("patch", 3, pretrained=True), "pretrained must be False for patch, whose network is its own"),
    (lambda: build_model("fcn8s", 3, "resnet34"), f"backbone must be one of {NAMES}, got 'resnet34'"),
    (lambda: build_model("fcn8s", 3, pretrained=True), "ImageNet weights exist for vgg16, resnet18, "),
]


@pytest.mark.parametrize(("call", "message"), CASES, ids=[message for _, message in CASES])
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
