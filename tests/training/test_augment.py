"""Augmentation: every way gives a square with all that is in it, boxes alone included, as a function of its numbers."""

from dataclasses import replace

import pytest
import torch

from lessons_lib.data.crop import middle_square, mirrored, random_square
from lessons_lib.data.sample import Instances, Sample, tight_boxes
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.training.augment import BY_NAME
from lessons_lib.training.sampling import generator_for
from lessons_lib.training.settings import AUGMENTATIONS


def wide() -> Sample:
    """Four rows of six pixels; one object of two pixels at the left, whose box is (0, 1, 2, 2)."""
    masks = torch.zeros(1, 4, 6, dtype=torch.bool)
    masks[0, 1, :2] = True
    image = torch.arange(24.0).view(1, 4, 6).expand(3, 4, 6) / 24
    label_map = masks[0].long()
    return Sample(image, label_map, Instances(tight_boxes(masks), torch.tensor([1]), masks))


def boxes_alone(sample: Sample) -> Sample:
    return replace(sample, instances=replace(sample.instances, masks=None))


def test_the_settings_name_all_of_them():
    assert tuple(BY_NAME) == AUGMENTATIONS


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_square_that_depends_on_its_numbers_alone(name):
    sample = draw_scenes([3], replace(PRESETS["easy"], size=64))[0]
    before = torch.random.get_rng_state()
    one, again = (BY_NAME[name](sample, generator_for("a"), 48) for _ in range(2))
    assert one.image.shape == (3, 48, 48) and one.label_map.shape == (48, 48)
    assert one.image.equal(again.image) and one.label_map.equal(again.label_map)
    assert one.instances.boxes.equal(tight_boxes(one.instances.masks))
    assert torch.random.get_rng_state().equal(before)
    others = [BY_NAME[name](sample, generator_for(n), 48).image for n in range(12)]
    varies = any(not one.image.equal(other) for other in others)
    assert varies == (name in ("flip", "window", "full")), "a square has one crop at its own size"


def test_half_are_mirrored():
    sample = middle_square(wide(), 4)
    found = [BY_NAME["flip"](sample, generator_for(n), 4).image for n in range(200)]
    flipped = sum(image.equal(sample.image.flip(2)) for image in found)
    assert 70 < flipped < 130 and all(i.equal(sample.image) or i.equal(sample.image.flip(2)) for i in found)


def test_mirrored_by_hand():
    sample = mirrored(wide())
    assert sample.image[0, 0].tolist() == pytest.approx([n / 24 for n in (5, 4, 3, 2, 1, 0)])
    assert sample.instances.boxes.tolist() == [[4, 1, 6, 2]]
    assert sample.instances.masks[0].nonzero().tolist() == [[1, 4], [1, 5]]
    assert sample.label_map.nonzero().tolist() == [[1, 4], [1, 5]]
    assert mirrored(mirrored(wide())).image.equal(wide().image)


def test_the_middle_square_leaves_out_equal_parts():
    assert middle_square(wide(), 4).image.equal(wide().image[:, :, 1:5])
    assert middle_square(wide(), 4).instances.boxes.tolist() == [[0, 1, 1, 2]]


@pytest.mark.parametrize("name", ["none", "crop", "flip"])
@pytest.mark.parametrize("size", [4, 8])
def test_boxes_without_masks_move_as_those_with_masks(name, size):
    """Where the image is not shrunk, a box alone becomes the one that is tight around its mask."""
    for n in range(20):
        with_masks = BY_NAME[name](wide(), generator_for(n), size).instances
        without = BY_NAME[name](boxes_alone(wide()), generator_for(n), size).instances
        assert without.masks is None and without.boxes.equal(with_masks.boxes)
        assert without.labels.equal(with_masks.labels)  # a box that leaves the square is dropped in both


def test_a_crop_without_the_object_drops_it():
    found = [len(random_square(boxes_alone(wide()), generator_for(n), 4).instances) for n in range(30)]
    assert set(found) == {0, 1}
