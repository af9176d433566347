"""COCO's JSON as tools export it, wherever it lies: Roboflow, CVAT, labelme2coco, VIA, Label Studio and others."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lessons_lib.data.exports.given_splits import SPLITS, split_of_path, split_of_word
from lessons_lib.data.exports.photos import Photos, plain_path
from lessons_lib.data.exports.reader import PLACEHOLDERS, ExportSamples, Found, Item
from lessons_lib.data.exports.shapes import Shape
from lessons_lib.data.exports.texts import any_holding, holding
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.sets.coco import read_record
from lessons_lib.data.sets.coco_checks import has_mask
from lessons_lib.data.sets.coco_entries import record_faults, side_fault
from lessons_lib.data.sets.coco_repair import repaired
from lessons_lib.data.spec import DatasetSpec

SIGNS = ('"images"', '"annotations"', '"categories"')


class CocoJsonSamples(ExportSamples):
    """Any JSON files in COCO's format below the root; each image that they list, with or without annotations.

    Splits come from the folders and names of the files (train/_annotations.coco.json, instances_val.json). Classes are
    matched by name over all files, in ascending order of id; a category that stands for none is left out: one called
    _background_, and Roboflow's, which has the project's name and the id 0. What `repaired` mends is no damage.
    Where a folder also has files of keypoints or captions, those called instances are read. Source:
    cocodataset.org/#format-data.
    """

    def find(self, root: Path) -> Found:
        """Every image of every file."""
        files, notes = _chosen([file for file in holding(root, (".json",), SIGNS) if not _is_other(file)], root)
        if not files:
            raise FileNotFoundError(f"root must hold a JSON in COCO's format: {root}")
        records = {file: repaired(read_record(file)) for file in files}
        for file, record in records.items():
            for fault in record_faults(record):
                if not fault.place.startswith("images[") or not fault.place.endswith(("height", "width")):
                    raise DamagedFile(file, fault.reason, fault.place, fault.kind)
        photos, without = Photos(root), _placeholders(list(records.values()))
        items = [item for file, record in records.items() for item in _items(file, record, root, photos, without)]
        return Found(_classes(records.values(), without), tuple(items), tuple(notes))


def _chosen(files: list[Path], root: Path) -> tuple[list[Path], list[str]]:
    """The files that say which objects there are, once: not the union beside the splits, nor keypoints or captions."""
    notes = []
    homes = {file.parent for file in files if file.stem.lower().startswith("instances")}
    chosen = [file for file in files if file.parent not in homes or file.stem.lower().startswith("instances")]
    words = {file: split_of_path(file, root, stem=True) for file in chosen}
    if any(words.values()) and not all(words.values()):
        rest = [file.name for file in chosen if not words[file]]
        notes.append(f"{', '.join(rest)} left out, since others are named after splits")
        chosen = [file for file in chosen if words[file]]
    return chosen, notes


def _is_other(file: Path) -> bool:
    """Whether a file is of another of COCO's tasks, in which an annotation is no object."""
    return file.stem.lower().startswith(("panoptic", "captions", "stuff", "image_info"))


def _placeholders(records: Sequence[dict]) -> set[str]:
    """Names of categories that stand for no class."""
    used, parents, zero = Counter[str](), defaultdict(set), set()
    for record in records:
        names = {entry["id"]: entry["name"] for entry in record["categories"]}
        used.update(names[entry["category_id"]] for entry in record["annotations"])
        zero |= {entry["name"] for entry in record["categories"] if entry["id"] == 0}
        for entry in record["categories"]:
            if entry["id"] != 0:
                parent = entry.get("supercategory")
                parents[entry["name"]].add(parent if isinstance(parent, str) else None)
    above = [next(iter(found)) if len(found) == 1 else None for found in parents.values()]
    project = {name for name in zero if not used[name] and above and set(above) == {name}}
    return project | {name for name in (*parents, *zero) if name in PLACEHOLDERS}


def _classes(records: Any, without: set[str]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for record in records:
        for entry in sorted(record["categories"], key=lambda entry: entry["id"]):
            names.setdefault(entry["name"])
    return tuple(name for name in names if name not in without)


def _items(file: Path, record: dict, root: Path, photos: Photos, without: set[str]) -> list[Item]:
    names = {entry["id"]: entry["name"] for entry in record["categories"]}
    shapes = defaultdict(list)
    for annotation in record["annotations"]:
        name = names[annotation["category_id"]]
        if name not in without:
            shapes[annotation["image_id"]].append(_shape(name, annotation))
    split, items = split_of_path(file, root, stem=True), []
    for entry in record["images"]:
        photo = photos.find(entry["file_name"], file)
        sides = (entry.get("height"), entry.get("width"))
        size = None if any(map(side_fault, sides)) else sides  # some tools write none, or 0
        place = f"image {entry['id']}, height and width"
        own = split or _split_of_photo(photo.path, entry["file_name"], root)
        items.append(Item(photo.path, file, tuple(shapes[entry["id"]]), size, place, own, fault=photo.fault))
    return items


def _shape(name: str, annotation: dict) -> Shape:
    x, y, width, height = map(float, annotation["bbox"])
    return Shape(
        name=name,
        place=f"annotation {annotation['id']}, segmentation",
        segmentation=annotation["segmentation"] if has_mask(annotation) else None,
        box=(x, y, x + width, y + height),
        crowd=bool(annotation.get("iscrowd", 0)),
    )


def _split_of_photo(photo: Path, named: str, root: Path) -> str:
    """The split that the folders of a photograph name, or those that the file gives it."""
    inside = split_of_path(photo, root) if photo.is_relative_to(root) else ""
    return inside or next((s for part in plain_path(named).parent.parts if (s := split_of_word(part))), "")


COCO_JSON = DatasetSpec(
    name="coco_json",
    reader=CocoJsonSamples,
    splits=SPLITS,
    classes=None,
    recognises=lambda root: any_holding(root, (".json",), SIGNS),
)
DATASETS = (COCO_JSON,)
