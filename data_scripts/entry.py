"""A dataset to the scripts, in one object: its spec, where it comes from, how it is written, and what is checked."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data_scripts.catalogue import DOWNLOADS
from data_scripts.check.findings import Report
from data_scripts.fetch.remote import Download
from lessons_lib.data.spec import DatasetSpec


@dataclass(frozen=True)
class Export:
    """How scenes are written in the layout of a dataset.

    Args:
        write: `write(samples, out, split)` writes a new folder and returns how many samples it holds; it takes no split
            where `splits` is empty.
        labels: label k of the scenes (ground, ball, crate, kite, star, ring, pole, duck, hen, water, grass) is written
            as labels[k]. Where classes have no counterpart, the number decides.
        reads_back: the spec that reads what was written as it was.
        splits: the names a split may have, the default first.
        crowds: whether the layout can hold crowds.
    """

    write: Callable[..., int]
    labels: tuple[int, ...]
    reads_back: DatasetSpec
    splits: tuple[str, ...] = ()
    crowds: bool = False


@dataclass(frozen=True)
class Entry:
    """One dataset. Each module of `data_scripts/export/` lists its own in `ENTRIES`.

    Args:
        spec: its names, classes, splits, void, signs and reader.
        export: how scenes are written in its layout; None where they are not.
        check_folder: notes what is wrong in a folder of it, beyond what a reader sees: `check_folder(root, report)`.
        check_samples: notes what is wrong beside the samples of a split: `check_samples(samples, report)`.
    """

    spec: DatasetSpec
    export: Export | None = None
    check_folder: Callable[[Path, Report], None] | None = None
    check_samples: Callable[..., None] | None = None

    @property
    def download(self) -> Download | None:
        """Where its files come from; None for a set that the catalogue does not have."""
        return DOWNLOADS.get(self.spec.name)
