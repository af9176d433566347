"""A download under way: the `.part` file beside its target, and a note of what its bytes are the beginning of."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from lessons_lib.atomic import write_whole


@dataclass(frozen=True)
class Origin:
    """Where the bytes come from: the address, the file's ETag or date there (None where the server gives none), and how
    many bytes it has in all (None where the server does not say)."""

    url: str
    validator: str | None = None
    total: int | None = None


class PartialFile:
    """`TARGET.part` and `TARGET.part.json`. Bytes are only ever added to the origin that the note names.

    Only the process that holds the target's lock may use it. A note that cannot be read counts as none.
    """

    def __init__(self, target: Path):
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self.note = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def origin(self) -> Origin | None:
        try:
            return Origin(**json.loads(self.note.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def begin(self, origin: Origin) -> None:
        """Forget what is there and start with nothing of this origin; emptied first, so the note is never too new."""
        self.path.write_bytes(b"")
        write_whole(self.note, json.dumps(asdict(origin)))

    def more(self) -> BinaryIO:
        """The file, opened to add bytes at its end; unbuffered, so that what was written survives a kill."""
        return self.path.open("ab", buffering=0)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def become_target(self) -> None:
        """Give the file its name, in one step, once its bytes are on the disk."""
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
        self.path.replace(self.target)
        self.note.unlink(missing_ok=True)
