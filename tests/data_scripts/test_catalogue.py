"""The catalogue says what torchvision and the published counts say, and its entries hold together."""

import re
from pathlib import PurePosixPath

import pytest
from torchvision.datasets import SBDataset
from torchvision.datasets.voc import DATASET_YEAR_DICT

from data_scripts.catalogue import DOWNLOADS, download_of
from data_scripts.datasets import DATASETS
from data_scripts.fetch.checksums import parse_checksum
from data_scripts.fetch.remote import about, download_size, readable_size, table
from lessons_lib.data.open import SPECS

NAMES = [
    *("ade20k", "camvid", "cityscapes", "coco2017", "nuclei", "pascal_context", "penn_fudan", "sbd", "sunrgbd"),
    "voc2012",
]


def test_names_are_those_of_the_readers():
    assert list(DOWNLOADS) == NAMES
    assert all(download_of(name).name == name for name in NAMES)
    assert set(NAMES) <= set(DATASETS) and all(DATASETS[name].download is DOWNLOADS[name] for name in NAMES)


def test_every_set_on_the_disk_is_one_object():
    own = {name for name, spec in SPECS.items() if not spec.drawn and not spec.variant_of}
    assert set(DATASETS) == own and all(DATASETS[name].spec is SPECS[name] for name in own)
    published = {name for name in own if SPECS[name].recognises is None}
    assert published - set(NAMES) == {"leaves", "voc2007"}  # which nobody gives away at a fixed address


def test_checksums_are_those_of_torchvision():
    for name, year in (("voc2012", "2012"), ("pascal_context", "2010")):
        file, theirs = DOWNLOADS[name].files[0], DATASET_YEAR_DICT[year]
        assert (file.name, file.checksum) == (theirs["filename"], f"md5:{theirs['md5']}")
        assert file.gives[0][0].startswith(theirs["base_dir"])
    archive, split = DOWNLOADS["sbd"].files
    assert (archive.name, archive.checksum) == (SBDataset.filename, f"md5:{SBDataset.md5}")
    assert archive.urls == (SBDataset.url,)
    assert (split.name, split.checksum) == (SBDataset.voc_split_filename, f"md5:{SBDataset.voc_split_md5}")


def test_counts_add_up():
    voc, context, sun, ade = (DOWNLOADS[name].splits for name in ("voc2012", "pascal_context", "sunrgbd", "ade20k"))
    assert sum(voc.values()) == 2913 and sum(context.values()) == 10_103 and sum(sun.values()) == 10_335
    assert sum(DOWNLOADS["sbd"].splits.values()) == 11_355 and sum(DOWNLOADS["camvid"].splits.values()) == 701
    assert list(ade.values()) == [20_210, 2000] and DOWNLOADS["coco2017"].splits == {"train": 118_287, "val": 5000}
    assert DOWNLOADS["cityscapes"].splits == {"train": 2975, "val": 500, "test": 1525}


@pytest.mark.parametrize("name", NAMES)
def test_entry_holds_together(name):
    entry = DOWNLOADS[name]
    assert entry.splits and all(count > 0 for count in entry.splits.values())
    assert entry.title and entry.classes and entry.citation and re.match(r"https?://[\w.-]+/", entry.page)
    assert len({file.name for file in entry.files}) == len(entry.files)
    for file in entry.files:
        assert PurePosixPath(file.name).name == file.name
        assert file.urls or entry.registration, "either addresses or a place to register"
        assert all(re.fullmatch(r"https?://[\w.-]+/\S+", url) for url in file.urls)
        assert all(url.endswith(f"/{file.name}") or entry.name == "camvid" for url in file.urls)
        assert file.gives and all(count is None or count > 0 for _, count in file.gives)
        for path in (file.into, *(pattern for pattern, _ in file.gives)):
            assert not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts
        if file.checksum:
            parse_checksum(file.checksum)
    text = about(entry)
    assert all(
        file.name in text and (file.checksum or "recorded at the first download") in text for file in entry.files
    )
    assert all(word in text for word in (entry.citation, entry.page, entry.classes, "licence", "registration"))


def test_table_has_a_row_for_each():
    lines = table(list(DOWNLOADS.values())).splitlines()
    assert lines[0].split() == ["name", "classes", "images", "download", "licence", "registration"]
    assert [line.split()[0] for line in lines[2:]] == NAMES and max(map(len, lines)) <= 150
    assert re.search(r"^cityscapes .* train 2,975, val 500, test 1,525 +11.8 GB .* required$", lines[4])
    assert "not published" in lines[10] and "CC0" in lines[6]


def test_only_registered_sets_have_no_address():
    assert [name for name in NAMES if DOWNLOADS[name].registration] == ["cityscapes"]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        *((0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (53_723_336, "53.7 MB"), (999_949, "999.9 kB")),
        *((999_950, "1.0 MB"), (19_336_861_798, "19.3 GB"), (10**13, "10000.0 GB"), (None, "not published")),
    ],
)
def test_readable_size(size, text):
    assert readable_size(size) == text


def test_download_size_counts_what_comes_by_default():
    assert download_size(DOWNLOADS["coco2017"]) == "20.4 GB"  # without the stuff annotations
    assert download_size(DOWNLOADS["nuclei"]) == "not published"
    assert [file.name for file in DOWNLOADS["coco2017"].chosen()][1:] == ["val2017.zip", "annotations_trainval2017.zip"]
    chosen = DOWNLOADS["sbd"].chosen(["train_noval.txt", "train_noval.txt"])
    assert [file.name for file in chosen] == ["train_noval.txt"]
