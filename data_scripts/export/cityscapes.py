"""Cityscapes: how scenes are written in its layout."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from data_scripts.check.findings import Report
from data_scripts.check.orphans import beside, check_orphans
from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import masks_in, object_map, save_numbers, save_photo
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.sets.cityscapes import CITYSCAPES, THING_IDS, TRAIN_IDS

CITY = "scenes"


def write_cityscapes(samples: Iterable[Sample], out: Path | str, split: str = "train") -> int:
    """Write `out/leftImg8bit/<split>/scenes` and `out/gtFine/<split>/scenes`; return how many images.

    Labels are trainIds, 0 to 18, and those of instances 11 to 18; void becomes id 0. Read back, the instances of a
    image come in the order of their labels.
    Raises ValueError for an instance of another class and for what `write_voc` refuses, FileExistsError where `out` is
    not empty. Nothing stays on an error.
    """
    ids = torch.zeros(VOID + 1, dtype=torch.int64)
    for number, train_id in enumerate(TRAIN_IDS):
        if train_id != VOID:
            ids[train_id] = number
    count = 0
    with whole_folder(out) as draft:
        photos, maps = draft / "leftImg8bit" / split / CITY, draft / "gtFine" / split / CITY
        photos.mkdir(parents=True)
        maps.mkdir(parents=True)
        for count, sample in enumerate(samples, start=1):
            name = f"{CITY}_{count - 1:06d}_000019"
            save_photo(sample.image, photos / f"{name}_leftImg8bit.png")
            save_numbers(ids[sample.label_map], maps / f"{name}_gtFine_labelIds.png")
            save_numbers(_instance_ids(sample, ids), maps / f"{name}_gtFine_instanceIds.png", bits=16)
    return count


def _instance_ids(sample: Sample, ids: Int64[Tensor, "256"]) -> Int64[Tensor, "H W"]:
    """The id at each pixel, or id × 1000 + number, counted from 0 within the class, on an instance."""
    object_map(sample)  # refuses what one map cannot hold
    values = ids[sample.label_map]
    used: Counter[int] = Counter()
    for mask, label in zip(masks_in(sample), sample.instances.labels.tolist(), strict=True):
        number = int(ids[label])
        if number not in THING_IDS:
            raise ValueError(f"labels of instances must be trainIds 11 to 18, got {label}")
        values[mask] = number * 1000 + used[number]
        used[number] += 1
    return values


def check_labels(root: Path, report: Report) -> None:
    """Note labels without a photograph."""
    ends = ("_gtFine_labelIds.png", "_leftImg8bit.png")
    check_orphans(root, report, f"gtFine/*/*/*{ends[0]}", lambda file: beside(file, "gtFine", "leftImg8bit", *ends))


_EXPORT = Export(
    write=write_cityscapes,
    labels=(0, *range(11, 19), 8, 9),  # road; the eight classes with instances; vegetation and terrain
    reads_back=CITYSCAPES,
    splits=CITYSCAPES.splits,
)


ENTRIES = (Entry(CITYSCAPES, _EXPORT, check_folder=check_labels),)
