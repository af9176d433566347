"""SUN RGB-D: where it comes from, and how scenes are written in its layout."""

from collections.abc import Iterable
from pathlib import Path

import torch

from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import save_numbers, save_photo
from data_scripts.export.relabel import SCENE_LABELS
from data_scripts.fetch.remote import Download, RemoteFile
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.sets.sunrgbd import SUNRGBD, TEST_COUNT

DOWNLOAD = Download(
    name=SUNRGBD.name,
    title="SUN RGB-D",
    classes="37, or 13",
    splits={"train": 5285, "test": 5050},
    licence=None,
    page="https://rgbd.cs.princeton.edu/",
    citation="Song, Lichtenberg, Xiao: SUN RGB-D: A RGB-D Scene Understanding Benchmark Suite. CVPR 2015",
    notes=("pictures and label maps as PNG from github.com/ankurhanda/sunrgbd-meta-data; labels 1 to 5050 are test",),
    files=(
        RemoteFile(
            name="SUNRGBD-train_images.tgz",
            urls=("http://www.doc.ic.ac.uk/~ahanda/SUNRGBD-train_images.tgz",),
            into="SUNRGBD-train_images",
            gives=(("SUNRGBD-train_images/*.jpg", 5285),),
        ),
        RemoteFile(
            name="SUNRGBD-test_images.tgz",
            urls=("http://www.doc.ic.ac.uk/~ahanda/SUNRGBD-test_images.tgz",),
            into="SUNRGBD-test_images",
            gives=(("SUNRGBD-test_images/*.jpg", 5050),),
        ),
        RemoteFile(
            name="sunrgbd_train_test_labels.tar.gz",
            urls=("https://github.com/ankurhanda/sunrgbd-meta-data/raw/master/sunrgbd_train_test_labels.tar.gz",),
            into="sunrgbd_train_test_labels",
            gives=(("sunrgbd_train_test_labels/*.png", 10335),),
        ),
    ),
)


def write_sunrgbd(samples: Iterable[Sample], out: Path | str, split: str = "train") -> int:
    """Write `out/SUNRGBD-<split>_images` and `out/sunrgbd_train_test_labels`; return how many pictures.

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
ENTRIES = (Entry(SUNRGBD, DOWNLOAD, _EXPORT),)
