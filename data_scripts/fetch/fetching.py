"""Fetch one file: over breaks, from mirrors, from where it stopped. It gets its name only once it is known as right."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import requests

from data_scripts.fetch.checksums import has_checksum
from data_scripts.fetch.download_errors import DownloadError, NotEnoughSpace
from data_scripts.fetch.free_space import disk_is_full, require_space
from data_scripts.fetch.http_stream import GiveUp, StartOver, Stream, TryLater, open_stream
from data_scripts.fetch.partial_file import Origin, PartialFile

Progress = Callable[[str, int, int | None], None]
"""Called with what is done ("download", "check", "extract"), how many bytes of it, and of how many (None: unknown).
It may raise Stopped, which ends the work there."""


@dataclass(frozen=True)
class Manners:
    """How patient to be: rounds without a new byte before giving up, seconds to connect and between two pieces of data,
    seconds of the first wait (each next one is twice as long) and of the longest, and how to wait."""

    rounds: int = 5
    timeout: tuple[float, float] = (15.0, 60.0)
    first_wait: float = 1.0
    longest: float = 60.0
    sleep: Callable[[float], object] = time.sleep


@dataclass
class Wanted:
    """A file to fetch: where from, where to, and how to know it. `check` looks into a file that nobody publishes a
    checksum of, and raises DownloadError for a bad one. `say` gets a sentence that says why it waits."""

    target: Path
    urls: Sequence[str]
    size: int | None = None
    checksum: str | None = None
    check: Callable[[Path], object] | None = None
    progress: Progress = lambda phase, done, total: None
    say: Callable[[str], None] = lambda text: None


class WrongBytes(Exception):
    """All of it came, and it is not the file. Those bytes have been thrown away."""


def fetch(wanted: Wanted, manners: Manners | None = None) -> str:
    """Fetch the file to `wanted.target`; return the address that gave the last of it.

    Each round asks every address that is left, in order. One that says no, or gives all of it and it is wrong, is not
    asked again; where some of it was there before, it is asked once more. A cut, a stall, an overloaded server: what
    has come stays in `TARGET.part`, and is added to. After a round it waits, longer each time that nothing new came, or
    as long as the server asks for. The caller holds the target's lock.
    Raises DownloadError with what each address answered, NotEnoughSpace, or what `progress` raises; the part stays.
    """
    part = PartialFile(wanted.target)
    try:
        with requests.Session() as session:
            return _rounds(wanted, manners or Manners(), session, part)
    except OSError as error:
        if not disk_is_full(error):
            raise
        raise NotEnoughSpace(
            f"The disk is full. What has come of {wanted.target.name} stays. Free some space at "
            f"{wanted.target.parent.absolute()} and run the command again: it continues from there."
        ) from error


def _rounds(wanted: Wanted, manners: Manners, session: requests.Session, part: PartialFile) -> str:
    left, answers = list(wanted.urls), dict.fromkeys(wanted.urls, "not asked")
    been_wrong: set[str] = set()
    farthest, idle = part.size, 0
    while left and idle < manners.rounds:
        wait = 0.0
        for url in tuple(left):
            here_before = part.size > 0
            wanted.progress("download", part.size, wanted.size)
            try:
                _transfer(wanted, part, url, session, manners.timeout)
                _accept(wanted, part)
                return url
            except (TryLater, StartOver) as later:
                answers[url] = str(later)
                wait = max(wait, getattr(later, "wait", None) or 0.0)
            except (GiveUp, WrongBytes) as no:
                answers[url] = str(no)
                if isinstance(no, GiveUp) or not here_before or url in been_wrong:
                    left.remove(url)
                been_wrong.add(url)
        idle = 0 if part.size > farthest else idle + 1
        farthest = max(farthest, part.size)
        if left and idle < manners.rounds:
            wait = wait or min(manners.first_wait * 2 ** max(idle - 1, 0), manners.longest)
            wanted.say(f"{wanted.target.name}: {answers[left[0]]}; again in {wait:.0f} s")
            manners.sleep(wait)
    raise DownloadError("\n".join(f"  {url}\n    {answer}" for url, answer in answers.items()))


def _transfer(
    wanted: Wanted, part: PartialFile, url: str, session: requests.Session, timeout: tuple[float, float]
) -> None:
    """Add to the part what this address gives; return when the part is as long as the file."""
    origin = part.origin
    goal = wanted.size or (origin.total if origin else None)
    if goal and part.size == goal:
        return  # an earlier run ended between the last byte and the name
    start = part.size if _goes_on(origin, url, wanted) else 0
    validator = origin.validator if start and origin and origin.url == url else None
    try:
        with open_stream(session, url, start, validator, timeout) as stream:
            known = origin.total if origin else None
            if stream.start and None not in (stream.total, known) and stream.total != known:
                raise StartOver("the file has another size by now")
            _pour(wanted, part, url, stream)
    except StartOver:  # which also comes when nothing is missing
        if not (start and wanted.checksum and has_checksum(part.path, wanted.checksum)):
            part.discard()
            raise


def _goes_on(origin: Origin | None, url: str, wanted: Wanted) -> bool:
    """Whether bytes of this address may be added to the part: where a checksum tells in the end, or where the server
    that gave the first of them can say that its file is still the same."""
    if origin is None:
        return False
    return wanted.checksum is not None or (origin.url == url and origin.validator is not None)


def _pour(wanted: Wanted, part: PartialFile, url: str, stream: Stream) -> None:
    if wanted.size and stream.total and stream.total != wanted.size:
        raise GiveUp(f"it offers {stream.total:,} bytes where the file has {wanted.size:,}")
    total, done = wanted.size or stream.total, stream.start
    if total:
        require_space(wanted.target.parent, total - done, wanted.target.name)
    if done == 0:
        part.begin(Origin(url, stream.validator, stream.total))
    with part.more() as sink:
        for chunk in stream.chunks():
            _write_all(sink, chunk)
            done += len(chunk)
            wanted.progress("download", done, total)
            if total and done > total:
                break
    if total and done != total:
        if done > total:
            part.discard()
        raise TryLater(f"it gave {done:,} of {total:,} bytes")


def _write_all(sink: BinaryIO, chunk: bytes) -> None:
    """Write all of it: an unbuffered file may take less at a time, on a disk that is nearly full."""
    view = memoryview(chunk)
    while view:
        view = view[sink.write(view) :]


def _accept(wanted: Wanted, part: PartialFile) -> None:
    """Give the part its name if it is the file; throw it away and raise WrongBytes if it is not."""
    wanted.progress("check", 0, part.size)
    wrong = None
    if wanted.size and part.size != wanted.size:
        wrong = f"it gave {part.size:,} bytes where the file has {wanted.size:,}"
    elif wanted.checksum and not has_checksum(part.path, wanted.checksum):
        wrong = f"what came does not have the checksum {wanted.checksum}"
    elif wanted.check and not wanted.checksum:
        try:
            wanted.check(part.path)
        except DownloadError as error:
            wrong = f"what came is damaged: {error}"
    if wrong:
        part.discard()
        raise WrongBytes(wrong)
    part.become_target()
