"""Files that appear whole or not at all, also when the program is killed or the power fails while they are written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives a name beside `path` to write to; after the block the file is on the disk and takes the name `path`.

    Until that moment, and after an error in the block, `path` is as it was. One writer at a time. The file may be read
    by whoever may read the user's new files, also where the writer in the block is more secretive.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)  # from a writer that was killed
        part.touch()
        mode = part.stat().st_mode
        yield part
        part.chmod(mode)
        flush_to_disk(part)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the new name too must reach the disk
        flush_to_disk(path.parent)


def writable_folder(folder: Path) -> None:
    """Makes sure that a folder is there and that files can be written to it. OSError that names --out where not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"out must be a folder that can be written to (--out FOLDER), got {folder}: {error}") from None


def flush_to_disk(path: Path) -> None:
    """Waits until what was written to a file, or a folder's names, would survive a loss of power."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, text: str) -> None:
    """Writes a text file at once, in UTF-8, its lines ended as the text says, on Windows too.

    A byte of a file's name that is no UTF-8 is written as the escape that JSON has for it, such as \\udce4.
    """
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n", errors="backslashreplace")
