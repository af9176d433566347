"""Convolution against torch: every legal size, then values and gradients of random layers."""

import itertools
import warnings

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from lessons_lib.ops.convolution import (
    conv2d_loops,
    conv2d_matrix,
    conv2d_unfold,
    convolution_matrix,
    input_sizes_for,
    output_size,
    paddings_for,
    pool_output_size,
    unfold,
)

FORMS = (conv2d_loops, conv2d_unfold, conv2d_matrix)
GRID = list(itertools.product(range(1, 8), range(1, 5), range(1, 4), range(4), range(1, 4)))  # n, k, s, p, d


def torch_size(layer, *args, **kwargs):
    """Length that a torch layer gives, or None where torch refuses."""
    try:
        return layer(*args, **kwargs).shape[-1]
    except RuntimeError:
        return None


def our_size(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except ValueError:
        return None


# Sizes


def test_lecture_sizes():
    assert output_size(4, 3, stride=1, padding=1) == 4
    assert output_size(4, 3, stride=2, padding=1) == 2


def test_sizes_by_hand():
    assert output_size(7, 3, dilation=2) == 3  # taps 0 2 4 | 1 3 5 | 2 4 6
    assert output_size(6, 3, stride=2) == 2  # the last pixel is left over
    assert output_size(3, 3) == 1


def test_size_per_axis():
    assert output_size((4, 7), 3, stride=(2, 1), padding=1) == (2, 7)
    assert output_size([10, 10, 10], (1, 2, 3)) == (10, 9, 8)
    assert output_size((5,), 3) == (3,)
    assert output_size(6, (3, 2), padding="same") == (6, 6)
    assert output_size((6, 5), 2, padding="valid") == (5, 4)


def test_output_size_is_torchs_over_the_grid():
    """1,008 configurations, legal and illegal."""
    for n, k, s, p, d in GRID:
        row, taps = torch.zeros(1, 1, n), torch.zeros(1, 1, k)
        expected = torch_size(F.conv1d, row, taps, stride=s, padding=p, dilation=d)
        assert our_size(output_size, n, k, s, p, d) == expected, (n, k, s, p, d)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_padding_modes_are_torchs_over_the_grid():
    for (n, k, s, _, d), mode in itertools.product(GRID[::4], ("same", "valid")):
        expected = torch_size(F.conv1d, torch.zeros(1, 1, n), torch.zeros(1, 1, k), stride=s, padding=mode, dilation=d)
        assert our_size(output_size, n, k, s, mode, d) == expected, (n, k, s, mode, d)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_pool_output_size_is_torchs_over_the_grid(ceil_mode):
    for n, k, s, p, d in GRID:
        image = torch.zeros(1, 1, n, n)
        expected = torch_size(F.max_pool2d, image, k, stride=s, padding=p, dilation=d, ceil_mode=ceil_mode)
        assert our_size(pool_output_size, n, k, s, p, d, ceil_mode) == expected, (n, k, s, p, d)


def test_pool_by_hand():
    assert pool_output_size(5, 2) == 2
    assert pool_output_size(5, 2, ceil_mode=True) == 3
    assert pool_output_size(1, 2, stride=2, padding=1, ceil_mode=True) == 1  # the second window would see padding only


def test_paddings_for_is_brute_force():
    for n, k, s, output, d in itertools.product(range(1, 7), range(1, 5), range(1, 4), range(1, 7), range(1, 3)):
        expected = [p for p in range(12) if our_size(output_size, n, k, s, p, d) == output]
        assert paddings_for(n, output, k, s, d) == expected, (n, k, s, output, d)


def test_paddings_that_keep_the_size():
    assert paddings_for(4, 4, 3) == [1]
    assert paddings_for(4, 4, 2) == []
    assert paddings_for(9, 9, 3, dilation=4) == [4]
    assert paddings_for(4, 4, 3, stride=2) == [3]  # 4 places, 2 apart, start at -3, -1, 1, 3


def test_input_sizes_for_is_brute_force():
    for output, k, s, p, d in itertools.product(range(1, 5), range(1, 5), range(1, 4), range(3), range(1, 3)):
        expected = [n for n in range(1, 20) if our_size(output_size, n, k, s, p, d) == output]
        assert input_sizes_for(output, k, s, p, d) == expected, (output, k, s, p, d)


# Layers


def fits(sizes, kernel, padding, dilation):
    """Whether the window fits, said without the library."""
    dilation, padding = (2 * (v,) if isinstance(v, int) else v for v in (dilation, padding))
    if padding == "same":
        return True
    padding = (0, 0) if padding == "valid" else padding
    return all(n + 2 * p >= d * (k - 1) + 1 for n, k, p, d in zip(sizes, kernel, padding, dilation, strict=True))


@st.composite
def layers(draw):
    """A random legal layer: sizes, channels, and stride, padding, dilation per axis, as one int, or by mode."""
    sizes = draw(st.tuples(*[st.integers(1, 9)] * 2))
    kernel = draw(st.tuples(*[st.integers(1, 4)] * 2))

    def per_axis(least, most):
        return draw(st.integers(least, most) | st.tuples(*[st.integers(least, most)] * 2))

    dilation = per_axis(1, 3)
    padding = draw(st.sampled_from(["same", "valid"])) if draw(st.integers(0, 5)) == 0 else per_axis(0, 3)
    stride = 1 if padding == "same" else per_axis(1, 4)
    assume(fits(sizes, kernel, padding, dilation))
    batch, c_in, c_out = (draw(st.integers(1, 3)) for _ in range(3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))

    def tensor(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    bias = tensor(c_out) if draw(st.booleans()) else None
    arguments = {"stride": stride, "padding": padding, "dilation": dilation}
    return tensor(batch, c_in, *sizes), tensor(c_out, c_in, *kernel), bias, arguments


def value_and_gradients(function, x, weight, bias, arguments):
    leaves = [t.clone().requires_grad_() for t in (x, weight, bias) if t is not None]
    out = function(*leaves, **arguments)
    direction = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    return [out.detach(), *torch.autograd.grad((out * direction).sum(), leaves)]


@given(layers())
@settings(max_examples=500, deadline=None)
def test_three_forms_are_torchs_convolution(layer):
    """500 random layers: values, and gradients to image, weight and bias, in float64."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using padding='same' with even kernel")
        expected = value_and_gradients(F.conv2d, *layer)
    for form in FORMS:
        for got, want in zip(value_and_gradients(form, *layer), expected, strict=True):
            torch.testing.assert_close(got, want, rtol=0, atol=1e-9)


@given(layers())
@settings(max_examples=300, deadline=None)
def test_unfold_is_torchs(layer):
    x, weight, _, arguments = layer
    if isinstance(arguments["padding"], str):
        arguments["padding"] = 0
        assume(fits(x.shape[2:], weight.shape[2:], 0, arguments["dilation"]))
    expected = F.unfold(x, weight.shape[2:], **arguments)
    torch.testing.assert_close(unfold(x, tuple(weight.shape[2:]), **arguments), expected, rtol=0, atol=0)


def test_lecture_example_by_hand():
    """The lecture's 4×4 image under a 3×3 filter of ones: a place sums what its window sees."""
    x = torch.arange(1.0, 17).view(1, 1, 4, 4)
    ones = torch.ones(1, 1, 3, 3)
    stride_2 = torch.tensor([[[[1 + 2 + 5 + 6, 2 + 3 + 4 + 6 + 7 + 8], [5 + 6 + 9 + 10 + 13 + 14, 99.0]]]])
    for form in FORMS:
        torch.testing.assert_close(form(x, ones, stride=2, padding=1), stride_2)
        assert form(x, ones, stride=1, padding=1).shape == (1, 1, 4, 4)


def test_nothing_is_flipped():
    x, weight = torch.zeros(1, 1, 3, 3), torch.arange(9.0).view(1, 1, 3, 3)
    x[0, 0, 0, 0] = 1
    for form in FORMS:
        assert form(x, weight).item() == 0.0  # the top-left pixel meets the top-left weight, 0, not 8


def test_matrix_by_hand():
    """One axis: two taps a, b over three pixels give the band [[a, b, 0], [0, a, b]]; padding adds cut rows."""
    weight = torch.tensor([[[[2.0, 3.0]]]])
    assert convolution_matrix(weight, (1, 3)).to_dense().tolist() == [[2, 3, 0], [0, 2, 3]]
    padded = convolution_matrix(weight, (1, 3), padding=(0, 1)).to_dense()
    assert padded.tolist() == [[3, 0, 0], [2, 3, 0], [0, 2, 3], [0, 0, 2]]


def test_matrix_stores_only_real_contacts():
    matrix = convolution_matrix(torch.ones(1, 1, 3, 3), (4, 4), padding=1)
    assert matrix.shape == (16, 16)
    assert matrix._nnz() == (3 * 4 - 2) ** 2  # along one axis 4 windows of 3 taps lose 2 to the padding


@pytest.mark.parametrize("form", FORMS)
def test_gradcheck(form):
    x = torch.randn(2, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 2, 3, 2, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *a: form(*a, stride=(2, 1), padding=1, dilation=(1, 2)), (x, weight, bias))


@pytest.mark.parametrize("form", FORMS)
def test_degenerate_layers(form):
    assert form(torch.zeros(0, 1, 4, 4), torch.zeros(1, 1, 3, 3)).shape == (0, 1, 2, 2)  # no images
    one = form(torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 3.0))
    assert one.item() == 6  # one pixel, one tap
    all_padding = form(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 2, 2), padding=3, stride=3)
    assert all_padding.sum() == F.conv2d(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 2, 2), padding=3, stride=3).sum()


@pytest.mark.parametrize("form", FORMS)
def test_float32_and_non_contiguous(form):
    x = torch.randn(6, 5, 3, 2).permute(3, 2, 0, 1)  # (2, 3, 6, 5), strided
    weight = torch.randn(3, 3, 3, 4).transpose(2, 3)[:, :, :3]
    torch.testing.assert_close(form(x, weight, padding=1), F.conv2d(x, weight, padding=1), rtol=1e-4, atol=1e-4)
