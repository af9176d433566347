"""Winograd's convolution against torch's, with its gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from lessons_lib.ops import winograd
from lessons_lib.ops.winograd import INPUTS, OUTPUTS, TAPS, winograd_conv3x3
from tests.ops.random_tensors import assert_all_close, random_tensor, value_and_gradients


def plain(x, weight, bias=None):
    return F.conv2d(x, weight, bias, padding=1)


@st.composite
def layers(draw):
    batch, c_in, c_out = draw(st.integers(0, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    x = random_tensor(draw, batch, c_in, draw(st.integers(1, 11)), draw(st.integers(1, 11)))
    if draw(st.booleans()):
        x = x.contiguous(memory_format=torch.channels_last)
    bias = random_tensor(draw, c_out) if draw(st.booleans()) else None
    return x, random_tensor(draw, c_out, c_in, 3, 3), bias, draw(st.sampled_from([1, 2, 4, 256]))


@given(layers())
@settings(max_examples=200, deadline=None)
def test_values_and_gradients_are_those_of_a_convolution(layer):
    """However many tiles are computed at once: whole images, or rows of one."""
    x, weight, bias, at_once = layer
    given_bias = [] if bias is None else [bias]
    before, winograd.AT_ONCE = winograd.AT_ONCE, at_once
    try:
        got = value_and_gradients(winograd_conv3x3, x, weight, *given_bias)
    finally:
        winograd.AT_ONCE = before
    assert_all_close(got, value_and_gradients(plain, x, weight, *given_bias))


def test_four_outputs_are_six_products():
    """Along one axis, by hand: taps 1, 2, 3 over inputs 0 to 5 make 8, 14, 20, 26."""
    inputs, taps = torch.arange(6.0), torch.tensor([1.0, 2, 3])
    products = (torch.tensor(INPUTS).float() @ inputs) * (torch.tensor(TAPS) @ taps)
    torch.testing.assert_close(torch.tensor(OUTPUTS).float() @ products, torch.tensor([8.0, 14, 20, 26]))


def test_float32_loses_about_a_digit():
    """At the width of a mask head the error is still far below what parity with torchvision asks for."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 256, 14, 14, generator=generator)
    weight = torch.randn(256, 256, 3, 3, generator=generator) / 48  # outputs of variance 1
    error = winograd_conv3x3(x, weight) - plain(x.double(), weight.double())
    assert 1e-7 < error.abs().max() < 1e-4
    assert error.std() < 1e-5


def test_channels_of_a_cell_stand_side_by_side():
    x = torch.ones(2, 3, 5, 5)
    out = winograd_conv3x3(x, torch.ones(4, 3, 3, 3))
    assert out.is_contiguous(memory_format=torch.channels_last)
    out.relu_()  # may be changed in place, as torch's own result


def test_only_what_is_asked_for_gets_a_gradient():
    x, weight = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3, requires_grad=True)
    winograd_conv3x3(x, weight).sum().backward()
    assert x.grad is None
    torch.testing.assert_close(weight.grad[0, 0], torch.tensor([[9.0, 12, 9], [12, 16, 12], [9, 12, 9]]))


@pytest.mark.parametrize("shape", [(0, 2, 3, 3), (1, 2, 1, 1), (2, 2, 1, 9)])
def test_nothing_and_a_single_row_or_cell(shape):
    x, weight = torch.ones(shape), torch.ones(3, 2, 3, 3)
    torch.testing.assert_close(winograd_conv3x3(x, weight), plain(x, weight))
