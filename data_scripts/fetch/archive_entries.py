"""What an archive says that it holds, entry by entry, and which entries must never be extracted."""

import gzip
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from data_scripts.fetch.download_errors import DownloadError, UnsafeArchive
from data_scripts.fetch.remote import readable_size

MOST_ENTRIES = 2_000_000
LARGEST_RATIO = 20  # images hardly shrink, JSON shrinks to a quarter; a bomb grows a thousandfold
ALWAYS_ALLOWED = 100_000_000  # bytes, however small the archive
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, NotImplementedError)


class Readable(Protocol):
    """What bytes can be read from."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True)
class Entry:
    """A file or a folder of an archive; `data` gives a file's bytes, and is None for a folder."""

    name: str
    size: int
    data: IO[bytes] | None


class Limited:
    """A stream that gives at most `limit` bytes and then raises UnsafeArchive, whatever its source would give."""

    def __init__(self, source: Readable, limit: int, archive: Path):
        self._source, self._left, self._archive = source, limit, archive

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise UnsafeArchive(f"{self._archive.name} unpacks to more than it may: refused as a bomb")
        return data


def unpacked_limit(archive: Path) -> int:
    """How many bytes the archive may unpack to."""
    return max(LARGEST_RATIO * archive.stat().st_size, ALWAYS_ALLOWED)


@contextmanager
def open_entries(archive: Path) -> Iterator[Iterator[Entry]]:
    """The entries of a .zip, .tar, .tgz or .tar.gz, in order, each checked before it is given; read them as they come.

    Raises UnsafeArchive, naming the entry, for: a path that is absolute, has a drive, a backslash, a control character
    or `..`; a link or a device; a file whose bytes are not all there (sparse); an encrypted file; more entries or more
    bytes than an archive of its size may have. A zip is checked whole before the first entry is given. Raises
    DownloadError for a damaged archive, ValueError for another kind of file.
    """
    limit = unpacked_limit(archive)
    try:
        if archive.name.removesuffix(".part").endswith(".zip"):
            with zipfile.ZipFile(archive) as file:
                yield _zip_entries(file, archive, limit)
        elif archive.name.removesuffix(".part").endswith((".tar", ".tgz", ".tar.gz")):
            with archive.open("rb") as packed:
                plain = archive.name.removesuffix(".part").endswith(".tar")
                stream = Limited(packed if plain else gzip.GzipFile(fileobj=packed), limit, archive)
                with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as file:
                    yield _tar_entries(file, archive, limit)
                while stream.read(1 << 20):  # to the end, where gzip keeps its checksum
                    pass
        else:
            raise ValueError(f"archive must be a .zip, .tar, .tgz or .tar.gz, got {archive.name}")
    except _DAMAGED as error:
        raise DownloadError(f"{archive.name} is damaged: {error or 'it ends too early'}") from error


def _zip_entries(file: zipfile.ZipFile, archive: Path, limit: int) -> Iterator[Entry]:
    infos, total = file.infolist(), 0
    for number, info in enumerate(infos, start=1):
        name = info.orig_filename  # as it stands in the archive, before zipfile mends it
        kind = info.external_attr >> 16
        if stat.S_IFMT(kind) not in (0, stat.S_IFREG, stat.S_IFDIR):
            what = "a link" if stat.S_ISLNK(kind) else "a device or a pipe"
            raise UnsafeArchive(f"{archive.name}: the entry {name!r} is {what}; nothing was extracted")
        if info.flag_bits & 1:
            raise UnsafeArchive(f"{archive.name}: the entry {name!r} is encrypted; nothing was extracted")
        total += info.file_size
        _check(archive, name, number, total, limit)
    for info in infos:
        if info.is_dir():
            yield Entry(info.orig_filename, 0, None)
        else:
            with file.open(info) as data:
                yield Entry(info.orig_filename, info.file_size, data)


def _tar_entries(file: tarfile.TarFile, archive: Path, limit: int) -> Iterator[Entry]:
    total = 0
    for number, info in enumerate(file, start=1):
        if not (info.isreg() or info.isdir()) or info.issparse():
            what = "a link" if info.issym() or info.islnk() else "sparse" if info.issparse() else "a device or a pipe"
            raise UnsafeArchive(f"{archive.name}: the entry {info.name!r} is {what}; nothing was extracted")
        total += info.size
        _check(archive, info.name, number, total, limit)
        yield Entry(info.name, info.size, None if info.isdir() else file.extractfile(info))
        file.members.clear()  # type: ignore[attr-defined]  # tarfile remembers every entry; a large archive has hundreds of thousands


def _check(archive: Path, name: str, number: int, total: int, limit: int) -> None:
    parts = re.split(r"[/\\]", name)
    reason = None
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        reason = "has an absolute path"
    elif ".." in parts:
        reason = "leads out of the folder"
    elif "\\" in name or any(ord(letter) < 32 for letter in name) or not name.strip("/"):
        reason = "has a name that not every system can hold"
    elif number > MOST_ENTRIES:
        reason = f"is one of more than {MOST_ENTRIES:,}"
    elif total > limit:
        reason = f"brings what it unpacks to over {readable_size(limit)}: a bomb"
    if reason:
        raise UnsafeArchive(f"{archive.name}: the entry {name!r} {reason}; nothing was extracted")
