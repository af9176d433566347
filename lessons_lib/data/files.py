"""Files of a dataset, read with care: what is damaged is said with the file, the field and the reason.

Photographs are read as they are stored, whatever their EXIF orientation says. torchvision and pycocotools do so too,
and the masks of the published sets lie on the stored pixels.
"""

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

LOSSLESS = ("PNG", "BMP", "GIF", "PPM", "TIFF")
"""Formats that keep numbers as they are. JPEG and its like change them, under whatever name the file has."""

ORIENTATION = 0x0112
"""The EXIF tag that says how a viewer should turn a photograph; 1 is not at all (EXIF 2.32, 4.6.4 A)."""

MOST_BLENDS, FEWEST_BLENDS = 0.2, 20
"""Of all steps between neighbours in a map, the share that may go on in the same direction at the next pixel, and how
many of them are needed to judge. Real label maps have up to 0.01, maps of 32 × 32 pixels 0.16; resized or turned with
bilinear weights they have 0.21 to 0.7."""


class DamagedFile(ValueError):
    """A file of a dataset that breaks its format: `file`, `field` (a part of the file, or "") and `reason`.

    `kind` sorts the damage: "broken file", "missing file", "wrong size", "unknown label", "empty mask" or "broken
    annotation". Every reader raises it in `samples[index]`, and `Skipping` skips it.
    """

    def __init__(self, file: Path | str, reason: str = "", field: str = "", kind: str = "broken file"):
        super().__init__(str(file), reason, field, kind)
        self.file, self.reason, self.field, self.kind = str(file), reason, field, kind

    def __str__(self) -> str:
        place = f"{self.file}, {self.field}" if self.field else self.file
        return f"{place}: {self.reason}" if self.reason else place


def read_photo(file: Path | str) -> Float[Tensor, "3 H W"]:
    """Read an image as RGB in [0, 1], as it is stored: an EXIF orientation turns nothing.

    Raises DamagedFile where it is missing, empty, cut off, or no image, where a checksum inside it is wrong, and for
    numbers of an unknown range.
    """
    picture = open_picture(file)
    try:
        return image_to_tensor(picture)
    except ValueError as error:
        raise DamagedFile(file, str(error)) from error


def read_numbers(
    file: Path | str, size: tuple[int, int] | None = None, modes: Sequence[str] = ("L", "P")
) -> Int64[np.ndarray, "H W"]:
    """Read an image of numbers, one per pixel: the indices of a palette image, never its colours.

    `size` is the (height, width) it must have; `modes` are the kinds of PIL that count as numbers.
    Raises DamagedFile as `read_photo` does, for another size or mode, for a format that does not keep numbers (JPEG,
    also under the name of a PNG) or whose numbers decoders stretch, and for numbers that were blended where they were
    resized.
    """
    picture = open_picture(file, lossless=True)
    if picture.mode not in modes:
        raise DamagedFile(file, f"must be an image of numbers (mode {' or '.join(modes)}), got mode {picture.mode}")
    values = np.array(picture).astype(np.int64)
    require_size(file, values.shape, size)
    _refuse_blends(file, values)
    return values


def open_picture(file: Path | str, lossless: bool = False) -> Image.Image:
    """Open an image and decode it to its end, after a look at the checksums that a PNG holds.

    Pillow decodes the pixels of a PNG without comparing their checksum, so that a flipped bit gives other numbers.
    Raises DamagedFile, whatever the decoder says; with `lossless`, also for a format that does not keep numbers, and
    for grey of fewer than 8 bits or stored inverted: decoders stretch it, so that 1 of 15 becomes 17.
    """
    refuse_missing(file)
    try:
        with Image.open(file) as opened:
            kind, changed = opened.format, _changed_by_decoding(opened)
            opened.load()
        if kind == "PNG":
            with Image.open(file) as again:
                again.verify()
        picture = opened.copy() if opened.mode == "P" else opened
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error and others
        raise DamagedFile(file, f"cannot be read as an image: {error or type(error).__name__}") from error
    if lossless and kind not in LOSSLESS:
        raise DamagedFile(file, f"must be stored without loss, as PNG is, got {kind}")
    if lossless and changed:
        raise DamagedFile(file, f"must hold numbers of 8 bits or a palette's, got {kind} of {changed}")
    return picture


