"""Text files as people have them: looked into without being parsed, and read with or without a byte-order mark."""

from collections.abc import Sequence
from pathlib import Path

from lessons_lib.data.files import DamagedFile, refuse_missing
from lessons_lib.data.leftovers import listed


def holding(root: Path, suffixes: tuple[str, ...], *signs: tuple[str, ...]) -> list[Path]:
    """The files below a folder that end so, whatever their capitals, and hold every word of one of the `signs`."""
    ends = [path for path in listed(root, "**/*") if path.suffix.lower() in suffixes and path.is_file()]
    return [path for path in ends if _holds(path, signs)]


def any_holding(root: Path, suffixes: tuple[str, ...], *signs: tuple[str, ...]) -> bool:
    """Whether `holding` finds any, which is known at the first."""
    ends = (path for path in listed(root, "**/*") if path.suffix.lower() in suffixes and path.is_file())
    return any(_holds(path, signs) for path in ends)


def _holds(path: Path, signs: tuple[tuple[str, ...], ...]) -> bool:
    try:
        content = path.read_bytes()
    except OSError:
        return False
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        content = content.decode("utf-16", "replace").encode()
    return any(all(word.encode() in content for word in sign) for sign in signs)


def read_lines(file: Path) -> list[str]:
    """The lines of a text file without the spaces around them; a byte-order mark and the ends of Windows count for
    nothing. DamagedFile for a file that is not there or no text in UTF-8."""
    refuse_missing(file)
    content = file.read_bytes()
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return [line.strip() for line in content.decode(encoding).splitlines()]
    except UnicodeDecodeError as error:
        reason = f"must be text in UTF-8, got something else at byte {error.start}: save it as UTF-8"
        raise DamagedFile(file, reason) from error


def names_in(root: Path, *files: str) -> tuple[Path, list[str]] | None:
    """The lines that are not empty of the first file with one of these names, the nearest to `root`; None without."""
    wanted = {name.lower() for name in files}
    found = [path for path in listed(root, "**/*.*") if path.name.lower() in wanted and path.is_file()]
    if not found:
        return None
    file = min(found, key=lambda path: (len(path.parts), files.index(path.name.lower()), str(path)))
    return file, [line for line in read_lines(file) if line]


def refuse_twice(names: Sequence[str], file: Path, field: str = "") -> None:
    """Raise DamagedFile for a list that gives two classes one name: scores are kept by name."""
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise DamagedFile(file, f"must give each class a name of its own, got {twice[0]!r} again", field)
