"""Masks as people save them: numbers in grey, in a palette, or in three equal channels; and names for their values."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from lessons_lib.data.exports.photos import SUFFIXES, key
from lessons_lib.data.exports.reader import refuse_stack
from lessons_lib.data.exports.texts import names_in, refuse_twice
from lessons_lib.data.files import DamagedFile, open_picture, read_numbers, require_size

NAMES = ("classes.txt", "class_names.txt", "labels.txt", "names.txt")
"""Files that name the values of masks, one a line."""

MODES = ("L", "P", "1", "I", "I;16")


def read_mask(file: Path, size: tuple[int, int] | None = None) -> Int64[np.ndarray, "H W"]:
    """The numbers of a mask, also where they stand in three equal channels, whatever an alpha channel says.

    Raises DamagedFile for colours, for a stack of images, and as `read_numbers` does.
    """
    refuse_stack(file)
    picture = open_picture(file, lossless=True)
    if picture.mode not in ("RGB", "RGBA", "LA"):
        return read_numbers(file, size, MODES)
    channels = np.array(picture).astype(np.int64)
    values = channels[:, :, 0]
    if picture.mode != "LA" and (channels[:, :, :3] != values[:, :, None]).any():
        y, x = np.argwhere((channels[:, :, :3] != values[:, :, None]).any(2))[0].tolist()
        colour = tuple(channels[y, x, :3].tolist())
        cure = "save numbers in one channel, or name each colour in a labelmap.txt beside a folder SegmentationClass"
        raise DamagedFile(file, f"must hold numbers, got the colour {colour}: {cure}", "pixels")
    require_size(file, values.shape, size)
    return values


def value_names(root: Path, values: Sequence[int]) -> tuple[str, ...]:
    """The names of the values 1, 2, … of masks: those of a list of names below the root, else class 1, class 2, …

    A list may begin with the background. Masks of one value alone are of the class "object" unless a list names it.
    Raises DamagedFile for a list that is shorter than the values need, or has a name twice.
    """
    highest = max(values, default=1)
    found = names_in(root, *NAMES)
    if found is None:
        return ("object",) if highest == 1 else tuple(f"class {value}" for value in range(1, highest + 1))
    file, names = found
    refuse_twice(names, file)
    if key(names[0] if names else "").strip("_") in ("background", "bg", "void") and len(names) > 1:
        names = names[1:]
    if len(names) < highest:
        raise DamagedFile(file, f"must name {highest} classes, as many as the masks have, got {len(names)}")
    return tuple(names)


def is_mask_file(path: Path) -> bool:
    """Whether a file's name is that of an image in which a mask can be."""
    return path.suffix.lower() in SUFFIXES and path.is_file()
