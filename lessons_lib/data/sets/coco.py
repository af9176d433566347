"""Microsoft COCO: one JSON of polygons and run lengths, read into samples."""

import gc
import json
import warnings
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int64
from pycocotools import mask as coco_mask
from torch import Tensor

from lessons_lib.data.class_table import voc_colour
from lessons_lib.data.files import DamagedFile, read_numbers, read_photo, translate
from lessons_lib.data.reader import Reader
from lessons_lib.data.sample import VOID, Instances, Sample, tight_boxes
from lessons_lib.data.sets.coco_checks import compressed, has_mask, run_lengths, segmentation_fault
from lessons_lib.data.sets.coco_entries import EntryFault, category_faults, record_faults
from lessons_lib.data.spec import DatasetSpec

Window = tuple[slice, slice]


class CocoSamples(Reader):
    """COCO instances, map-style, in ascending order of image id; an image without annotations has N = 0.

    `root` holds the images in `<split>/` and `annotations/instances_<split>.json`. Category ids, which have gaps,
    become labels 1 to K in ascending order: `category_ids[label - 1]` gives them back, `classes[label]` the name.
    Boxes are the file's own, as xyxy. Instances keep the file's order; an `iscrowd` annotation is one instance.
    In an export of boxes alone, where no annotation has a segmentation, masks are None.

    The label map is painted from the masks: crowds first, then by falling area, so the smaller of two overlapping
    objects wins; the rest is 0. Where COCO-Stuff's `stuffthingmaps/<split>/<name>.png` exist they are the label map
    instead (a pixel holds category id − 1, 255 is void), and `annotations/stuff_<split>.json` names the stuff: labels
    K + 1, … in ascending order of id, except a category of supercategory "background", which is 0.
    `lacks` says why there are no "masks" or no "label maps", which are then void everywhere: see `require_truth`.

    Raises FileNotFoundError for a missing set, DamagedFile with the file, the annotation and its field for a broken
    one: at once where the JSON cannot be read or `record_faults` finds something, in `samples[index]` for a
    segmentation, and for an image that is not as large as the file says.
    """

    def __init__(self, root: Path | str, split: str = "val2017"):
        self._photos, self.file = Path(root) / split, Path(root) / "annotations" / f"instances_{split}.json"
        for path in (self._photos, self.file):
            if not path.exists():
                raise FileNotFoundError(f"root must hold {path}, which is not there")
        record = read_record(self.file)
        _refuse_first(self.file, record_faults(record))
        self.images = sorted(record["images"], key=lambda entry: entry["id"])
        self._annotations = defaultdict(list)
        for annotation in record["annotations"]:
            self._annotations[annotation["image_id"]].append(annotation)
        self._boxes_alone = bool(record["annotations"]) and not any(map(has_mask, record["annotations"]))
        categories = sorted(record["categories"], key=lambda entry: entry["id"])
        self.category_ids = tuple(entry["id"] for entry in categories)
        self._labels = {category: label for label, category in enumerate(self.category_ids, start=1)}
        names = ["background", *(entry["name"] for entry in categories)]
        names[0] = "no object" if "background" in names[1:] else "background"
        self._maps = Path(root) / "stuffthingmaps" / split
        self._table = self._read_stuff(names) if self._maps.is_dir() else None
        self.lacks = self._missing(len(names) - 1)
        self.classes = tuple(names)
        self.colours = tuple(map(voc_colour, range(len(names))))
        self.names = tuple(_without_suffix(entry["file_name"]) for entry in self.images)

    def paths(self, index: int) -> list[Path]:
        """The files of a sample: photograph, and its stuff map where there are any."""
        name = self.images[index]["file_name"]
        photo = self._photos / name
        return [photo] if self._table is None else [photo, self._maps / Path(name).with_suffix(".png")]

    def read(self, index: int) -> Sample:
        """The sample of a valid index."""
        photo, *maps = self.paths(index)
        image, entry = read_photo(photo), self.images[index]
        size = tuple(image.shape[1:])
        if (stated := (entry["height"], entry["width"])) != size:  # polygons are drawn at the size that is stated
            reason = f"must be that of the photograph, {size}, got {stated}"
            raise DamagedFile(self.file, reason, f"image {entry['id']}, height and width", "wrong size")
        annotations = self._annotations.get(entry["id"], [])
        with warnings.catch_warnings():  # pycocotools 2.0 passes arrays in a way that numpy 2 announces to change
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
            instances, windows, areas = self._instances(annotations, size)
        if "label maps" in self.lacks:
            label_map = torch.full(size, VOID)
        elif self._table is not None:
            values = read_numbers(maps[0], size)
            label_map = translate(values, self._table, maps[0], "category ids − 1, or 255")
        else:
            label_map = _paint(instances, areas, windows)
        return Sample(image, label_map, instances)

    def _instances(self, annotations: list[dict], size: tuple[int, int]) -> tuple[Instances, list[Window], list[int]]:
        """The instances, the window around each mask, and how many pixels it has."""
        masks, drawn = None, []
        if not self._boxes_alone:
            masks = np.zeros((len(annotations), *size), dtype=bool)
            drawn = [self._draw(annotation, mask) for mask, annotation in zip(masks, annotations, strict=True)]
        boxes = torch.tensor([annotation["bbox"] for annotation in annotations], dtype=torch.float64).view(-1, 4)
        boxes[:, 2:] += boxes[:, :2]  # x, y, width, height → x0, y0, x1, y1
        labels = [self._labels[annotation["category_id"]] for annotation in annotations]
        crowds = [bool(annotation.get("iscrowd", 0)) for annotation in annotations]
        instances = Instances(
            boxes=boxes.to(torch.float32),
            labels=torch.tensor(labels, dtype=torch.int64),
            masks=None if masks is None else torch.from_numpy(masks),
            is_crowd=torch.tensor(crowds, dtype=torch.bool),
        )
        return instances, [window for window, _ in drawn], [area for _, area in drawn]

    def _draw(self, annotation: dict, mask: Bool[np.ndarray, "H W"]) -> tuple[Window, int]:
        """Draw an annotation into an empty mask; give the window around what is drawn, and its area."""
        segmentation = annotation.get("segmentation")
        fault = segmentation_fault(segmentation, *mask.shape) if "segmentation" in annotation else "is missing"
        if fault:
            raise DamagedFile(self.file, fault, f"annotation {annotation['id']}, segmentation", "broken annotation")
        return _draw(compressed(segmentation, *mask.shape), mask)

    def _read_stuff(self, names: list[str]) -> Int64[np.ndarray, "256"]:
        """The label of each value of the stuff maps; what is stuff joins `names`."""
        if self.category_ids and not 1 <= self.category_ids[0] <= self.category_ids[-1] <= VOID:
            reason = f"must be in [1, 255] for a stuff map to hold it, got {self.category_ids}"
            raise DamagedFile(self.file, reason, "categories, id")
        file = self.file.with_name(self.file.name.replace("instances_", "stuff_", 1))
        if not file.exists():
            raise FileNotFoundError(f"root must hold {file}, which is not there")
        record = read_record(file)
        stuff = record.get("categories") if isinstance(record, dict) else None
        if not isinstance(stuff, list):
            raise DamagedFile(file, "must hold a list of categories", "categories")
        _refuse_first(file, category_faults(stuff))
        table = _stuff_table(stuff, self._labels, names)
        if twice := [name for name in names if names.count(name) > 1]:
            raise DamagedFile(file, f"must name no thing of {self.file.name}, got {twice[0]!r}", "categories, name")
        return table

    def _missing(self, count: int) -> dict[str, str]:
        """What this set lacks, and why."""
        lacks = {}
        if self._boxes_alone:
            lacks["masks"] = "it holds boxes and no masks: no annotation has a segmentation"
            if self._table is None:
                lacks["label maps"] = lacks["masks"]
        if count >= VOID:
            limit = f"a label map holds at most {VOID - 1} categories, as its label {VOID} means void"
            lacks["label maps"] = f"{limit}, got {count}"
        return lacks


