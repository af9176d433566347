"""Put one file of a dataset into its place: fetched or found, checked, extracted, and each step done once."""

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from filelock import FileLock, Timeout

from data_scripts.fetch.bookkeeping import Books, Receipt
from data_scripts.fetch.by_hand import advice, shortfall
from data_scripts.fetch.checksums import file_checksum
from data_scripts.fetch.download_errors import DownloadError, NotEnoughSpace, Stopped
from data_scripts.fetch.extraction import check_archive, extract, unpacked_size
from data_scripts.fetch.fetching import Manners, Progress, Wanted, fetch
from data_scripts.fetch.free_space import disk_is_full, require_space
from data_scripts.fetch.partial_file import PartialFile
from data_scripts.fetch.remote import Download, RemoteFile, readable_size


@dataclass
class Job:
    """How to place files of a dataset in the folder `root`. `mirrors` are folders on the web that hold the files under
    their own names, and are asked first. Once `stop` is set, the work ends with Stopped."""

    dataset: Download
    root: Path
    mirrors: tuple[str, ...] = ()
    manners: Manners | None = None
    delete_archives: bool = False
    say: Callable[[str], None] = print
    progress: Callable[[str], Progress] = lambda name: lambda phase, done, total: None
    stop: Event = field(default_factory=Event)

    @property
    def books(self) -> Books:
        return Books(self.root)

    def target(self, file: RemoteFile) -> Path:
        """Where the file itself lies: archives in the root, plain files where they belong."""
        return self.root / file.name if file.is_archive else self.root / file.into / file.name

    def watch(self, file: RemoteFile) -> Progress:
        """The progress of this file, which ends the work once it is to stop."""
        shown = self.progress(file.name)

        def progress(phase: str, done: int, total: int | None) -> None:
            if self.stop.is_set():
                raise Stopped(f"{file.name}: stopped; what has come stays, and the next run continues from there")
            shown(phase, done, total)

        return progress


def place(job: Job, file: RemoteFile) -> str:
    """Place one file and what is in it below the root; return in words what was done.

    What is complete is left alone. An archive that lies in the root already, from an earlier run or by hand, is checked
    and used. Two processes that place the same file do it one after the other, and the second finds it done.
    Raises DownloadError with what to do by hand, NotEnoughSpace, UnsafeArchive or Stopped.
    """
    job.books.folder.mkdir(parents=True, exist_ok=True)
    try:
        with _alone_with(job, file):
            return _place(job, file)
    except OSError as error:
        if not disk_is_full(error):
            raise
        raise NotEnoughSpace(
            f"{file.name}: the disk is full. Free some space at {job.root.absolute()} and run the command again."
        ) from error


@contextmanager
def _alone_with(job: Job, file: RemoteFile) -> Iterator[None]:
    """Hold the lock of this file; a process that dies lets go of it."""
    lock, told = FileLock(job.books.lock(file.name)), False
    while not lock.is_locked:
        try:
            lock.acquire(timeout=1 if told else 0)
        except Timeout:
            if job.stop.is_set():
                raise Stopped(f"{file.name}: stopped while another process was at it") from None
            if not told:
                job.say(f"{file.name}: another process is at it; waiting for it to end")
            told = True
    try:
        yield
    finally:
        lock.release()


def _place(job: Job, file: RemoteFile) -> str:
    target, contents = job.target(file), job.books.contents(file.name)
    if contents is not None and not job.books.missing(contents):
        done = "was complete already"
    elif contents is None and not target.exists() and not shortfall(job.root, file):
        return f"{file.name}: what it holds is there already, by hand; only the number of files was checked"
    else:
        done = _have(job, file, target)
        if file.is_archive:
            done += f", {_extract(job, file, target):,} files extracted"
    if job.delete_archives and file.is_archive and target.exists():
        target.unlink()
        done += ", archive deleted"
    return f"{file.name}: {done}"


