"""Write a folder whole or not at all."""

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_folder(out: Path | str) -> Iterator[Path]:
    """Give a hidden folder beside `out` to write into; it becomes `out` at the end, or vanishes on any exception.

    Raises FileExistsError where `out` is a file or a folder that holds something; an empty folder is fine.
    """
    out = Path(out).absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"out must be a new or an empty folder, got {out}, which is not empty")
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.parent / f".{out.name}-{uuid.uuid4().hex}"
    draft.mkdir()
    try:
        yield draft
        if out.exists():
            out.rmdir()  # Windows renames onto nothing only
        draft.rename(out)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