def read_record(file: Path) -> Any:
    """The content of a JSON file, in UTF-8 whatever the machine's own encoding is. Raises DamagedFile."""
    collecting = gc.isenabled()
    gc.disable()  # there is no garbage in what is read, and to look for it takes as long as the reading
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedFile(file, f"cannot be read as JSON: {error}") from error
    finally:
        if collecting:
            gc.enable()


def _refuse_first(file: Path, faults: Iterable[EntryFault]) -> None:
    for fault in faults:
        raise DamagedFile(file, fault.reason, fault.place, fault.kind)


def _without_suffix(file_name: str) -> str:
    """The name of an image with the folders that the file gives it: cam1/1.png and cam2/1.png are two."""
    return (Path(file_name).parent / Path(file_name).stem).as_posix()


def paint_label_map(instances: Instances) -> Int64[Tensor, "H W"]:
    """Paint masks into one label map: crowds first, then by falling area, so the smaller object wins; the rest is 0."""
    corners = tight_boxes(instances.known_masks).long().tolist()
    windows = [(slice(y0, y1), slice(x0, x1)) for x0, y0, x1, y1 in corners]
    return _paint(instances, instances.known_masks.flatten(1).sum(1).tolist(), windows)


def _paint(instances: Instances, areas: list[int], windows: list[Window]) -> Int64[Tensor, "H W"]:
    """The same, where the window around each mask is known: most are small, and painted fast."""
    masks, labels = instances.known_masks.numpy(), instances.labels.tolist()
    crowds = [False] * len(labels) if instances.is_crowd is None else instances.is_crowd.tolist()
    label_map = np.zeros(masks.shape[1:], dtype=np.int64)
    for i in sorted(range(len(instances)), key=lambda i: (not crowds[i], -areas[i])):
        label_map[windows[i]][masks[i][windows[i]]] = labels[i]
    return torch.from_numpy(label_map)


