"""The sample types: hand-worked boxes and batches, N = 0, moving between devices."""

import dataclasses

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st

from lessons_lib.data.sample import Batch, Instances, Sample, collate, tight_boxes


def make_instances(count, height, width, **extra):
    masks = torch.zeros(count, height, width, dtype=torch.bool)
    for i in range(count):
        masks[i, i, i : i + 2] = True
    labels = torch.arange(1, count + 1)
    return Instances(tight_boxes(masks), labels, masks, **extra)


def make_sample(height, width, count=2):
    image = torch.full((3, height, width), 0.5)
    label_map = torch.ones(height, width, dtype=torch.int64)
    return Sample(image, label_map, make_instances(count, height, width))


def test_tight_boxes_by_hand():
    masks = torch.zeros(3, 5, 6, dtype=torch.bool)
    masks[0, 1:3, 2:5] = True
    masks[1, 4, 0] = masks[1, 0, 5] = True
    assert tight_boxes(masks).tolist() == [[2, 1, 5, 3], [0, 0, 6, 5], [0, 0, 0, 0]]
    for size in ((2, 0, 6), (2, 5, 0), (2, 0, 0)):
        assert tight_boxes(torch.zeros(size, dtype=torch.bool)).tolist() == [[0, 0, 0, 0]] * 2


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4), st.integers(1, 9), st.integers(1, 9), st.integers(0, 10**6))
def test_tight_boxes_are_torchvisions_with_exclusive_ends(count, height, width, seed):
    masks = torch.rand(count, height, width, generator=torch.Generator().manual_seed(seed)) < 0.2
    boxes = tight_boxes(masks)
    assert boxes.shape == (count, 4) and boxes.dtype == torch.float32
    full = masks.flatten(1).any(1)
    expected = torchvision.ops.masks_to_boxes(masks[full]) + torch.tensor([0, 0, 1, 1])
    assert torch.equal(boxes[full], expected)
    assert (boxes[~full] == 0).all()


def test_collate_pads_right_and_below():
    batch = collate([make_sample(4, 6), make_sample(5, 3, count=0)])
    assert len(batch) == 2
    assert batch.images.shape == (2, 3, 5, 6) and batch.label_maps.shape == (2, 5, 6)
    assert batch.sizes.tolist() == [[4, 6], [5, 3]] and batch.sizes.dtype == torch.int64
    assert (batch.images[0, :, :4] == 0.5).all() and (batch.images[0, :, 4:] == 0).all()
    assert (batch.images[1, :, :, :3] == 0.5).all() and (batch.images[1, :, :, 3:] == 0).all()
    assert (batch.label_maps[0, 4:] == 255).all() and (batch.label_maps[1, :, 3:] == 255).all()
    assert (batch.label_maps != 255).sum() == 4 * 6 + 5 * 3
    assert [len(entry) for entry in batch.instances] == [2, 0]
    assert batch.instances[1].masks.shape == (0, 5, 3)


def test_everything_moves_to_a_device():
    batch = collate([make_sample(4, 6)]).to("meta")
    moved = batch.instances[0]
    for tensor in (batch.images, batch.label_maps, batch.sizes, moved.boxes, moved.labels, moved.masks):
        assert tensor.device.type == "meta"
    sample = make_sample(4, 6).to("meta")
    assert isinstance(sample, Sample) and sample.instances.masks.device.type == "meta"
    assert sample.instances.scores is None


def test_everything_is_pinned(monkeypatch):
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pinned.append(tensor) or tensor.clone())
    batch = collate([make_sample(4, 6)])
    assert isinstance(batch.pin_memory(), Batch)
    assert len(pinned) == 6  # images, label maps, sizes; boxes, labels, masks
    pinned.clear()
    make_sample(4, 6).pin_memory()
    make_instances(1, 4, 6, scores=torch.ones(1)).pin_memory()
    assert len(pinned) == 5 + 4


def test_records_are_frozen_and_compared_by_identity():
    sample = make_sample(4, 6)
    with pytest.raises(dataclasses.FrozenInstanceError):
        sample.image = torch.zeros(3, 4, 6)
    assert sample != make_sample(4, 6) and len({sample, sample}) == 1


def test_no_instances_is_an_ordinary_case():
    empty = make_instances(0, 4, 6, scores=torch.zeros(0), is_crowd=torch.zeros(0, dtype=torch.bool))
    assert len(empty) == 0 and empty.boxes.shape == (0, 4)
