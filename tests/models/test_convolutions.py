"""The convolution of necks and heads against torch's own."""

import pytest
import torch
from torch import nn

from lessons_lib.models.backbones import convolutions
from lessons_lib.models.backbones.convolutions import Conv3x3


def twin(layer, kind, *arguments, **options):
    """torch's layer with the same weights."""
    other = kind(*arguments, **options).to(next(layer.parameters()).dtype)
    other.load_state_dict(layer.state_dict())
    return other


def gradients(layer, x):
    x = x.clone().requires_grad_()
    out = layer(x)
    direction = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)
    return [out, *torch.autograd.grad((out * direction).sum(), [x, *layer.parameters()])]


@pytest.fixture
def calls(monkeypatch):
    """How often Winograd's convolution was called."""
    found = []

    def counted(*arguments):
        found.append(arguments)
        return convolutions.winograd_conv3x3.__wrapped__(*arguments)

    counted.__wrapped__ = convolutions.winograd_conv3x3
    monkeypatch.setattr(convolutions, "winograd_conv3x3", counted)
    return found


@pytest.mark.parametrize(("shape", "out", "fast"), [
    ((1, 128, 32, 32), 128, True), ((4, 128, 14, 14), 130, True), ((1, 128, 31, 29), 128, True),
    ((1, 128, 28, 32), 128, False), ((1, 127, 32, 32), 128, False), ((1, 128, 32, 32), 127, False),
])  # fmt: skip
@pytest.mark.parametrize("bias", [True, False])
def test_a_3x3_convolution_is_torchs_however_it_is_computed(shape, out, fast, bias, calls):
    torch.manual_seed(0)
    layer = Conv3x3(shape[1], out, bias).double()
    x = torch.randn(shape, dtype=torch.float64)
    other = twin(layer, nn.Conv2d, shape[1], out, 3, padding=1, bias=bias)
    for got, want in zip(gradients(layer, x), gradients(other, x), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)
    assert len(calls) == fast


def test_half_precision_is_left_to_torch(calls):
    layer, x = Conv3x3(128, 128), torch.zeros(1, 128, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert layer.bfloat16()(x.bfloat16()).dtype == torch.bfloat16
    assert not calls
