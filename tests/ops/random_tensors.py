"""Random tensors for hypothesis, and values beside gradients: what the tests of sub-pixel convolution share."""

import torch
from hypothesis import strategies as st


def random_tensor(draw, *shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).mul(3).to(dtype)


def value_and_gradients(function, *leaves):
    leaves = [t.clone().requires_grad_() for t in leaves if t is not None]
    out = function(*leaves)
    direction = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    return [out.detach(), *torch.autograd.grad((out * direction).sum(), leaves)]


def assert_all_close(got, expected):
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)
