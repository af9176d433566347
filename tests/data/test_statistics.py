"""Statistics of sets, the search for sets on the disk, and the lecture's table against the catalogue."""

import pytest
import torch

from data_scripts.catalogue import DOWNLOADS
from lessons_lib.data.found import found_sets
from lessons_lib.data.objects import instances_of
from lessons_lib.data.open import SPECS
from lessons_lib.data.sample import Sample
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes
from lessons_lib.data.sets.lecture_sets import LECTURE_SETS
from lessons_lib.data.statistics import count
from tests.data.published import photo, png


def test_statistics_by_hand():
    """Two pixels of class 1 in one object, a crowd of three pixels of class 2, one void pixel, six of ground."""
    label_map = torch.tensor([[1, 1, 0, 0], [2, 2, 2, 0], [0, 0, 0, 255]])
    masks = torch.stack([label_map == 1, label_map == 2])
    sample = Sample(torch.zeros(3, 3, 4), label_map, instances_of(masks, [1, 2], crowds=[False, True]))
    found = count([sample, sample], 4)
    assert found.pixels.tolist() == [12, 4, 6, 0] and found.void == 2
    assert found.void_share == 2 / 24 and found.shares.tolist() == [12 / 22, 4 / 22, 6 / 22, 0]
    assert found.objects.tolist() == [0, 2, 0, 0] and found.areas.tolist() == [2, 2]
    assert found.counts.tolist() == [1, 1] and found.crowds == 2
    assert found.sizes() == {"small": 2, "medium": 0, "large": 0}


def test_the_limits_of_sizes():
    masks = torch.zeros(4, 97, 97, dtype=torch.bool)
    for mask, area in zip(masks, (1023, 1024, 9215, 9216), strict=True):
        mask.view(-1)[:area] = True
    sample = Sample(torch.zeros(3, 97, 97), torch.zeros(97, 97).long(), instances_of(masks, [1] * 4))
    assert count([sample], 2).sizes() == {"small": 1, "medium": 2, "large": 1}


def test_no_samples_count_as_nothing():
    found = count([], 3)
    assert found.void_share == 0 and found.shares.tolist() == [0, 0, 0] and len(found.areas) == len(found.counts) == 0


def test_scenes_by_loops():
    samples = draw_scenes(range(20), PRESETS["crowded"], seed=5)
    found = count(samples, len(CLASSES))
    assert found.pixels.sum() + found.void == 20 * 96 * 96
    for label in range(len(CLASSES)):
        assert found.pixels[label] == sum(int((sample.label_map == label).sum()) for sample in samples)
    assert found.crowds == sum(int(sample.instances.is_crowd.sum()) for sample in samples) > 0
    assert found.crowds + len(found.areas) == sum(len(sample.instances) for sample in samples)


def test_the_lectures_sets_are_those_of_the_catalogue():
    assert [row.name for row in LECTURE_SETS] == [
        *("voc2012", "pascal_context", "sunrgbd", "coco2017", "cityscapes", "ade20k"),
    ]
    for row in LECTURE_SETS:
        entry = DOWNLOADS[row.name]
        public = {
            split: number for split, number in entry.splits.items() if (row.name, split) != ("cityscapes", "test")
        }
        assert row.splits == public  # Cityscapes' test pictures have no public annotations
        assert row.name in SPECS and str(row.classes) in entry.classes.replace(",", " ").split()
        assert entry.title.startswith(row.title) and row.pictures == sum(public.values())


def test_sets_are_found_in_a_folder_and_in_its_folders(tmp_path, monkeypatch):
    (tmp_path / "my leaves").mkdir()
    (tmp_path / "broken" / "stage1_train").mkdir(parents=True)
    for number in range(5):
        (tmp_path / "my leaves" / f"plant{number}_rgb.png").write_bytes(photo(2, 2))
        (tmp_path / "my leaves" / f"plant{number}_label.png").write_bytes(png([[0, 1], [2, 2]]))
    found = found_sets(tmp_path)
    assert list(found) == ["leaves in my leaves"] and len(found["leaves in my leaves"]) == 1
    assert list(found_sets(tmp_path / "my leaves")) == list(found)
    monkeypatch.setenv("LESSONS_REAL_DATA", str(tmp_path))
    assert list(found_sets()) == list(found)
    monkeypatch.delenv("LESSONS_REAL_DATA")
    assert found_sets() == {}


@pytest.mark.parametrize("row", LECTURE_SETS, ids=lambda row: row.name)
def test_a_reason_stands_beside_each_row(row):
    assert 20 < len(row.why) <= 120 and row.lecture_pictures and row.lecture_classes
