"""What a dataset's folder remembers of each of its files: where it came from, its checksum, and what came out of it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from data_scripts.fetch.checksums import parse_checksum
from data_scripts.fetch.extraction import Extracted, contents_text, read_contents
from lessons_lib.atomic import write_whole


@dataclass(frozen=True)
class Receipt:
    """Of a file that was checked: its size, its checksum and who says so ("published" or "recorded"), the address that
    gave it ("by hand" where the user placed it), and the day."""

    size: int
    checksum: str
    known_from: str
    source: str
    day: str


class Books:
    """The hidden folder `ROOT/.download`: receipts, lists of extracted files, locks, and drafts of extraction.

    A list of extracted files is written last, so it is there only when all of them are in their places.
    """

    def __init__(self, root: Path):
        self.root, self.folder = root, root / ".download"

    def lock(self, name: str) -> Path:
        return self.folder / f"{name}.lock"

    def draft(self, name: str) -> Path:
        return self.folder / f"{name}.extracting"

    def receipt_file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def receipt(self, name: str) -> Receipt | None:
        """The receipt of this file; None where there is none, or none that can be read."""
        try:
            receipt = Receipt(**json.loads(self.receipt_file(name).read_text("utf-8")))
            parse_checksum(receipt.checksum)
            return receipt
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def keep_receipt(self, name: str, receipt: Receipt) -> None:
        write_whole(self.receipt_file(name), json.dumps(asdict(receipt), indent=1) + "\n")

    def contents(self, name: str) -> list[Extracted] | None:
        """What came out of this archive; None where it was never extracted to the end."""
        try:
            return read_contents((self.folder / f"{name}.contents").read_text("utf-8"))
        except (OSError, ValueError):
            return None

    def keep_contents(self, name: str, files: list[Extracted]) -> None:
        write_whole(self.folder / f"{name}.contents", contents_text(name, files))

    def forget_contents(self, name: str) -> None:
        (self.folder / f"{name}.contents").unlink(missing_ok=True)

    def missing(self, files: list[Extracted]) -> list[str]:
        """Which of the extracted files are gone or have another size, in words; quick, for their bytes are not read."""
        found = []
        for file in files:
            path = self.root / file.path
            if not path.is_file():
                found.append(f"{file.path} is not there")
            elif path.stat().st_size != file.size:
                found.append(f"{file.path} has {path.stat().st_size:,} bytes, it came with {file.size:,}")
        return found
