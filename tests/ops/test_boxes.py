"""Boxes: IoU of all pairs against torchvision and pycocotools, by hand, and with crowds."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from torchvision import ops

from lessons_lib.ops.boxes import box_areas, pairwise_box_iou


def random_boxes(seed, count, whole):
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand(count, 2, generator=generator, dtype=torch.float64) * 20
    size = torch.rand(count, 2, generator=generator, dtype=torch.float64) * 15
    boxes = torch.cat([start, start + size], 1)
    return boxes.floor() if whole else boxes


@given(st.integers(0, 2**31), st.integers(0, 6), st.integers(0, 6), st.booleans())
@settings(max_examples=200, deadline=None)
def test_iou_is_torchvisions_and_with_crowds_pycocotools(seed, p, g, whole):
    pred, gt = random_boxes(seed, p, whole), random_boxes(seed + 1, g, whole)
    torch.testing.assert_close(pairwise_box_iou(pred, gt), ops.box_iou(pred, gt).nan_to_num(), rtol=0, atol=1e-12)
    crowd = torch.rand(g, generator=torch.Generator().manual_seed(seed)) < 0.5
    got = pairwise_box_iou(pred, gt, crowd)
    if p and g:
        xywh = [torch.cat([b[:, :2], b[:, 2:] - b[:, :2]], 1).numpy() for b in (pred, gt)]
        want = torch.from_numpy(coco_mask.iou(*xywh, crowd.tolist())).nan_to_num()
        torch.testing.assert_close(got, want, rtol=0, atol=1e-12)
    assert got.shape == (p, g)


def test_by_hand():
    """4×4 and 4×4, half over each other: 8 of 24; with a crowd, 8 of the prediction's 16."""
    pred, gt = torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([[2.0, 0, 6, 4], [2.0, 0, 6, 4]])
    iou = pairwise_box_iou(pred, gt, torch.tensor([False, True]))
    torch.testing.assert_close(iou, torch.tensor([[8 / 24, 8 / 16]]))
    assert box_areas(pred).tolist() == [16]


def test_boxes_without_area_score_0():
    point, inside_out = torch.tensor([[2.0, 2, 2, 2]]), torch.tensor([[5.0, 5, 1, 1]])
    assert pairwise_box_iou(point, point).tolist() == [[0]]
    assert pairwise_box_iou(point, inside_out, torch.tensor([True])).tolist() == [[0]]
    assert box_areas(inside_out).tolist() == [0]
