"""RoIWarp against the paper's formula summed over all cells, against grid_sample, and its gradient to the boxes."""

import torch
from hypothesis import assume, given, settings
from torch.nn import functional as F

from lessons_lib.ops.roi import roi_warp
from tests.ops.roi.region_sets import region_sets
from tests.ops.roi.test_align import check_box_gradient


def by_the_formula(features, boxes, output_size, spatial_scale):
    """Σ κ(y + v′/H′·h − v) κ(x + u′/W′·w − u) F(u, v) over every cell, as the paper writes it."""
    x0, y0, x1, y1 = (boxes[:, 1:] * spatial_scale).unbind(1)
    kernels = []
    for start, end, bins, size in ((y0, y1, output_size[0], 2), (x0, x1, output_size[1], 3)):
        at = start[:, None] + torch.arange(bins).to(boxes) / bins * (end - start)[:, None]
        kernels.append((1 - (at[:, :, None] - torch.arange(features.shape[size])).abs()).clamp(min=0))
    return torch.einsum("rpv,rcvu,rqu->rcpq", kernels[0], features[boxes[:, 0].long()], kernels[1])


@given(region_sets())
@settings(max_examples=500, deadline=None)
def test_roi_warp_is_the_formula(case):
    """Values, gradients to the features, and gradients to the boxes, which flow through κ in both."""
    results = []
    for form in (roi_warp, by_the_formula):
        leaves = [case.features.clone().requires_grad_(), case.boxes.clone().requires_grad_()]
        out = form(*leaves, *case.arguments)
        direction = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)
        results.append([out.detach(), *torch.autograd.grad((out * direction).sum(), leaves)])
    at_a_kink = on_a_cell(case)
    for ours, theirs in zip(results[0][:2], results[1][:2], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
    torch.testing.assert_close(results[0][2][~at_a_kink], results[1][2][~at_a_kink], rtol=0, atol=1e-9)


def on_a_cell(case):
    """Regions with a sample exactly on a cell, where κ has a corner and its slope is a matter of taste."""
    start, end = (case.boxes[:, 1:] / case.stride).split(2, 1)
    near = torch.zeros(len(case.boxes), dtype=torch.bool)
    for axis, bins in ((1, case.output_size[0]), (0, case.output_size[1])):
        at = start[:, axis, None] + torch.arange(bins) / bins * (end - start)[:, axis, None]
        near |= ((at - at.round()).abs() < 1e-6).any(1)
    return near


@given(region_sets(kinds=("inside", "across the border", "inverted"), most=2))
@settings(max_examples=100, deadline=None)
def test_gradients_to_random_boxes_by_finite_differences(case):
    assume(len(case.boxes))
    check_box_gradient(lambda b: roi_warp(case.features, b, *case.arguments), case.boxes)


def test_gradcheck():
    features = torch.randn(2, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    boxes = torch.tensor([[9.3, 4.1, 41.7, 33.3], [-9.2, 5.3, 21.1, 61.9]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda f, b: roi_warp(f, [b[:1], b[1:]], (2, 3), 1 / 8), (features, boxes))


def test_it_is_grid_sample_with_zeros_outside():
    features = torch.randn(1, 3, 7, 9, dtype=torch.float64)
    x0, y0, x1, y1 = -1.7, 2.2, 6.1, 8.4
    y, x = (a + torch.arange(n).double() / n * (b - a) for a, b, n in ((y0, y1, 4), (x0, x1, 5)))
    grid = torch.stack(torch.meshgrid(2 * x / 8 - 1, 2 * y / 6 - 1, indexing="xy"), -1)[None]
    expected = F.grid_sample(features, grid, padding_mode="zeros", align_corners=True)
    box = torch.tensor([[0, x0, y0, x1, y1]], dtype=torch.float64)
    torch.testing.assert_close(roi_warp(features, box, (4, 5)), expected, rtol=0, atol=1e-9)


def test_by_hand():
    """Samples at 1, 2 and 3 halves: on cell 1, between 1 and 2, on cell 2, between 2 and 3."""
    features = torch.tensor([[[[0.0, 10, 20, 40]]]])
    out = roi_warp(features, torch.tensor([[0.0, 1, 0, 3, 1]]), (1, 4))
    assert out.flatten().tolist() == [10, 15, 20, 30]
    outside = roi_warp(features, torch.tensor([[0.0, -0.5, 0, 3.5, 1]]), (1, 8))
    assert outside.flatten().tolist()[:2] == [0, 0] and outside.flatten()[-1].item() == 40  # −0.5, 0.0, …, 3.0
    faded = roi_warp(features, torch.tensor([[0.0, 3.25, 0, 4.25, 1]]), (1, 2))
    assert faded.flatten().tolist() == [30, 10]  # a quarter of a cell outside, three quarters


def test_no_regions():
    assert roi_warp(torch.randn(1, 3, 4, 4), torch.zeros(0, 5), (2, 3)).shape == (0, 3, 2, 3)
