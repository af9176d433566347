"""Folders as people have them: where a set lies below a root, and lists of names."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from lessons_lib.data.files import DamagedFile


class HalfOfSplit(FileNotFoundError):
    """One of the folders of a split is there, and another is not."""


def homes(root: Path | str, places: Sequence[str]) -> Iterator[Path]:
    """root/place for each place; and where the root is itself a folder on the way there, what lies below it.

    So the root may be VOCdevkit's parent, VOCdevkit, or VOC2012 for the place VOCdevkit/VOC2012.
    """
    root = Path(root)
    for place in places:
        yield root / place
    for place in places:
        parts = Path(place).parts
        for number, part in enumerate(parts, start=1):
            if root.absolute().name == part:
                yield root.joinpath(*parts[number:])


def first_folder(root: Path | str, places: Sequence[str], holds: Sequence[str], one_split: bool = False) -> Path:
    """The first home of a set that holds all of `holds`: see `homes`.

    Raises FileNotFoundError that says what root should hold and what is missing; with `one_split`, where `holds` are
    the folders of one split, HalfOfSplit if one of them is there.
    """
    found = list(homes(root, places))
    for home in found:
        if all((home / part).exists() for part in holds):
            return home
    half = next((home for home in found if any((home / part).exists() for part in holds)), None)
    wanted = " and ".join(str(Path(places[0]) / part) for part in holds)
    if half is None or len(holds) == 1:
        others = "".join(f", or the same in {place}" for place in places[1:] if place != ".")
        raise FileNotFoundError(f"root must hold {wanted}, which is not there: {root}{others}")
    lacks = " and ".join(str(half / part) for part in holds if not (half / part).exists())
    error = HalfOfSplit if one_split else FileNotFoundError
    raise error(f"root must hold {wanted}, which is not there: {lacks}")


def read_names(file: Path | str) -> tuple[str, ...]:
    """The names of a split's list, one per line: the first word of each line; empty lines and a byte-order mark count
    for nothing.

    Raises DamagedFile for a file that is no text in UTF-8.
    """
    try:
        lines = Path(file).read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DamagedFile(file, f"must be text in UTF-8: {error.reason} at byte {error.start}") from error
    return tuple(line.split()[0] for line in lines if line.strip())
