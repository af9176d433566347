"""Overlap against torch's transposed convolution of ones, patterns against Fourier, cures against torch's layers."""

import itertools
import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from lessons_lib.ops.checkerboard import (
    blur,
    checkerboard_score,
    even_kernel_size,
    interior,
    is_even,
    overlap_1d,
    overlap_map,
    phase_amplitude,
    phase_sums,
    resize_conv2d,
    spectrum,
    split_phases,
    taps_per_phase,
)

DOUBLE = torch.float64
CLOSE = {"rtol": 0, "atol": 1e-9}


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def stamped_ones(sizes, kernels, layers=1, **arguments):
    """torch's transposed convolutions of ones with weights of ones."""
    x = torch.ones(1, 1, *sizes, dtype=DOUBLE)
    for _ in range(layers):
        x = F.conv_transpose2d(x, torch.ones(1, 1, *kernels, dtype=DOUBLE), **arguments)
    return x[0, 0].round().long()


# Counting taps


def test_the_lectures_kernels_by_hand():
    """Stamps of 3 taps, 2 apart: 1 1 1 . . / . . 1 1 1 add up to 1 1 2 1 1."""
    assert taps_per_phase(3, 2) == (2, 1) and taps_per_phase(5, 2) == (3, 2)
    assert taps_per_phase(2, 2) == (1, 1) and taps_per_phase(4, 2) == (2, 2)
    assert taps_per_phase(4, 3) == (2, 1, 1) and taps_per_phase(2, 4) == (1, 1, 0, 0)
    assert overlap_1d(2, 3, 2).tolist() == [1, 1, 2, 1, 1]
    assert overlap_1d(3, 5, 2, padding=1).tolist() == [1, 2, 2, 3, 2, 2, 1]
    assert overlap_map(2, 3, 2)[2].tolist() == [2, 2, 4, 2, 2]


@pytest.mark.parametrize(
    ("stride", "kernel_size", "row", "values"),
    [
        (2, 2, {1}, {1}),
        (2, 3, {1, 2}, {1, 2, 4}),
        (2, 4, {2}, {4}),
        (2, 5, {2, 3}, {4, 6, 9}),
        (3, 4, {1, 2}, {1, 2, 4}),
    ],
)
def test_interior_values_in_one_and_two_dimensions(stride, kernel_size, row, values):
    inside = interior(8, kernel_size, stride)
    assert set(overlap_1d(8, kernel_size, stride)[inside].tolist()) == row
    assert set(overlap_map(8, kernel_size, stride)[inside, inside].flatten().tolist()) == values


def test_taps_are_the_ceiling_and_even_where_stride_divides():
    for k, s in itertools.product(range(1, 25), range(1, 13)):
        taps = taps_per_phase(k, s)
        assert list(taps) == [max(0, math.ceil((k - phase) / s)) for phase in range(s)]
        assert (len(set(taps)) == 1) == (k % s == 0) == is_even(k, s)


def test_with_dilation_the_stride_may_divide_and_the_overlap_be_uneven():
    assert taps_per_phase(2, 2, dilation=2) == (2, 0) and not is_even(2, 2, dilation=2)
    for k, s, d in itertools.product(range(1, 13), range(1, 9), range(1, 7)):
        taps = taps_per_phase(k, s, d)
        assert (len(set(taps)) == 1) == is_even(k, s, d) and sum(taps) == k


def test_even_kernel_size_is_the_next_that_is_even():
    for k, s in itertools.product(range(1, 13), range(1, 7)):
        assert even_kernel_size(k, s) == next(n for n in itertools.count(k) if is_even(n, s))


def crops_too_much(size, kernel, padding, output_padding, stride, dilation):
    return (size - 1) * stride + dilation * (kernel - 1) + 1 + output_padding <= 2 * padding


@st.composite
def stamps(draw):
    """Sizes and layer of a legal transposed convolution, per axis."""
    axes = []
    for _ in range(2):
        size, kernel, stride, dilation = (draw(st.integers(1, most)) for most in (7, 6, 5, 3))
        padding, output_padding = draw(st.integers(0, 4)), draw(st.integers(0, max(stride, dilation) - 1))
        assume(not crops_too_much(size, kernel, padding, output_padding, stride, dilation))
        axes.append((size, kernel, stride, padding, output_padding, dilation))
    return axes


@given(stamps())
@settings(max_examples=500, deadline=None)
def test_overlap_is_torchs_transposed_convolution_of_ones(axes):
    """500 random layers, rows and columns different, borders included: 0 differences."""
    size, kernel, stride, padding, output_padding, dilation = zip(*axes, strict=True)
    expected = stamped_ones(
        size, kernel, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation
    )
    assert torch.equal(overlap_map(size, kernel, stride, padding, output_padding, dilation), expected)


