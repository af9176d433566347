"""What boxes, masks and metrics say to a wrong argument: the name, what came, and what is allowed."""

import re

import numpy as np
import pytest
import torch

from lessons_lib.data.sample import Instances
from lessons_lib.metrics.average_precision import match_in_order, precision_recall
from lessons_lib.metrics.boundary import BoundaryScores, ThinRecall
from lessons_lib.metrics.coco import CocoScores, evaluate_coco
from lessons_lib.metrics.detection import DetectionScores
from lessons_lib.metrics.image_quality import image_quality
from lessons_lib.metrics.panoptic import Panoptic, PanopticScores, panoptic_map
from lessons_lib.metrics.proposal_recall import ProposalRecall
from lessons_lib.metrics.semantic import SemanticScores, confusion_matrix
from lessons_lib.ops.boxes import box_areas, matched_box_iou, pairwise_box_iou
from lessons_lib.ops.masks import decode_rle, encode_rle, pairwise_mask_iou

BOXES, MASKS = torch.zeros(2, 4), torch.zeros(2, 4, 5, dtype=torch.bool)
MAP = torch.zeros(2, 3, dtype=torch.int64)
LABELS = torch.zeros(2, dtype=torch.int64)
TRUTH = Instances(BOXES, LABELS, MASKS)
IOU, ROW = torch.zeros(2, 3), (torch.zeros(2), LABELS, torch.zeros(2))
OBJECTS = (torch.zeros(3, dtype=torch.int64), torch.zeros(3), torch.zeros(3, dtype=torch.bool))

