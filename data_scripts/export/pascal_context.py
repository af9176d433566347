"""Pascal Context: how scenes are written in its layout."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.io import savemat

from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import save_photo
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import Sample
from lessons_lib.data.sets.pascal_context import CLASSES459, PASCAL_CONTEXT, PASCAL_CONTEXT459, context_table


def write_pascal_context(samples: Iterable[Sample], out: Path | str, split: str = "train") -> int:
    """Write `out/VOCdevkit/VOC2010` and `out/trainval`; return how many images.

    Labels are those of `PascalContextSamples` with 459 labels; void becomes the value 0. Instances are not written.
    Raises FileExistsError where `out` is not empty. Nothing stays on an error.
    """
    values = np.argsort(context_table(459))  # label → file value, as the table is one-to-one
    with whole_folder(out) as draft:
        home = draft / "VOCdevkit" / "VOC2010"
        for folder in (home / "JPEGImages", home / "ImageSets" / "Main", draft / "trainval"):
            folder.mkdir(parents=True)
        names = []
        for number, sample in enumerate(samples):
            name = f"2010_{number:06d}"
            names.append(name)
            save_photo(sample.image, home / "JPEGImages" / f"{name}.jpg")
            label_map = values[sample.label_map.numpy()].astype(np.uint16)
            savemat(draft / "trainval" / f"{name}.mat", {"LabelMap": label_map}, do_compression=True)
        listing = home / "ImageSets" / "Main" / f"{split}.txt"
        listing.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return len(names)


_NAMES = ("ground", "ball", "box", "kite", "ornament", "tire", "pole", "duck", "chicken", "water", "grass")


_EXPORT = Export(
    write=write_pascal_context,
    labels=tuple(map(CLASSES459.names.index, _NAMES)),
    reads_back=PASCAL_CONTEXT459,
    splits=("train", "val", "trainval"),
    crowds=True,
)


ENTRIES = (Entry(PASCAL_CONTEXT, _EXPORT),)
