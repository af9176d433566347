"""A sub-pixel convolution is a transposed convolution, and the other way round: against torch, layer by layer."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from lessons_lib.ops.subpixel import (
    as_subpixel,
    as_transposed,
    icnr,
    subpixel_conv2d,
    subpixel_weight,
    transposed_weight,
)
from tests.ops.random_tensors import assert_all_close, random_tensor, value_and_gradients


@st.composite
def subpixel_layers(draw):
    """A random layer whose padding is at most kernel_size − 1, the case that a transposed convolution can have."""
    factor, batch, c_in, c_out = (draw(st.integers(1, most)) for most in (4, 2, 3, 3))
    kernel = draw(st.tuples(*[st.integers(1, 4)] * 2))
    padding = tuple(draw(st.integers(0, k - 1)) for k in kernel)
    least = [max(1, k - 2 * p) for k, p in zip(kernel, padding, strict=True)]
    size = [draw(st.integers(n, n + 4)) for n in least]
    weight = random_tensor(draw, c_out * factor**2, c_in, *kernel)
    return random_tensor(draw, batch, c_in, *size), weight, factor, padding


@given(subpixel_layers())
@settings(max_examples=500, deadline=None)
def test_a_subpixel_convolution_is_a_transposed_one(layer):
    """500 layers: values, and gradients to image and filters, against torch's transposed convolution."""
    x, weight, factor, padding = layer

    def transposed(x, weight):
        stamp, cut = as_transposed(weight, factor, padding)
        return F.conv_transpose2d(x, stamp, stride=factor, padding=cut)

    def shuffled(x, weight):
        return F.pixel_shuffle(F.conv2d(x, weight, padding=padding), factor)

    expected = value_and_gradients(shuffled, x, weight)
    assert_all_close(value_and_gradients(transposed, x, weight), expected)
    ours = value_and_gradients(lambda x, weight: subpixel_conv2d(x, weight, None, factor, padding), x, weight)
    assert_all_close(ours, expected)


@st.composite
def transposed_layers(draw):
    """A random legal transposed convolution, its output padding and its padding larger than the kernel included."""
    stride, batch, c_in, c_out = (draw(st.integers(1, most)) for most in (4, 2, 3, 3))
    kernel, padding = draw(st.tuples(*[st.integers(1, 6)] * 2)), draw(st.tuples(*[st.integers(0, 6)] * 2))
    extra = draw(st.tuples(*[st.integers(0, stride - 1)] * 2))
    size = draw(st.tuples(*[st.integers(1, 6)] * 2))
    out = [(n - 1) * stride - 2 * p + k + e for n, p, k, e in zip(size, padding, kernel, extra, strict=True)]
    assume(min(out) > 0)
    weight = random_tensor(draw, c_in, c_out, *kernel)
    return random_tensor(draw, batch, c_in, *size), weight, stride, padding, extra


@given(transposed_layers(), st.booleans())
@settings(max_examples=600, deadline=None)
def test_a_transposed_convolution_is_a_subpixel_one(layer, with_bias):
    """600 layers of any kernel and padding: values, and gradients to image and kernel, after the crop."""
    x, weight, stride, padding, extra = layer
    bias = torch.linspace(-1, 1, weight.shape[1], dtype=x.dtype) if with_bias else None

    def transposed(x, weight):
        return F.conv_transpose2d(x, weight, bias, stride, padding, extra)

    expected = value_and_gradients(transposed, x, weight)
    height, width = expected[0].shape[2:]

    def subpixel(x, weight):
        filters, zeros = as_subpixel(weight, stride, padding, extra)
        biases = None if bias is None else icnr(bias, stride)
        return F.pixel_shuffle(F.conv2d(x, filters, biases, padding=zeros), stride)[:, :, :height, :width]

    assert_all_close(value_and_gradients(subpixel, x, weight), expected)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "extra", "side", "zeros"),
    [(4, 2, 1, 0, 3, 1), (3, 2, 1, 1, 3, 1), (2, 2, 0, 0, 1, 0), (3, 2, 0, 0, 2, 1), (6, 3, 3, 0, 2, 0)],
)
def test_well_known_layers_need_no_crop_or_little(kernel, stride, padding, extra, side, zeros):
    """k 4 s 2 p 1 is a 3 × 3 sub-pixel convolution with half of its taps zero; k 2 s 2 a 1 × 1 one."""
    filters, p = as_subpixel(torch.ones(1, 1, kernel, kernel), stride, padding, extra)
    assert filters.shape == (stride**2, 1, side, side)
    assert p == (zeros, zeros)
    assert filters.sum() == kernel**2  # every tap is kept, and each once
    n = 5
    spare = stride * (n + 2 * zeros - side + 1) - ((n - 1) * stride - 2 * padding + kernel + extra)
    assert 0 <= spare < stride


def test_phases_of_a_kernel_of_three_hold_four_two_two_and_one_tap():
    filters, _ = as_subpixel(torch.ones(1, 1, 3, 3), 2)
    assert filters.sum((1, 2, 3)).tolist() == [4, 2, 2, 1]


def test_weights_by_hand():
    """One row, r 2, filters (a, b) and (c, d): each pixel stamps the first weights last, b d a c read from the left."""
    a, b, c, d = 1.0, 2.0, 3.0, 4.0
    filters = torch.tensor([[[[a, b]]], [[[c, d]]], [[[0.0, 0.0]]], [[[0.0, 0.0]]]])
    assert transposed_weight(filters, 2).tolist() == [[[[b, d, a, c], [0, 0, 0, 0]]]]
    assert as_transposed(filters, 2)[1] == (0, 2)  # r(k − 1 − p): k 1 in the rows, k 2 in the columns
    x = torch.tensor([[[[1.0, 10.0]]]])
    assert subpixel_conv2d(x, filters, None, 2)[0, 0, 0].tolist() == [a + 10 * b, c + 10 * d]


def test_the_two_rearrangements_undo_each_other():
    for factor, shape in ((2, (12, 2, 3, 1)), (3, (9, 4, 2, 2)), (1, (3, 2, 3, 3))):
        weight = torch.randn(shape)
        assert torch.equal(subpixel_weight(transposed_weight(weight, factor), factor), weight)


def test_layer_with_bias_by_torch():
    layer = nn.Sequential(nn.Conv2d(2, 27, (3, 2), padding=(1, 0)), nn.PixelShuffle(3))
    x = torch.randn(2, 2, 4, 5)
    out = subpixel_conv2d(x, layer[0].weight, layer[0].bias, 3, (1, 0))
    torch.testing.assert_close(out, layer(x), rtol=1e-4, atol=1e-4)


def test_gradcheck_of_the_layer_and_its_weights():
    def leaf(*shape):
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    x, weight, bias = leaf(1, 2, 3, 2), leaf(4, 2, 2, 2), leaf(4)
    assert torch.autograd.gradcheck(lambda *leaves: subpixel_conv2d(*leaves, 2, 1), (x, weight, bias))
    assert torch.autograd.gradcheck(lambda w: as_transposed(w, 2, 1)[0], weight)
    assert torch.autograd.gradcheck(lambda w: as_subpixel(w, 2, 1, 1)[0], leaf(2, 1, 3, 3))
    assert torch.autograd.gradcheck(lambda f: icnr(f, 2), leaf(2, 1, 2, 2))
