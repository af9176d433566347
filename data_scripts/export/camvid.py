"""CamVid: how scenes are written in its layout."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import torch

from data_scripts.check.findings import Report
from data_scripts.check.orphans import beside, check_orphans
from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import save_numbers, save_photo
from data_scripts.export.relabel import SCENE_LABELS
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.sets.camvid import CAMVID


def write_camvid(samples: Iterable[Sample], out: Path | str, split: str = "train") -> int:
    """Write `out/CamVid/<split>` and `<split>annot`; return how many images.

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
        check_orphans(root, report, f"**/{labels}/*.png", partial(beside, old=labels, new=split, cut="", end=""))


_EXPORT = Export(write=write_camvid, labels=SCENE_LABELS, reads_back=CAMVID, splits=CAMVID.splits, crowds=True)


ENTRIES = (Entry(CAMVID, _EXPORT, check_folder=check_labels),)
