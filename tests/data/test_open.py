"""Data sets by name: scenes that no model of "train" has seen, and real sets where they lie."""

import os
from pathlib import Path

import pytest

from lessons_lib.data.coco import CocoSamples
from lessons_lib.data.open import open_data
from lessons_lib.data.photo import real_set
from lessons_lib.data.scenes import CLASSES, PRESETS


def test_scenes_by_split_size_and_preset():
    train, classes = open_data("scenes", "train", size=64, preset="context")
    val, _ = open_data("scenes", "val", size=64, preset="context")
    assert classes == CLASSES
    assert (train.config.size, train.config.classes) == (64, PRESETS["context"].classes)
    assert train.config.void_border and not val.config.void_border
    assert train.seed != val.seed
    assert not any(train[i].image.equal(val[j].image) for i in range(4) for j in range(4))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.skipif(real_set() is None, reason="LESSONS_REAL_DATA names no folder in COCO's layout")
def test_coco_by_split():
    root = real_set()
    for split, name in (("train", "train2017"), ("val", "val2017"), ("val2017", "val2017")):
        if not (Path(root) / name).is_dir():
            continue
        samples, classes = open_data("coco", split, root)
        assert len(samples) == len(CocoSamples(root, name)) == len(os.listdir(Path(root) / name))
        assert (classes[0], classes[1], len(classes)) == ("background", "person", 81)
