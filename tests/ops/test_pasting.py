"""Pasting: values by hand, torchvision's own in its convention, grid_sample in ours, and masks that come back."""

import math

import pytest
import torch
from torch.nn import functional as F
from torchvision.models.detection.roi_heads import paste_masks_in_image

from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.ops.box_coding import clip_boxes
from lessons_lib.ops.mask_targets import mask_targets
from lessons_lib.ops.pasting import CONVENTIONS, paste_masks, paste_probs


def random_case(count=20, size=(40, 60), dtype=torch.float32, seed=0):
    """Probabilities and boxes, some of them beyond the image."""
    generator = torch.Generator().manual_seed(seed)
    probs = torch.rand(count, 14, 14, generator=generator, dtype=dtype)
    start = torch.rand(count, 2, generator=generator, dtype=dtype) * 50 - 5
    extent = 0.5 + torch.rand(count, 2, generator=generator, dtype=dtype) * 40
    return probs, torch.cat([start, start + extent], 1), size


def test_by_hand():
    """Two cells over three pixels, 0 and 1: their middles stand at 1.75 and 3.25, pixels at 1.5, 2.5 and 3.5."""
    found = paste_probs(torch.tensor([[[0.0, 1.0]]]), torch.tensor([[1.0, 0, 4, 1]]), (1, 6))
    third = 1 / 3
    torch.testing.assert_close(found[0, 0], torch.tensor([0, 0, 0.5, 2.5 * third, 0.5 * third, 0]))


def test_a_full_mask_is_its_box():
    boxes = torch.tensor([[2.0, 1, 7, 5], [2.4, 1.6, 7.4, 5.4]])
    masks = paste_masks(torch.ones(2, 28, 28), boxes, (8, 9))
    assert masks[0].nonzero().aminmax(dim=0)[0].tolist() == [1, 2] and masks[0].sum() == 4 * 5
    assert masks[1].nonzero().aminmax(dim=0)[0].tolist() == [2, 2] and masks[1].sum() == 3 * 5  # middles 2.5 to 4.5


def test_gradient_reaches_probabilities_but_not_masks():
    probs, boxes, size = random_case(3, dtype=torch.float64)
    probs.requires_grad_()
    assert not paste_masks(probs, boxes, size).requires_grad
    torch.autograd.gradcheck(lambda p: paste_probs(p, boxes, (9, 11)), probs)


@pytest.mark.parametrize("scale", [1, 2, 5])
def test_a_mask_moves_with_its_box(scale):
    """Pixel for pixel; with torchvision's convention a fraction of a pixel is lost."""
    generator = torch.Generator().manual_seed(0)
    probs = torch.rand(1, 7, 7, generator=generator)
    box = torch.tensor([[3.0, 4, 3 + 7 * scale, 4 + 7 * scale]])
    here = paste_masks(probs, box, (60, 60))
    moved = paste_masks(probs, box + torch.tensor([5.0, 2, 5, 2]), (60, 60))
    assert torch.equal(moved[:, 2:, 5:], here[:, :-2, :-5])
    x0, y0, x1, y1 = box.unbind(1)
    mirrored = paste_masks(probs.flip(2), torch.stack([60 - x1, y0, 60 - x0, y1], 1), (60, 60))
    assert torch.equal(mirrored.flip(2), here)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ours_is_grid_sample_at_the_pixels_middles(dtype):
    probs, boxes, (height, width) = random_case(dtype=dtype)
    ys, xs = torch.arange(height, dtype=dtype) + 0.5, torch.arange(width, dtype=dtype) + 0.5
    y = (ys - boxes[:, 1, None]) / (boxes[:, 3] - boxes[:, 1])[:, None] * 2 - 1
    x = (xs - boxes[:, 0, None]) / (boxes[:, 2] - boxes[:, 0])[:, None] * 2 - 1
    grid = torch.stack([x[:, None].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], -1)
    want = F.grid_sample(probs[:, None], grid, align_corners=False)[:, 0]
    tolerance = 1e-4 if dtype == torch.float32 else 1e-9
    torch.testing.assert_close(paste_probs(probs, boxes, (height, width)), want, rtol=0, atol=tolerance)


