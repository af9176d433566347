"""Transposed convolution against torch: sizes, values and gradients; against lesson 02's convolution, and bilinear."""

import itertools

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from lessons_lib.ops.convolution import conv2d_unfold, input_sizes_for, output_size
from lessons_lib.ops.transposed import (
    bilinear_kernel,
    bilinear_settings,
    bilinear_weight,
    conv_transpose2d_matrix,
    conv_transpose2d_stamps,
    conv_transpose2d_zeros,
    insert_zeros,
    output_padding_for,
    transposed_axes,
    transposed_output_size,
)

FORMS = (conv_transpose2d_stamps, conv_transpose2d_matrix, conv_transpose2d_zeros)
GRID = list(itertools.product(range(1, 5), range(1, 5), range(1, 4), range(4), range(4), range(1, 4)))  # n k s p op d


def size_or_none(function, *arguments):
    """What the function says, or None where it refuses."""
    try:
        return function(*arguments)
    except (RuntimeError, ValueError):
        return None


def torch_size(n, k, s, p, op, d):
    row, taps = torch.zeros(1, 1, n), torch.zeros(1, 1, k)
    return F.conv_transpose1d(row, taps, None, s, p, op, 1, d).shape[-1]


# Sizes


def test_lecture_sizes():
    assert transposed_output_size(2, 3, stride=2, padding=1, output_padding=1) == 4
    assert transposed_output_size(2, 3, stride=2, padding=1) == 3


def test_sizes_by_hand():
    assert transposed_output_size(1, 3) == 3  # one stamp
    assert transposed_output_size(2, 3, stride=3) == 6  # two stamps side by side
    assert transposed_output_size(2, 3, dilation=2) == 6  # stamps of 5, one apart
    assert transposed_output_size(6, 5, stride=3, padding=2) == 16  # 17 pixels had become 6, and come back as 16


def test_size_per_axis():
    assert transposed_output_size((2, 3), 3, stride=(2, 1), padding=1, output_padding=(1, 0)) == (4, 3)
    assert transposed_output_size(2, (1, 2, 3)) == (2, 3, 4)
    assert transposed_output_size((5,), 3) == (7,)


def test_size_is_torchs_over_the_grid():
    """2,304 configurations, legal and illegal."""
    for case in GRID:
        assert size_or_none(transposed_output_size, *case) == size_or_none(torch_size, *case), case


def test_output_padding_is_brute_force():
    for n, k, s, p, d in itertools.product(range(1, 5), range(1, 5), range(1, 4), range(3), range(1, 4)):
        reached = {size_or_none(torch_size, n, k, s, p, op, d): op for op in range(max(s, d))}
        for output in range(1, 20):
            assert size_or_none(output_padding_for, n, output, k, s, p, d) == reached.get(output), (n, output, k, s, p)


def test_output_padding_inverts_every_size():
    """Every size that a convolution can have is given back, and by the closed form of the docstring."""
    for n, k, s, p, d in itertools.product(range(1, 12), range(1, 5), range(1, 5), range(4), range(1, 4)):
        places = size_or_none(output_size, n, k, s, p, d)
        if places is not None:
            extra = output_padding_for(places, n, k, s, p, d)
            assert transposed_output_size(places, k, s, p, extra, d) == n
            assert extra == (n + 2 * p - d * (k - 1) - 1) % s


def test_ambiguous_sizes_are_the_output_paddings():
    for places, k, s, p, d in itertools.product(range(1, 5), range(1, 5), range(1, 4), range(3), range(1, 4)):
        back = [size_or_none(transposed_output_size, places, k, s, p, extra, d) for extra in range(s)]
        assert [n for n in back if n is not None] == input_sizes_for(places, k, s, p, d)


# Layers


