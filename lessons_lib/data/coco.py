"""Microsoft COCO: one JSON of polygons and run lengths, read into samples."""

import contextlib
import io
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.datasets import CocoDetection

from lessons_lib.data.photo import image_to_tensor
from lessons_lib.data.sample import VOID, Instances, Sample


class CocoSamples(Dataset):
    """COCO instances, map-style, in ascending order of image id; a picture without annotations has N = 0.

    `root` holds the pictures in `<split>/` and `annotations/instances_<split>.json`. Category ids, which have gaps,
    become labels 1 to K in ascending order: `category_ids[label - 1]` gives them back, `classes[label]` the name.
    Boxes are the file's own, as xyxy. Instances keep the file's order; an `iscrowd` annotation is one instance.

    The label map is painted from the instances: crowds first, then by falling area, so the smaller of two overlapping
    objects wins; the rest is 0. Where COCO-Stuff's `stuffthingmaps/<split>/<name>.png` exist they are the label map
    instead (a pixel holds category id − 1, 255 is void), and `annotations/stuff_<split>.json` names the stuff: labels
    K + 1, … in ascending order of id, except a category of supercategory "background", which is 0.

    Raises FileNotFoundError for a missing file, ValueError naming the file and the value for a broken one.
    """

    def __init__(self, root: Path | str, split: str = "val2017"):
        root = Path(root)
        self.files = _open(root / split, root / "annotations" / f"instances_{split}.json")
        categories = sorted(self.files.coco.loadCats(self.files.coco.getCatIds()), key=lambda entry: entry["id"])
        self.category_ids = tuple(entry["id"] for entry in categories)
        self._labels = {category: label for label, category in enumerate(self.category_ids, start=1)}
        names = ["background", *(entry["name"] for entry in categories)]
        self._maps = root / "stuffthingmaps" / split
        if self._maps.is_dir():
            stuff = _open(root / split, root / "annotations" / f"stuff_{split}.json").coco.dataset["categories"]
            self._table = _stuff_table(stuff, self._labels, names)
        else:
            self._table = None
        self.classes = tuple(names)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(f"index must be in [0, {len(self)}), got {index}")
        picture, annotations = self.files[index]
        image = image_to_tensor(picture)
        instances = self._instances(annotations, tuple(image.shape[1:]))
        if self._table is None:
            areas = [annotation["area"] for annotation in annotations]
            return Sample(image, paint_label_map(instances, torch.tensor(areas)), instances)
        record = self.files.coco.loadImgs(self.files.ids[index])[0]
        return Sample(image, self._read_map(self._maps / Path(record["file_name"]).with_suffix(".png")), instances)

    def _instances(self, annotations: list[dict], size: tuple[int, int]) -> Instances:
        masks = np.zeros((len(annotations), *size), dtype=bool)
        for mask, annotation in zip(masks, annotations, strict=True):
            decoded = self.files.coco.annToMask(annotation)
            if decoded.shape != size:
                raise ValueError(
                    f"annotation {annotation['id']} must be as large as its picture, {size}, got {decoded.shape}"
                )
            mask[:] = decoded
        boxes = torch.tensor([annotation["bbox"] for annotation in annotations], dtype=torch.float64).view(-1, 4)
        boxes[:, 2:] += boxes[:, :2]  # x, y, width, height → x0, y0, x1, y1
        labels = [self._labels[annotation["category_id"]] for annotation in annotations]
        crowds = [bool(annotation.get("iscrowd", 0)) for annotation in annotations]
        return Instances(
            boxes=boxes.to(torch.float32),
            labels=torch.tensor(labels, dtype=torch.int64),
            masks=torch.from_numpy(masks),
            is_crowd=torch.tensor(crowds, dtype=torch.bool),
        )

    def _read_map(self, file: Path) -> Int64[Tensor, "H W"]:
        with Image.open(file) as picture:
            if picture.mode not in ("L", "P"):
                raise ValueError(f"{file} must be a grey-scale picture (mode L), got mode {picture.mode}")
            values = torch.from_numpy(np.array(picture)).to(torch.int64)
        label_map = self._table[values]
        if (label_map < 0).any():
            raise ValueError(f"{file} must hold category ids − 1, or 255, got {values[label_map < 0][0].item()}")
        return label_map


def paint_label_map(instances: Instances, areas: Tensor) -> Int64[Tensor, "H W"]:
    """Paint instances into one label map: crowds first, then by falling area, so the smaller object wins; rest 0."""
    label_map = torch.zeros(instances.masks.shape[1:], dtype=torch.int64)
    for i in sorted(range(len(instances)), key=lambda i: (not instances.is_crowd[i], -areas[i].item())):
        label_map[instances.masks[i]] = instances.labels[i]
    return label_map


def _open(folder: Path, annotations: Path) -> CocoDetection:
    """Read a JSON through torchvision and pycocotools, without what they print."""
    for path in (folder, annotations):
        if not path.exists():
            raise FileNotFoundError(f"root must hold {path}, which is not there")
    with contextlib.redirect_stdout(io.StringIO()):
        return CocoDetection(str(folder), str(annotations))


def _stuff_table(stuff: list[dict], labels: dict[int, int], names: list[str]) -> Int64[Tensor, "256"]:
    """Label of each pixel value of a stuff map, −1 for a value without a category; stuff names join `names`."""
    table = torch.full((256,), -1, dtype=torch.int64)
    table[VOID] = VOID
    for category, label in labels.items():
        table[category - 1] = label
    for entry in sorted(stuff, key=lambda entry: entry["id"]):
        if entry.get("supercategory") == "background":
            table[entry["id"] - 1] = 0
            names[0] = entry["name"]
        elif entry["id"] not in labels:
            table[entry["id"] - 1] = len(names)
            names.append(entry["name"])
    return table
