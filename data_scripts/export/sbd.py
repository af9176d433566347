"""SBD, the Semantic Boundaries Dataset: how scenes are written in its layout."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.io import savemat
from scipy.sparse import csc_array

from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import masks_in, object_map, save_photo
from data_scripts.export.relabel import SCENE_LABELS
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import Sample
from lessons_lib.data.sets.sbd import SBD


def write_sbd(samples: Iterable[Sample], out: Path | str, split: str = "train") -> int:
    """Write `out/img`, `cls`, `inst` and the list of the split; return how many images.

    Labels are 0 to 20, void stays 255, and an object's boundary are its pixels beside a pixel that is not its own.
    Raises ValueError for what `write_voc` refuses, FileExistsError where `out` is not empty. Nothing stays on an error.
    """
    with whole_folder(out) as draft:
        for folder in ("img", "cls", "inst"):
            (draft / folder).mkdir()
        names = []
        for number, sample in enumerate(samples):
            name = f"scene_{number:06d}"
            names.append(name)
            save_photo(sample.image, draft / "img" / f"{name}.jpg")
            numbers = object_map(sample).numpy().astype(np.uint8)
            classes = sample.label_map.numpy().astype(np.uint8)
            present = sample.instances.labels.unique().numpy().astype(np.uint8)
            edges = [_boundary(classes == label) for label in range(1, 21)]
            record = {"Boundaries": _cells(edges), "Segmentation": classes, "CategoriesPresent": present[:, None]}
            savemat(draft / "cls" / f"{name}.mat", {"GTcls": record}, do_compression=True)
            edges = [_boundary(mask) for mask in masks_in(sample).numpy()]
            categories = sample.instances.labels.numpy().astype(np.uint8)[:, None]
            record = {"Boundaries": _cells(edges), "Segmentation": numbers, "Categories": categories}
            savemat(draft / "inst" / f"{name}.mat", {"GTinst": record}, do_compression=True)
        (draft / f"{split}.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return len(names)


def _boundary(mask: np.ndarray) -> csc_array:
    """Pixels of a mask that have a neighbour, above, below or beside them, outside it."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return csc_array(mask & ~inner)


def _cells(values: list) -> np.ndarray:
    """A column of MATLAB cells."""
    cells = np.empty((len(values), 1), dtype=object)
    for row, value in enumerate(values):
        cells[row, 0] = value
    return cells


_EXPORT = Export(write=write_sbd, labels=SCENE_LABELS, reads_back=SBD, splits=("train", "val", "train_noval"))


ENTRIES = (Entry(SBD, _EXPORT),)
