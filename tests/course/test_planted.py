"""The project of lesson 20: its three faults are there, two of them can be mended, and its folder opens."""

import torch

from lessons_lib.course import planted
from lessons_lib.data.crop import resize_short_side


def labels_of(samples):
    return torch.cat([sample.instances.labels for sample in samples])


def test_the_three_faults_are_there_and_two_can_be_mended():
    faulty, mended = planted.project(), planted.project(mended=True)
    train, val = faulty.samples["train"], faulty.samples["valid"]
    assert (len(train), len(val)) == (planted.TRAIN, planted.VAL)
    assert not (labels_of(train) == planted.LEFT_OUT).any() and (labels_of(val) == planted.LEFT_OUT).any()
    assert (labels_of(mended.samples["train"]) == planted.LEFT_OUT).sum() > 10
    copy = resize_short_side(train[planted.COPIED], 128)
    assert (val[planted.AS].image - copy.image).abs().max() <= 0.5 / 255 + 1e-6 and copy.image.shape[1:] == (128, 128)
    assert all(sample.image.shape[1] == 96 for sample in mended.samples["valid"])
    one, other = planted.EXCHANGED
    first, second = mended.samples["train"][one], mended.samples["train"][other]
    for made in (planted.project(1, mended=True), mended):  # each has objects, so that the exchange can be seen
        assert all(len(made.samples["train"][n].instances) for n in (one, other))
    assert not torch.equal(first.image, second.image)


def test_the_label_map_is_what_the_objects_paint():
    for sample in planted.project().samples["train"][:8]:
        covered = sample.instances.masks.any(0) if len(sample.instances) else torch.zeros(96, 96, dtype=torch.bool)
        assert torch.equal(sample.label_map > 0, covered)


def test_another_seed_is_another_project_with_the_same_validation_images():
    one, two = planted.project(0, mended=True), planted.project(1, mended=True)
    assert not torch.equal(one.samples["train"][0].image, two.samples["train"][0].image)
    assert torch.equal(one.samples["valid"][0].image, two.samples["valid"][0].image)


def test_the_folder_opens_in_the_library_s_reader_pixel_for_pixel(tmp_path):
    from lessons_lib.data.open import open_dataset

    made = planted.project()
    planted.write_project(made, tmp_path)
    for split, own in (("train", "train"), ("val", "valid")):
        samples = open_dataset("auto", tmp_path, split)
        assert samples.classes == planted.NAMES and len(samples) == len(made.samples[own])
        by_name = {name + ".png": samples[n] for n, name in enumerate(samples.names)}
        for name, sample in zip(made.files[own], made.samples[own], strict=True):
            found = by_name[name]
            assert torch.equal(found.image, sample.image) and torch.equal(found.instances.masks, sample.instances.masks)
            assert found.instances.labels.tolist() == sample.instances.labels.tolist()
