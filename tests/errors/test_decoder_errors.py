"""What U-Net, hypercolumns and DeconvNet answer to bad input."""

import re

import pytest
import torch

from lessons_lib.models.backbones import TinyBackbone
from lessons_lib.models.semantic.deconvnet import TinyDeconvNet, mirrored_channels
from lessons_lib.models.semantic.hypercolumns import BoxHypercolumns, Hypercolumns
from lessons_lib.models.semantic.unet import TrunkUNet, UNet, UpLevel, centre_crop, unet_sizes, valid_input_size
from lessons_lib.models.zoo import build_model


def crops_of_another_size():
    with torch.device("meta"):
        BoxHypercolumns()(torch.zeros(1, 3, 224, 200))


def tile_of_another_size(height, width):
    with torch.device("meta"):
        UNet(1, 2).valid_logits(torch.zeros(1, 1, height, width))


X = torch.zeros(1, 1, 6, 6)
CALLS = [
    (lambda: unet_sizes(570), "size must be 140 + 16m, at least 188: 556 or 572, say, got 570"),
    (lambda: unet_sizes(140), "size must be 140 + 16m, at least 188: 188 or 204, say, got 140"),
    (lambda: unet_sizes(0), "size must be ≥ 1, got 0"),
    (lambda: tile_of_another_size(572, 570), "size must be 140 + 16m, at least 188: 556 or 572, say, got 570"),
    (lambda: tile_of_another_size(570, 572), "size must be 140 + 16m, at least 188: 556 or 572, say, got 570"),
    (lambda: valid_input_size(0), "output must be ≥ 1, got 0"),
    (lambda: centre_crop(X, (3, 4)), "size must be an even number of pixels below (6, 6), got (3, 4)"),
    (lambda: centre_crop(X, (8, 4)), "size must be an even number of pixels below (6, 6), got (8, 4)"),
    (lambda: UNet(0, 2), "in_channels must be ≥ 1, got 0"),
    (lambda: UpLevel(0), "channels must be ≥ 1, got 0"),
    (lambda: TrunkUNet(TinyBackbone(), 0), "num_classes must be ≥ 1, got 0"),
    (lambda: Hypercolumns(TinyBackbone(), 0), "num_classes must be ≥ 1, got 0"),
    (lambda: BoxHypercolumns(0), "num_classes must be ≥ 1, got 0"),
    (crops_of_another_size, "crops must be (R, 3, 224, 224), got (1, 3, 224, 200)"),
    (lambda: TinyDeconvNet(0), "num_classes must be ≥ 1, got 0"),
    (
        lambda: build_model("deconvnet", 11, "resnet18"),
        "backbone must be one of tiny, vgg16 for deconvnet, got 'resnet18'",
    ),
    (lambda: mirrored_channels([]), "stages must hold at least 1 stage with at least 1 layer each, got []"),
    (
        lambda: mirrored_channels([(4,), ()]),
        "stages must hold at least 1 stage with at least 1 layer each, got [(4,), ()]",
    ),
    (lambda: build_model("unet", 11, "tinier"), "got 'tinier'"),
]


@pytest.mark.parametrize(("call", "words"), CALLS, ids=[f"{i}-{words[:50]}" for i, (_, words) in enumerate(CALLS)])
def test_it_says_what_is_wrong(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()
