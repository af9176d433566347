"""What operating systems, viewers and network drives leave in folders, which belongs to no dataset."""

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
    """What matches a pattern below a folder, in the order of the names, without what an operating system left there."""
    found = folder.glob(pattern)
    return sorted(path for path in found if not any(map(is_leftover, [path, *_between(folder, path)])))


def _between(folder: Path, path: Path) -> list[Path]:
    """The folders on the way from `folder` down to a path."""
    return [parent for parent in path.parents if parent != folder and parent.is_relative_to(folder)]