def _draw(runs: dict, mask: Bool[np.ndarray, "H W"]) -> tuple[Window, int]:
    """Draw run lengths, which go down the columns, into an empty mask; give the window around it, and its area."""
    height, width = mask.shape
    counts = run_lengths(runs["counts"])
    columns = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height)
    x, y, wide, high = (int(value) for value in coco_mask.toBbox(runs))
    window = (slice(y, y + high), slice(x, x + wide))
    mask[window] = columns.T[window]
    return window, int(counts[1::2].sum())


def _stuff_table(stuff: list[dict], labels: dict[int, int], names: list[str]) -> Int64[np.ndarray, "256"]:
    """Label of each pixel value of a stuff map, −1 for a value without a category; stuff names join `names`."""
    table = np.full(256, -1, dtype=np.int64)
    table[VOID] = VOID
    for category, label in labels.items():
        table[category - 1] = label
    known = [entry for entry in stuff if 1 <= entry["id"] <= VOID]  # the maps hold no other
    for entry in sorted(known, key=lambda entry: entry["id"]):
        if entry.get("supercategory") == "background":
            table[entry["id"] - 1] = 0
            names[0] = entry["name"]
        elif entry["id"] not in labels:
            table[entry["id"] - 1] = len(names)
            names.append(entry["name"])
    return table


COCO2017 = DatasetSpec(
    name="coco2017",
    reader=CocoSamples,
    splits=("train2017", "val2017"),
    classes=None,
    void=(VOID,),
    signs=("annotations/instances_*.json",),
    train="train2017",
    val="val2017",
    also=("coco",),
)
DATASETS = (COCO2017,)