@given(stamps())
@settings(max_examples=500, deadline=None)
def test_inside_the_overlap_repeats_the_taps_of_the_phases(axes):
    for size, kernel, stride, padding, output_padding, dilation in axes:
        row = overlap_1d(size, kernel, stride, padding, output_padding, dilation)
        taps, inside = taps_per_phase(kernel, stride, dilation), interior(size, kernel, stride, padding, dilation)
        assert inside.stop - inside.start <= len(row)
        assert row[inside].tolist() == [taps[(pixel + padding) % stride] for pixel in range(inside.start, inside.stop)]
        whole = [taps[(pixel + padding) % stride] for pixel in range(len(row))]
        assert all(count <= most for count, most in zip(row.tolist(), whole, strict=True))


def test_the_interior_is_all_but_the_ends():
    assert interior(5, 3, 2) == slice(1, 10)  # row 1 1 2 1 2 1 2 1 2 1 1: what is missing at the ends is one tap each
    assert interior(5, 4, 2, padding=1) == slice(1, 9)
    assert interior(3, 2, 2) == slice(0, 6)
    assert interior(1, 5, 2) == slice(3, 3)  # too small: nowhere are all three taps of phase 0
    assert interior(4, 1, 3) == slice(0, 10)  # behind the last stamp there is no picture


@pytest.mark.parametrize(("kernel_size", "stride", "padding", "layers"), [(3, 2, 0, 3), (4, 2, 1, 2), (5, 3, 2, 2)])
def test_layers_in_a_row_are_torchs(kernel_size, stride, padding, layers):
    expected = stamped_ones((6, 4), [kernel_size] * 2, layers, stride=stride, padding=padding)
    assert torch.equal(overlap_map((6, 4), kernel_size, stride, padding, layers=layers), expected)


def test_stacked_contrast_of_the_lectures_kernel_is_fibonaccis():
    """Stride 2, kernel 3: most against fewest paths along a row is 2, 3, 5, 8, 13 to 1 after 1 to 5 layers."""
    for layers, most in zip(range(1, 6), (2, 3, 5, 8, 13), strict=True):
        row = overlap_1d(8, 3, 2, layers=layers)[interior(8, 3, 2, layers=layers)]
        assert (row.max(), row.min()) == (most, 1)
        assert torch.equal(row[: -(2**layers)], row[2**layers :]), "the pattern repeats every 2^layers pixels"
    even = overlap_1d(8, 4, 2, layers=4)[interior(8, 4, 2, layers=4)]
    assert set(even.tolist()) == {2**4}


@pytest.mark.parametrize(("padding", "kernel_size", "stride"), [(0, 4, 3), (1, 3, 2), (2, 5, 2), (0, 2, 4)])
def test_interior_of_layers_misses_no_path(padding, kernel_size, stride):
    """A larger picture, aligned, has the same counts there."""
    for layers in (1, 2, 3):
        inside = interior(5, kernel_size, stride, padding, layers=layers)
        assert inside.stop > inside.start
        larger = overlap_1d(25, kernel_size, stride, padding, layers=layers)
        shift = 10 * stride**layers
        small = overlap_1d(5, kernel_size, stride, padding, layers=layers)[inside]
        assert torch.equal(small, larger[inside.start + shift : inside.stop + shift])


def test_the_gradient_of_a_strided_convolution_has_the_overlap():
    """A 9 × 9 input has 5 × 5 windows of 3 at stride 2, padding 1; each pixel's gradient counts those that see it."""
    x = torch.zeros(1, 1, 9, 9, requires_grad=True)
    F.conv2d(x, torch.ones(1, 1, 3, 3), stride=2, padding=1).sum().backward()
    assert torch.equal(x.grad[0, 0].long(), overlap_map(5, 3, 2, padding=1))


def test_score_by_hand():
    def score(kernel_size):
        inside = interior(8, kernel_size, 2)
        return checkerboard_score(overlap_map(8, kernel_size, 2)[inside, inside])

    assert (score(2), score(4)) == (0, 0)
    assert score(3) == 0.75 and score(5) == 1 - 4 / 9
    assert checkerboard_score(overlap_map(3, 2, 3)) == 1  # gaps between the stamps
    assert checkerboard_score(torch.zeros(2)) == 0 and checkerboard_score(torch.tensor([1.0])) == 0
    assert checkerboard_score(overlap_map(8, 2, 1)) == 0.75  # even inside; the corner has one tap of four
    assert checkerboard_score(torch.tensor([0.5, 2.0])) == checkerboard_score(torch.tensor([1, 4])) == 0.75


# Patterns


def test_sums_of_ones_are_the_taps():
    taps = torch.tensor(taps_per_phase(5, 3), dtype=DOUBLE)
    assert torch.equal(phase_sums(torch.ones(2, 1, 5, 5, dtype=DOUBLE), 3)[1, 0], taps[:, None] * taps)


