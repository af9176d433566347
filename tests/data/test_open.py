"""Every set that the course reads is there by its name, with its classes."""

import os
from pathlib import Path

import pytest

from lessons_lib.data.open import NAMES, SPECS, open_dataset, spec_of
from lessons_lib.data.scenes import CLASSES, PRESETS
from lessons_lib.data.skipping import Skipping
from tests.data.published import photo, png

CATALOGUE = {
    *("voc2012", "sbd", "pascal_context", "sunrgbd", "coco2017", "cityscapes", "ade20k", "penn_fudan", "camvid"),
    *("nuclei", "leaves", "scenes", "coco"),
}


def test_every_set_has_its_name():
    assert set(NAMES) >= CATALOGUE and spec_of("coco") is spec_of("coco2017")
    for entry in SPECS.values():
        assert {entry.own_split("train"), entry.own_split("val")} <= set(entry.splits)
        assert entry.own_split("somewhere") == "somewhere"


@pytest.mark.parametrize("split", ["train", "val"])
def test_scenes_need_no_root(split):
    samples = open_dataset("scenes", split=split)
    assert samples.classes == spec_of("scenes").classes.names == CLASSES
    assert samples.colours == spec_of("scenes").classes.colours and len(samples.colours) == len(CLASSES)
    assert (open_dataset("scenes", split=split)[3].label_map == samples[3].label_map).all()


def test_scenes_by_split_size_and_preset():
    train, val = (open_dataset("scenes", split=split, size=64, preset="context") for split in ("train", "val"))
    assert (train.config.size, train.config.classes) == (64, PRESETS["context"].classes)
    assert train.config.void_border and not val.config.void_border
    assert not any(train[i].image.equal(val[j].image) for i in range(4) for j in range(4))


def test_a_set_on_the_disk_with_both_words_for_its_splits(tmp_path):
    for number, split in ((1, "train"), (2, "test")):
        (tmp_path / split).mkdir()
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / split / f"img-{number:06d}.jpg").write_bytes(photo(1, 1, number))
        file = f"img-{number + 5050 * (split == 'train'):06d}.png"
        (tmp_path / "labels" / file).write_bytes(png([[number]]))
    assert open_dataset("sunrgbd", tmp_path)[0].label_map.item() == 0
    assert open_dataset("sunrgbd", tmp_path, "val")[0].label_map.item() == 1
    samples = open_dataset("sunrgbd13", tmp_path, "val")
    assert samples.classes[samples[0].label_map] == "floor" and samples.names == ("img-000002",)


def test_damage_is_skipped_on_demand(tmp_path):
    for name, content in (("a", b""), ("b", png([[1]]))):
        (tmp_path / f"{name}_rgb.png").write_bytes(photo(1, 1))
        (tmp_path / f"{name}_label.png").write_bytes(content)
    samples = open_dataset("leaves", tmp_path, "all", on_error="skip")
    assert isinstance(samples, Skipping) and len(list(samples)) == 1
    assert samples.report().startswith("1 of 2 samples are damaged and were skipped")


@pytest.mark.skipif("LESSONS_REAL_DATA" not in os.environ, reason="LESSONS_REAL_DATA is not set")
@pytest.mark.parametrize(
    ("name", "folder", "count"),
    [("coco", "coco2017_ccby136", 68), ("nuclei", "nuclei_dsb2018_120", 96), ("leaves", "nuclei_cvppp_layout40", 32)],
)
def test_real_sets_open_by_name(name, folder, count):
    root = Path(os.environ["LESSONS_REAL_DATA"]) / folder
    if not root.is_dir():
        pytest.skip(f"{root} is not there")
    samples = open_dataset(name, root)
    sample = samples[0]
    assert len(samples) == count == len(samples.names)
    assert sample.label_map.max() < len(samples.classes) == len(samples.colours)
