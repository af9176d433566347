"""What convolution says to a wrong argument: the name, what came, and what is allowed."""

import re

import pytest
import torch

from lessons_lib.ops import convolution as C

X, W = torch.zeros(1, 2, 4, 4), torch.zeros(3, 2, 3, 3)

CASES = [
    (lambda: C.output_size(4, 3, stride=0), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: C.output_size(4, 0), ValueError, "kernel_size must be ≥ 1, got 0"),
    (lambda: C.output_size(0, 3), ValueError, "size must be ≥ 1, got 0"),
    (lambda: C.output_size(4, 3, padding=-1), ValueError, "padding must be ≥ 0, got -1"),
    (lambda: C.output_size(4, 3, dilation=0), ValueError, "dilation must be ≥ 1, got 0"),
    (lambda: C.output_size(4, 2.5), TypeError, "kernel_size must be an int, got 2.5"),
    (lambda: C.output_size(True, 1), TypeError, "size must be an int, got True"),
    (lambda: C.output_size(4, None), TypeError, "kernel_size must be an int, got None"),
    (lambda: C.output_size(4, "3"), TypeError, "kernel_size must be an int, got '3'"),
    (lambda: C.output_size((4, 4), (3, 3, 3)), ValueError, "size must be an int or 3 ints, got (4, 4)"),
    (lambda: C.output_size((4, 4), 3, stride=(1, 0)), ValueError, "stride must be ≥ 1, got 0"),
    (
        lambda: C.output_size(4, 3, padding="full"),
        ValueError,
        "padding must be 'valid', 'same' or ints ≥ 0, got 'full'",
    ),
    (lambda: C.output_size(4, 3, 2, "same"), ValueError, "padding='same' must go with stride 1, got stride 2"),
    (
        lambda: C.output_size(4, 3, dilation=2),
        ValueError,
        "kernel_size 3 with dilation 2 must reach over at most the 4 padded pixels, got a reach of 5",
    ),
    (
        lambda: C.pool_output_size(4, 2, padding=2),
        ValueError,
        "padding must be at most half of kernel_size 2 in pooling, got 2",
    ),
    (lambda: C.pool_output_size(4, 2, stride=0), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: C.pool_output_size(4, 2, padding="same"), TypeError, "padding must be an int, got 'same'"),
    (
        lambda: C.pool_output_size(1, 3),
        ValueError,
        "kernel_size 3 with dilation 1 must reach over at most the 1 padded",
    ),
    (lambda: C.paddings_for(4, 0, 3), ValueError, "output must be ≥ 1, got 0"),
    (lambda: C.paddings_for(4, 4, 3, dilation=1.5), TypeError, "dilation must be an int, got 1.5"),
    (lambda: C.input_sizes_for(4, 3, padding=-2), ValueError, "padding must be ≥ 0, got -2"),
    (lambda: C.input_sizes_for(0, 3), ValueError, "output must be ≥ 1, got 0"),
    (
        lambda: C.conv2d_loops(X[0], W),
        ValueError,
        "x must be a float tensor with 4 dimensions, got torch.float32 (2, 4, 4)",
    ),
    (
        lambda: C.conv2d_loops(X.long(), W),
        ValueError,
        "x must be a float tensor with 4 dimensions, got torch.int64 (1, 2,",
    ),
    (lambda: C.conv2d_loops([1], W), ValueError, "x must be a float tensor with 4 dimensions, got [1]"),
    (
        lambda: C.conv2d_unfold(X, W[:, :1]),
        ValueError,
        "weight must have one slice for each of the 2 channels of x, got 1",
    ),
    (
        lambda: C.conv2d_matrix(X, W[0]),
        ValueError,
        "weight must be a float tensor with 4 dimensions, got torch.float32 (2, 3",
    ),
    (
        lambda: C.conv2d_loops(X, W, torch.zeros(2)),
        ValueError,
        "bias must have one number for each of the 3 filters, got 2",
    ),
    (lambda: C.conv2d_loops(X, W, torch.zeros(3, 1)), ValueError, "bias must be a float tensor with 1 dimensions, got"),
    (
        lambda: C.conv2d_loops(X, W.double()),
        ValueError,
        "weight must be torch.float32 on cpu, as x is, got torch.float64 on",
    ),
    (
        lambda: C.conv2d_loops(X, W, torch.zeros(3).half()),
        ValueError,
        "bias must be torch.float32 on cpu, as x is, got",
    ),
    (lambda: C.conv2d_loops(X, W, stride=0), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: C.conv2d_matrix(X, W, padding=(1, 2, 3)), ValueError, "padding must be an int or 2 ints, got (1, 2, 3)"),
    (
        lambda: C.conv2d_unfold(X[:, :, :2], W),
        ValueError,
        "must reach over at most the 2 padded pixels, got a reach of 3",
    ),
    (lambda: C.unfold(X[0], 3), ValueError, "x must be a float tensor with 4 dimensions"),
    (lambda: C.unfold(X, 3, dilation=0), ValueError, "dilation must be ≥ 1, got 0"),
    (lambda: C.convolution_matrix(W, (4, 4, 4)), ValueError, "size must be an int or 2 ints, got (4, 4, 4)"),
    (lambda: C.convolution_matrix(W[0], (4, 4)), ValueError, "weight must be a float tensor with 4 dimensions"),
]


@pytest.mark.parametrize(("call", "error", "words"), CASES, ids=[words[:60] for _, _, words in CASES])
def test_error_names_argument_value_and_allowed(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()
