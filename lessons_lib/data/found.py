"""Sets that lie on the disk: looks through a folder for every layout that the course reads."""

import os
from pathlib import Path

from lessons_lib.data.files import DamagedFile
from lessons_lib.data.leftovers import listed
from lessons_lib.data.open import open_dataset, recognised
from lessons_lib.data.photo import REAL_DATA
from lessons_lib.data.sample import Samples


def found_sets(folder: Path | str | None = None) -> dict[str, Samples]:
    """The sets in `folder` and in its folders, by a title such as "nuclei in dsb2018", each with its val split.

    None is the folder that LESSONS_REAL_DATA names, and nothing where it names none. A set whose lists are missing or
    damaged, or which has no image, is not there. FileNotFoundError for a `folder` that does not exist.
    """
    named = os.environ.get(REAL_DATA) if folder is None else folder
    if not named:
        return {}
    home = Path(named)
    if not home.is_dir():
        raise FileNotFoundError(f"folder must be a folder with datasets, got {named}")
    sets: dict[str, Samples] = {}
    for root in [*(path for path in listed(home) if path.is_dir()), home]:
        try:
            specs = recognised(root)
        except ValueError:
            continue
        for spec in specs:
            if root == home and sets and spec.recognises is not None:
                continue  # it looks into the folders below as well, which are sets of their own
            try:
                samples = open_dataset(spec.name, root, "val")
            except (FileNotFoundError, DamagedFile):
                continue
            if len(samples):
                sets[f"{spec.name} in {root.name}"] = samples
    return sets
