"""Resizing and cropping: by hand, against torch, and with boxes that always equal the masks' extent."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from lessons_lib.data.crop import crop, random_square, random_window, resize_short_side, tiles
from lessons_lib.data.sample import VOID, Instances, Sample, tight_boxes
from lessons_lib.data.scenes import PRESETS, draw_scenes


def sample_of(masks: torch.Tensor) -> Sample:
    """A picture whose red channel is the row, green the column, with these masks and a void pixel at the end."""
    height, width = masks.shape[1:]
    rows = torch.arange(height)[:, None].expand(height, width) / 255
    columns = torch.arange(width)[None].expand(height, width) / 255
    labels = torch.arange(1, len(masks) + 1)
    label_map = (masks * labels[:, None, None]).sum(0)
    label_map[-1, -1] = VOID
    instances = Instances(tight_boxes(masks), labels, masks, is_crowd=labels % 2 == 0, scores=labels / 10)
    return Sample(torch.stack([rows, columns, rows * 0]), label_map, instances)


def two_squares() -> Sample:
    masks = torch.zeros(2, 6, 8, dtype=torch.bool)
    masks[0, 1:4, 2:5] = True
    masks[1, 4:6, 6:8] = True
    return sample_of(masks)


def test_crop_by_hand():
    cut = crop(two_squares(), top=2, left=3, height=3, width=4)
    assert (cut.image[0] * 255).round().int().tolist() == [[2] * 4, [3] * 4, [4] * 4]
    assert (cut.image[1] * 255).round().int().tolist() == [[3, 4, 5, 6]] * 3
    assert cut.label_map.tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 2]]
    assert cut.instances.boxes.tolist() == [[0, 0, 2, 2], [3, 2, 4, 3]]
    assert cut.instances.is_crowd.tolist() == [False, True]
    cut = crop(two_squares(), top=0, left=0, height=4, width=4)  # the second one lies outside
    assert cut.instances.labels.tolist() == [1]
    assert (cut.instances.scores.tolist(), cut.instances.is_crowd.tolist()) == ([pytest.approx(0.1)], [False])


def test_a_crop_of_everything_changes_nothing():
    sample = draw_scenes([1], PRESETS["easy"])[0]
    whole = crop(sample, 0, 0, 96, 96)
    assert whole.image.equal(sample.image)
    assert whole.label_map.equal(sample.label_map)
    assert whole.instances.masks.equal(sample.instances.masks)


def test_half_the_size_by_hand():
    half = resize_short_side(two_squares(), 3)
    assert half.label_map.shape == (3, 4)
    # of each 2 × 2 pixels, the one at the lower right
    assert half.label_map.equal(two_squares().label_map[1::2, 1::2])
    assert half.instances.masks.equal(two_squares().instances.masks[:, 1::2, 1::2])
    assert half.instances.boxes.tolist() == [[1, 0, 2, 2], [3, 2, 4, 3]]


@pytest.mark.parametrize("size", [20, 48, 95, 97, 150])
def test_the_picture_is_averaged_and_labels_are_not(size):
    sample = draw_scenes([2], PRESETS["crowded"])[0]
    resized = resize_short_side(sample, size)
    expected = F.interpolate(sample.image[None], (size, size), mode="bilinear", antialias=True)[0]
    assert (resized.image - expected).abs().max() < 1e-5
    labels = F.interpolate(sample.label_map[None, None].float(), (size, size), mode="nearest-exact")[0, 0]
    assert resized.label_map.equal(labels.long())
    assert set(resized.label_map.unique().tolist()) <= set(sample.label_map.unique().tolist())


def test_the_right_size_is_left_alone():
    sample = two_squares()
    assert resize_short_side(sample, 6) is sample


def test_no_instances_and_a_vanishing_one():
    nothing = sample_of(torch.zeros(0, 6, 8, dtype=torch.bool))
    assert len(resize_short_side(nothing, 3).instances) == len(crop(nothing, 0, 0, 2, 2).instances) == 0
    dot = torch.zeros(1, 60, 80, dtype=torch.bool)
    dot[0, 0, 0] = True
    assert len(resize_short_side(sample_of(dot), 6).instances) == 0


@given(height=st.integers(2, 40), width=st.integers(2, 40), size=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_a_random_square_is_square_and_boxes_fit_masks(height, width, size, seed):
    generator = torch.Generator().manual_seed(seed)
    sample = sample_of(torch.rand(3, height, width, generator=generator) > 0.9)
    square = random_square(sample, generator, size=size)
    assert square.image.shape == (3, size, size)
    assert square.instances.masks.flatten(1).any(1).all()
    assert square.instances.boxes.equal(tight_boxes(square.instances.masks))
    again = torch.Generator().manual_seed(seed)
    torch.rand(3, height, width, generator=again)
    assert random_square(sample, again, size=size).image.equal(square.image)


def test_every_place_on_the_longer_side_is_drawn():
    sample = sample_of(torch.zeros(0, 4, 9, dtype=torch.bool))
    generator = torch.Generator().manual_seed(0)
    lefts = {round(random_square(sample, generator, size=4).image[1, 0, 0].item() * 255) for _ in range(200)}
    assert lefts == {0, 1, 2, 3, 4, 5}


def test_windows_lie_anywhere_at_the_image_s_own_scale():
    sample, corners = sample_of(torch.zeros(1, 9, 7, dtype=torch.bool)), set()
    for seed in range(200):
        window = random_window(sample, torch.Generator().manual_seed(seed), 5)
        top, left = (round(float(window.image[channel, 0, 0]) * 255) for channel in (0, 1))
        assert window.image.equal(sample.image[:, top : top + 5, left : left + 5])
        corners.add((top, left))
    assert corners == {(top, left) for top in range(5) for left in range(3)}
    small = random_window(sample, torch.Generator().manual_seed(0), 14)
    assert small.image.shape == (3, 14, 14), "a smaller image is resized until it fits"


def test_tiles_lie_side_by_side_and_keep_what_is_theirs():
    found = tiles(two_squares(), 3)
    assert [tile.image[:2, 0, 0].mul(255).round().tolist() for tile in found] == [[0, 0], [0, 3], [3, 0], [3, 3]]
    assert [len(tile.instances) for tile in found] == [1, 1, 1, 1]
    assert found[1].instances.boxes.tolist() == [[0, 1, 2, 3]]
    assert tiles(two_squares(), 7) == []
