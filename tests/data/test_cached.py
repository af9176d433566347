"""Memory: exact bytes, repeatable batches, patches around the right pixels."""

from itertools import islice

import pytest
import torch

from lessons_lib.data.cached import Memory
from lessons_lib.data.scenes import PRESETS, draw_scenes

SAMPLES = draw_scenes(range(5), PRESETS["easy"], 3)


def test_pictures_come_back_exactly_or_mirrored():
    memory = Memory(iter(SAMPLES))
    batch = next(memory.batches(16, 1, seed=0))
    assert batch.images.shape == (16, 3, 96, 96) and batch.sizes.tolist() == [[96, 96]] * 16
    seen = set()
    for image, label_map in zip(batch.images, batch.label_maps, strict=True):
        known = [
            (number, turned)
            for number, sample in enumerate(SAMPLES)
            for turned in (False, True)
            if torch.equal(image, sample.image.flip(2) if turned else sample.image)
            and torch.equal(label_map, sample.label_map.flip(1) if turned else sample.label_map)
        ]
        assert len(known) == 1
        seen.add(known[0][1])
    assert seen == {False, True}


def test_batches_are_functions_of_the_seed():
    memory = Memory(SAMPLES)
    once, again = (list(memory.batches(3, 4, seed=7)) for _ in range(2))
    assert len(once) == 4
    assert all(torch.equal(a.images, b.images) for a, b in zip(once, again, strict=True))
    other = next(islice(memory.batches(3, 4, seed=8), 1))
    assert not torch.equal(once[0].images, other.images)


def test_patches_show_their_class_in_the_middle():
    memory = Memory(SAMPLES)
    squares, classes = memory.patches(16, seed=1)
    assert len(classes) == sum(len(sample.label_map.unique()) for sample in SAMPLES)
    row = 0
    for sample in SAMPLES:
        padded = torch.nn.functional.pad(sample.image, (8, 8, 8, 8), mode="reflect")
        for label in sample.label_map.unique().tolist():
            y, x = (sample.label_map == label).nonzero().T
            windows = torch.stack([padded[:, r : r + 16, c : c + 16] for r, c in zip(y, x, strict=True)])
            wanted = squares[row].float() / 255
            assert (windows - wanted).abs().flatten(1).amax(1).min() < 1e-6
            assert classes[row] == label
            row += 1


def test_nothing_to_remember():
    with pytest.raises(ValueError, match=r"samples must hold at least 1 sample, got 0"):
        Memory([])