def test_a_kernel_that_overlaps_unevenly_and_prints_nothing():
    half = torch.tensor([1.0, 2, 1]) / 2
    assert phase_sums((half[:, None] * half)[None, None], 2).flatten().tolist() == [1, 1, 1, 1]
    assert phase_sums(torch.ones(1, 1, 3, 3), 2).flatten().tolist() == [4, 2, 2, 1]


@given(
    st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.integers(1, 2), st.integers(1, 2), st.integers(0, 99)
)
@settings(max_examples=300, deadline=None)
def test_sums_are_torchs_answer_to_ones_in_the_interior(k_h, k_w, stride, c_in, c_out, seed):
    weight = random(c_in, c_out, k_h, k_w, seed=seed)
    n = 8
    for channel in range(c_in):
        x = torch.zeros(1, c_in, n, n, dtype=DOUBLE)
        x[:, channel] = 1
        answer = F.conv_transpose2d(x, weight, stride=stride, output_padding=stride - 1)[0]
        start = 6 * stride  # away from the border, and phase 0
        tile = answer[:, start : start + stride, start : start + stride]
        torch.testing.assert_close(phase_sums(weight, stride)[channel], tile, **CLOSE)


def test_split_phases_is_unshuffling():
    image = random(2, 3, 6, 9)
    phases = split_phases(image, 3)
    assert phases.shape == (2, 3, 3, 3, 2, 3)
    torch.testing.assert_close(phases.flatten(2, 3).flatten(1, 2), F.pixel_unshuffle(image, 3), rtol=0, atol=0)
    assert torch.equal(split_phases(image[0, 0, :5, :8], 2)[1, 0], image[0, 0, 1:4:2, 0:8:2])  # the rest is left out


def test_amplitude_by_hand():
    board = torch.tensor([[1.0, -1], [-1, 1]]).repeat(4, 5)
    assert phase_amplitude(board, 2).item() == 1
    assert phase_amplitude(board.add(7), 2).item() == 1
    assert phase_amplitude(board, 1).item() == 0  # a tile of one pixel has no pattern
    assert phase_amplitude(torch.full((3, 4, 6), 0.25), 2).tolist() == [0, 0, 0]
    assert phase_amplitude(torch.tensor([[0.0, 3], [0, 1]]), 2).item() == pytest.approx(1.5**0.5)  # of 0, 3, 0, 1


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(0, 999))
@settings(max_examples=200, deadline=None)
def test_amplitude_is_the_power_at_the_multiples_of_one_over_stride(stride, h, w, seed):
    """Parseval, through the spectrum: an oracle that averages no phase."""
    image = random(2, h * stride, w * stride, seed=seed)
    power = torch.fft.ifftshift(spectrum(image), dim=(-2, -1)).square()
    peaks = power[:, ::h, ::w].sum((1, 2)) - power[:, 0, 0]
    torch.testing.assert_close(phase_amplitude(image, stride).square(), peaks, **CLOSE)


def test_spectrum_of_a_wave():
    row = torch.cos(2 * torch.pi * 3 * torch.arange(16, dtype=DOUBLE) / 16) + 5
    found = spectrum(row.expand(7, 16))
    expected = torch.zeros(7, 16, dtype=DOUBLE)
    expected[3, 8], expected[3, 8 - 3], expected[3, 8 + 3] = 5, 0.5, 0.5
    torch.testing.assert_close(found, expected, **CLOSE)


def test_a_photograph_favours_no_phase():
    from lessons_lib.data.photo import sample_photo

    photo = sample_photo().mean(0)
    assert phase_amplitude(photo, 2) < 0.002 < 0.2 < photo.std()


# Random weights


@pytest.mark.parametrize(("kernel_size", "ratio"), [(3, 2), (5, 1.5), (2, 1), (4, 1)])
def test_variance_of_random_weights_follows_the_taps(kernel_size, ratio):
    weight = random(1, 20_000, kernel_size)
    answer = F.conv_transpose1d(torch.ones(1, 1, 8, dtype=DOUBLE), weight, stride=2)[0, :, 8:10]
    even, odd = answer.var(0).tolist()
    assert even / odd == pytest.approx(ratio, rel=0.05)


# Cures


@st.composite
def resized(draw):
    c_in, c_out, h, w, stride, seed = (draw(st.integers(1, most)) for most in (3, 3, 5, 5, 4, 10_000))
    k = draw(st.sampled_from([1, 3, 5]))
    bias = random(c_out, seed=seed + 2) if draw(st.booleans()) else None
    return random(2, c_in, h, w, seed=seed), random(c_out, c_in, k, k, seed=seed + 1), bias, stride


