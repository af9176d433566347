"""The splits of an export: those that its folders and lists give, and a stable one by name where there are none."""

import re
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from lessons_lib.data.exports.photos import key

SPLITS = ("train", "val", "test")
"""The splits of exports, whatever word a tool has for them."""

ALL = "all"
"""Every image, of whatever split."""

_WORDS = {
    "train": ("train", "training", "trainset"),
    "val": ("val", "valid", "validation", "dev", "valset"),
    "test": ("test", "testing", "testset"),
}
_SPLIT_OF = {word: split for split, words in _WORDS.items() for word in words}

SHARE = 5
"""One image of so many is kept for validation, where an export gives no split."""

_COPY = re.compile(r"\.rf\.\w+$")
"""What Roboflow adds to the name of each augmented copy of an image."""


def split_of_word(word: str) -> str:
    """The split that a folder or a word of a file's name means, such as "valid" or "Train2017"; "" for none."""
    return _SPLIT_OF.get(re.sub(r"\d{4}$", "", key(word)), "")


def split_of_path(path: Path, root: Path, stem: bool = False) -> str:
    """The split that the folders between `root` and a file name, the innermost first; "" where none does.

    With `stem`, the words of the file's own name count too: instances_val.json.
    """
    words = re.split(r"[\W_]+", path.stem)[::-1] if stem else []
    for word in [*words, *reversed(path.parent.relative_to(root).parts)]:
        if split := split_of_word(word):
            return split
    return split_of_word(root.absolute().name) if stem else ""


def split_by_name(name: str) -> str:
    """ "train" or "val", from a hash of an image's name alone, so that one more image moves no other.

    Augmented copies of one image, which Roboflow names a.rf.1f0c… and a.rf.7a2b…, stay together.
    """
    return "val" if _number(name) * SHARE < 2**64 else "train"


def _number(name: str) -> int:
    """A number below 2⁶⁴ that depends on the name alone."""
    stored = _COPY.sub("", key(name)).encode(errors="surrogatepass")  # of names that are no UTF-8
    return int.from_bytes(blake2b(stored, digest_size=8).digest(), "big")


def splits_by_name(names: Sequence[str]) -> list[str]:
    """`split_by_name` of each; where all would be of one split, the name with the lowest number is "val", or that with
    the highest "train", so that a handful of images has both."""
    splits = [split_by_name(name) for name in names]
    if len(set(names)) > 1 and len(set(splits)) == 1:
        numbers = [_number(name) for name in names]
        lonely, other = (min(numbers), "val") if splits[0] == "train" else (max(numbers), "train")
        splits = [other if number == lonely else split for number, split in zip(numbers, splits, strict=True)]
    return splits


def settled(given: Sequence[str], names: Sequence[str]) -> tuple[list[str], bool]:
    """The split of each image, and whether it was made by name.

    Given splits are used. Where no image has one, or all are "train", the names decide; where there is no "val",
    it is made of "train". An image without a split beside others that have one is of "train".
    """
    if "val" in given or (set(given) - {""} and "train" not in given):
        return [split or "train" for split in given], False
    open_ = [i for i, split in enumerate(given) if split in ("", "train")]
    made = iter(splits_by_name([names[i] for i in open_]))
    return [next(made) if split in ("", "train") else split for split in given], True
