"""What matching says to a wrong argument: the name, what came, and what is allowed."""

import re

import pytest
import torch

from lessons_lib.ops import coverage as M

P, G = torch.zeros(2, 4, 5), torch.zeros(3, 4, 5)
BATCH, GTS, LOGITS = P[None], [G], torch.zeros(1, 2)
NAN = torch.tensor([[0.0, float("nan")]])

CASES = [
    (lambda: M.pairwise_soft_iou(P[0], G), "pred_masks must be a float tensor with 3 or more dimensions, got torch.fl"),
    (
        lambda: M.pairwise_soft_iou(P > 0, G),
        "pred_masks must be a float tensor with 3 or more dimensions, got torch.bo",
    ),
    (lambda: M.pairwise_soft_iou([1], G), "pred_masks must be a float tensor with 3 or more dimensions, got [1]"),
    (lambda: M.pairwise_soft_iou(P, G.long()), "gt_masks must be a bool or float tensor, got torch.int64"),
    (lambda: M.pairwise_soft_iou(P, None), "gt_masks must be a bool or float tensor, got None"),
    (lambda: M.pairwise_soft_iou(P, G[:, :3]), "gt_masks must have the shape (G, 4, 5), got (3, 3, 5)"),
    (lambda: M.pairwise_soft_iou(P, G[None]), "gt_masks must have the shape (G, 4, 5), got (1, 3, 4, 5)"),
    (lambda: M.pairwise_soft_iou(P, G.to("meta")), "gt_masks must be on cpu, as pred_masks is, got meta"),
    (lambda: M.pairwise_soft_iou(P - 2, G), "pred_masks must be in [0, 1], got -2"),
    (lambda: M.pairwise_soft_iou(P, G + 3), "gt_masks must be in [0, 1], got 3"),
    (lambda: M.pairwise_soft_iou(P + float("nan"), G), "pred_masks must be in [0, 1], got nan"),
    (lambda: M.best_assignment(NAN), "values must be finite, got nan at [0, 1]"),
    (lambda: M.greedy_assignment(-1 / NAN[:, :1]), "values must be finite, got -inf at [0, 0]"),
    (lambda: M.best_assignment(P), "values must have 2 dimensions, predictions and objects, got (2, 4, 5)"),
    (
        lambda: M.best_assignment(P[0].long()),
        "values must be a float tensor with 2 or more dimensions, got torch.int64",
    ),
    (lambda: M.score_loss(torch.tensor([0.5, 1.5]), 1), "scores must be in [0, 1], got 1.5"),
    (lambda: M.score_loss(torch.zeros(3), -1), "count must be ≥ 0, got -1"),
    (
        lambda: M.score_loss(torch.tensor(1), 1),
        "scores must be a float tensor with 1 or more dimensions, got torch.int",
    ),
    (lambda: M.score_loss_with_logits(torch.zeros(2, 3), torch.tensor([1, -4])), "count must be ≥ 0, got -4"),
    (
        lambda: M.score_loss_with_logits(torch.zeros(2, 3), torch.tensor([1, 1, 1])),
        "count must be an int or one int for each of the (2,) score lists, got torch.int64 (3,)",
    ),
    (lambda: M.score_loss_with_logits([0.0], 1), "logits must be a float tensor with 1 or more dimensions, got [0.0]"),
    (lambda: M.coverage_loss(P, GTS, LOGITS), "pred_masks must be a float tensor with 4 or more dimensions, got torch"),
    (
        lambda: M.coverage_loss(BATCH[None], GTS, LOGITS),
        "pred_masks must be (B, P, H, W) with B ≥ 1, got (1, 1, 2, 4, 5",
    ),
    (
        lambda: M.coverage_loss(BATCH[:0], [], LOGITS[:0]),
        "pred_masks must be (B, P, H, W) with B ≥ 1, got (0, 2, 4, 5)",
    ),
    (lambda: M.coverage_loss(BATCH, GTS * 2, LOGITS), "gt_masks must hold a tensor for each of the 1 images, got 2"),
    (lambda: M.coverage_loss(BATCH, [G[:, 1:]], LOGITS), "gt_masks must have the shape (G, 4, 5), got (3, 3, 5)"),
    (lambda: M.coverage_loss(BATCH - 4, GTS, LOGITS), "pred_masks must be in [0, 1], got -4"),
    (
        lambda: M.coverage_loss(BATCH, GTS, LOGITS[:, :1]),
        "score_logits must have one logit for each of the (1, 2) predicted masks, got (1, 1)",
    ),
    (lambda: M.coverage_loss(BATCH, GTS, LOGITS, lam=-1), "lam must be ≥ 0, got -1"),
    (lambda: M.coverage_loss(BATCH, GTS, LOGITS, lam=float("nan")), "lam must be ≥ 0, got nan"),
    (
        lambda: M.coverage_loss(BATCH, GTS, LOGITS, variant="hungarian"),
        "variant must be 'rectangular' or 'square', got 'hungarian'",
    ),
]


@pytest.mark.parametrize(("call", "words"), CASES, ids=[words[:60] for _, words in CASES])
def test_error_names_argument_value_and_allowed(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()


def test_a_count_that_is_no_int():
    with pytest.raises(TypeError, match=re.escape("count must be an int, got 2.5")):
        M.score_loss(torch.zeros(3), 2.5)
