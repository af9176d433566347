"""Damaged files passed over and counted, in one process and by a DataLoader's workers."""

import pickle

import pytest
import torch
from torch.utils.data import DataLoader

from lessons_lib.data.files import DamagedFile
from lessons_lib.data.sample import Samples, collate
from lessons_lib.data.sets.leaves import LeafSamples
from lessons_lib.data.skipping import Skipping
from tests.data.published import photo, png


def leaves(tmp_path, damaged, count=10):
    for number in range(count):
        (tmp_path / f"plant{number:03d}_rgb.png").write_bytes(photo(2, 2, value=number))
        (tmp_path / f"plant{number:03d}_label.png").write_bytes(b"" if number in damaged else png([[1, 0], [0, 2]]))
    return LeafSamples(tmp_path, "all")


def number_of(sample):
    return round(sample.image[0, 0, 0].item() * 255)


def test_a_damaged_sample_gives_the_next_whole_one(tmp_path):
    samples = Skipping(leaves(tmp_path, {2, 3, 9}))
    assert len(samples) == 10 and samples.skipped == ()
    assert [number_of(samples[i]) for i in range(10)] == [0, 1, 4, 4, 4, 5, 6, 7, 8, 0]
    assert samples.skipped == (2, 3, 9)
    assert [number_of(sample) for sample in samples] == [0, 1, 4, 5, 6, 7, 8]
    lines = samples.report().splitlines()
    assert lines[0] == "3 of 10 samples are damaged and were skipped"
    assert len(lines) == 4 and lines[1].endswith("plant002_label.png: is empty (0 bytes)")


def test_other_attributes_are_the_readers(tmp_path):
    samples = Skipping(leaves(tmp_path, {0}))
    assert samples.classes == ("background", "leaf") and samples.names[3] == "plant003"
    again = pickle.loads(pickle.dumps(samples))
    assert number_of(again[0]) == 1
    with pytest.raises(AttributeError, match="wings"):
        samples.wings  # noqa: B018


def test_workers_count_too(tmp_path):
    samples = Skipping(leaves(tmp_path, {1, 6}))
    loader = DataLoader(samples, batch_size=5, num_workers=2, collate_fn=collate)
    batches = list(loader)
    assert [len(batch) for batch in batches] == [5, 5]
    assert samples.skipped == (1, 6)


def test_nothing_whole_raises_the_first(tmp_path):
    samples = Skipping(leaves(tmp_path, {0, 1}, count=2))
    with pytest.raises(DamagedFile, match=r"plant001_label\.png: is empty"):
        samples[1]
    assert list(samples) == []


def test_only_damage_is_passed_over():
    class Broken(Samples):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            raise KeyError("a bug of the reader")

    with pytest.raises(KeyError):
        Skipping(Broken())[0]


def test_a_damaged_file_travels_between_processes():
    error = pickle.loads(pickle.dumps(DamagedFile("a.png", "is empty", "pixels")))
    assert (error.file, error.reason, error.field) == ("a.png", "is empty", "pixels")
    assert str(error) == "a.png, pixels: is empty" and str(DamagedFile("a whole message")) == "a whole message"
    assert isinstance(error, ValueError)


def test_a_worker_names_the_file(tmp_path):
    loader = DataLoader(leaves(tmp_path, {0}), num_workers=1, collate_fn=collate)
    with pytest.raises(DamagedFile, match=r"plant000_label\.png: is empty"):
        next(iter(loader))


def test_memory_is_shared(tmp_path):
    assert Skipping(leaves(tmp_path, set(), count=1))._damaged.is_shared()
    assert torch.equal(Skipping(leaves(tmp_path, set(), count=1))._damaged, torch.tensor([False]))
