"""Pascal Context: every pixel of Pascal VOC 2010's photographs, 459 labels or the 59 that are scored."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from lessons_lib.data.class_table import voc_coloured
from lessons_lib.data.files import (
    DamagedFile,
    read_mat,
    read_photo,
    require_size,
    require_split,
    size_of,
    translate,
)
from lessons_lib.data.folders import first_folder, read_names
from lessons_lib.data.objects import no_instances
from lessons_lib.data.reader import Reader
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.sets.classes_context import CONTEXT59, CONTEXT459, RENAMED
from lessons_lib.data.spec import DatasetSpec

SPLITS = ("train", "val", "trainval")
CLASSES459 = voc_coloured((*CONTEXT459.names[:VOID], "void", *CONTEXT459.names[VOID:]))
"""The 459 with an entry for label 255, which is void."""


class PascalContextSamples(Reader):
    """Pascal Context, map-style; the label maps come from its MATLAB files, and it names no single objects.

    `root` holds `VOCdevkit/VOC2010/` (JPEGImages and the lists ImageSets/Main/<split>.txt) and `trainval/<name>.mat`
    (beside VOCdevkit or in VOC2010), whose variable LabelMap holds 1 to 459, and 0 where nothing is labelled. `split`
    is "train", "val" or "trainval". `label_set` 59: the labels of the benchmark, 1 to 59, everything else is 0.
    `label_set` 459: all labels, unlabelled is void. As 255 is void in every label map, value v is label v − 1 up to
    255 and label v from 256 on; `classes[255]` is "void", so there are 460 entries.
    Raises FileNotFoundError for a root without the set, ValueError for another label set, DamagedFile for a broken
    file.
    """

    def __init__(self, root: Path | str, split: str = "train", label_set: int = 59):
        require_split(split, SPLITS)
        if label_set not in (59, 459):
            raise ValueError(f"label_set must be 59 or 459, got {label_set}")
        home = first_folder(root, ("VOCdevkit/VOC2010", "VOC2010"), ("JPEGImages", f"ImageSets/Main/{split}.txt"))
        self._maps = first_folder(root, ("trainval", "VOCdevkit/VOC2010/trainval"), (".",))
        self._photos = home / "JPEGImages"
        self.names = read_names(home / "ImageSets" / "Main" / f"{split}.txt")
        self._table = context_table(label_set)
        table = CONTEXT59 if label_set == 59 else CLASSES459
        self.classes, self.colours = table.names, table.colours

    def paths(self, index: int) -> list[Path]:
        """The files of a sample: photograph, labels."""
        return [self._photos / f"{self.names[index]}.jpg", self._maps / f"{self.names[index]}.mat"]

    def read(self, index: int) -> Sample:
        """The sample of a valid index."""
        photo, labels = self.paths(index)
        image = read_photo(photo)
        values = read_mat(labels, "LabelMap")
        require_size(labels, values.shape, size_of(image), "LabelMap")
        if not np.issubdtype(values.dtype, np.number):
            raise DamagedFile(labels, f"must be numbers, got {values.dtype}", "LabelMap")
        label_map = translate(values.astype(np.int64), self._table, labels, "labels 0 to 459", "LabelMap")
        return Sample(image, label_map, no_instances(*label_map.shape))


def context_table(label_set: int) -> Int64[np.ndarray, "460"]:
    """The label of each file value 0 to 459, for 59 or 459 labels."""
    if label_set == 459:
        values = np.arange(460)
        return np.where(values == 0, VOID, np.where(values <= VOID, values - 1, values)).astype(np.int64)
    table = np.zeros(460, dtype=np.int64)
    for label, name in enumerate(CONTEXT59.names[1:], start=1):
        table[1 + CONTEXT459.names.index(RENAMED.get(name, name))] = label
    return table


PASCAL_CONTEXT = DatasetSpec(
    name="pascal_context",
    reader=PascalContextSamples,
    splits=SPLITS,
    classes=CONTEXT59,
    signs=("trainval/*.mat", "VOCdevkit/VOC2010/trainval/*.mat"),
)
PASCAL_CONTEXT459 = replace(
    PASCAL_CONTEXT,
    name="pascal_context459",
    reader=partial(PascalContextSamples, label_set=459),
    classes=CLASSES459,
    void=(0,),
    variant_of=PASCAL_CONTEXT.name,
)
DATASETS = (PASCAL_CONTEXT, PASCAL_CONTEXT459)
