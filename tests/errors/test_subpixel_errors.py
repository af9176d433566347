"""What sub-pixel convolution says to a wrong argument: the name, what came, and what is allowed."""

import re

import pytest
import torch

from lessons_lib.ops import subpixel as S

X, W, T = torch.zeros(1, 4, 3, 3), torch.zeros(8, 4, 3, 3), torch.zeros(4, 2, 4, 4)

CASES = [
    (lambda: S.pixel_shuffle(X, 0), ValueError, "factor must be ≥ 1, got 0"),
    (lambda: S.pixel_shuffle(X, 2.0), TypeError, "factor must be an int, got 2.0"),
    (lambda: S.pixel_shuffle(X, 3), ValueError, "x must have a multiple of factor² = 9 channels, got 4"),
    (
        lambda: S.pixel_shuffle(X[0, 0], 1),
        ValueError,
        "x must be a tensor with at least 3 dimensions, got torch.float32 (3, 3)",
    ),
    (lambda: S.pixel_shuffle([1], 1), ValueError, "x must be a tensor with at least 3 dimensions, got [1]"),
    (lambda: S.pixel_unshuffle(X, -2), ValueError, "factor must be ≥ 1, got -2"),
    (lambda: S.pixel_unshuffle(X, True), TypeError, "factor must be an int, got True"),
    (
        lambda: S.pixel_unshuffle(X[:, :, :2], 2),
        ValueError,
        "x must have a height and a width that are multiples of factor 2, got 2×3",
    ),
    (lambda: S.pixel_unshuffle(X[0, 0], 1), ValueError, "x must be a tensor with at least 3 dimensions, got"),
    (lambda: S.channel_major(W, 3), ValueError, "weight must have a multiple of factor² = 9 filters, got 8"),
    (lambda: S.channel_major(W, 0), ValueError, "factor must be ≥ 1, got 0"),
    (
        lambda: S.channel_major(torch.tensor(1.0), 1),
        ValueError,
        "weight must have a multiple of factor² = 1 filters, got torch.float32 ()",
    ),
    (lambda: S.channel_major(None, 1), ValueError, "weight must have a multiple of factor² = 1 filters, got None"),
    (lambda: S.subpixel_conv2d(X, W, None, 3), ValueError, "weight must have a multiple of factor² = 9 filters, got 8"),
    (lambda: S.subpixel_conv2d(X, W, None, 0), ValueError, "factor must be ≥ 1, got 0"),
    (lambda: S.subpixel_conv2d(X, W, padding=-1), ValueError, "padding must be ≥ 0, got -1"),
    (
        lambda: S.subpixel_conv2d(X, W, torch.zeros(2)),
        ValueError,
        "bias must have one number for each of the 8 filters, got 2",
    ),
    (
        lambda: S.subpixel_conv2d(X[:, :2], W),
        ValueError,
        "weight must have one slice for each of the 2 channels of x, got 4",
    ),
    (lambda: S.transposed_weight(W, 3), ValueError, "weight must have a multiple of factor² = 9 filters, got 8"),
    (
        lambda: S.transposed_weight(W[0], 2),
        ValueError,
        "weight must be a tensor with 4 dimensions, got torch.float32 (4, 3, 3)",
    ),
    (
        lambda: S.subpixel_weight(T, 3),
        ValueError,
        "weight must have sides that are multiples of stride 3, got 4×4",
    ),
    (lambda: S.subpixel_weight(T, 0), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: S.subpixel_weight(T[0], 2), ValueError, "weight must be a tensor with 4 dimensions, got"),
    (
        lambda: S.as_transposed(W, 2, 3),
        ValueError,
        "padding must be at most kernel_size − 1 = 2 in a transposed convolution, got 3",
    ),
    (lambda: S.as_transposed(W, 2, (1, 2, 3)), ValueError, "padding must be an int or 2 ints, got (1, 2, 3)"),
    (lambda: S.as_transposed(W, 2, "same"), TypeError, "padding must be an int, got 'same'"),
    (lambda: S.as_subpixel(T, 2, output_padding=2), ValueError, "output_padding must be smaller than stride 2, got 2"),
    (lambda: S.as_subpixel(T, 2, output_padding=-1), ValueError, "output_padding must be ≥ 0, got -1"),
    (lambda: S.as_subpixel(T, 2, padding=-1), ValueError, "padding must be ≥ 0, got -1"),
    (lambda: S.as_subpixel(T, 0), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: S.as_subpixel(T[0], 2), ValueError, "weight must be a tensor with 4 dimensions, got"),
    (lambda: S.icnr(W, 0), ValueError, "factor must be ≥ 1, got 0"),
    (
        lambda: S.icnr(torch.tensor(1.0), 2),
        ValueError,
        "filters must be a tensor with at least 1 dimension, got torch.float32 ()",
    ),
    (lambda: S.multiply_adds(8, 3, 0, 1, 1), ValueError, "factor must be ≥ 1, got 0"),
    (lambda: S.multiply_adds(8, 3, 2, 1, 0), ValueError, "channels_out must be ≥ 1, got 0"),
    (lambda: S.multiply_adds((8, 8, 8), 3, 2, 1, 1), ValueError, "size must be an int or 2 ints, got (8, 8, 8)"),
]


@pytest.mark.parametrize(("call", "error", "words"), CASES, ids=[words[:60] for _, _, words in CASES])
def test_error_names_argument_value_and_allowed(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()
