"""The Semantic Boundaries Dataset: Pascal VOC's classes on 11,355 photographs, in MATLAB files."""

from pathlib import Path

import numpy as np

from lessons_lib.data.files import (
    DamagedFile,
    read_mat,
    read_photo,
    require_size,
    require_split,
    size_of,
    translate,
    value_table,
)
from lessons_lib.data.folders import first_folder, read_names
from lessons_lib.data.objects import instances_of, masks_of, numbers_in
from lessons_lib.data.reader import Reader
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.sets.classes import VOC
from lessons_lib.data.spec import DatasetSpec

SPLITS = ("train", "val", "train_noval")
_TABLE = value_table(range(21), void=(VOID,))


class SbdSamples(Reader):
    """SBD, map-style, in the order of its lists.

    `root` holds `img/`, `cls/`, `inst/` and the lists, or the archive's own `benchmark_RELEASE/dataset/` with them.
    `split` is "train", "val", or "train_noval", which leaves out the images of Pascal VOC's val set: SBD's own train
    does not, so who trains on it must not measure on VOC's val.
    The label map is GTcls.Segmentation, 0 to 20; SBD draws no void border. Each number of GTinst.Segmentation but 0
    is an instance, in ascending order; its label is the entry of GTinst.Categories with that number.
    Raises FileNotFoundError for a root without the set, DamagedFile (in `samples[index]`) for a broken file.
    """

    classes, colours = VOC.names, VOC.colours

    def __init__(self, root: Path | str, split: str = "train"):
        require_split(split, SPLITS)
        places = (".", "benchmark_RELEASE/dataset", "dataset")
        self._home = first_folder(root, places, ("img", "cls", "inst", f"{split}.txt"))
        self.names = read_names(self._home / f"{split}.txt")

    def paths(self, index: int) -> list[Path]:
        """The files of a sample: photograph, classes, objects."""
        name = self.names[index]
        return [self._home / part for part in (f"img/{name}.jpg", f"cls/{name}.mat", f"inst/{name}.mat")]

    def read(self, index: int) -> Sample:
        """The sample of a valid index."""
        photo, classes, objects = self.paths(index)
        image = read_photo(photo)
        size = size_of(image)
        values = _map(_struct(read_mat(classes, "GTcls"), "Segmentation", classes, "GTcls"), classes, size, "GTcls")
        label_map = translate(values, _TABLE, classes, "classes 0 to 20", "GTcls.Segmentation")
        record = read_mat(objects, "GTinst")
        numbers = _map(_struct(record, "Segmentation", objects, "GTinst"), objects, size, "GTinst")
        categories = np.asarray(_struct(record, "Categories", objects, "GTinst")).ravel().tolist()
        ids = numbers_in(numbers, without=(0, VOID))
        for number in ids:
            if not 1 <= number <= len(categories):
                reason = f"must name every object of the map, got {len(categories)} entries and object {number}"
                raise DamagedFile(objects, reason, "GTinst.Categories")
        labels = [int(categories[number - 1]) for number in ids]
        if not all(1 <= label <= 20 for label in labels):
            raise DamagedFile(objects, f"must hold classes 1 to 20, got {labels}", "GTinst.Categories", "unknown label")
        return Sample(image, label_map, instances_of(masks_of(numbers, ids), labels))


def _struct(record: np.ndarray, field: str, file: Path, name: str) -> np.ndarray:
    """A field of a 1 × 1 MATLAB structure."""
    held = record.dtype.names or ()
    if field not in held or record.size != 1:
        reason = f"must be one structure with the field {field}, got {record.size} with {', '.join(held) or 'none'}"
        raise DamagedFile(file, reason, f"{name}.{field}")
    return record.ravel()[0][field]


def _map(values: np.ndarray, file: Path, size: tuple[int, int], name: str) -> np.ndarray:
    """A field that must be a map of whole numbers, as large as the photograph."""
    values = np.asarray(values)
    field = f"{name}.Segmentation"
    require_size(file, values.shape, size, field)
    if not np.issubdtype(values.dtype, np.number):
        raise DamagedFile(file, f"must be numbers, got {values.dtype}", field)
    return values.astype(np.int64)


SBD = DatasetSpec(
    name="sbd",
    reader=SbdSamples,
    splits=SPLITS,
    classes=VOC,
    void=(VOID,),
    signs=("inst", "dataset/inst", "benchmark_RELEASE/dataset/inst"),
)
DATASETS = (SBD,)
