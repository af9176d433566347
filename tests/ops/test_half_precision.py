"""Boxes, soft masks and scores in float16 and bfloat16: computed in float32, right where half precision overflows."""

import pytest
import torch
from pycocotools import mask as coco_mask

from lessons_lib.metrics.average_precision import match_in_order
from lessons_lib.metrics.detection import DetectionScores
from lessons_lib.ops.annotations import polygon_mask
from lessons_lib.ops.box_coding import clip_boxes, decode_boxes, encode_boxes
from lessons_lib.ops.boxes import box_areas, matched_box_iou, pairwise_box_iou
from lessons_lib.ops.coverage import (
    best_assignment,
    coverage_loss,
    greedy_assignment,
    pairwise_soft_iou,
    score_loss,
    score_loss_with_logits,
)
from lessons_lib.ops.grid import Grid
from lessons_lib.ops.levels import assign_levels, multilevel_roi_align
from lessons_lib.ops.mask_targets import mask_targets
from lessons_lib.ops.matching import overlaps
from lessons_lib.ops.nms import nms, nms_loop
from lessons_lib.ops.pasting import paste_masks, paste_probs

pytestmark = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
CROWD = torch.tensor([False, True])


def boxes_of(dtype, seed=0, count=30):
    corners = torch.rand(count, 2, 2, generator=torch.Generator().manual_seed(seed)) * 2000
    return corners.sort(1).values.flatten(1).to(dtype)


def test_a_large_box_has_its_area_and_iou_1_with_itself(dtype):
    """300 · 300 = 90,000 is more than float16's largest number, 65,504."""
    box = torch.tensor([[0.0, 0, 300, 300]], dtype=dtype)
    assert box_areas(box).tolist() == [90000]
    assert pairwise_box_iou(box, box.repeat(2, 1), CROWD).tolist() == [[1, 1]]
    assert matched_box_iou(box.repeat(2, 1), box.repeat(2, 1), CROWD).tolist() == [1, 1]
    assert [table.tolist() for table in overlaps(box, box)] == [[[1]], [[1]]]


def test_ious_are_those_of_float64(dtype):
    pred, gt = boxes_of(dtype), boxes_of(dtype, 1, 20)
    crowd = torch.arange(20) % 2 == 0
    got = pairwise_box_iou(pred, gt, crowd)
    assert got.dtype == box_areas(pred).dtype == torch.float32
    torch.testing.assert_close(got, pairwise_box_iou(pred.double(), gt.double(), crowd).float())
    xywh = [torch.cat([b[:, :2], b[:, 2:] - b[:, :2]], 1).numpy() for b in (pred.double(), gt.double())]
    want = torch.from_numpy(coco_mask.iou(*xywh, crowd.tolist())).nan_to_num().float()
    torch.testing.assert_close(got, want)


def test_matched_and_batched_ious_are_those_of_float64(dtype):
    pred, gt = boxes_of(dtype), boxes_of(dtype, 1)
    crowd = torch.arange(30) % 2 == 0
    got = matched_box_iou(pred, gt, crowd)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, matched_box_iou(pred.double(), gt.double(), crowd).float())
    for got, want in zip(overlaps(pred[None], gt[None]), overlaps(pred[None].double(), gt[None].double()), strict=True):
        torch.testing.assert_close(got, want.float())


def test_codes_are_those_of_float64(dtype):
    """A box without area too: its logarithm is finite, though 1e-6 / 1000 is 0 in float16."""
    anchors, boxes = boxes_of(dtype), boxes_of(dtype, 1)
    boxes[0, 2:] = boxes[0, :2]
    codes = encode_boxes(boxes, anchors, (10, 10, 5, 5))
    assert codes.dtype == torch.float32 and codes.isfinite().all()
    want = encode_boxes(boxes.double(), anchors.double(), (10, 10, 5, 5))
    torch.testing.assert_close(codes, want.float())
    moves = (codes / 100).to(dtype)
    moved = decode_boxes(moves, anchors)
    torch.testing.assert_close(moved, decode_boxes(moves.double(), anchors.double()).float())
    sizes = torch.tensor([[1001, 1003]])
    assert torch.equal(clip_boxes(moved[None], sizes), clip_boxes(moved[None].double(), sizes).float())


def test_masks_of_regions_are_those_of_float64(dtype):
    generator = torch.Generator().manual_seed(0)
    boxes, probs = boxes_of(dtype, count=6) / 32, torch.rand(6, 5, 5, generator=generator).to(dtype)
    pasted = paste_probs(probs, boxes, (64, 60))
    torch.testing.assert_close(pasted, paste_probs(probs.double(), boxes.double(), (64, 60)).float())
    assert torch.equal(paste_masks(probs, boxes, (64, 60)), paste_masks(probs.double(), boxes.double(), (64, 60)))
    masks, matched = [torch.rand(2, 64, 60, generator=generator) < 0.5], torch.arange(6)[None] % 2
    arguments = matched, torch.ones(1, 6, dtype=torch.bool), 4
    want = mask_targets(masks, boxes[None].double(), *arguments).float()
    torch.testing.assert_close(mask_targets(masks, boxes[None], *arguments).float(), want)


