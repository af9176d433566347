"""Files of a dataset, read with care: what is damaged is said with the file, the field and the reason."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from PIL import Image
from scipy.io import loadmat
from torch import Tensor

from lessons_lib.data.photo import image_to_tensor
from lessons_lib.data.sample import VOID


class DamagedFile(ValueError):
    """A file of a dataset that breaks its format: `file`, `field` (a part of the file, or "") and `reason`.

    `kind` sorts the damage: "broken file", "missing file", "wrong size", "unknown label", "empty mask" or "broken
    annotation". Every reader raises it in `samples[index]`, and `Skipping` passes over it.
    """

    def __init__(self, file: Path | str, reason: str = "", field: str = "", kind: str = "broken file"):
        super().__init__(str(file), reason, field, kind)
        self.file, self.reason, self.field, self.kind = str(file), reason, field, kind

    def __str__(self) -> str:
        place = f"{self.file}, {self.field}" if self.field else self.file
        return f"{place}: {self.reason}" if self.reason else place


def read_photo(file: Path | str) -> Float[Tensor, "3 H W"]:
    """Read a picture as RGB in [0, 1]. Raises DamagedFile where it is missing, empty, cut off, or no picture."""
    return image_to_tensor(open_picture(file))


def read_numbers(
    file: Path | str, size: tuple[int, int] | None = None, modes: Sequence[str] = ("L", "P")
) -> Int64[np.ndarray, "H W"]:
    """Read a picture of numbers, one a pixel: the indices of a palette picture, never its colours.

    `size` is the (height, width) it must have; `modes` are the kinds of PIL that count as numbers.
    Raises DamagedFile as `read_photo` does, and for another size or mode.
    """
    picture = open_picture(file)
    if picture.mode not in modes:
        raise DamagedFile(file, f"must be a picture of numbers (mode {' or '.join(modes)}), got mode {picture.mode}")
    values = np.array(picture).astype(np.int64)
    require_size(file, values.shape, size)
    return values


def open_picture(file: Path | str) -> Image.Image:
    """Open a picture and decode it to its end. Raises DamagedFile, whatever the decoder says."""
    refuse_missing(file)
    try:
        with Image.open(file) as picture:
            picture.load()
            return picture.copy() if picture.mode == "P" else picture
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error and others
        raise DamagedFile(file, f"cannot be read as a picture: {error or type(error).__name__}") from error


def read_mat(file: Path | str, key: str) -> np.ndarray:
    """The variable `key` of a MATLAB file. Raises DamagedFile where file or variable are missing or broken."""
    refuse_missing(file)
    try:
        content = loadmat(str(file))
    except Exception as error:  # scipy raises ValueError, TypeError, zlib.error, MatReadError and others
        raise DamagedFile(file, f"cannot be read as a MATLAB file: {error or type(error).__name__}") from error
    if key not in content:
        held = ", ".join(name for name in content if not name.startswith("__")) or "nothing"
        raise DamagedFile(file, f"must hold the variable {key}, got {held}", key)
    return content[key]


def refuse_missing(file: Path | str) -> None:
    """Raise DamagedFile for a file that is not there or that holds nothing."""
    file = Path(file)
    if not file.is_file():
        raise DamagedFile(file, "is not there", kind="missing file")
    if file.stat().st_size == 0:
        raise DamagedFile(file, "is empty (0 bytes)")


def require_size(file: Path | str, shape: Sequence[int], size: tuple[int, int] | None, field: str = "") -> None:
    """Raise DamagedFile where a map's shape is not the (height, width) of its picture; None allows any."""
    if size is not None and tuple(shape) != tuple(size):
        raise DamagedFile(
            file, f"must be as large as its picture, {tuple(size)}, got {tuple(shape)}", field, "wrong size"
        )


def translate(
    values: Int64[np.ndarray, "H W"], table: Int64[np.ndarray, " V"], file: Path | str, allowed: str, field: str = ""
) -> Int64[Tensor, "H W"]:
    """Labels of a map of file values: `table[value]`, where −1 marks a value that the format does not know.

    Raises DamagedFile with the first such value; `allowed` says which there are.
    """
    known = np.clip(values, 0, len(table) - 1)
    labels = np.where(known == values, table[known], -1)
    if (labels < 0).any():
        got = values[labels < 0]
        reason = f"must hold {allowed}, got {got[0]} in {len(got)} pixels"
        raise DamagedFile(file, reason, field or "pixels", "unknown label")
    return torch.from_numpy(labels)


def value_table(labels: Sequence[int], void: Sequence[int] = ()) -> Int64[np.ndarray, "256"]:
    """A table for `translate`: value v becomes labels[v], the values in `void` 255, all others −1 (unknown)."""
    table = np.full(256, -1, dtype=np.int64)
    table[: len(labels)] = labels
    table[list(void)] = VOID
    return table


def read_names(file: Path | str) -> tuple[str, ...]:
    """The names of a split's list, one a line: the first word of each line, empty lines left out.

    Raises DamagedFile for a file that is no text in UTF-8.
    """
    try:
        lines = Path(file).read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DamagedFile(file, f"must be text in UTF-8: {error.reason} at byte {error.start}") from error
    return tuple(line.split()[0] for line in lines if line.strip())


def first_folder(root: Path | str, places: Sequence[str], holds: Sequence[str]) -> Path:
    """The first of root/place that holds all of `holds`; raises FileNotFoundError naming what root should hold."""
    for place in places:
        if all((Path(root) / place / part).exists() for part in holds):
            return Path(root) / place
    wanted = " and ".join(str(Path(places[0]) / part) for part in holds)
    raise FileNotFoundError(f"root must hold {wanted}, which is not there: {root}")


def require_split(split: str, allowed: Sequence[str]) -> None:
    """Raise ValueError for a split that a set has not."""
    if split not in allowed:
        raise ValueError(f"split must be among {', '.join(map(repr, allowed))}, got {split!r}")


def require_index(index: int, count: int) -> None:
    """Raise IndexError for an index outside [0, count)."""
    if not 0 <= index < count:
        raise IndexError(f"index must be in [0, {count}), got {index}")
