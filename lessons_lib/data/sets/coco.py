"""Microsoft COCO: one JSON of polygons and run lengths, read into samples."""

import contextlib
import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Int64
from pycocotools import mask as coco_mask
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.datasets import CocoDetection

from lessons_lib.data.class_table import voc_colour
from lessons_lib.data.files import DamagedFile, read_numbers, read_photo, require_index, translate
from lessons_lib.data.sample import VOID, Instances, Sample, tight_boxes
from lessons_lib.data.sets.coco_checks import box_fault, run_lengths, segmentation_fault
from lessons_lib.data.spec import DatasetSpec

Window = tuple[slice, slice]


class CocoSamples(Dataset):
    """COCO instances, map-style, in ascending order of image id; a picture without annotations has N = 0.

    `root` holds the pictures in `<split>/` and `annotations/instances_<split>.json`. Category ids, which have gaps,
    become labels 1 to K in ascending order: `category_ids[label - 1]` gives them back, `classes[label]` the name.
    Boxes are the file's own, as xyxy. Instances keep the file's order; an `iscrowd` annotation is one instance.

    The label map is painted from the instances: crowds first, then by falling area, so the smaller of two overlapping
    objects wins; the rest is 0. Where COCO-Stuff's `stuffthingmaps/<split>/<name>.png` exist they are the label map
    instead (a pixel holds category id − 1, 255 is void), and `annotations/stuff_<split>.json` names the stuff: labels
    K + 1, … in ascending order of id, except a category of supercategory "background", which is 0.

    Raises FileNotFoundError for a missing set, DamagedFile with the file, the annotation and its field for a broken
    one: at once where the JSON cannot be read, else in `samples[index]`. A missing field is damage too.
    """

    def __init__(self, root: Path | str, split: str = "val2017"):
        root = Path(root)
        self._file = root / "annotations" / f"instances_{split}.json"
        self.files = _open(root / split, self._file)
        categories = sorted(self.files.coco.loadCats(self.files.coco.getCatIds()), key=lambda entry: entry["id"])
        self.category_ids = tuple(entry["id"] for entry in categories)
        self._labels = {category: label for label, category in enumerate(self.category_ids, start=1)}
        names = ["background", *(entry["name"] for entry in categories)]
        self._maps = root / "stuffthingmaps" / split
        if self._maps.is_dir():
            if self.category_ids and not 1 <= self.category_ids[0] <= self.category_ids[-1] <= VOID:
                reason = f"must be in [1, 255] for a stuff map to hold it, got {self.category_ids}"
                raise DamagedFile(self._file, reason, "categories, id")
            stuff = _open(root / split, root / "annotations" / f"stuff_{split}.json").coco.dataset["categories"]
            self._table = _stuff_table(stuff, self._labels, names)
        else:
            self._table = None
        self.classes = tuple(names)
        self.colours = tuple(map(voc_colour, range(len(names))))
        self.names = tuple(Path(self.files.coco.imgs[number]["file_name"]).stem for number in self.files.ids)

    def __len__(self) -> int:
        return len(self.names)

    def paths(self, index: int) -> list[Path]:
        """The files of a sample: photograph, and its stuff map where there are any."""
        name = self.files.coco.imgs[self.files.ids[index]]["file_name"]
        photo = Path(self.files.root) / name
        return [photo] if self._table is None else [photo, self._maps / Path(name).with_suffix(".png")]

    def __getitem__(self, index: int) -> Sample:
        require_index(index, len(self))
        photo, *maps = self.paths(index)
        image = read_photo(photo)
        size = tuple(image.shape[1:])
        coco = self.files.coco
        annotations = coco.imgToAnns[self.files.ids[index]]
        with warnings.catch_warnings():  # pycocotools 2.0 passes arrays in a way that numpy 2 announces to change
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
            windows, instances = self._instances(annotations, size)
        if not maps:
            areas = [annotation["area"] for annotation in annotations]
            return Sample(image, _paint(instances, areas, windows), instances)
        values = read_numbers(maps[0], size)
        return Sample(image, translate(values, self._table, maps[0], "category ids − 1, or 255"), instances)

    def _instances(self, annotations: list[dict], size: tuple[int, int]) -> tuple[list[Window], Instances]:
        """The instances, and the window around each mask."""
        masks, windows = np.zeros((len(annotations), *size), dtype=bool), []
        for mask, annotation in zip(masks, annotations, strict=True):
            self._check(annotation, size)
            windows.append(_draw(self.files.coco.annToRLE(annotation), mask))
        boxes = torch.tensor([annotation["bbox"] for annotation in annotations], dtype=torch.float64).view(-1, 4)
        boxes[:, 2:] += boxes[:, :2]  # x, y, width, height → x0, y0, x1, y1
        labels = [self._labels[annotation["category_id"]] for annotation in annotations]
        crowds = [bool(annotation.get("iscrowd", 0)) for annotation in annotations]
        return windows, Instances(
            boxes=boxes.to(torch.float32),
            labels=torch.tensor(labels, dtype=torch.int64),
            masks=torch.from_numpy(masks),
            is_crowd=torch.tensor(crowds, dtype=torch.bool),
        )

    def _check(self, annotation: dict, size: tuple[int, int]) -> None:
        """Refuse an annotation that cannot be decoded safely."""
        for field in ("category_id", "bbox", "segmentation", "area"):
            if field not in annotation:
                self._refuse(annotation, field, "is missing")
        category, area = annotation["category_id"], annotation["area"]
        if not isinstance(category, int) or category not in self._labels:
            reason = f"must be a category of the file, got {category}"
            self._refuse(annotation, "category_id", reason, "unknown label")
        if fault := box_fault(annotation["bbox"]):
            self._refuse(annotation, "bbox", fault)
        if not isinstance(area, int | float):
            self._refuse(annotation, "area", f"must be a number, got {area!r}")
        picture = self.files.coco.imgs[annotation["image_id"]]
        if (
            stated := (picture.get("height"), picture.get("width"))
        ) != size:  # polygons are drawn at the size that is stated
            self._refuse(annotation, "segmentation", f"must be as large as its picture, {size}, got {stated}")
        if fault := segmentation_fault(annotation["segmentation"], *size):
            self._refuse(annotation, "segmentation", fault)

    def _refuse(self, annotation: dict, field: str, reason: str, kind: str = "broken annotation") -> None:
        raise DamagedFile(self._file, reason, f"annotation {annotation.get('id')}, {field}", kind)


