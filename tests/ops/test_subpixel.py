"""Sub-pixel convolution against torch: the shuffle, the order of the channels, ICNR, and the cost."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from lessons_lib.ops.subpixel import (
    channel_major,
    icnr,
    multiply_adds,
    pixel_shuffle,
    pixel_unshuffle,
    subpixel_conv2d,
)
from tests.ops.random_tensors import assert_all_close, random_tensor, value_and_gradients

DTYPES = (torch.float64, torch.float32, torch.float16, torch.int64, torch.uint8, torch.bool)


# The shuffle


@st.composite
def shuffles(draw):
    """An image that can be shuffled, contiguous or a view."""
    factor, channels = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    dtype = draw(st.sampled_from(DTYPES))
    x = random_tensor(draw, *batch, channels * factor**2, width, height, dtype=dtype).transpose(-2, -1)
    if draw(st.booleans()):
        x = x.contiguous()
    return x, factor


@given(shuffles())
@settings(max_examples=600, deadline=None)
def test_shuffle_is_torchs(case):
    """600 configurations: any leading axes, any dtype, contiguous or not. Not one value differs."""
    x, factor = case
    out = pixel_shuffle(x, factor)
    assert out.dtype == x.dtype and out.shape == F.pixel_shuffle(x, factor).shape
    assert torch.equal(out, F.pixel_shuffle(x, factor))


@given(shuffles())
@settings(max_examples=600, deadline=None)
def test_unshuffle_is_torchs_and_undoes_the_shuffle(case):
    x, factor = case
    large = F.pixel_shuffle(x, factor)
    large = large.transpose(-1, -2).contiguous().transpose(-1, -2)  # the same image as a view
    assert torch.equal(pixel_unshuffle(large, factor), F.pixel_unshuffle(large, factor))
    assert torch.equal(pixel_unshuffle(pixel_shuffle(x, factor), factor), x)
    assert torch.equal(pixel_shuffle(pixel_unshuffle(large, factor), factor), large)


@given(shuffles())
@settings(max_examples=500, deadline=None)
def test_shuffle_gradients_are_torchs(case):
    x, factor = case[0].double(), case[1]
    for ours, theirs, at in (
        (pixel_shuffle, F.pixel_shuffle, x),
        (pixel_unshuffle, F.pixel_unshuffle, F.pixel_shuffle(x, factor)),
    ):
        got = value_and_gradients(lambda t, f=ours: f(t, factor), at)
        assert_all_close(got, value_and_gradients(lambda t, f=theirs: f(t, factor), at))


def test_shuffle_by_hand():
    x = torch.arange(1, 17).view(4, 2, 2)
    woven = [[1, 5, 2, 6], [9, 13, 10, 14], [3, 7, 4, 8], [11, 15, 12, 16]]
    assert pixel_shuffle(x, 2).tolist() == [woven]
    assert torch.equal(pixel_unshuffle(torch.tensor([woven]), 2), x)


def test_two_output_channels_by_hand():
    """Four channels make the first output channel, the next four the second: nothing is shared."""
    x = torch.arange(8).view(8, 1, 1)
    assert pixel_shuffle(x, 2).tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]


def test_degenerate_shuffles():
    x = torch.randn(2, 3, 4, 5)
    assert torch.equal(pixel_shuffle(x, 1), x) and torch.equal(pixel_unshuffle(x, 1), x)
    assert pixel_shuffle(torch.zeros(0, 8, 2, 3), 2).shape == (0, 2, 4, 6)
    assert pixel_shuffle(torch.zeros(1, 0, 2, 3), 2).shape == (1, 0, 4, 6)
    assert pixel_unshuffle(torch.zeros(1, 2, 0, 3), 3).shape == (1, 18, 0, 1)
    assert pixel_unshuffle(torch.zeros(0, 2, 4, 6), 2).shape == (0, 8, 2, 3)
    assert pixel_shuffle(torch.ones(9, 1, 1), 3).shape == (1, 3, 3)


def test_gradcheck_of_the_shuffle():
    x = torch.randn(2, 8, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: pixel_shuffle(t, 2), x)
    assert torch.autograd.gradcheck(lambda t: pixel_unshuffle(pixel_shuffle(t, 2), 2), x)


# The order of the channels


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_channel_major_makes_a_layer_that_counts_by_position_right(factor, channels, height, width):
    """The other order, spelled out as ONNX defines its mode DCR, gives the same image from the same filters."""
    weight, bias = torch.randn(channels * factor**2, 2, 1, 1), torch.randn(channels * factor**2)
    x = torch.randn(2, 2, height, width)
    y = F.conv2d(x, weight, bias)
    split = y.reshape(2, factor, factor, channels, height, width)
    by_position = split.permute(0, 3, 4, 1, 5, 2).reshape(2, channels, height * factor, width * factor)
    reordered = F.conv2d(x, channel_major(weight, factor), channel_major(bias, factor))
    torch.testing.assert_close(F.pixel_shuffle(reordered, factor), by_position)


def test_channel_major_by_hand():
    assert channel_major(torch.tensor([0, 1, 2, 3, 4, 5, 6, 7]), 2).tolist() == [0, 2, 4, 6, 1, 3, 5, 7]
    one_channel = torch.randn(4, 2, 3, 3)
    assert torch.equal(channel_major(one_channel, 2), one_channel)


# ICNR (claim 8)


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.booleans())
@settings(max_examples=200, deadline=None)
def test_icnr_starts_as_an_enlarged_convolution(factor, c_in, c_out, kernel, padded):
    filters, bias = torch.randn(c_out, c_in, kernel, kernel).double(), torch.randn(c_out).double()
    x, padding = torch.randn(2, c_in, 4, 5).double(), kernel // 2 if padded else 0
    out = subpixel_conv2d(x, icnr(filters, factor), icnr(bias, factor), factor, padding)
    small = F.conv2d(x, filters, bias, padding=padding)
    torch.testing.assert_close(out, F.interpolate(small, scale_factor=factor, mode="nearest"), rtol=0, atol=1e-9)


def test_without_icnr_the_blocks_are_not_flat():
    """The control of claim 8: filters drawn one by one make r² different images of flat input."""
    generator = torch.Generator().manual_seed(0)
    filters = torch.randn(4, 1, 3, 3, generator=generator)
    flat = torch.ones(1, 1, 6, 6)
    assert subpixel_conv2d(flat, filters, None, 2).std() > 0.5
    assert subpixel_conv2d(flat, icnr(filters[:1], 2), None, 2).std() < 1e-6


def test_icnr_copies_stand_side_by_side():
    assert icnr(torch.tensor([1.0, 2.0]), 2).tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    assert icnr(torch.zeros(0, 2, 3, 3), 2).shape == (0, 2, 3, 3)


# The cost


@pytest.mark.parametrize(
    ("size", "k", "r", "c_in", "c_out"), [((6, 5), 3, 2, 4, 3), (7, 5, 3, 2, 2), (4, 1, 4, 8, 1), (5, 2, 2, 1, 2)]
)
def test_multiply_adds_are_a_profilers(size, k, r, c_in, c_out):
    """Half of the floating-point operations that torch's own counter sees, for each of the four ways run for real."""
    height, width = (size, size) if isinstance(size, int) else size
    x = torch.zeros(1, c_in, height, width, device="meta")
    stuffed = torch.zeros(1, c_in, r * height + r * k - 1, r * width + r * k - 1, device="meta")
    resized_taps = r * (k - 1) + 1
    resized = torch.zeros(1, c_in, r * height + resized_taps - 1, r * width + resized_taps - 1, device="meta")

    def kernel(*shape):
        return torch.zeros(*shape, device="meta")

    padded = torch.zeros(1, c_in, height + k - 1, width + k - 1, device="meta")
    ways = {
        "sub-pixel": lambda: F.conv2d(padded, kernel(c_out * r * r, c_in, k, k)),
        "transposed": lambda: F.conv_transpose2d(x, kernel(c_in, c_out, r * k, r * k), stride=r),
        "resize, then convolve": lambda: F.conv2d(resized, kernel(c_out, c_in, resized_taps, resized_taps)),
        "zero-stuffed": lambda: F.conv2d(stuffed, kernel(c_out, c_in, r * k, r * k)),
    }
    counted = {}
    for name, way in ways.items():
        with FlopCounterMode(display=False) as counter:
            way()
        counted[name] = counter.get_total_flops() // 2
    assert multiply_adds(size, k, r, c_in, c_out) == counted


