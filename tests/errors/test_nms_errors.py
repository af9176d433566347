"""What NMS says of arguments that it cannot take: the argument's name, what came, what is allowed."""

import re

import pytest
import torch

from lessons_lib.ops.nms import nms, nms_loop

BOXES, SCORES = torch.tensor([[0.0, 0, 1, 1], [0, 0, 2, 2]]), torch.tensor([0.5, 0.6])

SHARED = [
    ((BOXES[:, :3], SCORES), ValueError, "boxes must be a float tensor (…, N, 4), got torch.float32 (2, 3)"),
    ((BOXES.long(), SCORES), ValueError, "boxes must be a float tensor (…, N, 4), got torch.int64 (2, 4)"),
    (([[0, 0, 1, 1]], SCORES), ValueError, "boxes must be a float tensor (…, N, 4), got [[0, 0, 1, 1]]"),
    ((BOXES, SCORES[:1]), ValueError, "scores must be a float tensor (2,), one for each box, got torch.float32 (1,)"),
    ((BOXES, SCORES.long()), ValueError, "scores must be a float tensor (2,), one for each box, got torch.int64 (2,)"),
    ((BOXES, None), ValueError, "scores must be a float tensor (2,), one for each box, got None"),
    ((BOXES, SCORES.to("meta")), ValueError, "scores must be on cpu, as boxes are, got meta"),
    ((BOXES, SCORES, 1.5), ValueError, "iou_threshold must be between 0 and 1, got 1.5"),
    ((BOXES, SCORES, -0.1), ValueError, "iou_threshold must be between 0 and 1, got -0.1"),
    ((BOXES, SCORES, float("nan")), ValueError, "iou_threshold must be between 0 and 1, got nan"),
    ((BOXES, SCORES, "0.5"), TypeError, "iou_threshold must be a number, got '0.5'"),
    ((BOXES, SCORES, True), TypeError, "iou_threshold must be a number, got True"),
]

OWN = [
    (
        {"groups": SCORES},
        "groups must be torch.int64 (2,) on cpu, one value for each box, got torch.float32 (2,) on cpu",
    ),
    ({"groups": torch.zeros(1).long()}, "groups must be torch.int64 (2,) on cpu, one value for each box, got "),
    ({"valid": SCORES}, "valid must be torch.bool (2,) on cpu, one value for each box, got torch.float32 (2,)"),
]


@pytest.mark.parametrize("form", [nms, nms_loop])
@pytest.mark.parametrize(("arguments", "error", "words"), SHARED, ids=[words[-50:] for _, _, words in SHARED])
def test_both_forms_name_argument_value_and_allowed(form, arguments, error, words):
    with pytest.raises(error, match=re.escape(words)):
        form(*arguments)


def test_the_loop_takes_one_set_of_boxes():
    with pytest.raises(ValueError, match=re.escape("boxes must be a float tensor (N, 4), got torch.float32 (1, 2, 4)")):
        nms_loop(BOXES[None], SCORES[None])


@pytest.mark.parametrize(("arguments", "words"), OWN, ids=[words[:30] for _, words in OWN])
def test_groups_and_valid(arguments, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        nms(BOXES, SCORES, **arguments)
