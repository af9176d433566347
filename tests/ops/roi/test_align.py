"""RoIAlign against torchvision's compiled operator, against a spatial transformer, and its gradient to the boxes."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torchvision import ops

from lessons_lib.ops.roi import affine_theta, roi_align, roi_align_loops
from tests.ops.roi.region_sets import region_sets, value_and_gradient

RATIOS = st.integers(-1, 4)


def without_crashes(case, sampling_ratio, aligned):
    """Regions on which torchvision's operator works: inverted in one axis only, with adaptive sampling, it crashes."""
    if not aligned or sampling_ratio > 0:
        return torch.ones(len(case.boxes), dtype=torch.bool)
    x0, y0, x1, y1 = case.boxes[:, 1:].unbind(1)
    return (x1 < x0) == (y1 < y0)


def check_against_torchvision(form, case, sampling_ratio, aligned, tolerance):
    usable = without_crashes(case, sampling_ratio, aligned)
    assert not form(case.features, case.boxes[~usable], *case.arguments, sampling_ratio, aligned).any()
    arguments = (case.features, case.boxes[usable], *case.arguments, sampling_ratio, aligned)
    got, want = value_and_gradient(form, *arguments), value_and_gradient(ops.roi_align, *arguments)
    for ours, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)


@given(region_sets(), RATIOS, st.booleans())
@settings(max_examples=500, deadline=None)
def test_roi_align_is_torchvisions(case, sampling_ratio, aligned):
    """500 region sets of every kind: values, and gradients to the features."""
    check_against_torchvision(roi_align, case, sampling_ratio, aligned, 1e-9)


@given(region_sets(dtype=torch.float32), RATIOS, st.booleans())
@settings(max_examples=300, deadline=None)
def test_roi_align_in_float32(case, sampling_ratio, aligned):
    check_against_torchvision(roi_align, case, sampling_ratio, aligned, 1e-4)


@given(
    region_sets(most=1, kinds=("inside", "inverted", "across the border", "empty")), st.integers(-1, 2), st.booleans()
)
@settings(max_examples=100, deadline=None)
def test_loops_are_torchvisions(case, sampling_ratio, aligned):
    check_against_torchvision(roi_align_loops, case, sampling_ratio, aligned, 1e-9)


def test_by_hand():
    """A 5×5 map of 0 to 24, the box from 1 to 3: bins of half a cell, their middles at 1.25, 1.75, … in each axis."""
    features, boxes = torch.arange(25.0).view(1, 1, 5, 5), torch.tensor([[0.0, 1, 1, 3, 3]])
    for form in (roi_align, roi_align_loops):
        old, new = (form(features, boxes, 4, 1.0, 1, aligned)[0, 0] for aligned in (False, True))
        assert old[0].tolist() == [7.5, 8, 8.5, 9] and old[3].tolist() == [15, 15.5, 16, 16.5]
        assert new[0].tolist() == [4.5, 5, 5.5, 6] and new[3].tolist() == [12, 12.5, 13, 13.5]


def test_a_ramp_is_read_at_the_bins_centres():
    """Where features say where they are, each bin says its own centre, in pixels: RoIAlign is exact."""
    centres = (torch.arange(12, dtype=torch.float64) + 0.5) * 16
    ramps = torch.stack(torch.meshgrid(centres, centres, indexing="ij"))[None]  # y, x
    boxes = torch.tensor([[0, 37.3, 20.1, 151.9, 99.4]], dtype=torch.float64)
    y, x = roi_align(ramps, boxes, (4, 5), 1 / 16, 2, True)[0]
    torch.testing.assert_close(x[0], 37.3 + (torch.arange(5, dtype=torch.float64) + 0.5) * (151.9 - 37.3) / 5)
    torch.testing.assert_close(y[:, 0], 20.1 + (torch.arange(4, dtype=torch.float64) + 0.5) * (99.4 - 20.1) / 4)


def through_affine_grid(features, boxes, output_size, spatial_scale, n):
    rows, columns = output_size
    features = features[boxes[:, 0].long()]
    theta = affine_theta(boxes[:, 1:] * spatial_scale, features.shape[2:])
    grid = F.affine_grid(theta, (len(features), features.shape[1], rows * n, columns * n), align_corners=False)
    return F.avg_pool2d(F.grid_sample(features, grid, padding_mode="border", align_corners=False), n)