@pytest.mark.parametrize(("k", "r"), [(3, 2), (2, 3), (1, 4), (3, 3)])
def test_the_ways_that_are_compared_see_equally_much(k, r):
    """By gradient: one output pixel, whichever its phase, hangs on k × k small pixels in each of the ways."""
    taps = r * (k - 1) + 1
    for i in range(4 * r, 5 * r):
        x = torch.zeros(1, 1, 10, 10, requires_grad=True)
        ways = (
            subpixel_conv2d(F.pad(x, (k,) * 4), torch.ones(r * r, 1, k, k), None, r),
            F.conv_transpose2d(x, torch.ones(1, 1, r * k, r * k), stride=r),
            F.conv2d(F.interpolate(x, scale_factor=r), torch.ones(1, 1, taps, taps)),
        )
        for out in ways:
            (gradient,) = torch.autograd.grad(out[0, 0, i, i + 1], x)
            assert (gradient != 0).sum() == k * k


def test_multiply_adds_by_hand():
    counts = multiply_adds(1, 3, 2, 1, 1)
    assert counts == {"sub-pixel": 36, "transposed": 36, "resize, then convolve": 100, "zero-stuffed": 144}
    assert len(set(multiply_adds(8, 3, 1, 2, 2).values())) == 1  # nothing is enlarged, nothing differs