def _have(job: Job, file: RemoteFile, target: Path) -> str:
    """See that the file is there and right; return how it came."""
    receipt = job.books.receipt(file.name)
    if receipt and file.checksum and receipt.checksum != file.checksum:
        receipt = None  # of another edition of the file than the catalogue's
    if not target.exists():
        return _download(job, file, target, receipt)
    PartialFile(target).discard()  # of a run that ended just after it gave the file its name, or before one by hand
    if receipt is None:
        _accept_found(job, file, target)
        return "found and checked"
    if target.stat().st_size != receipt.size:
        raise DownloadError(
            f"{target.absolute()} has {target.stat().st_size:,} bytes; when it was checked, on {receipt.day}, it had "
            f"{receipt.size:,}. Delete it and run the command again."
        )
    return "was there already"


def _download(job: Job, file: RemoteFile, target: Path, receipt: Receipt | None) -> str:
    recorded = (receipt, job.books.receipt_file(file.name)) if receipt and not file.checksum else None
    urls = tuple(f"{mirror.rstrip('/')}/{file.name}" for mirror in job.mirrors) + file.urls
    if not urls:
        raise DownloadError(advice(job.dataset, file, target, recorded=recorded))
    target.parent.mkdir(parents=True, exist_ok=True)
    wanted = Wanted(
        target=target,
        urls=urls,
        size=file.size,
        checksum=file.checksum or (receipt.checksum if receipt else None),
        check=check_archive if file.is_archive else None,
        progress=job.watch(file),
        say=job.say,
    )
    try:
        source = fetch(wanted, job.manners or Manners(sleep=job.stop.wait))
    except (NotEnoughSpace, Stopped):
        raise
    except DownloadError as error:
        raise DownloadError(advice(job.dataset, file, target, str(error), recorded)) from error
    checksum = file.checksum or file_checksum(target)
    _keep_receipt(job, file, target, checksum, source)
    if file.checksum is None and receipt is None:
        job.say(f"{file.name}: no checksum is published; {checksum} is recorded, and compared from now on")
    return f"{readable_size(target.stat().st_size)} downloaded"


def _accept_found(job: Job, file: RemoteFile, target: Path) -> None:
    """Check a file that lies there without a receipt, and write one."""
    job.watch(file)("check", 0, target.stat().st_size)
    size, checksum = target.stat().st_size, file_checksum(target, (file.checksum or "sha256").partition(":")[0])
    wrong = None
    if file.size is not None and size != file.size:
        wrong = f"{size:,} bytes, where {file.name} has {file.size:,}"
    elif file.checksum is not None and checksum != file.checksum:
        wrong = f"the checksum {checksum}, where {file.name} has {file.checksum}"
    if wrong:
        raise DownloadError(
            f"{target.absolute()} has {wrong}. It is cut short, damaged, or another file: put the right one there, or "
            "delete it and run the command again."
        )
    if file.checksum is None and file.is_archive:
        check_archive(target)
    _keep_receipt(job, file, target, checksum, "found in the folder")


def _keep_receipt(job: Job, file: RemoteFile, target: Path, checksum: str, source: str) -> None:
    known_from = "published" if file.checksum else "recorded"
    day = datetime.date.today().isoformat()
    job.books.keep_receipt(file.name, Receipt(target.stat().st_size, checksum, known_from, source, day))


def _extract(job: Job, file: RemoteFile, target: Path) -> int:
    require_space(job.root, unpacked_size(target) or target.stat().st_size, f"extracting {file.name}")
    job.books.forget_contents(file.name)
    files = extract(target, job.root, job.books.draft(file.name), file.into, file.keep, progress=job.watch(file))
    job.books.keep_contents(file.name, files)
    for lack in shortfall(job.root, file):
        job.say(f"{file.name}: not what the catalogue expects: {lack}")
    return len(files)


def space_for(job: Job, files: list[RemoteFile]) -> int:
    """Bytes that placing these files will still take, as far as their sizes are published: what is to come, and for
    an archive as much again for what comes out of it."""
    needed = 0
    for file in files:
        size, contents = file.size or 0, job.books.contents(file.name)
        if contents is None and size and shortfall(job.root, file):
            here = job.target(file)
            needed += 0 if here.exists() else max(size - PartialFile(here).size, 0)
            needed += size if file.is_archive else 0
    return needed