@st.composite
def layers(draw):
    """A random legal layer: sizes, channels, and stride, padding, output_padding, dilation as one int or per axis."""
    sizes = draw(st.tuples(*[st.integers(1, 4)] * 2))
    kernel = draw(st.tuples(*[st.integers(1, 4)] * 2))

    def per_axis(least, most):
        return draw(st.integers(least, most) | st.tuples(*[st.integers(least, most)] * 2))

    def both(value):
        return 2 * (value,) if isinstance(value, int) else value

    stride, padding, dilation = per_axis(1, 4), per_axis(0, 3), per_axis(1, 3)
    most = [max(s, d) - 1 for s, d in zip(both(stride), both(dilation), strict=True)]
    extra = draw(st.integers(0, min(most)) | st.tuples(*[st.integers(0, m) for m in most]))
    parts = zip(sizes, kernel, *map(both, (stride, padding, extra, dilation)), strict=True)
    assume(all((n - 1) * s - 2 * p + d * (k - 1) + op + 1 >= 1 for n, k, s, p, op, d in parts))
    batch, c_in, c_out = (draw(st.integers(1, 3)) for _ in range(3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))

    def tensor(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    bias = tensor(c_out) if draw(st.booleans()) else None
    arguments = {"stride": stride, "padding": padding, "output_padding": extra, "dilation": dilation}
    return tensor(batch, c_in, *sizes), tensor(c_in, c_out, *kernel), bias, arguments


def value_and_gradients(function, x, weight, bias, arguments):
    leaves = [t.clone().requires_grad_() for t in (x, weight, bias) if t is not None]
    out = function(*leaves, **arguments)
    direction = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    return [out.detach(), *torch.autograd.grad((out * direction).sum(), leaves)]


@given(layers())
@settings(max_examples=500, deadline=None)
def test_three_forms_are_torchs_transposed_convolution(layer):
    """2,000 random layers: values, and gradients to image, weight and bias, in float64."""
    expected = value_and_gradients(F.conv_transpose2d, *layer)
    for form in FORMS:
        for got, want in zip(value_and_gradients(form, *layer), expected, strict=True):
            torch.testing.assert_close(got, want, rtol=0, atol=1e-9)


def test_lecture_example_by_hand():
    """Pixels 1, 10, 100, 1000 stamp a 3×3 square of themselves, two apart: the digits say who stamped where."""
    x = torch.tensor([[[[1.0, 10], [100, 1000]]]])
    ones = torch.ones(1, 1, 3, 3)
    expected = [[1, 11, 10, 10], [101, 1111, 1010, 1010], [100, 1100, 1000, 1000], [100, 1100, 1000, 1000]]
    for form in FORMS:
        assert form(x, ones, stride=2, padding=1, output_padding=1)[0, 0].tolist() == expected
        assert form(x, ones, stride=2, padding=1)[0, 0].tolist() == [row[:3] for row in expected[:3]]


def test_the_stamp_is_not_turned():
    kernel = torch.arange(1.0, 7).view(1, 1, 2, 3)
    for form in FORMS:
        assert form(torch.full((1, 1, 1, 1), 2.0), kernel)[0, 0].tolist() == [[2, 4, 6], [8, 10, 12]]


def test_more_output_padding_than_padding_is_blank():
    for form in FORMS:
        out = form(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1), stride=3, output_padding=2)
        assert out[0, 0].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_everything_is_cut_but_a_blank_corner():
    """Input 1, kernel 1, stride 5, padding 2, output_padding 4: the only stamp is cut off, one blank pixel stays."""
    for form in FORMS:
        out = form(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1), stride=5, padding=2, output_padding=4)
        assert out.tolist() == [[[[0.0]]]]


def test_axis_is_the_convolutions_read_backwards():
    (axis,) = transposed_axes(2, 3, 2, 1, 1, 1, count=1)
    assert (axis.size, axis.padded, axis.places) == (4, 6, 2)
    assert [axis.window(i) for i in (0, 1)] == [slice(0, 3, 1), slice(2, 5, 1)]
    (wider,) = transposed_axes(2, 3, 1, 0, 1, 2, count=1)  # output_padding ≥ stride
    assert (wider.size, wider.places) == (7, 3)


@pytest.mark.parametrize("form", FORMS)
def test_gradcheck(form):
    x = torch.randn(2, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 3, 3, 2, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(3, dtype=torch.float64, requires_grad=True)
    arguments = {"stride": (2, 1), "padding": (1, 0), "output_padding": (1, 0), "dilation": (1, 2)}
    assert torch.autograd.gradcheck(lambda *a: form(*a, **arguments), (x, weight, bias))


@pytest.mark.parametrize("form", FORMS)
def test_degenerate_layers(form):
    assert form(torch.zeros(0, 1, 2, 2), torch.zeros(1, 3, 3, 3), stride=2).shape == (0, 3, 5, 5)  # no images
    assert form(torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 3.0)).item() == 6  # one pixel, one tap
    assert not form(torch.zeros(1, 2, 3, 3), torch.randn(2, 1, 2, 2)).any()


@pytest.mark.parametrize("form", FORMS)
def test_float32_and_non_contiguous(form):
    x = torch.randn(6, 5, 3, 2).permute(3, 2, 0, 1)  # (2, 3, 6, 5), strided
    weight = torch.randn(3, 2, 3, 4).transpose(2, 3)[:, :, :3]
    arguments = {"stride": 2, "padding": 1, "output_padding": 1}
    expected = F.conv_transpose2d(x, weight, **arguments)
    torch.testing.assert_close(form(x, weight, **arguments), expected, rtol=1e-4, atol=1e-4)


def test_insert_zeros_by_hand():
    x = torch.tensor([[[[1.0, 2], [3, 4]]]])
    assert insert_zeros(x, 2)[0, 0].tolist() == [[1, 0, 2], [0, 0, 0], [3, 0, 4]]
    assert insert_zeros(x, (1, 3))[0, 0].tolist() == [[1, 0, 0, 2], [3, 0, 0, 4]]
    assert insert_zeros(x, 1).equal(x)


# Adjoint


