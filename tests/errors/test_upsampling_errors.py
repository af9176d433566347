"""What upsampling says to a wrong argument: the name, what came, and what is allowed."""

import re

import pytest
import torch

from lessons_lib.ops import transposed as U

X, W = torch.zeros(1, 2, 4, 4), torch.zeros(2, 3, 3, 3)
FORMS = (U.conv_transpose2d_stamps, U.conv_transpose2d_matrix, U.conv_transpose2d_zeros)

CASES = [
    (lambda: U.transposed_output_size(2, 3, stride=0), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: U.transposed_output_size(0, 3), ValueError, "size must be ≥ 1, got 0"),
    (lambda: U.transposed_output_size(2, 0), ValueError, "kernel_size must be ≥ 1, got 0"),
    (lambda: U.transposed_output_size(2, 3, padding=-1), ValueError, "padding must be ≥ 0, got -1"),
    (lambda: U.transposed_output_size(2, 3, dilation=0), ValueError, "dilation must be ≥ 1, got 0"),
    (lambda: U.transposed_output_size(2, 3, output_padding=-1), ValueError, "output_padding must be ≥ 0, got -1"),
    (lambda: U.transposed_output_size(2, 3, padding="same"), TypeError, "padding must be an int, got 'same'"),
    (lambda: U.transposed_output_size(2.0, 3), TypeError, "size must be an int, got 2.0"),
    (lambda: U.transposed_output_size((2, 2), 3, (1, 1, 1)), ValueError, "size must be an int or 3 ints, got (2, 2)"),
    (
        lambda: U.transposed_output_size(2, 3, stride=2, output_padding=2),
        ValueError,
        "output_padding must be < 2, the larger of stride and dilation, got 2",
    ),
    (
        lambda: U.transposed_output_size(2, 3, stride=(3, 2), output_padding=(1, 3), dilation=3),
        ValueError,
        "output_padding must be < 3, the larger of stride and dilation, got 3",
    ),
    (
        lambda: U.transposed_output_size(1, 2, padding=1),
        ValueError,
        "padding must leave at least 1 of the 2 stamped pixels, got 1",
    ),
    (lambda: U.output_padding_for(2, 5, 3, 2, 1), ValueError, "output must be in [3, 4] for size 2, got 5"),
    (lambda: U.output_padding_for(2, 2, 3, 2, 1), ValueError, "output must be in [3, 4] for size 2, got 2"),
    (lambda: U.output_padding_for(2, 0, 3), ValueError, "output must be ≥ 1, got 0"),
    (lambda: U.output_padding_for(2, 4, 3, stride=0), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: U.output_padding_for(2, 4, 3, padding=-1), ValueError, "padding must be ≥ 0, got -1"),
    (lambda: U.output_padding_for(2, (4, 4), 3), TypeError, "output must be an int, got (4, 4)"),
    (lambda: U.insert_zeros(X[0], 2), ValueError, "x must be a float tensor with 4 dimensions, got torch.float32 (2,"),
    (lambda: U.insert_zeros(X, 0), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: U.bilinear_kernel(0), ValueError, "kernel_size must be ≥ 1, got 0"),
    (lambda: U.bilinear_settings(0), ValueError, "factor must be ≥ 1, got 0"),
    (lambda: U.bilinear_settings(1.5), TypeError, "factor must be an int, got 1.5"),
    (lambda: U.bilinear_weight(0, 2), ValueError, "channels must be ≥ 1, got 0"),
    (lambda: U.bilinear_weight(1, 0), ValueError, "factor must be ≥ 1, got 0"),
]


@pytest.mark.parametrize(("call", "error", "words"), CASES, ids=[words[:60] for _, _, words in CASES])
def test_error_names_argument_value_and_allowed(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()


LAYERS = [
    ((X[0], W), {}, "x must be a float tensor with 4 dimensions, got torch.float32 (2, 4, 4)"),
    ((X.long(), W), {}, "x must be a float tensor with 4 dimensions, got torch.int64 (1, 2, 4, 4)"),
    (([1], W), {}, "x must be a float tensor with 4 dimensions, got [1]"),
    ((X, W[0]), {}, "weight must be a float tensor with 4 dimensions, got torch.float32 (3, 3, 3)"),
    ((X, W.transpose(0, 1)), {}, "weight must have one row for each of the 2 channels of x, got 3"),
    ((X, W, torch.zeros(2)), {}, "bias must have one number for each of the 3 output channels, got 2"),
    ((X, W, torch.zeros(3, 1)), {}, "bias must be a float tensor with 1 dimensions, got torch.float32 (3, 1)"),
    ((X, W.double()), {}, "weight must be torch.float32 on cpu, as x is, got torch.float64 on cpu"),
    ((X, W, torch.zeros(3).half()), {}, "bias must be torch.float32 on cpu, as x is, got torch.float16 on cpu"),
    ((X, W), {"stride": 0}, "stride must be ≥ 1, got 0"),
    ((X, W), {"padding": (1, 2, 3)}, "padding must be an int or 2 ints, got (1, 2, 3)"),
    ((X, W), {"output_padding": 1}, "output_padding must be < 1, the larger of stride and dilation, got 1"),
    ((X, W), {"padding": 3}, "padding must leave at least 1 of the 6 stamped pixels, got 3"),
    ((X[:, :, :0], W), {}, "size must be ≥ 1, got 0"),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize(("tensors", "arguments", "words"), LAYERS, ids=[words[:60] for _, _, words in LAYERS])
def test_every_form_says_what_is_wrong(form, tensors, arguments, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        form(*tensors, **arguments)
