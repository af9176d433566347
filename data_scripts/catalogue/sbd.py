"""SBD, the Semantic Boundaries Dataset: where it comes from, and how scenes are written in its layout."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.io import savemat
from scipy.sparse import csc_array

from data_scripts.catalogue.voc import VOC_TERMS
from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import object_map, save_photo
from data_scripts.export.relabel import SCENE_LABELS
from data_scripts.fetch.remote import Download, RemoteFile
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import Sample
from lessons_lib.data.sets.sbd import SBD

DOWNLOAD = Download(
    name=SBD.name,
    title="Semantic Boundaries (SBD)",
    classes="20 + background",
    splits={"train": 8498, "val": 2857},
    licence=None,
    page="http://home.bharathh.info/pubs/codes/SBD/download.html",
    citation="Hariharan, Arbeláez, Bourdev, Maji, Malik: Semantic Contours from Inverse Detectors. ICCV 2011",
    notes=(
        f"its pictures are Pascal VOC's, under {VOC_TERMS}",
        "train shares pictures with VOC 2012's val; the 5,623 of train_noval.txt do not",
    ),
    files=(
        RemoteFile(
            name="benchmark.tgz",
            urls=(
                "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz",
            ),
            size=1_419_539_633,
            checksum="md5:82b4d87ceb2ed10f6038a1cba92111cb",
            gives=(
                ("benchmark_RELEASE/dataset/img/*.jpg", 11355),
                ("benchmark_RELEASE/dataset/cls/*.mat", 11355),
                ("benchmark_RELEASE/dataset/inst/*.mat", 11355),
            ),
        ),
        RemoteFile(
            name="train_noval.txt",
            urls=(
                "http://home.bharathh.info/pubs/codes/SBD/train_noval.txt",
                "https://www.cs.cornell.edu/~bharathh/train_noval.txt",
            ),
            checksum="md5:79bff800c5f0b1ec6b21080a3c066722",
            into="benchmark_RELEASE/dataset",
            gives=(("benchmark_RELEASE/dataset/train_noval.txt", 1),),
            optional=True,
        ),
    ),
)


def write_sbd(samples: Iterable[Sample], out: Path | str, split: str = "train") -> int:
    """Write `out/img`, `cls`, `inst` and the list of the split; return how many pictures.

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
            edges = [_boundary(mask) for mask in sample.instances.masks.numpy()]
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
ENTRIES = (Entry(SBD, DOWNLOAD, _EXPORT),)
