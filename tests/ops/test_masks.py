"""Masks: IoU of all pairs against a loop and pycocotools, crowds and empty masks, run lengths there and back."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lessons_lib.ops.masks import decode_rle, encode_rle, pairwise_mask_iou, pairwise_rle_iou

# pycocotools decodes in a way that numpy 2 is about to change
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def random_masks(seed, count, height, width):
    masks = torch.rand(count, height, width, generator=torch.Generator().manual_seed(seed)) < 0.4
    if count > 1:
        masks[0] = False
    return masks


def iou_by_loops(pred, gt, crowd):
    both, either = int((pred & gt).sum()), int((pred | gt).sum())
    whole = int(pred.sum()) if crowd else either
    return both / whole if whole else 0.0


@given(st.integers(0, 2**31), *[st.integers(0, 5)] * 2, *[st.integers(1, 7)] * 2)
@settings(max_examples=200, deadline=None)
def test_iou_is_the_loops_and_the_run_lengths_too(seed, p, g, height, width):
    pred, gt = random_masks(seed, p, height, width), random_masks(seed + 1, g, height, width)
    crowd = torch.rand(g, generator=torch.Generator().manual_seed(seed)) < 0.5
    want = [[iou_by_loops(a, b, c) for b, c in zip(gt, crowd, strict=True)] for a in pred]
    want = torch.tensor(want, dtype=torch.float64).reshape(p, g)
    assert torch.equal(pairwise_mask_iou(pred, gt, crowd), want)
    assert torch.equal(pairwise_rle_iou(encode_rle(pred), encode_rle(gt), crowd), want)
    plain = torch.tensor([[iou_by_loops(a, b, False) for b in gt] for a in pred], dtype=torch.float64).reshape(p, g)
    assert torch.equal(pairwise_mask_iou(pred, gt), plain)
    assert torch.equal(pairwise_rle_iou(encode_rle(pred), encode_rle(gt)), plain)


def test_by_hand():
    """Four pixels and four, two in common: 2 of 6; with a crowd, 2 of the prediction's 4."""
    pred, gt = torch.zeros(1, 3, 4, dtype=torch.bool), torch.zeros(2, 3, 4, dtype=torch.bool)
    pred[0, 0], gt[:, :2, :2] = True, True
    assert pairwise_mask_iou(pred, gt, torch.tensor([False, True])).tolist() == [[2 / 6, 2 / 4]]


def test_two_empty_masks_score_0():
    empty = torch.zeros(1, 3, 3, dtype=torch.bool)
    for crowd in (False, True):
        assert pairwise_mask_iou(empty, empty, torch.tensor([crowd])).tolist() == [[0]]


@given(st.integers(0, 2**31), st.integers(0, 4), *[st.integers(1, 9)] * 2)
@settings(max_examples=100, deadline=None)
def test_run_lengths_there_and_back(seed, count, height, width):
    masks = random_masks(seed, count, height, width)
    assert torch.equal(decode_rle(encode_rle(masks), (height, width)), masks)


def test_run_lengths_by_hand():
    """Down the columns: one 0, then two 1 — the pixels (1, 0) and (0, 1) — and one 0: runs 1, 2, 1."""
    rle = encode_rle(torch.tensor([[[False, True], [True, False]]]))
    assert rle == [{"size": [2, 2], "counts": "121"}]


def test_large_masks_are_counted_exactly():
    """More pixels than float32 can count one by one."""
    masks = torch.ones(1, 4097, 4097, dtype=torch.bool)
    half = masks.clone()
    half[0, 0, 0] = False
    assert pairwise_mask_iou(half, masks).item() == (4097**2 - 1) / 4097**2
