"""Penn-Fudan: how scenes are written in its layout."""

from collections.abc import Iterable
from pathlib import Path

import torch

from data_scripts.check.findings import Report
from data_scripts.check.orphans import beside, check_orphans
from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import object_map, save_numbers, save_photo
from data_scripts.export.relabel import ONE_KIND
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.sets.penn_fudan import PENN_FUDAN


def write_penn_fudan(samples: Iterable[Sample], out: Path | str) -> int:
    """Write `out/PennFudanPed/PNGImages` and `PedMasks`; return how many images.

    Every instance becomes a pedestrian, and every pixel without one background: the layout has no void.
    Raises ValueError for what `write_voc` refuses, FileExistsError where `out` is not empty. Nothing stays on an error.
    """
    count = 0
    with whole_folder(out) as draft:
        photos, masks = draft / "PennFudanPed" / "PNGImages", draft / "PennFudanPed" / "PedMasks"
        photos.mkdir(parents=True)
        masks.mkdir()
        for count, sample in enumerate(samples, start=1):
            name = f"ScenePed{count:05d}"
            save_photo(sample.image, photos / f"{name}.png")
            numbers = object_map(sample)
            save_numbers(torch.where(numbers == VOID, 0, numbers), masks / f"{name}_mask.png")
    return count


def check_labels(root: Path, report: Report) -> None:
    """Note masks without a photograph."""
    check_orphans(
        root, report, "**/PedMasks/*_mask.png", lambda file: beside(file, "PedMasks", "PNGImages", "_mask.png", ".png")
    )


_EXPORT = Export(write=write_penn_fudan, labels=ONE_KIND, reads_back=PENN_FUDAN)


ENTRIES = (Entry(PENN_FUDAN, _EXPORT, check_folder=check_labels),)
