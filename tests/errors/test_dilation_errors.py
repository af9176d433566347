"""What receptive fields and dilated networks say to a wrong argument: the name, what came, and what is allowed."""

import re

import pytest
import torch
from torch import nn

from lessons_lib.models.semantic import dilated as D
from lessons_lib.models.zoo import build_model
from lessons_lib.ops.receptive_field.chain import at_output_stride, extent, input_gradient, receptive_fields
from lessons_lib.ops.receptive_field.module import module_fields


class Transposed(nn.Module):
    def forward(self, x):
        return x.transpose(2, 3)


class Blind(nn.Module):
    def forward(self, x):
        return torch.zeros(1, 1, 4, 4)


CASES = [
    (lambda: receptive_fields([(0,)]), ValueError, "kernel_size must be ≥ 1, got 0"),
    (lambda: receptive_fields([(3, 0)]), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: receptive_fields([(3, 1, -1)]), ValueError, "padding must be ≥ 0, got -1"),
    (lambda: receptive_fields([(3, 1, 1, 0)]), ValueError, "dilation must be ≥ 1, got 0"),
    (lambda: receptive_fields([(3.0,)]), TypeError, "kernel_size must be an int, got 3.0"),
    (lambda: at_output_stride([(3, 2)], 0), ValueError, "output_stride must be ≥ 1, got 0"),
    (
        lambda: at_output_stride([(3, 3)], 2),
        ValueError,
        "output_stride must divide the strides that it cuts, got 2 at 3",
    ),
    (
        lambda: at_output_stride([(3, 2), (3, 2)], 3),
        ValueError,
        "output_stride must divide the strides that it cuts, got 3",
    ),
    (lambda: extent(torch.zeros(3, 3, dtype=torch.bool)), ValueError, "seen must hold at least one pixel, got none"),
    (
        lambda: input_gradient(nn.Flatten(), torch.rand(1, 1, 3, 3)),
        ValueError,
        "network must return a map (B, K, h, w), got (1, 9)",
    ),
    (
        lambda: input_gradient(nn.Conv2d(3, 1, 1), torch.zeros(1, 3, 4, 5), (4, 0)),
        ValueError,
        "cell must be on the map of 4 × 5 cells, got (4, 0)",
    ),
    (lambda: module_fields(Transposed()), ValueError, "module must use calls that can be followed, got transpose"),
    (lambda: module_fields(nn.Flatten()), ValueError, "module must use calls that can be followed, got flatten"),
    (lambda: module_fields(Blind()), ValueError, "module must return one map (B, K, h, w) that depends on the image"),
    (lambda: D.context_module(3, (1, 2), (1,)), ValueError, "widths must be 2 numbers, one a dilation, got (1,)"),
    (lambda: D.identity_weight(4, 6, 4), ValueError, "groups must divide 6 and 4 channels, got 4"),
    (lambda: D.identity_weight(4, 4, 0), ValueError, "groups must be ≥ 1, got 0"),
    (lambda: D.identity_weight(4, 4, 4, 2), ValueError, "kernel_size must be odd, got 2"),
    (lambda: D.reflected_places(0, 1, 1), ValueError, "size must be ≥ 1, got 0"),
    (lambda: D.reflected_places(3, -1, 1), ValueError, "before must be ≥ 0, got -1"),
    (lambda: build_model("dilated", 5, "resnet50"), ValueError, "backbone must be 'tiny' or 'vgg16', got 'resnet50'"),
    (lambda: build_model("plain", 5, "resnet50"), ValueError, "backbone must be 'tiny' or 'vgg16', got 'resnet50'"),
]


@pytest.mark.parametrize(("call", "error", "words"), CASES, ids=[words[:60] for _, _, words in CASES])
def test_error_names_argument_value_and_allowed(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()
