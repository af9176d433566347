"""Checksums of files, and small notes written whole or not at all."""

import hashlib
from pathlib import Path

KNOWN = ("md5", "sha1", "sha256")


def parse_checksum(checksum: str) -> tuple[str, str]:
    """ "md5:6cd6…" → ("md5", "6cd6…"), in lower case. Raises ValueError for anything else."""
    name, _, digest = checksum.lower().partition(":")
    if name not in KNOWN or len(digest) != 2 * hashlib.new(name, usedforsecurity=False).digest_size:
        raise ValueError(f"checksum must read md5:…, sha1:… or sha256:… with all its digits, got {checksum!r}")
    if not set(digest) <= set("0123456789abcdef"):
        raise ValueError(f"checksum must be hexadecimal, got {checksum!r}")
    return name, digest


def file_checksum(path: Path, name: str = "sha256") -> str:
    """The checksum of a file, as "sha256:…"; read in blocks, whatever its size."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(name, usedforsecurity=False))
    return f"{name}:{digest.hexdigest()}"


def has_checksum(path: Path, checksum: str) -> bool:
    """Whether the file has this checksum, in the way of counting that the checksum names."""
    name, digest = parse_checksum(checksum)
    return file_checksum(path, name) == f"{name}:{digest}"
