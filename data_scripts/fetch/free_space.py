"""Whether a disk has room for what is to come, asked before it comes."""

import errno
import shutil
from pathlib import Path

from data_scripts.fetch.download_errors import NotEnoughSpace
from data_scripts.fetch.remote import readable_size

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} if hasattr(errno, "EDQUOT") else {errno.ENOSPC, errno.EFBIG}


def free_bytes(folder: Path) -> int:
    """Free bytes of the disk that the folder lies on, or will lie on once it is made."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise NotEnoughSpace, with both numbers, where the disk of `folder` has less than `needed` bytes free."""
    free = free_bytes(folder)
    if free < needed:
        raise NotEnoughSpace(
            f"{what} needs {readable_size(needed)} on the disk of {folder.absolute()}, where {readable_size(free)} are "
            f"free. Free {readable_size(needed - free)} there, or choose another folder with --to."
        )


def disk_is_full(error: OSError) -> bool:
    """Whether a failed write means that the disk, the quota or the largest file that is allowed is full."""
    return error.errno in _FULL
