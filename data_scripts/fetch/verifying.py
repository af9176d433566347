"""Look again at a dataset's folder: its archives by their checksums, its files as they came out of them."""

import zlib
from dataclasses import dataclass
from pathlib import Path

from data_scripts.fetch.by_hand import shortfall
from data_scripts.fetch.checksums import file_checksum
from data_scripts.fetch.download_errors import DownloadError
from data_scripts.fetch.extraction import Extracted, check_archive
from data_scripts.fetch.placing import Job
from data_scripts.fetch.remote import RemoteFile

SHOWN = 10  # of one file's findings


@dataclass(frozen=True)
class Verdict:
    """What was looked at, in words, and what is wrong; nothing is wrong where `findings` is empty."""

    name: str
    looked_at: str
    findings: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{'✗' if self.findings else '✓'} {self.name}: {self.looked_at}"]
        lines += [f"    {finding}" for finding in self.findings[:SHOWN]]
        if len(self.findings) > SHOWN:
            lines.append(f"    and {len(self.findings) - SHOWN:,} more")
        return "\n".join(lines)


def verify(job: Job, file: RemoteFile) -> Verdict:
    """Read the file and all that came out of it, and compare with what is published or was recorded.

    Where this course did not extract it, there is nothing to compare the files with: then their number is counted.
    """
    target, looked_at, findings = job.target(file), [], []
    if target.exists():
        words, found = _archive(job, file, target)
        looked_at.append(words)
        findings += found
    elif not file.is_archive:
        return Verdict(file.name, "not there", (f"{target.absolute()} is not there",))
    contents = job.books.contents(file.name) if file.is_archive else None
    if contents is not None:
        findings += job.books.missing(contents)
        findings += _changed(job, file, contents)
        looked_at.append(f"all {len(contents):,} extracted files, byte for byte")
    elif file.is_archive:
        findings += shortfall(job.root, file)
        looked_at.append("the number of files, as they were not extracted by this course")
    return Verdict(file.name, "; ".join(looked_at), tuple(findings))


def _archive(job: Job, file: RemoteFile, target: Path) -> tuple[str, list[str]]:
    receipt = job.books.receipt(file.name)
    expected = file.checksum or (receipt.checksum if receipt else None)
    job.watch(file)("check", 0, target.stat().st_size)
    if expected is not None:
        checksum = file_checksum(target, expected.partition(":")[0])
        words = f"checksum as recorded on {receipt.day}" if receipt and not file.checksum else "checksum as published"
        return words, [] if checksum == expected else [f"{target} has {checksum}, not {expected}"]
    try:
        if file.is_archive:
            check_archive(target)
    except DownloadError as error:
        return "read to its end, as no checksum is known", [str(error)]
    return "read to its end, as no checksum is known", []


def _changed(job: Job, file: RemoteFile, contents: list[Extracted]) -> list[str]:
    """Files that are there, as long as they were, with other bytes in them."""
    found, progress, done = [], job.watch(file), 0
    total = sum(entry.size for entry in contents)
    for entry in contents:
        path = job.root / entry.path
        if path.is_file() and path.stat().st_size == entry.size and _crc(path) != entry.crc:
            found.append(f"{entry.path} has other bytes than it came with")
        done += entry.size
        progress("check", done, total)
    return found


def _crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            crc = zlib.crc32(data, crc)
    return crc
