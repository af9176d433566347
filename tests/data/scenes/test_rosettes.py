"""Rosettes: the same wherever they are drawn, leaves that touch and look alike, and what the settings say."""

from dataclasses import replace

import pytest
import torch
from scipy import ndimage

from lessons_lib.data.open import open_dataset
from lessons_lib.data.sample import tight_boxes
from lessons_lib.data.scenes.rosettes import CLASSES, RosetteConfig, Rosettes, draw_rosettes
from tests.data.scenes.test_scenes import digest, same

PLANTS = draw_rosettes(range(120), seed=1)

DIGEST = "41b4d06ca6186ee9d0d8d79a4da6bbc2d0ff7d461097a81dddfba8d9cb0fd4a5"


def test_the_plants_of_a_seed_are_those_that_everyone_has():
    """A digest of images, label maps and instances: a change of one bit makes other plants of all shipped figures."""
    assert digest(PLANTS[:6]) == DIGEST


def test_a_plant_is_the_same_alone_and_in_any_batch():
    assert same([PLANTS[n] for n in (0, 63, 64, 119)], draw_rosettes([0, 63, 64, 119], seed=1))
    plants = Rosettes(length=120, seed=1)
    assert len(plants) == 120 and same(PLANTS[70:72], [plants[70], plants[71]])
    assert same(PLANTS[5:7], plants.__getitems__([5, 6]))


def test_other_seeds_and_indices_are_other_plants():
    others = draw_rosettes(range(3), seed=2)
    assert not any(a.image.equal(b.image) for a in PLANTS[:3] for b in others)
    assert not PLANTS[0].image.equal(PLANTS[1].image)


def test_threads_change_nothing():
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert same(PLANTS[:2], draw_rosettes(range(2), seed=1))
    finally:
        torch.set_num_threads(threads)


def test_three_to_twelve_leaves_small_plants_first():
    counts = torch.tensor([len(plant.instances) for plant in draw_rosettes(range(400), seed=3)])
    assert counts.min() == 3 and counts.max() == 12
    assert (counts == 3).sum() > (counts >= 11).sum() > 5


def test_masks_are_disjoint_and_the_label_map_is_their_union():
    for plant in PLANTS:
        masks = plant.instances.masks
        assert int(masks.sum(0).max()) == 1 and masks.any(0).equal(plant.label_map == 1)
        assert masks.flatten(1).sum(1).min() >= RosetteConfig().min_visible
        assert plant.instances.boxes.equal(tight_boxes(masks)) and (plant.instances.labels == 1).all()
        assert not plant.instances.is_crowd.any()


def test_leaves_touch_so_that_pieces_do_not_count_them():
    """Of most plants all leaves are one connected piece: nobody counts them by the label map."""
    pieces = torch.tensor([ndimage.label(plant.label_map.numpy(), ndimage.generate_binary_structure(2, 2))[1]
                           for plant in PLANTS])  # fmt: skip
    counts = torch.tensor([len(plant.instances) for plant in PLANTS])
    assert (pieces < counts).float().mean() > 0.8
    assert (pieces == counts).float().mean() < 0.15


def test_leaves_of_a_plant_look_alike():
    """The colours of a plant's leaves differ less than those of leaves of two plants, and more from the soil."""
    within, between, soil = [], [], []
    colours = [torch.stack([plant.image[:, mask].mean(1) for mask in plant.instances.masks]) for plant in PLANTS]
    for number, plant in enumerate(PLANTS[:-1]):
        own, other = colours[number], colours[number + 1]
        within.append(torch.pdist(own).mean())
        between.append(torch.cdist(own, other).mean())
        soil.append((own - plant.image[:, plant.label_map == 0].mean(1)).norm(dim=1).mean())
    assert torch.stack(within).mean() < 0.6 * torch.stack(between).mean()
    assert torch.stack(within).mean() < 0.4 * torch.stack(soil).mean()


@pytest.mark.parametrize("size", [32, 64, 100])
def test_other_sizes_and_counts(size):
    for plant in draw_rosettes(range(4), RosetteConfig(size, leaves=(2, 2), min_visible=1)):
        assert plant.image.shape == (3, size, size) and len(plant.instances) == 2
        assert torch.equal((plant.image * 255).round() / 255, plant.image)
    assert draw_rosettes([]) == []
    (one,) = draw_rosettes([0], RosetteConfig(size, leaves=(1, 1)))
    assert len(one.instances) == 1


def test_leaves_that_are_hardly_seen_are_not_drawn():
    config = RosetteConfig(leaves=(12, 12), min_visible=60)
    strict, loose = (draw_rosettes(range(30), replace(config, min_visible=n)) for n in (60, 1))
    assert sum(len(p.instances) for p in strict) < sum(len(p.instances) for p in loose)
    assert all(p.instances.masks.flatten(1).sum(1).min() >= 60 for p in strict)


def test_by_the_name_of_the_preset():
    train, val = (open_dataset("scenes", split=split, size=64, preset="rosettes") for split in ("train", "val"))
    assert train.classes == val.classes == CLASSES and len(val) == 500
    assert same([val[3]], draw_rosettes([3], RosetteConfig(64), seed=1))
    assert same([train[3]], draw_rosettes([3], RosetteConfig(64), seed=0))