@given(layers())
@settings(max_examples=200, deadline=None)
def test_adjoint(layer):
    """⟨conv x, y⟩ = ⟨x, convT y⟩ with one weight, for every picture size that the convolution can have met."""
    y, weight, _, arguments = layer
    extra = arguments.pop("output_padding")
    extra, stride = (2 * (v,) if isinstance(v, int) else v for v in (extra, arguments["stride"]))
    assume(all(op < s for op, s in zip(extra, stride, strict=True)))
    up = conv_transpose2d_zeros(y, weight, output_padding=extra, **arguments)
    x = torch.randn(up.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    down = conv2d_unfold(x, weight, **arguments)
    assert down.shape == y.shape
    torch.testing.assert_close((down * y).sum(), (x * up).sum(), rtol=0, atol=1e-9)


def test_a_turned_kernel_breaks_the_identity():
    """The control: not any linear map of the right shape is the adjoint."""
    generator = torch.Generator().manual_seed(0)
    x, y, weight = (torch.randn(1, 1, n, n, generator=generator, dtype=torch.float64) for n in (4, 2, 3))
    down = conv2d_unfold(x, weight, stride=2, padding=1)
    up = conv_transpose2d_zeros(y, weight.flip(2, 3), stride=2, padding=1, output_padding=1)
    assert abs((down * y).sum() - (x * up).sum()) > 0.1


def test_the_adjoint_is_no_inverse_unless_the_stamps_are_orthonormal():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 1, 6, 6, generator=generator, dtype=torch.float64)
    weight = torch.randn(4, 1, 2, 2, generator=generator, dtype=torch.float64)
    back = conv_transpose2d_zeros(conv2d_unfold(x, weight, stride=2), weight, stride=2)
    assert back.shape == x.shape
    assert (back - x).norm() / x.norm() > 0.5
    orthonormal = torch.linalg.qr(weight.view(4, 4)).Q.view(4, 1, 2, 2)
    back = conv_transpose2d_zeros(conv2d_unfold(x, orthonormal, stride=2), orthonormal, stride=2)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-9)


# Bilinear


def test_bilinear_by_hand():
    row = torch.tensor([0.25, 0.75, 0.75, 0.25])
    assert bilinear_kernel(4).equal(row[:, None] * row)
    torch.testing.assert_close(bilinear_kernel(3), torch.tensor([[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]]))
    assert bilinear_kernel(1).tolist() == [[1.0]]
    assert bilinear_kernel(5, torch.float64).dtype == torch.float64
    assert bilinear_settings(2) == {"kernel_size": 4, "stride": 2, "padding": 1}
    assert bilinear_settings(3) == {"kernel_size": 5, "stride": 3, "padding": 1}
    assert bilinear_settings(32) == {"kernel_size": 64, "stride": 32, "padding": 16}


def upsampled(x, factor, extra_padding=0):
    """Our transposed convolution with the bilinear weight, and its size."""
    weight = bilinear_weight(x.shape[1], factor, torch.float64)
    layout = bilinear_settings(factor)
    assert weight.shape[2:] == (layout.pop("kernel_size"),) * 2
    return conv_transpose2d_zeros(x, weight, stride=layout["stride"], padding=layout["padding"] + extra_padding)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5, 8, 16])
def test_bilinear_is_interpolation_but_for_the_border(factor):
    x = torch.rand(2, 2, 5, 4, generator=torch.Generator().manual_seed(factor), dtype=torch.float64) + 0.5
    out = upsampled(x, factor)
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    assert out.shape == expected.shape
    inside = torch.zeros(out.shape, dtype=torch.bool)
    edge = factor // 2
    inside[:, :, edge : out.shape[2] - edge, edge : out.shape[3] - edge] = True
    torch.testing.assert_close(out[inside], expected[inside], rtol=0, atol=1e-9)
    assert (out < expected)[~inside].all()


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
def test_two_cures_make_the_border_equal_too(factor):
    x = torch.randn(1, 2, 4, 3, generator=torch.Generator().manual_seed(factor), dtype=torch.float64)
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    repeated = upsampled(F.pad(x, (1, 1, 1, 1), mode="replicate"), factor, extra_padding=factor)
    torch.testing.assert_close(repeated, expected, rtol=0, atol=1e-9)
    divided = upsampled(x, factor) / upsampled(torch.ones_like(x), factor)
    torch.testing.assert_close(divided, expected, rtol=0, atol=1e-9)


def test_bilinear_weight_keeps_channels_apart_and_fits_torchs_layer():
    weight = bilinear_weight(3, 2)
    assert weight.shape == (3, 3, 4, 4)
    assert torch.equal(weight.sum((2, 3)), 4 * torch.eye(3))  # an input pixel becomes 2×2 pixels: its weights sum to 4
    layer = torch.nn.ConvTranspose2d(3, 3, **bilinear_settings(2), bias=False)
    assert layer.weight.shape == weight.shape
    assert layer(torch.zeros(1, 3, 5, 7)).shape == (1, 3, 10, 14)
