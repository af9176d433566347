"""What mask voting says to arguments that cannot be."""

import re

import pytest
import torch

from lessons_lib.ops.voting import vote_masks

MASKS, BOXES, CHOSEN = torch.ones(2, 3, 3), torch.rand(2, 4), torch.rand(1, 4)
SURE = torch.ones(1, 2)

CASES = [
    (lambda: vote_masks(MASKS[0], BOXES, CHOSEN, SURE), "masks must be a bool or float tensor (M, H, W), got"),
    (lambda: vote_masks(MASKS.long(), BOXES, CHOSEN, SURE), "masks must be a bool or float tensor (M, H, W), got"),
    (
        lambda: vote_masks(MASKS, BOXES[:1], CHOSEN, SURE),
        "boxes must be a float tensor (2, 4), one for each mask, got torch.float32 (1, 4)",
    ),
    (lambda: vote_masks(MASKS, BOXES, CHOSEN[0], SURE), "chosen must be a float tensor (N, 4), got torch.float32 (4,)"),
    (
        lambda: vote_masks(MASKS, BOXES, CHOSEN, SURE.T),
        "confidences must be a float tensor (1, 2), one for each chosen box and each mask, got torch.float32 (2, 1)",
    ),
    (lambda: vote_masks(MASKS, BOXES, CHOSEN, -SURE), "confidences must be ≥ 0 and finite, got -"),
    (lambda: vote_masks(MASKS, BOXES, CHOSEN, SURE * float("nan")), "confidences must be ≥ 0 and finite, got nan"),
    (lambda: vote_masks(MASKS, BOXES, CHOSEN, SURE * float("inf")), "confidences must be ≥ 0 and finite, got inf"),
    (lambda: vote_masks(MASKS, BOXES, CHOSEN, SURE, 0), "iou_threshold must be > 0 and at most 1, got 0"),
    (lambda: vote_masks(MASKS, BOXES, CHOSEN, SURE, 0.5, 1.5), "threshold must be > 0 and at most 1, got 1.5"),
]


@pytest.mark.parametrize(("call", "message"), CASES)
def test_the_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