@given(region_sets(kinds=("inside",)), st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_inside_the_map_it_is_a_spatial_transformer(case, n):
    """Claim 21, and also the gradients to the features and to the boxes, which grid_sample gives too."""
    assume(len(case.boxes))
    results = []
    for form in (lambda *a: roi_align(*a, n, True), lambda *a: through_affine_grid(*a, n)):
        leaves = [case.features.clone().requires_grad_(), case.boxes.clone().requires_grad_()]
        out = form(*leaves, *case.arguments)
        direction = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)
        results.append([out.detach(), *torch.autograd.grad((out * direction).sum(), leaves)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_a_box_that_turns_is_no_region():
    """Claim 21's control: with θ12 ≠ 0 the transformer reads something else, and half a cell off too."""
    features = torch.randn(1, 2, 8, 8, dtype=torch.float64)
    boxes = torch.tensor([[0, 1.3, 2.1, 6.2, 5.9]], dtype=torch.float64)
    theta = affine_theta(boxes[:, 1:], (8, 8))
    assert theta[0, 0, 1] == theta[0, 1, 0] == 0
    theta[0, 0, 1] = 0.1
    grid = F.affine_grid(theta, (1, 2, 6, 6), align_corners=False)
    turned = F.avg_pool2d(F.grid_sample(features, grid, padding_mode="border", align_corners=False), 2)
    assert (turned - roi_align(features, boxes, 3, 1.0, 2, True)).abs().max() > 1e-2
    assert (
        through_affine_grid(features, boxes, (3, 3), 1.0, 2) - roi_align(features, boxes, 3, 1.0, 2)
    ).abs().max() > 1e-2


@pytest.mark.parametrize(
    ("form", "sampling_ratio", "aligned"),
    [(roi_align, n, aligned) for n in (-1, 1, 2) for aligned in (False, True)] + [(roi_align_loops, 1, True)],
)
def test_gradients_to_features_and_boxes_by_finite_differences(form, sampling_ratio, aligned):
    features = torch.randn(2, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    xyxy = [[0, 9.37, 4.1, 41.7, 33.3], [1, -9.2, 5.3, 21.1, 61.9], [1, 2.3, 3.7, 3.1, 40.2]]
    boxes = torch.tensor(xyxy, dtype=torch.float64)
    image, xyxy = boxes[:, :1], boxes[:, 1:].clone().requires_grad_()

    def call(f, b):
        return form(f, torch.cat([image, b], 1), (2, 3), 1 / 8, sampling_ratio, aligned)

    assert torch.autograd.gradcheck(call, (features, xyxy), eps=1e-6, atol=1e-6)


@given(region_sets(kinds=("inside", "across the border", "inverted"), most=2), st.integers(1, 3), st.booleans())
@settings(max_examples=100, deadline=None)
def test_gradients_to_random_boxes_by_finite_differences(case, sampling_ratio, aligned):
    assume(len(case.boxes))
    check_box_gradient(lambda b: roi_align(case.features, b, *case.arguments, sampling_ratio, aligned), case.boxes)


def check_box_gradient(call, boxes, step=1e-6):
    """Every coordinate, moved a little to both sides; where the two sides differ, a kink is near and proves nothing."""
    leaf = boxes.clone().requires_grad_()
    out = call(leaf)
    direction = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)
    (gradient,) = torch.autograd.grad((out * direction).sum(), leaf)
    for r, c in torch.cartesian_prod(torch.arange(len(boxes)), torch.arange(1, 5)).tolist():
        move = torch.zeros_like(boxes)
        move[r, c] = step
        before, here, after = ((call(boxes + sign * move) * direction).sum().item() for sign in (-1, 0, 1))
        if abs(after - 2 * here + before) < 1e-9:
            assert abs((after - before) / (2 * step) - gradient[r, c].item()) < 1e-5


def test_torchvision_gives_boxes_no_gradient():
    """Why this library has its own: MNC learns through the boxes."""
    boxes = torch.tensor([[0, 1.3, 2.1, 6.2, 5.9]], requires_grad=True)
    features = torch.randn(1, 1, 8, 8, requires_grad=True)
    ops.roi_align(features, boxes, 2, 1.0, 2).sum().backward()
    assert boxes.grad is None
    roi_align(features, boxes, 2, 1.0, 2).sum().backward()
    assert boxes.grad.abs().sum() > 0 and boxes.grad[0, 0] == 0


def test_a_box_that_is_far_larger_than_the_map():
    """Adaptive sampling: a million samples along each axis, added up cell by cell before anything is read."""
    features = torch.ones(1, 1, 4, 5, dtype=torch.float64)
    box = torch.tensor([[0, -5e5, -5e5, 5e5, 5e5]], dtype=torch.float64)
    assert roi_align(features, box, 1, 1.0, -1, True).item() == pytest.approx(5 * 6 / 1e12, rel=0.5)
    assert roi_align(features, box, 1, 1.0, -1).item() == pytest.approx((5 + 1) * (4 + 1) / 1e12, rel=0.3)


@pytest.mark.parametrize("sampling_ratio", [-1, 2])
@pytest.mark.parametrize("form", [roi_align, roi_align_loops])
def test_no_regions_and_no_images(form, sampling_ratio):
    features = torch.randn(1, 3, 4, 4, requires_grad=True)
    out = form(features, torch.zeros(0, 5), (2, 3), 1.0, sampling_ratio)
    assert out.shape == (0, 3, 2, 3)
    assert form(features[:0], [], 2, 1.0, sampling_ratio).shape == (0, 3, 2, 2)


def test_half_precision_features_with_float_boxes():
    """As under autocast: the weights are computed in the boxes' dtype and rounded once."""
    features, boxes = torch.randn(1, 3, 6, 6), [torch.tensor([[0.7, 1.2, 4.9, 5.0]])]
    out = roi_align(features.bfloat16(), boxes, 2, 1.0, 2, True)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), roi_align(features, boxes, 2, 1.0, 2, True), rtol=0.05, atol=0.05)


def test_lists_of_boxes_are_rows():
    features = torch.randn(2, 2, 6, 6)
    lists = [torch.rand(3, 4) * 6, torch.rand(1, 4) * 6]
    rows = torch.cat([torch.tensor([[0.0], [0], [0], [1]]), torch.cat(lists)], 1)
    for sampling_ratio in (-1, 2):
        assert torch.equal(
            roi_align(features, lists, 2, 0.5, sampling_ratio), roi_align(features, rows, 2, 0.5, sampling_ratio)
        )
