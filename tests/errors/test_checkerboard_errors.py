"""What the checkerboard's functions say to a wrong argument: the name, what came, and what is allowed."""

import re

import pytest
import torch

from lessons_lib.ops import checkerboard as C

X, W = torch.zeros(1, 2, 4, 4), torch.zeros(3, 2, 3, 3)
FLOAT_IMAGE = "image must be a float tensor with at least 2 dimensions"

CASES = [
    (lambda: C.taps_per_phase(0, 2), ValueError, "kernel_size must be ≥ 1, got 0"),
    (lambda: C.taps_per_phase(3, 0), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: C.taps_per_phase(3, 2, 0), ValueError, "dilation must be ≥ 1, got 0"),
    (lambda: C.taps_per_phase(3.0, 2), TypeError, "kernel_size must be an int, got 3.0"),
    (lambda: C.is_even(3, True), TypeError, "stride must be an int, got True"),
    (lambda: C.even_kernel_size(3, -1), ValueError, "stride must be ≥ 1, got -1"),
    (lambda: C.overlap_1d(0, 3), ValueError, "size must be ≥ 1, got 0"),
    (lambda: C.overlap_1d((4, 4), 3), TypeError, "size must be an int, got (4, 4)"),
    (lambda: C.overlap_1d(4, 3, padding=-1), ValueError, "padding must be ≥ 0, got -1"),
    (lambda: C.overlap_1d(4, 3, layers=0), ValueError, "layers must be ≥ 1, got 0"),
    (
        lambda: C.overlap_1d(4, 3, 2, output_padding=2),
        ValueError,
        "output_padding must be < max(stride, dilation) = 2, got 2",
    ),
    (
        lambda: C.overlap_1d(1, 2, 2, padding=1),
        ValueError,
        "padding must crop less than the 2 pixels that there are, got 1 at each end",
    ),
    (
        lambda: C.overlap_1d(2, 3, 2, padding=2, layers=3),
        ValueError,
        "padding must crop less than the 3 pixels that there are, got 2 at each end",
    ),
    (lambda: C.overlap_map((4, 4, 4), 3), ValueError, "size must be an int or 2 ints, got (4, 4, 4)"),
    (lambda: C.overlap_map(4, (3, 0)), ValueError, "kernel_size must be ≥ 1, got 0"),
    (lambda: C.overlap_map(4, 3, padding="same"), TypeError, "padding must be an int, got 'same'"),
    (lambda: C.interior(4, 3, 2, padding=-1), ValueError, "padding must be ≥ 0, got -1"),
    (lambda: C.interior(4, 3, 2, layers=0), ValueError, "layers must be ≥ 1, got 0"),
    (
        lambda: C.checkerboard_score(torch.zeros(0, 3)),
        ValueError,
        "overlap must hold at least 1 pixel, got the shape (0, 3)",
    ),
    (lambda: C.checkerboard_score(torch.tensor([2, -1])), ValueError, "overlap must be ≥ 0 everywhere, got -1"),
    (lambda: C.checkerboard_score(torch.tensor([float("nan")])), ValueError, "overlap must be ≥ 0 everywhere, got nan"),
    (lambda: C.checkerboard_score([1, 2]), TypeError, "overlap must be a tensor, got [1, 2]"),
    (
        lambda: C.phase_sums(W[0], 2),
        ValueError,
        "weight must be a float tensor with 4 dimensions, got torch.float32 (2, 3, 3)",
    ),
    (lambda: C.phase_sums(W.long(), 2), ValueError, "weight must be a float tensor with 4 dimensions, got torch.int64"),
    (lambda: C.phase_sums(W, 0), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: C.split_phases(X, 0), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: C.split_phases(X, 5), ValueError, "image must be at least 5 × 5 pixels, got (4, 4)"),
    (lambda: C.phase_amplitude(X[0, 0, 0], 2), ValueError, f"{FLOAT_IMAGE}, got torch.float32 (4,)"),
    (lambda: C.phase_amplitude(X.int(), 2), ValueError, f"{FLOAT_IMAGE}, got torch.int32 (1, 2, 4, 4)"),
    (lambda: C.phase_amplitude("photo", 2), ValueError, f"{FLOAT_IMAGE}, got 'photo'"),
    (lambda: C.spectrum(X[0, 0, 0]), ValueError, f"{FLOAT_IMAGE} and 1 pixel, got torch.float32 (4,)"),
    (lambda: C.spectrum(X[:, :, :0]), ValueError, f"{FLOAT_IMAGE} and 1 pixel, got torch.float32 (1, 2, 0, 4)"),
    (lambda: C.resize_conv2d(X[0], W), ValueError, "x must be a float tensor with 4 dimensions, got torch.float32 (2,"),
    (lambda: C.resize_conv2d(X, W.double()), ValueError, "weight must be torch.float32 on cpu, as x is, got torch."),
    (lambda: C.resize_conv2d(X, W, stride=0), ValueError, "stride must be ≥ 1, got 0"),
    (
        lambda: C.resize_conv2d(X, W[:, :, :2, :2]),
        ValueError,
        "weight must have a square kernel of odd size, got (2, 2)",
    ),
    (lambda: C.resize_conv2d(X, W[..., :1]), ValueError, "weight must have a square kernel of odd size, got (3, 1)"),
    (
        lambda: C.resize_conv2d(X, W[:, :1]),
        ValueError,
        "weight must have one slice for each of the 2 channels of x, got 1",
    ),
    (
        lambda: C.resize_conv2d(X, W, torch.zeros(2)),
        ValueError,
        "bias must have one number for each of the 3 filters, got torch.float32 (2,)",
    ),
    (lambda: C.blur(X[0], 2), ValueError, "x must be a float tensor with 4 dimensions, got torch.float32 (2, 4, 4)"),
    (lambda: C.blur(X, 0), ValueError, "stride must be ≥ 1, got 0"),
]


@pytest.mark.parametrize(("call", "error", "words"), CASES, ids=[words[:60] for _, _, words in CASES])
def test_error_names_argument_value_and_allowed(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()