def _changed_by_decoding(opened: Image.Image) -> str:
    """What about an image that is not yet decoded makes its decoder change the numbers, or ""."""
    for codec, _, _, arguments in getattr(opened, "tile", ()):
        raw, *more = (arguments,) if isinstance(arguments, str) else arguments or ("",)
        if codec.startswith("ppm") and more and more[0] != 255:
            return f"grey up to {more[0]}, which is stretched"
        if isinstance(raw, str) and raw.startswith("L;"):  # L;2 and L;4 are bits, I stands for inverted
            return "grey stored inverted" if raw.endswith("I") else f"grey of {raw[2]} bits, which is stretched"
    return ""


def orientation(file: Path | str) -> int:
    """How the EXIF tag of a photograph would have it turned, 1 to 8; 1, not at all, where it has none of these."""
    try:
        with Image.open(file) as picture:
            turned = int(picture.getexif().get(ORIENTATION, 1))
            return turned if 1 <= turned <= 8 else 1  # cameras write 0 where they do not know
    except Exception:  # a broken photograph or tag is said where it is read
        return 1


def _refuse_blends(file: Path | str, values: Int64[np.ndarray, "H W"]) -> None:
    """Raise DamagedFile for a map that was resized or turned with bilinear weights.

    Between two labels such a map holds the numbers between them, so that many steps go on in the same direction.
    """
    steps = blends = 0
    for lines in (values, values.T):
        change = np.sign(np.diff(lines, axis=1))
        steps += int(np.count_nonzero(change))
        blends += int(np.count_nonzero(change[:, 1:] * change[:, :-1] > 0))
    if blends >= FEWEST_BLENDS and blends > MOST_BLENDS * steps:
        reason = f"must hold labels, got blends of them: {blends} of {steps} steps between neighbours go on, as after"
        raise DamagedFile(file, f"{reason} bilinear resizing; take the nearest pixel", "pixels", "unknown label")


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


def size_of(image: Float[Tensor, "3 H W"]) -> tuple[int, int]:
    """Height and width of an image."""
    return image.shape[1], image.shape[2]


def refuse_missing(file: Path | str) -> None:
    """Raise DamagedFile for a file that is not there, that nobody may look at, or that holds nothing."""
    file = Path(file)
    try:
        length = file.stat().st_size if file.is_file() else None
    except OSError as error:  # a folder without permission, a name that is too long
        raise DamagedFile(file, f"cannot be looked at: {error.strerror}", kind="missing file") from error
    if length is None:
        raise DamagedFile(file, "is not there", kind="missing file")
    if length == 0:
        raise DamagedFile(file, "is empty (0 bytes)")


def require_size(file: Path | str, shape: Sequence[int], size: tuple[int, int] | None, field: str = "") -> None:
    """Raise DamagedFile where a map's shape is not the (height, width) of its image; None allows any."""
    if size is not None and tuple(shape) != tuple(size):
        raise DamagedFile(
            file, f"must be as large as its image, {tuple(size)}, got {tuple(shape)}", field, "wrong size"
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


def require_split(split: str, allowed: Sequence[str]) -> None:
    """Raise ValueError for a split that a set does not have."""
    if split not in allowed:
        raise ValueError(f"split must be among {', '.join(map(repr, allowed))}, got {split!r}")


def require_index(index: int, count: int) -> None:
    """Raise IndexError for an index outside [0, count)."""
    if not 0 <= index < count:
        raise IndexError(f"index must be in [0, {count}), got {index}")
