"""SUN RGB-D: how scenes are written in its layout."""

from collections.abc import Iterable
from pathlib import Path

import torch

from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import save_numbers, save_photo
from data_scripts.export.relabel import SCENE_LABELS
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.sets.sunrgbd import SUNRGBD, TEST_COUNT


def write_sunrgbd(samples: Iterable[Sample], out: Path | str, split: str = "train") -> int:
    """Write `out/SUNRGBD-<split>_images` and `out/sunrgbd_train_test_labels`; return how many images.

    Labels are 0 to 36; the file's value is the label + 1, and 0 for void. Instances are not written.
    Raises FileExistsError where `out` is not empty. Nothing stays on an error.
    """
    shift, count = TEST_COUNT if split == "train" else 0, 0
    with whole_folder(out) as draft:
        photos, labels = draft / f"SUNRGBD-{split}_images", draft / "sunrgbd_train_test_labels"
        photos.mkdir()
        labels.mkdir()
        for count, sample in enumerate(samples, start=1):
            save_photo(sample.image, photos / f"img-{count:06d}.jpg")
            values = torch.where(sample.label_map == VOID, 0, sample.label_map + 1)
            save_numbers(values, labels / f"img-{count + shift:06d}.png")
    return count


_EXPORT = Export(write=write_sunrgbd, labels=SCENE_LABELS, reads_back=SUNRGBD, splits=SUNRGBD.splits, crowds=True)


ENTRIES = (Entry(SUNRGBD, _EXPORT),)
