"""Mask voting: by hand, against loops, with nobody to vote."""

import pytest
import torch

from lessons_lib.ops.voting import vote_masks


def by_loops(masks, boxes, chosen, confidences, iou_threshold, threshold):
    """Every pixel of every chosen box, prediction by prediction, in plain numbers."""
    out = torch.zeros(len(chosen), *masks.shape[1:], dtype=torch.bool)
    for n, (a0, b0, a1, b1) in enumerate(chosen.tolist()):
        voters = []
        for m, (x0, y0, x1, y1) in enumerate(boxes.tolist()):
            across, down = max(0, min(a1, x1) - max(a0, x0)), max(0, min(b1, y1) - max(b0, y0))
            union = (a1 - a0) * (b1 - b0) + (x1 - x0) * (y1 - y0) - across * down
            if union > 0 and across * down / union >= iou_threshold and confidences[n, m] > 0:
                voters.append((m, confidences[n, m].item()))
        total = sum(confidence for _, confidence in voters)
        for y in range(masks.shape[1]):
            for x in range(masks.shape[2]):
                votes = sum(masks[m, y, x].item() * confidence for m, confidence in voters)
                out[n, y, x] = total > 0 and votes / total >= threshold
    return out


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(("iou_threshold", "threshold"), [(0.5, 0.4), (0.2, 0.7)])
def test_equals_loops(binary, iou_threshold, threshold):
    draw = torch.Generator().manual_seed(int(10 * threshold))
    corner, side = torch.rand(12, 2, generator=draw) * 4, 3 + torch.rand(12, 2, generator=draw) * 4
    boxes = torch.cat([corner, corner + side], 1)
    masks = torch.rand(12, 7, 9, generator=draw)
    masks = masks > 0.5 if binary else masks
    chosen, confidences = boxes[[0, 5, 7]] + 0.3, torch.rand(3, 12, generator=draw)
    confidences[1, :4] = 0
    found = vote_masks(masks, boxes, chosen, confidences, iou_threshold, threshold)
    right = by_loops(masks, boxes, chosen, confidences, iou_threshold, threshold)
    assert torch.equal(found, right) and found.any() and not found.all()


def test_by_hand():
    """Three predictions of one object with confidences 0.6, 0.2, 0.2: shares 0.6, 0.8, 0.4 and 0.2 in four pixels."""
    masks = torch.tensor([[[1, 1, 0, 0]], [[0, 1, 1, 0]], [[0, 0, 1, 1]]]).bool()
    box = torch.tensor([[0.0, 0, 4, 1]])
    confidences = torch.tensor([[0.6, 0.2, 0.2]])
    for threshold, right in ((0.4, [1, 1, 1, 0]), (0.5, [1, 1, 0, 0]), (0.7, [0, 1, 0, 0]), (0.2, [1, 1, 1, 1])):
        found = vote_masks(masks, box.expand(3, 4), box, confidences, threshold=threshold)
        assert found.int().tolist() == [[right]]
    assert torch.equal(vote_masks(masks, box.expand(3, 4), box, confidences * 7), vote_masks(
        masks, box.expand(3, 4), box, confidences))  # fmt: skip


def test_only_those_that_overlap_vote():
    """An IoU of exactly the threshold votes; a neighbour with much confidence does not."""
    masks = torch.tensor([[[1, 0, 0, 0]], [[0, 1, 0, 0]], [[0, 0, 1, 1]]]).bool()
    boxes = torch.tensor([[0.0, 0, 2, 1], [0, 0, 1, 1], [2, 0, 4, 1]])
    found = vote_masks(masks, boxes, boxes[:1], torch.tensor([[0.5, 0.5, 99.0]]))
    assert found.int().tolist() == [[[1, 1, 0, 0]]]


def test_thresholds_of_1_ask_for_all_votes_of_the_same_box():
    masks = torch.tensor([[[1, 1, 0]], [[0, 1, 1]], [[1, 1, 1]]]).bool()
    boxes = torch.tensor([[0.0, 0, 3, 1], [0, 0, 3, 1], [0, 0, 2.9, 1]])
    assert vote_masks(masks, boxes, boxes[:1], torch.ones(1, 3), 1, 1).int().tolist() == [[[0, 1, 0]]]


def test_one_vote_returns_the_mask_itself():
    masks = torch.rand(4, 5, 6, generator=torch.Generator().manual_seed(0)) > 0.5
    boxes = torch.tensor([[0.0, 0, 2, 2], [3, 0, 5, 2], [0, 3, 2, 5], [3, 3, 6, 5]])
    assert torch.equal(vote_masks(masks, boxes, boxes, torch.ones(4, 4)), masks)


@pytest.mark.parametrize(("predictions", "kept"), [(0, 0), (0, 2), (3, 0)])
def test_nobody_votes_or_nothing_is_chosen(predictions, kept):
    boxes = torch.tensor([[0.0, 0, 4, 4]])
    found = vote_masks(
        torch.ones(predictions, 4, 4, dtype=torch.bool), boxes.repeat(predictions, 1), boxes.repeat(kept, 1),
        torch.ones(kept, predictions),
    )  # fmt: skip
    assert found.shape == (kept, 4, 4) and not found.any()


def test_without_confidence_area_or_overlap_the_mask_is_empty():
    masks, box, line = torch.ones(1, 4, 4).bool(), torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([[1.0, 1, 1, 3]])
    one, none = torch.ones(1, 1), torch.zeros(1, 1)
    assert not vote_masks(masks, box, box, none).any()
    assert not vote_masks(masks, line, line, one).any()
    assert not vote_masks(masks, box, box + 3, one).any()
    assert vote_masks(masks, box, box, one * 1e-30).all()


def test_no_gradient_and_nothing_changed_in_place():
    masks, box = torch.rand(1, 2, 2, requires_grad=True), torch.tensor([[0.0, 0, 2, 2]], requires_grad=True)
    confidences = torch.ones(1, 1, requires_grad=True)
    before = masks.detach().clone()
    assert not vote_masks(masks, box, box, confidences).requires_grad
    assert torch.equal(masks, before)
