"""Recognise the layout of a dataset from the folders that it must have."""

from pathlib import Path

from lessons_lib.data.open import FORMATS

SIGNS = {
    "voc2007": ("VOCdevkit/VOC2007/SegmentationClass", "VOCdevkit/VOC2007/ImageSets/Segmentation"),
    "voc2012": ("VOCdevkit/VOC2012/SegmentationClass", "VOCdevkit/VOC2012/ImageSets/Segmentation"),
    "sbd": ("inst", "dataset/inst", "benchmark_RELEASE/dataset/inst"),
    "pascal_context": ("trainval/*.mat", "VOCdevkit/VOC2010/trainval/*.mat"),
    "sunrgbd": ("SUNRGBD-*_images", "sunrgbd_train_test_labels", "labels/img-??????.png"),
    "coco2017": ("annotations/instances_*.json",),
    "cityscapes": ("leftImg8bit", "gtFine"),
    "ade20k": ("ADEChallengeData2016", "annotations/training", "annotations/validation"),
    "penn_fudan": ("PedMasks", "PennFudanPed"),
    "camvid": ("CamVid", "trainannot", "valannot", "testannot"),
    "nuclei": ("stage1_train",),
    "leaves": ("training/A1", "A1", "*_label.png"),
}
"""For each layout, patterns below the root; any of them is enough."""


def recognise(root: Path) -> list[str]:
    """The layouts that a folder holds, as `open_dataset` names them; a folder may hold several.

    Raises FileNotFoundError for a folder that is not there, ValueError where no layout is recognised.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"path must be a folder, got {root}")
    found = [name for name, signs in SIGNS.items() if any(next(root.glob(sign), None) for sign in signs)]
    if not found:
        wanted = "; ".join(f"{name}: {signs[0]}" for name, signs in SIGNS.items())
        raise ValueError(f"path must hold a dataset in a layout that is known ({wanted}), got {root}")
    return found


def splits_of(layout: str) -> tuple[str, ...]:
    """The splits to check: those that together are the set, without the unions of others."""
    splits = FORMATS[layout].splits
    if "all" in splits:
        return ("all",)
    return tuple(split for split in splits if split not in ("trainval", "train_noval"))
