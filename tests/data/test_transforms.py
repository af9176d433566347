"""Joint transforms: the parts of a sample stay together, boxes are the masks' extent, padding is void."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2

from lessons_lib.data.sample import Instances, Sample, tight_boxes
from lessons_lib.data.scenes import PRESETS, Scenes
from lessons_lib.data.transforms import FILL, RandomScale, training_transform, transform_sample


def coded_sample(height, width, count, seed):
    """One code for all parts: everywhere image × 255 is the label, and mask i is where the label is i + 1."""
    rng = np.random.default_rng(seed)
    label_map = torch.from_numpy(rng.integers(0, count + 2, (height, width)))
    masks = torch.stack([label_map == i + 1 for i in range(count)]) if count else torch.zeros(0, height, width).bool()
    crowd = torch.arange(count) % 2 == 1
    instances = Instances(tight_boxes(masks) + 7, torch.arange(1, count + 1), masks, is_crowd=crowd)  # boxes are off
    return Sample((label_map / 255).expand(3, -1, -1).float().contiguous(), label_map, instances)


def assert_together(moved, count):
    """What the code says, wherever it is not padded."""
    padded = moved.label_map == 255
    assert (moved.image[:, padded] == 0).all()
    assert torch.equal((moved.image[0] * 255).round().long()[~padded], moved.label_map[~padded])
    assert_boxes(moved)
    for label, mask in zip(moved.instances.labels.tolist(), moved.instances.masks, strict=True):
        assert torch.equal(mask, moved.label_map == label)
    assert moved.instances.labels.tolist() == [i for i in range(1, count + 1) if (moved.label_map == i).any()]
    assert torch.equal(moved.instances.is_crowd, moved.instances.labels % 2 == 0)


def assert_boxes(moved):
    instances = moved.instances
    assert instances.masks.flatten(1).any(1).all()
    for (x0, y0, x1, y1), mask in zip(instances.boxes.tolist(), instances.masks.numpy(), strict=True):
        rows, columns = mask.nonzero()
        assert (x0, y0, x1, y1) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


sizes = st.integers(1, 12)


@settings(max_examples=150, deadline=None)
@given(sizes, sizes, st.integers(0, 4), st.integers(0, 99), sizes, st.sampled_from([0.0, 0.5, 1.0]))
def test_flip_and_crop_keep_all_parts_together(height, width, count, seed, size, flip):
    sample = coded_sample(height, width, count, seed)
    steps = v2.Compose([v2.RandomHorizontalFlip(flip), v2.RandomVerticalFlip(flip)])
    steps = v2.Compose([steps, v2.RandomCrop(size, pad_if_needed=True, fill=FILL)])
    moved = transform_sample(sample, steps)
    assert moved.label_map.shape == (size, size)
    assert_together(moved, count)
    inside = min(size, height) * min(size, width)
    assert (moved.label_map != 255).sum() <= inside
    if size >= max(height, width):
        assert (moved.label_map != 255).sum() == inside  # all of it is there, the rest is void
        assert sorted(moved.label_map[moved.label_map != 255].tolist()) == sorted(sample.label_map.flatten().tolist())


@settings(max_examples=100, deadline=None)
@given(sizes, sizes, st.integers(0, 3), st.integers(0, 99), st.floats(0.1, 4))
def test_scale_takes_the_nearest_pixel(height, width, count, seed, factor):
    sample = coded_sample(height, width, count, seed)
    moved = transform_sample(sample, RandomScale(factor, factor))
    shape = tuple(moved.label_map.shape)
    assert all(abs(new - old * factor) <= 0.5 or new == 1 for new, old in zip(shape, (height, width), strict=True))
    rows = ((np.arange(shape[0]) + 0.5) * height / shape[0]).clip(0, height - 1e-6)
    columns = ((np.arange(shape[1]) + 0.5) * width / shape[1]).clip(0, width - 1e-6)
    tied = [np.abs(places - np.rint(places)) < 1e-4 for places in (rows, columns)]  # between two pixels either is right
    expected = sample.label_map.numpy()[np.ix_(rows.astype(int), columns.astype(int))]
    clear = ~tied[0][:, None] & ~tied[1]
    assert np.array_equal(moved.label_map.numpy()[clear], expected[clear])
    assert_boxes(moved)
    for label, mask in zip(moved.instances.labels.tolist(), moved.instances.masks, strict=True):
        assert torch.equal(mask, moved.label_map == label)
    assert moved.image.shape == (3, *shape) and moved.image.min() >= 0 and moved.image.max() <= 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 500), st.integers(16, 80), st.integers(0, 2**31 - 1))
def test_boxes_are_the_extent_of_masks_after_all_of_them(index, size, seed):
    torch.manual_seed(seed)
    scene = Scenes(PRESETS["crowded"], length=501)[index]
    moved = transform_sample(scene, training_transform(size))
    assert moved.label_map.shape == (size, size)
    assert_boxes(moved)
    owned = moved.instances.masks.any(0)
    assert (moved.label_map[owned] != 255).all() and set(moved.label_map.unique().tolist()) <= {*range(11), 255}
    for label, mask in zip(moved.instances.labels.tolist(), moved.instances.masks, strict=True):
        assert (moved.label_map[mask] == label).all()


def test_a_flip_by_hand():
    label_map = torch.tensor([[1, 0, 0]])
    instances = Instances(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([1]), label_map[None] == 1)
    moved = transform_sample(Sample(torch.zeros(3, 1, 3), label_map, instances), v2.RandomHorizontalFlip(1.0))
    assert moved.label_map.tolist() == [[0, 0, 1]]
    assert moved.instances.boxes.tolist() == [[2, 0, 3, 1]] and moved.instances.is_crowd is None


def test_colour_moves_no_label():
    scene = Scenes(PRESETS["easy"])[3]
    moved = transform_sample(scene, v2.ColorJitter(0.5, 0.5, 0.5, 0.1))
    assert torch.equal(moved.label_map, scene.label_map) and torch.equal(moved.instances.masks, scene.instances.masks)
    assert not torch.equal(moved.image, scene.image) and moved.image.min() >= 0 and moved.image.max() <= 1


def test_padding_is_void_and_black():
    moved = transform_sample(coded_sample(2, 2, 1, 0), v2.Pad(1, fill=FILL))
    assert moved.label_map.shape == (4, 4)
    assert (moved.label_map == 255).sum() == 12 and (moved.image[:, moved.label_map == 255] == 0).all()
    assert not moved.instances.masks[:, moved.label_map == 255].any()


def boxes_alone(instances):
    return Instances(instances.boxes, instances.labels, None, is_crowd=instances.is_crowd)


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.integers(0, 99), sizes, st.sampled_from([0.0, 0.5, 1.0]))
def test_boxes_alone_move_as_their_masks_do(height, width, seed, size, flip):
    """Objects that fill their boxes: the boxes of the moved masks, and the moved boxes, are the same."""
    rng = np.random.default_rng(seed)
    masks = torch.zeros(3, height, width, dtype=torch.bool)
    for mask in masks:
        y, x = rng.integers(height), rng.integers(width)
        mask[y : y + 1 + rng.integers(height), x : x + 1 + rng.integers(width)] = True
    full = Instances(tight_boxes(masks), torch.tensor([1, 2, 3]), masks)
    sample = Sample(torch.zeros(3, height, width), torch.zeros(height, width).long(), full)
    steps = v2.Compose([v2.RandomHorizontalFlip(flip), v2.RandomCrop(size, pad_if_needed=True, fill=FILL)])
    moved = []
    for instances in (full, boxes_alone(full)):
        torch.manual_seed(seed)
        moved.append(transform_sample(Sample(sample.image, sample.label_map, instances), steps).instances)
    assert moved[1].masks is None and torch.equal(moved[0].labels, moved[1].labels)
    assert torch.equal(moved[0].boxes, moved[1].boxes)


def test_boxes_alone_are_scaled_with_the_image():
    sample = coded_sample(4, 6, 1, 0)
    instances = Instances(torch.tensor([[1.0, 2, 3, 4], [5, 0, 6, 1]]), torch.tensor([1, 1]), None)
    moved = transform_sample(Sample(sample.image, sample.label_map, instances), RandomScale(2.0, 2.0))
    assert moved.instances.boxes.tolist() == [[2, 4, 6, 8], [10, 0, 12, 2]] and moved.label_map.shape == (8, 12)
    moved = transform_sample(Sample(sample.image, sample.label_map, instances), training_transform(32))
    assert moved.instances.masks is None and len(moved.instances) <= 2


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_seed_moves_alike(seed):
    scene, results = Scenes(PRESETS["easy"])[0], []
    for _ in range(2):
        torch.manual_seed(seed)
        results.append(transform_sample(scene, training_transform(48)))
    assert torch.equal(results[0].image, results[1].image) and torch.equal(results[0].label_map, results[1].label_map)
