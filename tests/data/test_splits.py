"""Splits that the course makes: five parts, each once for validation."""

import pytest

from lessons_lib.data.splits import FOLDS, WITH_FOLDS, every_fifth, unseen_by

NAMES = tuple(f"image{n}" for n in range(23))


def test_the_five_parts_are_all_names_each_once():
    parts = [every_fifth(NAMES, "val" if fold == 1 else f"val{fold}") for fold in range(1, FOLDS + 1)]
    assert sorted(name for part in parts for name in part) == sorted(NAMES)
    assert parts[0] == NAMES[4::5] and parts[1] == NAMES[0::5] and parts[4] == NAMES[3::5]


@pytest.mark.parametrize("split", [split for split in WITH_FOLDS if split.startswith("train")])
def test_a_training_split_is_all_but_its_validation_split(split):
    kept, held = every_fifth(NAMES, split), every_fifth(NAMES, unseen_by(split))
    assert not set(kept) & set(held) and len(kept) + len(held) == len(NAMES)
    assert every_fifth(NAMES, "all") == NAMES


def test_the_split_to_judge_on():
    assert unseen_by("train") == "val" and unseen_by("train3") == "val3"
    assert unseen_by("train2017") == "val" and unseen_by("train6") == "val" and unseen_by("all") == "val"


def test_another_split_is_refused():
    with pytest.raises(ValueError, match="split must be among"):
        every_fifth(NAMES, "train6")
