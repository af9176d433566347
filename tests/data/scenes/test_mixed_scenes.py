"""Mixed scenes: the same pictures as each kind by itself, in the order asked for."""

import pytest
import torch

from lessons_lib.data.open import open_dataset
from lessons_lib.data.scenes import CLASSES, PRESETS, SceneConfig, Scenes
from lessons_lib.data.scenes.mixed import MixedScenes, mixed_configs


def test_pictures_are_those_of_their_kind():
    configs = [SceneConfig(size=64), SceneConfig(size=64, classes=(5, 6))]
    mixed = MixedScenes(configs, length=20, seed=4)
    samples = mixed.__getitems__([7, 2, 7, 10])
    for sample, index in zip(samples, [7, 2, 7, 10], strict=True):
        alone = Scenes(configs[index % 2], 20, 4)[index]
        assert torch.equal(sample.image, alone.image) and torch.equal(sample.label_map, alone.label_map)
    assert torch.equal(mixed[2].image, samples[1].image)
    assert len(mixed) == 20


def test_smaller_objects_are_as_large_in_pixels_as_those_of_smaller_pictures():
    large = mixed_configs(128)
    assert [config.size for config in large] == [128] * 4
    for config, preset in zip(large[2:], ("easy", "islands"), strict=True):
        for smaller, usual in zip(config.radii, PRESETS[preset].radii, strict=True):
            assert [128 * r for r in smaller] == pytest.approx([96 * r for r in usual])


def test_opened_by_name():
    train = open_dataset("scenes", split="train", size=64, preset="mixed")
    unseen = open_dataset("scenes", split="val", size=64, preset="mixed")
    assert train.classes == unseen.classes == CLASSES and len(unseen) == 500
    assert not any((sample.label_map == 255).any() for sample in unseen.__getitems__(list(range(12))))
    assert not torch.equal(train[0].image, unseen[0].image)