@pytest.mark.parametrize("seed", range(3))
def test_torchvisions_convention_is_torchvisions(seed):
    probs, boxes, size = random_case(seed=seed)
    boxes = clip_boxes(boxes[None], torch.tensor([size]))[0]  # as detections are; others it cannot paste
    want = paste_masks_in_image(probs[:, None], boxes, size)[:, 0]
    torch.testing.assert_close(paste_probs(probs, boxes, size, "torchvision"), want, rtol=0, atol=1e-4)
    sure = (want - 0.5).abs() > 1e-4
    assert torch.equal(paste_masks(probs, boxes, size, 0.5, "torchvision") & sure, (want > 0.5) & sure)


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.9])
def test_around_each_box_alone_is_everywhere(convention, threshold):
    """The windows of a CPU leave nothing out: not a pixel that has any probability."""
    probs, boxes, size = random_case(count=60)
    every = paste_probs(probs, boxes, size, convention)
    masks = paste_masks(probs, boxes, size, threshold, convention)
    sure = (every - threshold).abs() > 1e-6
    assert torch.equal(masks & sure, (every > threshold) & sure)
    assert bool((every[~masks] <= threshold + 1e-6).all())


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_boxes_that_are_none_and_images_that_are_none(convention):
    none = torch.tensor([[3.0, 3, 3, 9], [9, 3, 3, 9], [math.nan, 0, 5, 5], [0, 0, math.inf, 5], [90, 90, 99, 99]])
    masks = paste_masks(torch.ones(5, 4, 4), none, (12, 12), 0.5, convention)
    assert not masks[2:].any() and (convention == "torchvision" or not masks.any())  # there a box has a pixel at least
    assert paste_masks(torch.zeros(0, 4, 4), torch.zeros(0, 4), (5, 7), 0.5, convention).shape == (0, 5, 7)
    assert paste_probs(torch.zeros(0, 4, 4), torch.zeros(0, 4), (5, 7), convention).shape == (0, 5, 7)
    assert paste_masks(torch.ones(1, 4, 4), torch.tensor([[0.0, 0, 5, 5]]), (0, 9)).shape == (1, 0, 9)
    assert paste_masks(torch.ones(1, 4, 4), torch.tensor([[0.0, 0, 1, 1]]), (1, 1)).all()


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_box_without_end_has_an_empty_mask(convention):
    """Also where the threshold is low: all pixels would stand in the middle of its first cell, at half of it."""
    boxes = torch.tensor([[0, 0, math.inf, 4], [0, 0, 4, math.inf], [-math.inf, 0, 4, 4], [0, 0, math.nan, 4]])
    assert not paste_probs(torch.ones(4, 1, 1), boxes, (4, 4), convention).any()
    assert not paste_masks(torch.ones(4, 1, 1), boxes, (4, 4), 0.0, convention).any()


def test_one_cell_and_a_rectangle_of_cells():
    """One cell fades towards its sides: of four pixels, the outer ones have 0.625 of it and the inner ones 0.875."""
    one = paste_probs(torch.ones(1, 1, 1), torch.tensor([[0.0, 0, 4, 4]]), (4, 4))[0]
    assert one[0, 0] == 0.625**2 and one[1, 1] == 0.875**2
    wide = torch.tensor([[[1.0, 0, 1]]])
    assert paste_masks(wide, torch.tensor([[0.0, 0, 9, 9]]), (9, 9))[0, 4].int().tolist() == [1, 1, 1, 0, 0, 0, 1, 1, 1]


def cut_and_pasted(convention: str) -> float:
    """The mean IoU of masks of scenes that go through 28 × 28 cells and come back."""
    found = []
    for scene in draw_scenes(range(12), PRESETS["clear"]):
        truth = scene.instances
        count = len(truth)
        boxes = truth.boxes + torch.tensor([0.3, -0.4, 0.4, 0.3])  # a proposal hits no whole pixel
        every = torch.arange(count)[None]
        cells = mask_targets([truth.masks], boxes[None], every, torch.ones(1, count, dtype=torch.bool), 28)[0]
        again = paste_masks(cells, boxes, scene.image.shape[1:], 0.5, convention)
        found.append((again & truth.masks).sum((1, 2)) / (again | truth.masks).sum((1, 2)))
    return torch.cat(found).mean().item()


def test_what_is_cut_out_and_pasted_comes_back():
    ours, theirs = (cut_and_pasted(convention) for convention in CONVENTIONS)
    assert ours > 0.98 and theirs < ours - 0.01
