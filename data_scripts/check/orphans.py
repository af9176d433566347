"""Label files without a photograph, which no reader that lists the photographs would ever open."""

from collections.abc import Callable
from pathlib import Path

from data_scripts.check.findings import Report
from lessons_lib.data.leftovers import listed


def check_orphans(root: Path, report: Report, pattern: str, photo_of: Callable[[Path], Path]) -> None:
    """Note every label file of a pattern below `root` whose photograph, `photo_of(file)`, is not there."""
    for file in listed(root, pattern):
        if not photo_of(file).is_file():
            report.add("missing file", photo_of(file), "", f"is not there, though {file.name} is")


def beside(label: Path, old: str, new: str, cut: str, end: str) -> Path:
    """The photograph of a label file: the folder `old` on its path is `new`, and its name ends otherwise."""
    folder = Path(*(new if part == old else part for part in label.parent.parts))
    return folder / (label.name.removesuffix(cut) + end)
