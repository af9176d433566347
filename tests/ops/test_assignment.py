"""Matching against loops and brute force: soft IoU of all pairs, and assignments of every size up to 7×7."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lessons_lib.ops.coverage import best_assignment, greedy_assignment, pairwise_soft_iou
from tests.ops.matching_oracles import best_by_trying, rand, soft_iou_by_loops

# Soft IoU


def test_soft_iou_by_hand():
    p = torch.tensor([[[1.0, 0.5], [0.0, 0.0]]])
    g = torch.tensor([[[True, False], [False, False]], [[False, True], [False, True]]])
    # overlaps 1 and 0.5; unions 1.5 + 1 − 1 and 1.5 + 2 − 0.5
    torch.testing.assert_close(pairwise_soft_iou(p, g), torch.tensor([[1 / 1.5, 0.5 / 3]]))


@given(st.tuples(*[st.integers(0, 4)] * 4), st.integers(0, 2**31), st.sampled_from(["bool", "soft", "sparse"]))
@settings(max_examples=500, deadline=None)
def test_soft_iou_is_the_loops(shape, seed, kind):
    """500 random sets, with no masks, no pixels and empty masks among them, in float64 and float32."""
    p, g, h, w = shape
    pred, gt = rand(seed, p, h, w), rand(seed + 1, g, h, w)
    if kind == "bool":
        gt = gt > 0.5
    if kind == "sparse":
        pred, gt = pred.where(pred > 0.8, 0), gt.where(gt > 0.8, 0)
    expected = torch.tensor([[soft_iou_by_loops(a, b) for b in gt] for a in pred], dtype=torch.float64).reshape(p, g)
    torch.testing.assert_close(pairwise_soft_iou(pred, gt), expected, rtol=0, atol=1e-9)
    half = gt if gt.dtype == torch.bool else gt.float()
    torch.testing.assert_close(pairwise_soft_iou(pred.float(), half), expected.float(), rtol=0, atol=1e-4)


def test_on_binary_masks_it_is_the_iou():
    """Claim 24; and its control: soft masks score another number than the same masks cut at one half."""
    pred, gt = rand(0, 6, 9, 8) > 0.6, rand(1, 5, 9, 8) > 0.4
    both = (pred[:, None] & gt).sum((2, 3)) / (pred[:, None] | gt).sum((2, 3))
    torch.testing.assert_close(pairwise_soft_iou(pred.double(), gt), both.double(), rtol=0, atol=1e-7)
    soft = rand(2, 6, 9, 8)
    cut = pairwise_soft_iou((soft > 0.5).double(), gt)
    assert (pairwise_soft_iou(soft, gt) - cut).abs().max() > 0.05


def test_empty_masks_score_0_without_gradient():
    pred = torch.zeros(2, 3, 3)
    pred[1, 0, 0] = 0.5
    pred.requires_grad_()
    iou = pairwise_soft_iou(pred, torch.zeros(1, 3, 3, dtype=torch.bool))
    assert iou.tolist() == [[0.0], [0.0]]
    iou.sum().backward()
    assert not pred.grad.any()


def test_a_soft_mask_is_not_its_own_best_match():
    grey = torch.full((1, 4, 4), 0.5)
    assert pairwise_soft_iou(grey, grey).item() == pytest.approx(1 / 3)  # 4 / (8 + 8 − 4)


def test_soft_iou_has_any_leading_axes():
    pred, gt = rand(0, 2, 3, 4, 5, 6), rand(1, 2, 3, 2, 5, 6)
    iou = pairwise_soft_iou(pred, gt)
    assert iou.shape == (2, 3, 4, 2)
    torch.testing.assert_close(iou[1, 2], pairwise_soft_iou(pred[1, 2], gt[1, 2]))
    assert pairwise_soft_iou(pred[:, :0], gt[:, :0]).shape == (2, 0, 4, 2)
    strided = pred.transpose(3, 4), gt.transpose(3, 4)
    torch.testing.assert_close(pairwise_soft_iou(*strided), iou)


def test_soft_iou_gradcheck_and_formula():
    """dIoU/dp = (g·D − (1 − g)·N) / D², with N = ⟨p, g⟩ and D = Σp + Σg − N."""
    pred, gt = rand(3, 3, 3, 2).requires_grad_(), rand(4, 2, 3, 2).requires_grad_()
    assert torch.autograd.gradcheck(pairwise_soft_iou, (pred, gt))
    (got,) = torch.autograd.grad(pairwise_soft_iou(pred[:1], gt[:1]).sum(), pred)
    n = (pred[0] * gt[0]).sum()
    d = pred[0].sum() + gt[0].sum() - n
    torch.testing.assert_close(got[0], (gt[0] * d - (1 - gt[0]) * n) / d**2, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_and_autocast_are_computed_in_float32(dtype):
    masks = torch.ones(1, 300, 300, dtype=dtype)  # 90,000 pixels: more than float16 can count
    gt = torch.zeros(1, 300, 300, dtype=torch.bool)
    gt[:, :100] = True
    iou = pairwise_soft_iou(masks, gt)
    assert iou.dtype == torch.float32 and iou.item() == pytest.approx(1 / 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert pairwise_soft_iou(masks.float(), gt).item() == pytest.approx(1 / 3, abs=1e-6)


# Assignment


@pytest.mark.parametrize(("p", "g"), list(itertools.product(range(1, 8), range(1, 8))))
def test_best_assignment_is_brute_force(p, g):
    """Every size up to 7×7: random values, values with ties, and values below 0."""
    for values in (rand(p * 8 + g, p, g), (rand(p * 8 + g, p, g) * 3).round() / 4, rand(p * 8 + g, p, g) - 0.7):
        rows, columns = best_assignment(values)
        assert len(set(rows.tolist())) == len(set(columns.tolist())) == len(rows) == min(p, g)
        assert rows.tolist() == sorted(rows.tolist())
        assert values[rows, columns].sum().item() == pytest.approx(best_by_trying(values), abs=1e-12)


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 2**31))
@settings(max_examples=300, deadline=None)
def test_greedy_is_between_half_and_all_of_the_best(p, g, seed):
    values = rand(seed, p, g)
    rows, columns = greedy_assignment(values)
    assert len(set(rows.tolist())) == len(set(columns.tolist())) == len(rows) == min(p, g)
    assert rows.tolist() == sorted(rows.tolist())
    greedy, best = (values[pairs].sum().item() for pairs in ((rows, columns), best_assignment(values)))
    assert best / 2 - 1e-12 <= greedy <= best + 1e-12


def test_greedy_loses_by_hand():
    values = torch.tensor([[0.6, 0.5], [0.5, 0.0]])
    assert [pair.tolist() for pair in greedy_assignment(values)] == [[0, 1], [0, 1]]  # 0.6 + 0.0
    assert [pair.tolist() for pair in best_assignment(values)] == [[0, 1], [1, 0]]  # 0.5 + 0.5


def test_greedy_takes_the_first_of_equal_values():
    assert [pair.tolist() for pair in greedy_assignment(torch.ones(2, 3))] == [[0, 1], [0, 1]]


@pytest.mark.parametrize("assignment", [best_assignment, greedy_assignment])
def test_assignments_of_nothing(assignment):
    for shape in ((0, 3), (3, 0), (0, 0)):
        rows, columns = assignment(torch.zeros(shape))
        assert rows.dtype == columns.dtype == torch.int64 and len(rows) == len(columns) == 0


def test_assignment_takes_values_that_carry_gradient():
    values = torch.rand(3, 2, requires_grad=True)
    rows, columns = best_assignment(values)
    assert not rows.requires_grad and values[rows, columns].requires_grad
