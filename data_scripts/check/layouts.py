"""Check what only some layouts have: Pascal VOC's XML, the extra files of leaves, label files without a photograph."""

import csv
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from torch.utils.data import Dataset

from data_scripts.check.findings import Report
from lessons_lib.data.files import DamagedFile, open_picture, read_numbers


def check_voc_xml(samples: Dataset, report: Report) -> None:
    """Note what is wrong with the boxes in Annotations/<name>.xml, for the pictures of a split that have the file."""
    for index in range(len(samples)):
        photo = samples.paths(index)[0]
        file = photo.parent.parent / "Annotations" / f"{photo.stem}.xml"
        if not file.is_file():
            continue
        try:
            root = ElementTree.parse(file).getroot()
        except ElementTree.ParseError as error:
            report.add("broken file", file, "", f"cannot be read as XML: {error}")
            continue
        stated = tuple(_number(root, f"size/{side}") for side in ("width", "height"))
        if photo.is_file() and stated != (size := _size(photo)) and size is not None:
            report.add("wrong size", file, "size", f"must be that of the photograph, {size}, got {stated}")
        for number, entry in enumerate(root.iter("object"), start=1):
            if not (entry.findtext("name") or "").strip():
                report.add("unknown label", file, f"object {number}, name", "must name a class, got nothing")
            box = [_number(entry, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
            if None in box or box[0] > box[2] or box[1] > box[3]:
                what = f"must be numbers with xmin ≤ xmax and ymin ≤ ymax, got {box}"
                report.add("broken annotation", file, f"object {number}, bndbox", what)
            elif None not in stated and (min(box[:2]) < 1 or box[2] > stated[0] or box[3] > stated[1]):
                what = f"must lie in pixels 1 to {stated[0]}, 1 to {stated[1]}, got {box}"
                report.add("box outside", file, f"object {number}, bndbox", what)


def _number(entry: ElementTree.Element, path: str) -> float | None:
    try:
        return float(entry.findtext(path) or "")
    except ValueError:
        return None


def _size(photo: Path) -> tuple[int, int] | None:
    """Width and height of a picture, None where it cannot be read, which is noted elsewhere."""
    try:
        return open_picture(photo).size
    except DamagedFile:
        return None


def check_leaves(samples: Dataset, report: Report) -> None:
    """Note where the foreground, the centres or the counts of leaves disagree with the numbered leaves."""
    if len(samples) == 0:
        return
    home = samples.paths(0)[0].parent
    counts = {}
    for file in home.glob("*.csv"):
        for line, row in enumerate(csv.reader(file.read_text("utf-8", errors="replace").splitlines()), start=1):
            if len(row) == 2 and row[1].strip().isdecimal():
                counts[row[0].strip()] = int(row[1])
            elif row:
                report.add("broken annotation", file, f"line {line}", f"must be a name and a count, got {row}")
    for index, name in enumerate(samples.names):
        label_file = samples.paths(index)[1]
        try:
            labels = read_numbers(label_file)
            for kind in ("fg", "centers"):
                if (file := home / f"{name}_{kind}.png").is_file():
                    _compare(read_numbers(file, labels.shape, ("L", "P", "1")) > 0, labels, kind, file, report)
        except DamagedFile as error:
            report.add_damage(error)
            continue
        leaves = len(np.unique(labels[labels > 0]))
        if counts.get(f"{name}_rgb.png", leaves) != leaves:
            file = next(home.glob("*.csv"))
            what = f"must count the leaves of {label_file.name}, {leaves}, got {counts[f'{name}_rgb.png']}"
            report.add("broken annotation", file, f"{name}_rgb.png", what)


def _compare(marked: np.ndarray, labels: np.ndarray, kind: str, file: Path, report: Report) -> None:
    if kind == "fg" and (wrong := int((marked != (labels > 0)).sum())):
        report.add(
            "broken annotation", file, "pixels", f"must mark the numbered leaves, got {wrong} pixels that differ"
        )
    if kind == "centers" and (wrong := int((marked & (labels == 0)).sum())):
        report.add("broken annotation", file, "pixels", f"must mark pixels of leaves, got {wrong} outside them")


def _beside(label: Path, old: str, new: str, cut: str, end: str) -> Path:
    """The photograph of a label file: another folder, another end of the name."""
    folder = Path(*(new if part == old else part for part in label.parent.parts))
    return folder / (label.name.removesuffix(cut) + end)


ORPHANS: dict[str, list[tuple[str, Callable[[Path], Path]]]] = {
    "ade20k": [("**/annotations/*/*.png", lambda file: _beside(file, "annotations", "images", ".png", ".jpg"))],
    "camvid": [
        (f"**/{split}annot/*.png", lambda file, split=split: _beside(file, f"{split}annot", split, "", ""))
        for split in ("train", "val", "test")
    ],
    "cityscapes": [
        (
            "gtFine/*/*/*_gtFine_labelIds.png",
            lambda file: _beside(file, "gtFine", "leftImg8bit", "_gtFine_labelIds.png", "_leftImg8bit.png"),
        )
    ],
    "penn_fudan": [
        ("**/PedMasks/*_mask.png", lambda file: _beside(file, "PedMasks", "PNGImages", "_mask.png", ".png"))
    ],
    "leaves": [("**/*_label.png", lambda file: _beside(file, "", "", "_label.png", "_rgb.png"))],
}
"""For layouts that are listed by their photographs: patterns of label files, and the photograph that each needs."""


def check_orphans(layout: str, root: Path, report: Report) -> None:
    """Note label files without a photograph, which no reader would ever open."""
    for pattern, photo_of in ORPHANS.get(layout, []):
        for file in sorted(root.glob(pattern)):
            if not photo_of(file).is_file():
                report.add("missing file", photo_of(file), "", f"is not there, though {file.name} is")
