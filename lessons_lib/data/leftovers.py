"""What operating systems, viewers and network drives leave in folders, which belongs to no dataset."""

import os
from collections.abc import Iterator
from pathlib import Path

LEFTOVERS = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin", "system volume information"),
        *("__macosx", "icon\r", "network trash folder", "temporary items"),
        *("@eadir", "#recycle", "#snapshot", "lost+found"),
    }
)
"""What systems and network drives leave in folders, in lower case; besides, there is all that begins with a dot."""


def is_leftover(path: Path) -> bool:
    """Whether a file or folder belongs to an operating system or a viewer and to no dataset: .DS_Store, ._a.png,
    Thumbs.db, desktop.ini, @eaDir, __MACOSX, .ipynb_checkpoints and so on."""
    return path.name.startswith(".") or path.name.lower() in LEFTOVERS


def listed(folder: Path, pattern: str = "*") -> list[Path]:
    """What matches a pattern below a folder, in the order of the names, without what an operating system left there.

    A pattern that begins with ** also finds what lies behind links to folders.
    """
    found = list(folder.glob(pattern))
    if pattern.startswith("**"):  # which pathlib does not follow
        found += [path for home in _linked(folder, (folder.resolve(),)) for path in home.glob(pattern)]
    return sorted(path for path in found if not any(map(is_leftover, [path, *_between(folder, path)])))


def _linked(home: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """The links to folders below a folder, and those below them; none that leads to what is listed anyway, or back."""
    for place, folders, _ in os.walk(home):
        for path in (Path(place, name) for name in folders):
            real = path.resolve() if path.is_symlink() else above[0]
            if not any(real.is_relative_to(up) or up.is_relative_to(real) for up in above):
                yield path
                yield from _linked(path, (*above, real))


def _between(folder: Path, path: Path) -> list[Path]:
    """The folders on the way from `folder` down to a path."""
    return [parent for parent in path.parents if parent != folder and parent.is_relative_to(folder)]
