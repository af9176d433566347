"""`module_fields` on the trunk of each kind of classifier in torchvision: the true stride and field, or refused."""

import math
import re
from itertools import takewhile

import pytest
import torch
from accelerate import init_empty_weights
from torch import nn
from torchvision import models

from lessons_lib.ops.receptive_field import extent, module_fields, seen_pixels

NAMES = models.list_models(models)
HEADS = ("avgpool", "classifier", "fc", "head", "heads", "permute", "flatten")
REFUSED = {"convnext": "permute", "swin": "permute", "maxvit": "reshape", "vit": "reshape", "shufflenet": "size|view"}
"""By the first letters of their names: calls that mix positions in a way that no rule follows."""

FULL = [name for name in NAMES if not name.startswith(tuple(REFUSED))]
LARGE = (
    "densenet1[^2]",
    "densenet2",
    "efficientnet_b[1-7]",
    "efficientnet_v2_[ml]",
    "regnet_._(?!400)",
    "res.*(101|152)",
)
SMALL = [name for name in FULL if not re.match("|".join(LARGE), name)]
"""Without those that repeat the layers of a smaller one."""


def without_numbers(name: str) -> nn.Module:
    extra = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if name.startswith("vit"):
        extra = {"image_size": 64}  # it takes one size, and that is the first that is tried
    with init_empty_weights():
        return models.get_model(name, **extra).eval().to("meta")


def trunk_of(name: str) -> nn.Module:
    """All before pooling and classifier."""
    children = takewhile(lambda pair: pair[0] not in HEADS, without_numbers(name).named_children())
    return nn.Sequential(*(child for _, child in children if child is not None))


def stride_of(trunk: nn.Module) -> float:
    """Measured from the sizes of two outputs, whatever the padding."""
    small, large = (trunk(torch.empty(1, 3, n, n, device="meta")).shape[2] for n in (512, 1024))
    return 512 / (large - small)


@pytest.mark.parametrize("name", SMALL)
def test_the_stride_is_that_of_the_output(name):
    trunk = trunk_of(name)
    output = module_fields(trunk)[-1]
    assert output.rows == output.columns
    assert output.rows.jump == stride_of(trunk)
    gated = any("SqueezeExcitation" in type(layer).__name__ for layer in trunk.modules())
    assert math.isinf(output.rows.size) == gated


@pytest.mark.parametrize("family", REFUSED)
def test_what_cannot_be_followed_is_refused_by_name(family):
    for name in (name for name in NAMES if name.startswith(family) and name != "vit_h_14"):  # its sizes are 14 · n
        with pytest.raises(ValueError, match=f"got .*({REFUSED[family]}).*; measure with seen_pixels"):
            module_fields(without_numbers(name))


def test_every_classifier_is_in_one_of_the_two():
    assert len(FULL) + sum(name.startswith(tuple(REFUSED)) for name in NAMES) == len(NAMES) >= 80


@pytest.mark.parametrize(("name", "size"), [("alexnet", 260), ("squeezenet1_1", 255), ("vgg11", 190)])
def test_the_field_is_what_is_measured(name, size):
    """The rows that the middle cell of a real run depends on are those that the formula says."""
    trunk = models.get_model(name).features.eval()
    output = module_fields(trunk)[-1]
    with torch.no_grad():
        cells = trunk(torch.zeros(1, 3, size, size)).shape[2]
    cell = cells // 2
    rows, columns = extent(seen_pixels(trunk, (size, size), (cell, cell)))
    start = output.rows.start + output.rows.jump * cell
    want = range(max(start, 0), min(start + output.rows.size, size))
    assert (rows.start, rows.start + rows.size) == (want.start, want.stop)
    assert rows == columns


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "efficientnet_b0"])
def test_a_gated_network_sees_its_whole_image(name):
    assert seen_pixels(models.get_model(name).features.eval(), (64, 64)).all()
