"""Instructions for a file that has to be fetched by hand: the exact file, the exact folder, and what to do then."""

from pathlib import Path

from data_scripts.fetch.bookkeeping import Receipt
from data_scripts.fetch.remote import Download, RemoteFile
from lessons_lib.data.leftovers import listed


def shortfall(root: Path, file: RemoteFile) -> list[str]:
    """What is missing of what this file gives, in words; nothing when every pattern matches the files that it must."""
    found = []
    for pattern, count in file.gives:
        matches = len(listed(root, pattern))
        if matches != count if count is not None else matches == 0:
            wanted = "any" if count is None else f"{count:,}"
            found.append(f"{pattern} matches {matches:,} files, where {wanted} should be")
    return found


def advice(
    dataset: Download, file: RemoteFile, target: Path, answers: str = "", recorded: tuple[Receipt, Path] | None = None
) -> str:
    """What to do where a file cannot be downloaded automatically.

    `target` is where it must lie, `answers` what each address said. `recorded` is the receipt of an earlier download of
    a file without a published checksum, and where it lies: its authors may have changed the file since.
    """
    lines = [f"{file.name} of {dataset.name} is not there."]
    if answers:
        lines = [
            f"{file.name} of {dataset.name} could not be downloaded:",
            answers,
            "Behind a proxy: set HTTP_PROXY and HTTPS_PROXY to http://SERVER:PORT and run the command again.",
            "Another server that has the file: --mirror ADDRESS-OF-ITS-FOLDER.",
        ]
    if dataset.registration:
        lines.append(f"It is given to registered users only: {dataset.registration}.")
    elif file.urls:
        lines += ["Offline, or if this continues: fetch it on any machine, in a browser, from"]
        lines += [f"  {url}" for url in file.urls]
    size = "size not published" if file.size is None else f"{file.size:,} bytes"
    lines += [
        f"Put it here, under exactly this name ({size}, {file.checksum or 'checksum not published'}):",
        f"  {target.absolute()}",
        "Then run the command again: the file is checked and used, and nothing is fetched that is there.",
    ]
    if file.is_archive and any(listed(target.parent, pattern) for pattern, _ in file.gives):
        lines.append("Extracted already? Not all of it is there:")
        lines += [f"  {lack}" for lack in shortfall(target.parent, file)]
    if recorded is not None:
        receipt, place = recorded
        lines.append(
            f"On {receipt.day} a file with {receipt.checksum} came from {receipt.source}. If its authors have changed "
            f"it since, delete {place.absolute()} to accept the new one."
        )
    return "\n".join(lines)
