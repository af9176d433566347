"""Pascal VOC: two palette pictures a photograph, one of classes and one of objects, read into samples."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch.utils.data import Dataset
from torchvision.datasets import VOCSegmentation

from lessons_lib.data.photo import image_to_tensor
from lessons_lib.data.sample import VOID, Instances, Sample, tight_boxes

VOC_CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""Names of the labels 0 to 20 of Pascal VOC."""


class VocSamples(Dataset):
    """The segmentation part of Pascal VOC, map-style.

    `root` holds `VOCdevkit/VOC<year>`; `image_set` is "train", "val" or "trainval". The label map is SegmentationClass
    with its void 255. Each value of SegmentationObject but 0 and 255 is an instance, in ascending order: its label is
    the class that most of its pixels have, its box is tight around its mask, and it is no crowd, which VOC lacks.
    Raises FileNotFoundError for a root without the set, ValueError naming the file for one that breaks the format.
    """

    def __init__(self, root: Path | str, image_set: str = "train", year: str = "2012"):
        listing = Path(root, "VOCdevkit", f"VOC{year}", "ImageSets", "Segmentation", f"{image_set}.txt")
        if not listing.is_file():
            raise FileNotFoundError(f"root must hold VOCdevkit/VOC{year} with the list {listing}, which is not there")
        self.files = VOCSegmentation(str(root), year=year, image_set=image_set)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(f"index must be in [0, {len(self)}), got {index}")
        picture, classes = self.files[index]
        class_file = Path(self.files.masks[index])
        object_file = class_file.parent.parent / "SegmentationObject" / class_file.name
        label_map = _palette_indices(classes, class_file, picture.size)
        with Image.open(object_file) as objects:
            object_map = _palette_indices(objects, object_file, picture.size)
        ids = [number for number in np.unique(object_map).tolist() if number not in (0, VOID)]
        masks = object_map == np.array(ids, dtype=np.uint8).reshape(-1, 1, 1)
        masks_tensor = torch.from_numpy(masks)
        labels = [_class_of(label_map[mask], number, object_file) for mask, number in zip(masks, ids, strict=True)]
        instances = Instances(
            boxes=tight_boxes(masks_tensor),
            labels=torch.tensor(labels, dtype=torch.int64),
            masks=masks_tensor,
            is_crowd=torch.zeros(len(ids), dtype=torch.bool),
        )
        return Sample(image_to_tensor(picture), torch.from_numpy(label_map.astype(np.int64)), instances)


def _palette_indices(picture: Image.Image, file: Path, size: tuple[int, int]) -> UInt8[np.ndarray, "H W"]:
    """The indices of a palette picture, never its colours."""
    values = np.array(picture)  # reads the file to its end, and so closes it
    if picture.mode not in ("P", "L"):
        raise ValueError(f"{file} must be a palette picture (mode P), got mode {picture.mode}")
    if picture.size != size:
        raise ValueError(f"{file} must be as large as its photograph, {size}, got {picture.size}")
    return values


def _class_of(values: np.ndarray, number: int, file: Path) -> int:
    """The commonest class under an object."""
    counts = np.bincount(values, minlength=256)
    counts[[0, VOID]] = 0
    if counts.max() == 0:
        raise ValueError(f"{file}: object {number} must lie on some class, got only background and void")
    return int(counts.argmax())
