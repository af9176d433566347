"""What pasting, mask targets and Mask R-CNN say to arguments that cannot be."""

import re
from dataclasses import replace

import pytest
import torch

from lessons_lib.data.sample import Instances, Sample, collate
from lessons_lib.models.backbones import make_backbone
from lessons_lib.models.instance.build import usual_config
from lessons_lib.models.instance.build_masks import mask_rcnn, masked_detector, usual_masks
from lessons_lib.models.instance.mask_config import MaskConfig
from lessons_lib.models.necks import FPN, FineMap
from lessons_lib.ops.mask_targets import mask_targets
from lessons_lib.ops.pasting import paste_masks, paste_probs

PROBS, BOX = torch.rand(1, 4, 4), torch.tensor([[0.0, 0, 5, 5]])
MASKS = [torch.ones(2, 6, 6, dtype=torch.bool)]
REGION, FIRST, VALID = BOX[None], torch.zeros(1, 1, dtype=torch.int64), torch.ones(1, 1, dtype=torch.bool)


def tiny(neck="fpn", **changes):
    return masked_detector(4, "tiny", neck, usual_config("tiny", neck), replace(usual_masks("tiny", neck), **changes))


CASES = [
    (
        lambda: paste_masks(PROBS[0], BOX, (5, 5)),
        "probs must be a float tensor with 3 dimensions, got torch.float32 (4, 4)",
    ),
    (lambda: paste_masks(PROBS > 0.5, BOX, (5, 5)), "probs must be a float tensor with 3 dimensions, got torch.bool"),
    (
        lambda: paste_masks(PROBS, BOX[0], (5, 5)),
        "boxes must be a float tensor (1, 4), one for each mask, got torch.float32 (4,)",
    ),
    (
        lambda: paste_probs(PROBS, BOX.long(), (5, 5)),
        "boxes must be a float tensor (1, 4), one for each mask, got torch.int64",
    ),
    (lambda: paste_masks(PROBS, BOX, (5, -1)), "size must be ≥ 0, got -1"),
    (lambda: paste_masks(PROBS, BOX, (5, 5, 5)), "size must be an int or 2 ints, got (5, 5, 5)"),
    (lambda: paste_masks(PROBS, BOX, 5, threshold=-0.1), "threshold must be ≥ 0, got -0.1"),
    (lambda: paste_masks(PROBS, BOX, 5, threshold=float("nan")), "threshold must be ≥ 0, got nan"),
    (lambda: paste_masks(PROBS, BOX, 5, convention="own"), "convention must be 'exact' or 'torchvision', got 'own'"),
    (
        lambda: mask_targets(MASKS, BOX, FIRST, VALID, 4),
        "boxes must be a float tensor (B, R, 4), got torch.float32 (1, 4)",
    ),
    (lambda: mask_targets([], REGION, FIRST, VALID, 4), "masks must be 1 tensors, one for each image, got 0"),
    (
        lambda: mask_targets([MASKS[0].int()], REGION, FIRST, VALID, 4),
        "masks[0] must be a bool tensor (N, H, W), got torch.int32",
    ),
    (
        lambda: mask_targets(MASKS, REGION, FIRST.int(), VALID, 4),
        "matched must be torch.int64 (1, 1), got torch.int32 (1, 1)",
    ),
    (lambda: mask_targets(MASKS, REGION, FIRST, VALID[0], 4), "valid must be torch.bool (1, 1), got torch.bool (1,)"),
    (
        lambda: mask_targets(MASKS, REGION, FIRST + 2, VALID, 4),
        "matched must be the number of a mask, 0 to 1 in image 0, got 2",
    ),
    (
        lambda: mask_targets(MASKS, REGION, FIRST - 1, VALID, 4),
        "matched must be the number of a mask, 0 to 1 in image 0, got -1",
    ),
    (lambda: mask_targets(MASKS, REGION, FIRST, VALID, 0), "output_size must be ≥ 1, got 0"),
    (lambda: mask_targets(MASKS, REGION, FIRST, VALID, 4, 0), "sampling_ratio must be ≥ 1, got 0"),
    (lambda: MaskConfig(head="fc"), "head must be 'fcn' or 'mlp' or 'res5', got 'fc'"),
    (lambda: MaskConfig(loss="dice"), "loss must be 'sigmoid' or 'softmax', got 'dice'"),
    (lambda: MaskConfig(pasting="own"), "pasting must be 'exact' or 'torchvision', got 'own'"),
    (lambda: MaskConfig(most=0), "most must be ≥ 1 or None, got 0"),
    (lambda: MaskConfig(loss="softmax", class_agnostic=True), "loss must be 'sigmoid' for class-agnostic masks"),
    (lambda: mask_rcnn(4, mask_head="res5"), "mask_head must be fcn or mlp, got 'res5'"),
    (lambda: tiny(head="res5"), "head must be fcn or mlp for TinyBackbone, which has no res5 to lend"),
    (lambda: tiny(levels=("p9",)), "levels must be maps of the features, p2, p3, or m1, got 'p9'"),
    (lambda: tiny("c4", levels=("m1",)), "levels must be among c1, c2, c3, c4, c5 without a neck, got ('m1',)"),
    (
        lambda: FineMap(make_backbone("tiny"), FPN(make_backbone("tiny"), out_channels=4), 0),
        "out_channels must be ≥ 1, got 0",
    ),
]


@pytest.mark.parametrize(("call", "text"), CASES)
def test_wrong_arguments(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()


def test_boxes_alone_are_no_truth_for_masks():
    objects = [Instances(BOX, torch.tensor([1]), MASKS[0][:1]), Instances(BOX, torch.tensor([1]), None)]
    samples = [Sample(torch.rand(3, 6, 6), torch.zeros(6, 6, dtype=torch.int64), one) for one in objects]
    with pytest.raises(
        ValueError, match="image 1 of the batch: objects must have masks to learn from, got boxes alone"
    ):
        mask_rcnn(4)(collate(samples))