def test_half_and_full_precision_together(dtype):
    box = torch.tensor([[0.0, 0, 300, 300]])
    assert pairwise_box_iou(box.to(dtype), box).item() == pairwise_box_iou(box, box.to(dtype)).item() == 1
    assert pairwise_box_iou(box.to(dtype), box.double()).dtype == torch.float64


def test_suppression_and_levels_are_those_of_float64(dtype):
    boxes, scores = boxes_of(dtype), torch.arange(30.0).to(dtype)
    for form in (nms, nms_loop):
        assert torch.equal(form(boxes, scores, 0.3), form(boxes.double(), scores.double(), 0.3))
    assert torch.equal(assign_levels(boxes), assign_levels(boxes.double()))


def test_a_pyramid_is_read_as_in_float64(dtype):
    maps = [torch.rand(1, 2, n, n, generator=torch.Generator().manual_seed(n)).to(dtype) for n in (64, 32)]
    boxes = boxes_of(dtype)[None] / 8
    arguments = [Grid(4, 1.5), Grid(8, 3.5)], boxes, 3
    got = multilevel_roi_align(maps, *arguments)
    want = multilevel_roi_align([m.double() for m in maps], arguments[0], boxes.double(), 3)
    assert got.dtype == dtype
    torch.testing.assert_close(got.double(), want, rtol=torch.finfo(dtype).eps, atol=1e-3)


def test_soft_iou_sums_past_the_largest_number(dtype):
    """400 · 400 ones are 160,000 pixels; bfloat16 would stop counting at 256."""
    ones = torch.ones(1, 400, 400, dtype=dtype)
    half = ones.clone()
    half[:, :200] = 0
    assert pairwise_soft_iou(half, ones).item() == 0.5


def test_scores_are_those_of_float64(dtype):
    """A score that float16 can write needs a logarithm that it cannot; 3,000 terms of bfloat16 would lose most."""
    scores = torch.rand(2, 3000, generator=torch.Generator().manual_seed(0)).to(dtype)
    scores[0, 0], scores[0, 1] = 0, 1
    got = score_loss(scores, 1000)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, score_loss(scores.double(), 1000).float())
    logits = (scores * 20 - 10).to(dtype)
    torch.testing.assert_close(
        score_loss_with_logits(logits, 1000), score_loss_with_logits(logits.double(), 1000).float()
    )


def test_the_whole_coverage_loss(dtype):
    generator = torch.Generator().manual_seed(0)
    masks = torch.rand(2, 4, 300, 300, generator=generator).to(dtype).requires_grad_()
    truth = [torch.rand(n, 300, 300, generator=generator) < 0.3 for n in (3, 0)]
    logits = torch.randn(2, 4, generator=generator).to(dtype)
    got = coverage_loss(masks, truth, logits)
    want = coverage_loss(masks.detach().double(), truth, logits.double())
    for name in want:
        torch.testing.assert_close(got[name], want[name].float())
    sum(got.values()).backward()
    assert masks.grad.dtype == dtype and masks.grad.isfinite().all()


def test_assignments_are_those_of_float64(dtype):
    values = torch.rand(5, 4, generator=torch.Generator().manual_seed(0)).to(dtype)
    for form in (best_assignment, greedy_assignment):
        for got, want in zip(form(values), form(values.double()), strict=True):
            assert torch.equal(got, want)


def test_polygons_and_matches_are_those_of_float64(dtype):
    corners = torch.tensor([[1.0, 1.5], [28.5, 3.0], [20.0, 30.5]], dtype=dtype)
    assert torch.equal(polygon_mask(corners, (32, 32)), polygon_mask(corners.double(), (32, 32)))
    iou = torch.rand(5, 4, generator=torch.Generator().manual_seed(0)).to(dtype)
    assert torch.equal(match_in_order(iou, 0.5), match_in_order(iou.double(), 0.5))


def test_detection_scores_take_half_precision(dtype):
    """Areas of boxes up to 300 · 300: large, not infinite."""
    labels, crowd = torch.ones(2, dtype=torch.int64), torch.zeros(2, dtype=torch.bool)
    boxes = torch.tensor([[0.0, 0, 300, 300], [0, 0, 16, 16]], dtype=dtype)
    scores = DetectionScores("box")
    areas = box_areas(boxes)
    scores.add(
        pairwise_box_iou(boxes, boxes), torch.tensor([0.9, 0.8], dtype=dtype), labels, areas, labels, areas, crowd
    )
    found = scores.compute()
    assert found["ap"] == found["ap_large"] == found["ap_small"] == 1
