"""Extract an archive: all of it or nothing, nothing outside, and with a list of what came out."""

import contextlib
import shutil
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from data_scripts.fetch.archive_entries import open_entries
from data_scripts.fetch.download_errors import DownloadError, UnsafeArchive

CHUNK = 1 << 20


@dataclass(frozen=True)
class Extracted:
    """A file that came out of an archive: its path below the root, with slashes; its bytes and their CRC-32."""

    path: str
    size: int
    crc: int


def extract(
    archive: Path, root: Path, draft: Path, into: str = ".", keep: str = "", progress=lambda phase, done, total: None
) -> list[Extracted]:
    """Extract into `root/into`, through the folder `draft`, which must be on the same disk; return the files.

    What an interrupted run left in `draft` is removed first. Everything is written there, up to the archive's own
    checksums, before anything is moved; a file that is there already gives way to the new one. Where the archive holds
    the folder `keep`, only its inside is taken. An error leaves nothing in `draft`, and `root` as it was unless it came
    while moving: extract again then, and it is made whole.
    Raises UnsafeArchive that names the entry, DownloadError for a damaged archive, OSError from the disk.
    """
    shutil.rmtree(draft, ignore_errors=True)
    try:
        written = _write_all(archive, draft, progress)
        source = draft / keep if keep and (draft / keep).is_dir() else draft
        moved = []
        for file in written:
            path = draft / file.path
            if path.is_relative_to(source):
                below = PurePosixPath(into) / path.relative_to(source).as_posix()
                _move(path, root / below)
                moved.append(Extracted(str(below), file.size, file.crc))
        return moved
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_archive(archive: Path) -> None:
    """Read an archive to its end without writing anything; raise what `extract` would raise."""
    with open_entries(archive) as entries:
        for entry in entries:
            while entry.data is not None and entry.data.read(CHUNK):
                pass


def unpacked_size(archive: Path) -> int | None:
    """How many bytes a zip says that it unpacks to; None for the others, which do not say."""
    if not archive.name.endswith(".zip"):
        return None
    try:
        with zipfile.ZipFile(archive) as file:
            return sum(info.file_size for info in file.infolist())
    except zipfile.BadZipFile as error:
        raise DownloadError(f"{archive.name} is damaged: {error}") from error


def _write_all(archive: Path, draft: Path, progress) -> list[Extracted]:
    draft.mkdir(parents=True)
    written, done, total = [], 0, unpacked_size(archive)
    with open_entries(archive) as entries:
        for entry in entries:
            path = draft / entry.name
            try:
                if entry.data is None:
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                size = crc = 0
                with path.open("xb") as out:  # x: no entry twice
                    while data := entry.data.read(CHUNK):
                        out.write(data)
                        size, crc = size + len(data), zlib.crc32(data, crc)
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
                raise UnsafeArchive(f"{archive.name}: the entry {entry.name!r} is there twice") from error
            if size != entry.size:
                raise DownloadError(f"{archive.name} is damaged: {entry.name} has {size:,} of {entry.size:,} bytes")
            written.append(Extracted(path.relative_to(draft).as_posix(), size, crc))
            done += size
            progress("extract", done, total)
    return written


def _move(path: Path, target: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.replace(target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)


def contents_text(archive: str, files: Iterable[Extracted]) -> str:
    """A list of extracted files as text, one per line: CRC-32 in hexadecimal, size, path."""
    return "".join([f"extracted from {archive}\n", *(f"{file.crc:08x} {file.size} {file.path}\n" for file in files)])


def read_contents(text: str) -> list[Extracted]:
    """The list that `contents_text` wrote. Raises ValueError for any other text."""
    head, *lines = text.splitlines()
    if not head.startswith("extracted from "):
        raise ValueError(f"a list of extracted files must begin with 'extracted from', got {head[:40]!r}")
    files = []
    for line in lines:
        crc, size, path = line.split(" ", 2)
        files.append(Extracted(path, int(size), int(crc, 16)))
    return files
