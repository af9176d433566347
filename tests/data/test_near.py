"""Near-duplicates: copies are found whatever was done to them, and other images are not taken for copies."""

import pytest
import torch
from torch.nn import functional as F

from lessons_lib.data.near import APART, Print, fingerprint, near_duplicates
from lessons_lib.data.scenes import PRESETS, draw_scenes


def prints(**images):
    return {name: [(name, fingerprint(image))] for name, image in images.items()}


IMAGES = [sample.image for sample in draw_scenes(range(40), PRESETS["easy"], seed=3)]


def test_the_hash_by_hand():
    image = torch.zeros(3, 8, 9)
    image[:, 0] = torch.tensor([0, 1, 0, 1, 0, 0, 1, 1, 1.0])  # brighter to the right: 1 0 1 0 0 1 0 0
    assert fingerprint(image).bits.tolist() == [0b10100100, 0, 0, 0, 0, 0, 0, 0]
    assert fingerprint(image.repeat_interleave(5, 1).repeat_interleave(7, 2)).bits.tolist()[0] == 0b10100100


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        lambda image: (image * 0.97 + 0.01).clamp(0, 1),
        lambda image: (image * 255 / 8).round() * 8 / 255,
        lambda image: F.interpolate(image[None], scale_factor=0.5, mode="area")[0],
        lambda image: F.interpolate(image[None], scale_factor=1.6, mode="bilinear")[0],
        lambda image: image[:, 1:, 1:],
    ],
    ids=["same", "brightness", "few shades", "half", "larger", "one pixel off"],
)
def test_copies_are_found(change):
    found = [near_duplicates(prints(train=image, val=change(image))) for image in IMAGES]
    assert sum(map(len, found)) >= 36 and all(pair.apart <= APART for pairs in found for pair in pairs)


def test_other_images_are_not():
    half = {
        "train": [(str(i), fingerprint(image)) for i, image in enumerate(IMAGES[:20])],
        "val": [(str(i), fingerprint(image)) for i, image in enumerate(IMAGES[20:])],
    }
    assert near_duplicates(half) == []


def test_images_without_contrast_are_told_apart_by_their_grey():
    dark, light = torch.full((3, 20, 20), 0.1), torch.full((3, 20, 20), 0.6)
    assert near_duplicates(prints(train=dark, val=light)) == []
    assert len(near_duplicates(prints(train=dark, val=dark, test=dark))) == 3


def test_within_a_split_nothing_is_looked_for():
    image = fingerprint(IMAGES[0])
    assert near_duplicates({"train": [("a", image), ("b", image)], "val": []}) == [] == near_duplicates({})


def test_one_pixel_is_an_image():
    assert isinstance(fingerprint(torch.ones(3, 1, 1)), Print)
