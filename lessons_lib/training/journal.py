"""The journal of a run: one JSON line per step, cut back when the run is taken up again."""

import json
from pathlib import Path
from types import TracebackType

from lessons_lib.atomic import flush_to_disk, whole_file


class Journal:
    """Appends to `path` one line per step: {"step": 1, "loss": 2.4, …}; use it in a `with` block.

    Lines of steps after `start` are cut off first, and a line that a kill left unfinished too: those steps are made
    again. A journal that ends before `start` is left as it is.
    """

    def __init__(self, path: Path, start: int = 0):
        self.path = path
        kept = [line for line in read_journal(path) if line["step"] <= start]
        with whole_file(path) as part:
            part.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        self._file = path.open("a", encoding="utf-8")

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def write(self, line: dict) -> None:
        """Adds a line, so that a reader of the file sees it at once."""
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def flush_to_disk(self) -> None:
        """Waits until every line would survive a loss of power; a checkpoint of this step comes after that."""
        flush_to_disk(self.path)


def read_journal(path: Path) -> list[dict]:
    """The lines of a journal; none if there is no file. A last line that was cut off is left out.

    ValueError naming the line for one in the middle that is no JSON.
    """
    if not path.is_file():
        return []
    lines = path.read_text("utf-8").split("\n")
    found = []
    for number, line in enumerate(lines[:-1], start=1):  # what stands after the last line feed is unfinished
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            raise ValueError(f"{path} must hold a JSON line per step, got {line[:60]!r} in line {number}") from None
    return found