def paint_label_map(instances: Instances, areas: Sequence[float | int]) -> Int64[Tensor, "H W"]:
    """Paint instances into one label map: crowds first, then by falling area, so the smaller object wins; rest 0."""
    corners = tight_boxes(instances.masks).long().tolist()
    return _paint(instances, areas, [(slice(y0, y1), slice(x0, x1)) for x0, y0, x1, y1 in corners])


def _paint(instances: Instances, areas: Sequence[float | int], windows: list[Window]) -> Int64[Tensor, "H W"]:
    """The same, where the window around each mask is known: most are small, and painted fast."""
    masks, labels = instances.masks.numpy(), instances.labels.tolist()
    label_map = np.zeros(masks.shape[1:], dtype=np.int64)
    for i in sorted(range(len(instances)), key=lambda i: (not instances.is_crowd[i], -areas[i])):
        label_map[windows[i]][masks[i][windows[i]]] = labels[i]
    return torch.from_numpy(label_map)


def _draw(runs: dict, mask: Bool[np.ndarray, "H W"]) -> Window:
    """Draw run lengths, which go down the columns, into an empty mask; give the window around what is drawn."""
    height, width = mask.shape
    counts = run_lengths(runs["counts"])
    columns = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height)
    x, y, wide, high = (int(value) for value in coco_mask.toBbox(runs))
    window = (slice(y, y + high), slice(x, x + wide))
    mask[window] = columns.T[window]
    return window


def _open(folder: Path, annotations: Path) -> CocoDetection:
    """Read a JSON through torchvision and pycocotools, without what they print."""
    for path in (folder, annotations):
        if not path.exists():
            raise FileNotFoundError(f"root must hold {path}, which is not there")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            files = CocoDetection(str(folder), str(annotations))
        _require_types(files.coco.dataset["images"], "images", {"id": int, "file_name": str})
        _require_types(files.coco.dataset["categories"], "categories", {"id": int, "name": str})
        return files
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        reason = f"cannot be read as COCO annotations: {type(error).__name__}: {error}"
        raise DamagedFile(annotations, reason) from error


def _require_types(entries: list[dict], name: str, types: dict[str, type]) -> None:
    """Raise TypeError for an entry whose field is of another type or empty, KeyError where it is missing."""
    for number, entry in enumerate(entries):
        for key, wanted in types.items():
            if not isinstance(entry[key], wanted) or (wanted is str and not Path(entry[key]).name):
                raise TypeError(f"{name}[{number}], {key} must be {wanted.__name__} and not empty, got {entry[key]!r}")


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