@given(resized())
@settings(max_examples=500, deadline=None)
def test_resize_convolution_is_torchs_resizing_and_convolution(layer):
    x, weight, bias, stride = layer
    leaves = [[t.clone().requires_grad_() for t in (x, weight, bias) if t is not None] for _ in range(2)]
    ours = resize_conv2d(*leaves[0][:2], leaves[0][2] if bias is not None else None, stride)
    enlarged = F.interpolate(leaves[1][0], scale_factor=stride, mode="nearest")
    theirs = F.conv2d(enlarged, leaves[1][1], leaves[1][2] if bias is not None else None, padding="same")
    torch.testing.assert_close(ours, theirs, **CLOSE)
    direction = torch.linspace(-1, 1, ours.numel(), dtype=DOUBLE).view_as(ours)
    gradients = [torch.autograd.grad((ours * direction).sum(), leaves[0])]
    gradients.append(torch.autograd.grad((theirs * direction).sum(), leaves[1]))
    for got, want in zip(*gradients, strict=True):
        torch.testing.assert_close(got, want, **CLOSE)


@given(resized())
@settings(max_examples=200, deadline=None)
def test_resize_convolution_cannot_print_a_pattern_on_a_flat_input(layer):
    x, weight, bias, stride = layer
    flat = x.mean((2, 3), keepdim=True).expand(-1, -1, 6, 6)
    out = resize_conv2d(flat, weight, bias, stride)
    border = weight.shape[-1] // 2
    inside = out[:, :, border : out.shape[2] - border, border : out.shape[3] - border]
    torch.testing.assert_close(inside, inside[:, :, :1, :1].expand_as(inside), **CLOSE)


def test_resize_convolution_is_a_transposed_convolution_with_equal_sums():
    """Its stamp is the kernel turned by 180° and smeared over a block of s × s: k + s − 1 taps, s of them tied."""
    weight, x = random(1, 1, 3, 3), random(1, 1, 4, 5, seed=1)
    stamp = F.conv_transpose2d(torch.ones(1, 1, 2, 2, dtype=DOUBLE), weight.flip(2, 3))
    assert stamp.shape[2:] == (4, 4)
    torch.testing.assert_close(resize_conv2d(x, weight), F.conv_transpose2d(x, stamp, stride=2, padding=1), **CLOSE)
    sums = phase_sums(stamp, 2)
    torch.testing.assert_close(sums, sums[:, :, :1, :1].expand_as(sums), **CLOSE)


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_blur_wipes_every_periodic_pattern_away_from_the_border(stride):
    pattern = random(1, 2, stride, stride).repeat(1, 1, 6, 6)
    out = blur(pattern, stride)
    assert out.shape == pattern.shape
    inside = out[:, :, stride:-stride, stride:-stride]
    expected = pattern.mean((2, 3), keepdim=True).expand_as(inside)
    torch.testing.assert_close(inside, expected, **CLOSE)


def test_blur_by_hand_and_by_torchs_pooling():
    step = torch.tensor([0.0, 0, 4, 4]).expand(1, 1, 3, 4)
    assert blur(step, 2)[0, 0, 1].tolist() == [0, 1, 3, 4]
    x = random(2, 3, 5, 6)
    pooled = F.avg_pool2d(F.avg_pool2d(F.pad(x, (2,) * 4, mode="replicate"), 3, 1), 3, 1)
    torch.testing.assert_close(blur(x, 3), pooled, **CLOSE)
    assert torch.equal(blur(x, 1), x)


@pytest.mark.parametrize("function", [phase_amplitude, phase_sums, blur])
def test_gradcheck(function):
    x = random(1, 2, 4, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: function(x, 2), x)


def test_float32_and_empty_batches():
    x, weight = random(2, 1, 4, 4).float(), random(2, 1, 3, 3).float()
    enlarged = F.interpolate(x, scale_factor=3)
    expected = F.conv2d(enlarged, weight, padding=1)
    torch.testing.assert_close(resize_conv2d(x, weight, None, 3), expected, rtol=1e-4, atol=1e-4)
    assert resize_conv2d(x[:0], weight).shape == (0, 2, 8, 8)
    assert blur(x[:0], 2).shape == (0, 1, 4, 4)
    assert phase_amplitude(x[:0], 2).shape == (0, 1)
    assert phase_sums(weight[:0], 2).shape == (0, 1, 2, 2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_images_of_half_precision_are_computed_in_float32(dtype):
    """bfloat16 has steps of 4 near 1000, so the mean of a faint pattern would vanish in it."""
    image = (torch.rand(2, 64, 64, generator=torch.Generator().manual_seed(0)) * 1000).to(dtype)
    for got, want in (
        (phase_amplitude(image, 2), phase_amplitude(image.double(), 2)),
        (spectrum(image), spectrum(image.double())),
    ):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got, want.float(), rtol=1e-4, atol=1e-4)
