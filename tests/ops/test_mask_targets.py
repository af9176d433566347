"""Mask targets: values by hand, torchvision's RoIAlign of the mask in both conventions, and what a region may see."""

import pytest
import torch
from torchvision.models.detection.roi_heads import project_masks_on_boxes
from torchvision.ops import roi_align

from lessons_lib.ops.mask_targets import mask_targets

SIZES = ((40, 50), (30, 64))


def random_case(regions=12, seed=0, largest=28.0):
    """Masks of two images of different sizes, and regions that reach over their borders."""
    generator = torch.Generator().manual_seed(seed)
    masks = [torch.rand(n, *size, generator=generator) > 0.5 for n, size in zip((3, 2), SIZES, strict=True)]
    start = torch.rand(2, regions, 2, generator=generator) * 40 - 5
    boxes = torch.cat([start, start + 1 + torch.rand(2, regions, 2, generator=generator) * (largest - 1)], 2)
    matched = torch.stack([torch.randint(n, (regions,), generator=generator) for n in (3, 2)])
    return masks, boxes, matched, torch.ones(2, regions, dtype=torch.bool)


def test_by_hand():
    """A box of one pixel and a half: bins end at 1.75, and samples stand a quarter and three quarters into a bin."""
    mask = torch.zeros(1, 4, 4, dtype=torch.bool)
    mask[0, :, 1] = True
    found = mask_targets([mask], torch.tensor([[[1.0, 0, 2.5, 4]]]), torch.tensor([[0]]), torch.tensor([[True]]), 2)
    # samples at 1.1875, 1.5625 | 1.9375, 2.3125; the pixel's middle is 1.5: nearness 0.6875, 0.9375 | 0.5625, 0.1875
    torch.testing.assert_close(found[0, 0, 0], torch.tensor([0.8125, 0.375]))


@pytest.mark.parametrize("size", [14, 28, (3, 5)])
@pytest.mark.parametrize("sampling", [1, 2, 3])
@pytest.mark.parametrize("aligned", [True, False])
def test_torchvisions_roi_align_of_the_mask(size, sampling, aligned):
    masks, boxes, matched, valid = random_case()
    found = mask_targets(masks, boxes, matched, valid, size, sampling, aligned)
    for b in range(2):
        rows = torch.cat([matched[b, :, None].float(), boxes[b]], 1)
        want = roi_align(masks[b][:, None].float(), rows, size, 1.0, sampling, aligned)[:, 0]
        torch.testing.assert_close(found[b], want, rtol=0, atol=1e-5)


def test_torchvisions_targets_in_its_convention():
    """It takes as many samples as a bin has pixels: one for regions of up to 28 pixels and 28 bins."""
    masks, boxes, matched, valid = random_case()
    found = mask_targets(masks, boxes, matched, valid, 28, 1, aligned=False)
    for b in range(2):
        want = project_masks_on_boxes(masks[b].float(), boxes[b], matched[b], 28)
        torch.testing.assert_close(found[b], want, rtol=0, atol=1e-5)


def test_the_target_is_cut_by_the_region_not_by_the_objects_box():
    """The region shows the right half of the object, and as much ground beside it."""
    mask = torch.zeros(1, 20, 40, dtype=torch.bool)
    mask[0, 4:16, 0:20] = True
    region = torch.tensor([[[10.0, 4, 30, 16]]])
    found = mask_targets([mask], region, torch.tensor([[0]]), torch.tensor([[True]]), 10)[0, 0]
    assert bool((found[:, :5] > 0.7).all()) and bool((found[:, 5:] < 0.3).all())


def test_empty_seats_see_nothing_whatever_stands_in_them():
    masks, boxes, matched, valid = random_case(4)
    valid[0, 1] = valid[1, 3] = False
    want = mask_targets(masks, boxes, matched, torch.ones_like(valid), 7)
    boxes[0, 1], matched[1, 3] = float("nan"), 99
    found = mask_targets(masks, boxes, matched, valid, 7)
    assert not found[~valid].any() and torch.equal(found[valid], want[valid])


def test_nothing_at_all():
    none = [torch.zeros(0, 5, 6, dtype=torch.bool)] * 2
    boxes, matched = torch.rand(2, 3, 4), torch.zeros(2, 3, dtype=torch.int64)
    assert not mask_targets(none, boxes, matched, matched > 0, 7).any()
    masks, *_ = random_case()
    assert mask_targets(masks, boxes[:, :0], matched[:, :0], matched[:, :0] > 0, 7).shape == (2, 0, 7, 7)
    assert mask_targets([masks[0], none[0]], boxes, matched, torch.tensor([[True] * 3, [False] * 3]), 7).shape[0] == 2
    assert mask_targets([], torch.rand(0, 3, 4), matched[:0], matched[:0] > 0, 7).shape == (0, 3, 7, 7)


def test_one_pixel_and_double_precision():
    one = torch.ones(1, 1, 1, dtype=torch.bool)
    box, matched, valid = torch.tensor([[[0.0, 0, 1, 1]]]), torch.tensor([[0]]), torch.tensor([[True]])
    assert mask_targets([one], box, matched, valid, 2).eq(1).all()
    assert mask_targets([one], box.double(), matched, valid, 2).dtype == torch.float64
    assert mask_targets([one], box, matched, valid, 2).requires_grad is False


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (4, 0)])
def test_masks_without_a_pixel_beside_others(size):
    """The other image's targets are what they are alone; a region on a mask without a pixel sees nothing of them."""
    full, empty = torch.ones(1, 4, 4, dtype=torch.bool), torch.zeros(1, *size, dtype=torch.bool)
    boxes, matched = torch.tensor([[[0.0, 0, 4, 4]]] * 2), torch.zeros(2, 1, dtype=torch.int64)
    for masks in ([full, empty], [full, empty[:0]]):
        valid = torch.tensor([[True], [len(masks[1]) > 0]])
        assert mask_targets(masks, boxes, matched, valid, 2).flatten(1).tolist() == [[1] * 4, [0] * 4]
        assert mask_targets(masks[::-1], boxes, matched, valid.flip(0), 2).flatten(1).tolist() == [[0] * 4, [1] * 4]


def test_targets_of_nothing_have_the_dtype_of_those_of_something():
    masks, boxes, matched, valid = random_case(3)
    for dtype, wide in ((torch.float64, torch.float64), (torch.float16, torch.float32)):
        for count in (0, 3):
            some = boxes[:, :count].to(dtype), matched[:, :count], valid[:, :count]
            assert mask_targets(masks, *some, 2).dtype == wide
