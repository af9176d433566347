"""Splits of exports: their words, and the hash by which images get one where none is given."""

from pathlib import Path

import pytest

from lessons_lib.data.exports.given_splits import settled, split_by_name, split_of_path, split_of_word, splits_by_name

NAMES = [f"photo {number}" for number in range(1000)]


def test_one_more_image_moves_no_other():
    splits = dict(zip(NAMES, splits_by_name(NAMES), strict=True))
    more = dict(zip(["a", *NAMES[::-1], "z"], splits_by_name(["a", *NAMES[::-1], "z"]), strict=True))
    assert all(more[name] == split for name, split in splits.items())
    assert 160 <= list(splits.values()).count("val") <= 240


def test_the_split_of_a_name_is_the_same_on_every_machine():
    assert [split_by_name(name) for name in ("a", "b", "e", "photo 7")] == ["train", "train", "val", "train"]
    assert split_by_name("U\u0308bung") == split_by_name("\u00dcbung") == split_by_name("\u00fcbung")


def test_copies_of_one_image_stay_together():
    for name in NAMES[:50]:
        assert len({split_by_name(f"{name}_jpg.rf.{copy}") for copy in ("0a1b", "77ff", "9c")}) == 1


@pytest.mark.parametrize("count", range(2, 12))
def test_a_handful_of_images_has_both_splits(count):
    for start in range(0, 60, 7):
        assert set(splits_by_name(NAMES[start : start + count])) == {"train", "val"}
    assert len(splits_by_name(["only"])) == 1 and splits_by_name([]) == []


@pytest.mark.parametrize(
    ("given", "splits", "made"),
    [
        (["train", "val", ""], ["train", "val", "train"], False),
        (["test", "test"], ["test", "test"], False),
        (["val"], ["val"], False),
    ],
)
def test_given_splits_are_used(given, splits, made):
    assert settled(given, NAMES[: len(given)]) == (splits, made)


@pytest.mark.parametrize("word", ["", "train"])
def test_a_set_without_val_is_split_by_name(word):
    assert settled([word] * 50, NAMES[:50]) == (splits_by_name(NAMES[:50]), True)
    splits, made = settled([word] * 50 + ["test"], [*NAMES[:50], "x"])
    assert made and splits == [*splits_by_name(NAMES[:50]), "test"] if word else splits[-1] == "test"


def test_words_for_splits(tmp_path):
    words = {"Valid": "val", "validation": "val", "TRAINING": "train", "train2017": "train", "testing": "test"}
    assert {word: split_of_word(word) for word in words} == words
    assert [split_of_word(word) for word in ("trains", "", "images", "2017")] == [""] * 4
    assert split_of_path(tmp_path / "train" / "images" / "val.png", tmp_path) == "train"
    assert split_of_path(tmp_path / "annotations" / "instances_Train.json", tmp_path, stem=True) == "train"
    assert split_of_path(Path("x/test/val_2.json"), Path("x"), stem=True) == "val"
    assert split_of_path(tmp_path / "valid" / "via_region_data.json", tmp_path / "valid", stem=True) == "val"
