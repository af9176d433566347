"""RoI operators in float16 and bfloat16: computed in float32, rounded once at the end."""

import pytest
import torch

from lessons_lib.ops import roi

HALVES = (torch.float16, torch.bfloat16)
OPERATORS = {
    "roi_pool": lambda f, b: roi.roi_pool(f, b, 3, 1 / 8),
    "roi_warp": lambda f, b: roi.roi_warp(f, b, 3, 1 / 8),
    "roi_align": lambda f, b: roi.roi_align(f, b, 3, 1 / 8, 2, True),
    "adaptive": lambda f, b: roi.roi_align(f, b, 3, 1 / 8),
    "in loops": lambda f, b: roi.roi_align_loops(f, b, 3, 1 / 8),
    "ps_roi_pool": lambda f, b: roi.ps_roi_pool(f, b, 3, 1 / 8, 2),
}


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("offset", [0.0, 60000.0])
def test_it_is_float64_rounded_once(name, dtype, offset):
    """Also where sums pass float16's largest number; boxes reach to 300 px, where bfloat16 steps by 2."""
    generator = torch.Generator().manual_seed(1)
    features = (torch.rand(2, 4, 40, 40, generator=generator) + offset).to(dtype)
    corners = (torch.rand(12, 2, 2, generator=generator) * 300).sort(1).values.flatten(1)
    boxes = torch.cat([torch.arange(12.0)[:, None] % 2, corners], 1).to(dtype)
    leaf = features.clone().requires_grad_()
    out = OPERATORS[name](leaf, boxes)
    want = OPERATORS[name](features.double(), boxes.double())
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), want, rtol=torch.finfo(dtype).eps * 0.51, atol=1e-5)
    out.float().sum().backward()
    assert leaf.grad.dtype == dtype and leaf.grad.isfinite().all()


@pytest.mark.parametrize("dtype", HALVES)
def test_theta_of_a_large_box(dtype):
    """40,000 + 50,000 is more than float16 has."""
    boxes = torch.tensor([[40000.0, 0, 50000, 100]]).to(dtype)
    torch.testing.assert_close(
        roi.affine_theta(boxes, (200, 60000)), roi.affine_theta(boxes.double(), (200, 60000)).float()
    )
