"""The coverage loss: the lecture's example, the score term, and the whole against loops and brute force."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from lessons_lib.ops.coverage import (
    VARIANTS,
    best_assignment,
    coverage_loss,
    pairwise_soft_iou,
    score_loss,
    score_loss_with_logits,
)
from tests.ops.matching_oracles import best_by_trying, generator, rand, soft_iou_by_loops

# The lecture's matrix: the four matched values, their sum and the doubtful entry are the lecture's, the rest is ours.
LECTURE = {
    reading: torch.tensor(
        [
            [0.9, 0.0, 0.1, 0.05],
            [0.08, 0.05, 0.87, 0.1],
            [0.0, 0.68, 0.02, 0.0],
            [0.12, 0.0, 0.06, 0.8],
            [0.1, 0.3, reading, 0.2],
        ],
        dtype=torch.float64,
    )
    for reading in (0.7, 0.07)
}
SCORES = torch.tensor([0.85, 0.8, 0.7, 0.4, 0.15], dtype=torch.float64)  # ours; they give the lecture's 1.8211


# The lecture's example


@pytest.mark.parametrize("reading", LECTURE)
def test_the_lectures_matching(reading):
    """Claim 25, in both readings of the doubtful entry; control: the largest of each row is no matching."""
    values = LECTURE[reading]
    rows, columns = best_assignment(values)
    assert values[rows, columns].tolist() == [0.9, 0.87, 0.68, 0.8]
    assert values[rows, columns].sum().item() == pytest.approx(3.25)
    assert best_by_trying(values) == pytest.approx(3.25)
    assert values.max(1).values.sum() > 3.25 + 0.25


def test_the_lectures_total():
    """Claim 26: −3.25 + λ · 1.8211; control: with another n, the score term is another number."""
    term = score_loss(SCORES, 4).item()
    assert term == pytest.approx(1.8211, abs=5e-5)
    by_hand = -math.log(0.85) - math.log(0.8) - math.log(0.7) - math.log(0.4) - math.log(1 - 0.15)
    assert term == pytest.approx(by_hand)
    assert all(abs(score_loss(SCORES, n).item() - 1.8211) > 0.3 for n in (0, 1, 2, 3, 5))


# The score term


@given(st.integers(0, 6), st.integers(0, 8), st.integers(0, 2**31))
@settings(max_examples=300, deadline=None)
def test_score_terms_are_the_formula(p, count, seed):
    logits = torch.randn(p, generator=generator(seed), dtype=torch.float64) * 3
    scores = logits.sigmoid()
    terms = [-math.log(s if t < count else 1 - s) for t, s in enumerate(scores.tolist())]
    assert score_loss(scores, count).item() == pytest.approx(sum(terms), abs=1e-9)
    assert score_loss_with_logits(logits, count).item() == pytest.approx(sum(terms), abs=1e-9)


def test_logarithms_are_held_at_minus_100():
    assert score_loss(torch.tensor([0.0, 1.0, 1.0]), 2).item() == 200.0
    assert score_loss(torch.tensor([1.0, 0.0]), 1).item() == 0.0
    scores, target = torch.tensor([0.0, 0.2, 1.0]), torch.tensor([1.0, 1.0, 0.0])
    assert score_loss(scores, 2).item() == F.binary_cross_entropy(scores, target, reduction="sum").item()
    assert score_loss_with_logits(torch.tensor([-500.0, 500.0]), 1).item() == 1000.0  # exact beyond 100


def test_count_may_be_one_for_each_image():
    scores = rand(0, 3, 4)
    got = score_loss(scores, torch.tensor([0, 2, 9]))
    expected = torch.stack([score_loss(row, n) for row, n in zip(scores, (0, 2, 4), strict=True)])
    torch.testing.assert_close(got, expected)
    assert score_loss(torch.zeros(0, 4), 2).shape == (0,)
    assert score_loss(torch.zeros(0), 2).item() == 0


def test_gradient_of_a_logit_is_score_minus_bracket():
    logits = torch.tensor([2.0, -1.0, 0.0], dtype=torch.float64, requires_grad=True)
    score_loss_with_logits(logits, 2).backward()
    torch.testing.assert_close(logits.grad, logits.detach().sigmoid() - torch.tensor([1.0, 1, 0]).double())
    assert torch.autograd.gradcheck(lambda x: score_loss_with_logits(x, 2), logits)
    assert torch.autograd.gradcheck(lambda x: score_loss(x, 2), rand(5, 4).clamp(0.1, 0.9).requires_grad_())


# The whole loss


def loss_by_loops(pred_masks, gt_masks, score_logits, lam, variant):
    coverage = score = 0.0
    for pred, gt, logits in zip(pred_masks, gt_masks, score_logits, strict=True):
        kept = pred[: len(gt)] if variant == "square" else pred
        table = torch.tensor([[soft_iou_by_loops(p, g) for g in gt] for p in kept], dtype=torch.float64)
        coverage -= best_by_trying(table.reshape(len(kept), len(gt)))
        for t, logit in enumerate(logits.tolist()):
            score += math.log1p(math.exp(-logit if t < len(gt) else logit))
    return coverage / len(pred_masks), lam * score / len(pred_masks)


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=3),
    st.integers(0, 4),
    st.sampled_from(VARIANTS),
    st.sampled_from([0.0, 1.0, 2.5]),
    st.integers(0, 2**31),
)
@settings(max_examples=300, deadline=None)
def test_coverage_loss_is_the_loops(counts, p, variant, lam, seed):
    """300 random batches: counts that differ, with none among them; no predictions; both variants."""
    pred = rand(seed, len(counts), p, 3, 4)
    gt = [rand(seed + n + 1, n, 3, 4) > 0.5 for n in counts]
    logits = torch.randn(len(counts), p, generator=generator(seed), dtype=torch.float64)
    losses = coverage_loss(pred, gt, logits, lam, variant)
    expected = loss_by_loops(pred, gt, logits, lam, variant)
    assert list(losses) == ["coverage", "score"]
    assert [value.item() for value in losses.values()] == pytest.approx(expected, abs=1e-9)


def batch(seed=0, counts=(3, 0, 2), p=4):
    pred = rand(seed, len(counts), p, 5, 6).requires_grad_()
    gt = [rand(seed + 10 + n, n, 5, 6) > 0.5 for n in counts]
    logits = torch.linspace(2, -2, len(counts) * p, dtype=torch.float64).view(len(counts), p).requires_grad_()
    return pred, gt, logits


def test_only_matched_masks_get_gradient():
    pred, gt, logits = batch()
    losses = coverage_loss(pred, gt, logits)
    sum(losses.values()).backward()
    for image, masks, grad in zip(pred, gt, pred.grad, strict=True):
        rows = best_assignment(pairwise_soft_iou(image, masks))[0].tolist()
        assert [bool(one.any()) for one in grad] == [t in rows for t in range(4)]
    bracket = torch.tensor([[1, 1, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]]).double()
    torch.testing.assert_close(logits.grad, (logits.detach().sigmoid() - bracket) / 3)


def test_coverage_loss_gradcheck():
    pred, gt, logits = batch(counts=(2, 0), p=3)
    assert torch.autograd.gradcheck(lambda p, s: sum(coverage_loss(p, gt, s, 0.5).values()), (pred, logits))


def test_all_images_empty_still_gives_gradients():
    pred, gt, logits = batch(counts=(0, 0))
    losses = coverage_loss(pred, gt, logits)
    assert losses["coverage"].item() == 0
    sum(losses.values()).backward()
    assert not pred.grad.any() and logits.grad.all()


def test_what_is_invariant_to_which_permutation():
    """Claim 15: the order of the objects changes nothing; that of the predictions only the score term."""
    pred, gt, logits = batch(counts=(3, 1, 2), p=5)
    before = coverage_loss(pred, gt, logits)
    turned = coverage_loss(pred, [masks.flip(0) for masks in gt], logits)
    assert all(torch.allclose(before[name], turned[name], rtol=0, atol=1e-12) for name in before)
    moved = coverage_loss(pred.flip(1), gt, logits.flip(1))
    torch.testing.assert_close(before["coverage"], moved["coverage"], rtol=0, atol=1e-12)
    assert (before["score"] - moved["score"]).abs() > 0.1
    square = [coverage_loss(p, gt, logits, variant="square")["coverage"] for p in (pred, pred.flip(1))]
    assert (square[0] - square[1]).abs() > 0.01  # control: the square variant looks at the order


def test_the_variants_differ_where_a_later_prediction_is_better():
    gt = torch.zeros(1, 2, 2, dtype=torch.bool)
    gt[0, 0] = True
    pred = torch.stack([torch.eye(2), gt[0].float()])[None]  # the second prediction is perfect, n = 1
    logits = torch.zeros(1, 2)
    values = {variant: coverage_loss(pred, [gt], logits, variant=variant)["coverage"].item() for variant in VARIANTS}
    assert values == pytest.approx({"rectangular": -1, "square": -1 / 3})
