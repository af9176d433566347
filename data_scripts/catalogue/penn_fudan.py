"""Penn-Fudan: where it comes from, and how scenes are written in its layout."""

from collections.abc import Iterable
from pathlib import Path

import torch

from data_scripts.check.findings import Report
from data_scripts.check.orphans import beside, check_orphans
from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import object_map, save_numbers, save_photo
from data_scripts.export.relabel import ONE_KIND
from data_scripts.fetch.remote import Download, RemoteFile
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.sets.penn_fudan import PENN_FUDAN

DOWNLOAD = Download(
    name=PENN_FUDAN.name,
    title="Penn-Fudan pedestrians",
    classes="1 + background",
    splits={"all": 170},
    licence=None,
    page="https://www.cis.upenn.edu/~jshi/ped_html/",
    citation="Wang, Shi, Song, Shen: Object Detection Combining Recognition and Segmentation. ACCV 2007",
    notes=("345 labelled pedestrians; no split is given",),
    files=(
        RemoteFile(
            name="PennFudanPed.zip",
            urls=(
                "https://www.cis.upenn.edu/~jshi/ped_html/PennFudanPed.zip",
                "https://web.archive.org/web/2023id_/https://www.cis.upenn.edu/~jshi/ped_html/PennFudanPed.zip",
            ),
            size=53_723_336,
            gives=(("PennFudanPed/PNGImages/*.png", 170), ("PennFudanPed/PedMasks/*.png", 170)),
        ),
    ),
)


def write_penn_fudan(samples: Iterable[Sample], out: Path | str) -> int:
    """Write `out/PennFudanPed/PNGImages` and `PedMasks`; return how many pictures.

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
ENTRIES = (Entry(PENN_FUDAN, DOWNLOAD, _EXPORT, check_folder=check_labels),)