CASES = [
    (lambda: ProposalRecall(()), "counts must be numbers ≥ 1, ascending, at least one, got ()"),
    (lambda: ProposalRecall((0, 5)), "counts must be numbers ≥ 1, ascending, at least one, got (0, 5)"),
    (lambda: ProposalRecall((5, 5)), "counts must be numbers ≥ 1, ascending, at least one, got (5, 5)"),
    (lambda: ProposalRecall().update(BOXES[0], TRUTH), "proposals must be a float tensor (N, 4), got torch."),
    (lambda: ProposalRecall(kind="region"), "kind must be 'box' or 'mask', got 'region'"),
    (
        lambda: ProposalRecall((1, 2)).merge(ProposalRecall()),
        "other must be ProposalRecall of kind box with counts (1, 2), got box with counts (10, 50, 100, 300, 1000)",
    ),
    (
        lambda: ProposalRecall((1,)).merge(ProposalRecall((1,), "mask")),
        "other must be ProposalRecall of kind box with counts (1,), got mask with counts (1,)",
    ),
    (lambda: ProposalRecall((1,)).merge(3), "other must be ProposalRecall of kind box with counts (1,), got 3"),
    (lambda: box_areas(BOXES.long()), "boxes must be a float tensor (N, 4), got torch.int64 (2, 4)"),
    (lambda: box_areas([1]), "boxes must be a float tensor (N, 4), got [1]"),
    (lambda: pairwise_box_iou(BOXES[0], BOXES), "pred_boxes must be a float tensor (N, 4), got torch.float32 (4,)"),
    (lambda: pairwise_box_iou(BOXES, BOXES.mT), "gt_boxes must be a float tensor (N, 4), got torch.float32 (4, 2)"),
    (
        lambda: pairwise_box_iou(BOXES, BOXES, torch.tensor([True])),
        "is_crowd must be one bool for each of the 2 objects, got torch.bool (1,)",
    ),
    (
        lambda: matched_box_iou(BOXES[:1], BOXES, torch.tensor([False, False])),
        "pred_boxes must be 2, one for each of gt_boxes, got 1",
    ),
    (lambda: pairwise_mask_iou(MASKS.float(), MASKS), "pred_masks must be a bool tensor (N, H, W), got torch.float32"),
    (lambda: pairwise_mask_iou(MASKS, MASKS[0]), "gt_masks must be a bool tensor (N, H, W), got torch.bool (4, 5)"),
    (lambda: pairwise_mask_iou(MASKS, MASKS.mT), "pred_masks must be as large as gt_masks, (5, 4), got (4, 5)"),
    (
        lambda: pairwise_mask_iou(MASKS, MASKS, torch.tensor([0, 1])),
        "is_crowd must be one bool for each of the 2 objects, got torch.int64 (2,)",
    ),
    (lambda: encode_rle("mask"), "masks must be a bool tensor (N, H, W), got 'mask'"),
    (lambda: decode_rle(encode_rle(MASKS), (5, 4)), "rles[0] must be of size (5, 4), got (4, 5)"),
    (lambda: SemanticScores(0), "num_classes must be ≥ 1, got 0"),
    (lambda: SemanticScores(256), "num_classes must be ≤ 255, since 255 is void, got 256"),
    (lambda: confusion_matrix(MAP.float(), MAP, 2), "prediction must be an int64 tensor of labels, got torch.float32"),
    (lambda: confusion_matrix(MAP, [0], 2), "target must be an int64 tensor of labels, got [0]"),
    (lambda: confusion_matrix(MAP.mT, MAP, 2), "prediction must have the target's shape (2, 3), got (3, 2)"),
    (lambda: confusion_matrix(MAP.to("meta"), MAP, 2), "prediction must be on cpu, as target is, got meta"),
    (lambda: confusion_matrix(MAP + 2, MAP, 2), "prediction must be in [0, 1], got 2"),
    (lambda: confusion_matrix(MAP - 1, MAP, 2), "prediction must be in [0, 1], got -1"),
    (lambda: confusion_matrix(MAP, MAP + 9, 2), "target must be in [0, 1] or 255 for void, got 9"),
    (lambda: SemanticScores(2).update(MAP + 255, MAP), "prediction must be in [0, 1], got 255"),
    (lambda: SemanticScores(2).merge(SemanticScores(3)), "other must be SemanticScores of 2 classes, got 3 classes"),
    (lambda: SemanticScores(2).merge(7), "other must be SemanticScores of 2 classes, got 7"),
    (lambda: BoundaryScores(-1), "tolerance must be ≥ 0, got -1"),
    (lambda: BoundaryScores().update(MAP, MAP[0]), "prediction must have the target's shape (3,), got (2, 3)"),
    (lambda: BoundaryScores().update(MAP[None], MAP[None]), "target must be (H, W), got (1, 2, 3)"),
    (lambda: BoundaryScores().update(MAP > 0, MAP), "prediction must be an int64 tensor of labels, got torch.bool"),
    (
        lambda: BoundaryScores(1).merge(BoundaryScores(2)),
        "BoundaryScores of tolerance 1, got tolerance 2",
    ),
    (lambda: BoundaryScores(1).merge(None), "other must be BoundaryScores of tolerance 1, got None"),
    (lambda: ThinRecall(()), "labels must be one or more in [0, 254], got ()"),
    (lambda: ThinRecall((255,)), "labels must be one or more in [0, 254], got (255,)"),
    (lambda: ThinRecall((5,)).merge(ThinRecall((6,))), "other must be ThinRecall of labels (5,), got labels (6,)"),
    (lambda: ThinRecall((5,)).update(MAP.mT, MAP), "prediction must have the target's shape (2, 3), got (3, 2)"),
    (lambda: match_in_order(IOU[0], 0.5), "iou must be a float tensor (P, G), got torch.float32 (3,)"),
    (
        lambda: match_in_order(IOU, 0.5, torch.tensor([True])),
        "is_crowd must be one bool for each of the 3 objects, got torch.bool (1,)",
    ),
    (lambda: precision_recall(IOU, 3), "hits must be a bool tensor, one value per detection, got torch.float32 (2, 3)"),
    (lambda: precision_recall(IOU > 0, 0), "positives must be ≥ 1, got 0"),
    (lambda: precision_recall(IOU > 0, np.int64(0)), "positives must be ≥ 1, got 0"),
    (lambda: precision_recall(IOU > 0, torch.tensor([[1.0], [-2.0]]).double()), "positives must be ≥ 1, got -2"),
    (lambda: match_in_order(IOU, 0.5, [True]), "is_crowd must be one bool for each of the 3 objects, got [True]"),
    (lambda: DetectionScores("segm"), "kind must be 'mask' or 'box', got 'segm'"),
    (lambda: DetectionScores().update(TRUTH, TRUTH), "prediction must have scores, got None"),
    (lambda: DetectionScores().merge(DetectionScores("box")), "kind 'mask', sizes (32.0, 96.0), got kind 'box'"),
    (lambda: DetectionScores().merge(1), "other must be DetectionScores of kind 'mask', sizes (32.0, 96.0), got 1"),
    (lambda: DetectionScores("box", (9.0, 9.0)), "sizes must be 0 < small < large, got (9.0, 9.0)"),
    (lambda: DetectionScores().add(IOU.mT, *ROW, *OBJECTS), "scores must have shape (3,), as iou says, got (2,)"),
    (
        lambda: DetectionScores().add(IOU, *ROW, *OBJECTS[:2], OBJECTS[2][:1]),
        "is_crowd must have shape (3,), as iou says, got (1,)",
    ),
    (lambda: CocoScores("segm"), "kind must be 'mask' or 'box', got 'segm'"),
    (lambda: CocoScores().update(TRUTH, TRUTH), "prediction must have scores, got None"),
    (lambda: CocoScores().merge(CocoScores("box")), "other must be CocoScores of kind 'mask', got kind 'box'"),
    (lambda: evaluate_coco({}, [], "bbox"), "kind must be 'mask' or 'box', got 'bbox'"),
    (lambda: Panoptic(MAP.float(), LABELS), "ids must be an int64 tensor with 2 dimensions, got torch.float32 (2, 3)"),
    (lambda: Panoptic(MAP, [1]), "labels must be an int64 tensor with 1 dimensions, got [1]"),
    (lambda: Panoptic(MAP + 3, LABELS), "ids must be in [0, 2], as there are 2 labels, got 3 to 3"),
    (
        lambda: Panoptic(MAP, LABELS, torch.tensor([True])),
        "is_crowd must be one bool for each of the 2 objects, got torch.bool (1,)",
    ),
    (lambda: Panoptic(MAP, LABELS, [True]), "is_crowd must be one bool for each of the 2 objects, got [True]"),
    (lambda: panoptic_map(MAP, TRUTH), "instances must have masks of the label map's size (2, 3), got (4, 5)"),
    (lambda: PanopticScores(0), "num_classes must be ≥ 1, got 0"),
    (
        lambda: PanopticScores(2).update(Panoptic(MAP.mT, LABELS), Panoptic(MAP, LABELS)),
        "prediction must have the target's size (2, 3), got (3, 2)",
    ),
    (
        lambda: PanopticScores(2).update(Panoptic(MAP, LABELS), Panoptic(MAP, LABELS + 2)),
        "target must have labels in [0, 1], got 2",
    ),
    (lambda: PanopticScores(2).merge(PanopticScores(3)), "other must be PanopticScores of 2 classes, got 3 classes"),
]


@pytest.mark.parametrize(("call", "words"), CASES, ids=[words[:60] for _, words in CASES])
def test_error_names_argument_value_and_allowed(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()


def test_numbers_that_are_no_ints():
    for call in (lambda: SemanticScores(2.0), lambda: BoundaryScores(0.5), lambda: ThinRecall((1.5,))):
        with pytest.raises(TypeError, match="must be an int, got"):
            call()


@pytest.mark.parametrize(
    ("ious", "message"),
    [
        (torch.zeros(3), "ious must be a table (P, G), got shape (3,)"),
        (torch.tensor([[0.2, 1.5]]), "ious must be in [0, 1], got 0.2 to 1.5"),
    ],
)
def test_the_quality_of_what_is_no_table(ious, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        image_quality(ious)
