"""Write samples in the layout of COCO 2017 with its stuff maps, so that reading them back gives the same samples."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Int64
from pycocotools import mask as coco_mask
from torch import Tensor

from data_scripts.check.coco import check_coco
from data_scripts.check.findings import Report
from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import save_numbers, save_photo
from data_scripts.export.relabel import SCENE_LABELS
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.scenes import CLASSES
from lessons_lib.data.scenes.config import THINGS
from lessons_lib.data.sets.coco import COCO2017, CocoSamples


def write_coco(
    samples: Iterable[Sample], classes: Sequence[str], things: int, out: Path | str, split: str = "train2017"
) -> int:
    """Write `out/<split>`, `out/annotations` and `out/stuffthingmaps/<split>`; return how many images.

    Labels 1 to `things` become the categories of the instances, the labels above them stuff, and label 0 a stuff
    category after the last, of supercategory "background". Ids count from 1. Images are PNG, masks run lengths, boxes
    the sample's own. Void is 255 in the maps, and in no mask.
    Raises ValueError for an instance that is no thing or a label beyond `classes`, FileExistsError where `out` is not
    empty. Nothing stays on an error.
    """
    if not 1 <= things < len(classes):
        raise ValueError(f"things must be in [1, {len(classes) - 1}], got {things}")
    with whole_folder(out) as draft:
        for folder in (split, "annotations", f"stuffthingmaps/{split}"):
            (draft / folder).mkdir(parents=True)
        images: list[dict] = []
        annotations: list[dict] = []
        for number, sample in enumerate(samples, start=1):
            name = f"{number:012d}.png"
            save_photo(sample.image, draft / split / name)
            save_numbers(_stuff_map(sample.label_map, classes, number), draft / "stuffthingmaps" / split / name)
            height, width = sample.label_map.shape
            images.append({"id": number, "file_name": name, "height": height, "width": width})
            for entry in _annotations(sample, things, number):
                annotations.append({"id": len(annotations) + 1, **entry})
        categories = [{"id": k, "name": classes[k], "supercategory": "thing"} for k in range(1, things + 1)]
        stuff = [{"id": k, "name": classes[k], "supercategory": "stuff"} for k in range(things + 1, len(classes))]
        stuff.append({"id": len(classes), "name": classes[0], "supercategory": "background"})
        instances = {"images": images, "annotations": annotations, "categories": categories}
        _save(instances, draft / "annotations" / f"instances_{split}.json")
        _save({"images": images, "annotations": [], "categories": stuff}, draft / "annotations" / f"stuff_{split}.json")
    return len(images)


def _annotations(sample: Sample, things: int, image_id: int) -> list[dict]:
    instances = sample.instances
    if instances.masks is None:
        raise ValueError(f"sample {image_id - 1}: instances must have masks, got boxes alone")
    entries = []
    for i, mask in enumerate(instances.masks):
        label = int(instances.labels[i])
        if not 1 <= label <= things:
            raise ValueError(f"sample {image_id - 1}: labels must be in [1, {things}], got {label}")
        crowd = instances.is_crowd is not None and bool(instances.is_crowd[i])
        x0, y0, x1, y1 = instances.boxes[i].tolist()
        entries.append(
            {
                "image_id": image_id,
                "category_id": label,
                "iscrowd": int(crowd),
                "area": int(mask.sum()),
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "segmentation": _run_lengths(mask),
            }
        )
    return entries


def _run_lengths(mask: Bool[Tensor, "H W"]) -> dict:
    encoded = coco_mask.encode(np.asfortranarray(mask.numpy().astype(np.uint8)))
    return {"size": encoded["size"], "counts": encoded["counts"].decode("ascii")}


def _stuff_map(label_map: Int64[Tensor, "H W"], classes: Sequence[str], number: int) -> Int64[Tensor, "H W"]:
    """A pixel holds its category id − 1; label 0 has the id after the last label; 255 is void."""
    wrong = (label_map != VOID) & (label_map >= len(classes))
    if wrong.any():
        got = label_map[wrong][0].item()
        raise ValueError(f"sample {number - 1}: label_map must be in [0, {len(classes) - 1}] or 255, got {got}")
    ids = torch.where(label_map == 0, len(classes), label_map)
    return torch.where(label_map == VOID, VOID, ids - 1)


def _save(record: dict, file: Path) -> None:
    file.write_text(json.dumps(record, separators=(",", ":")), encoding="utf-8")


def check_json(root: Path, report: Report) -> None:
    """Note what is wrong inside the annotations of each split."""
    for split in COCO2017.splits:
        if (file := root / "annotations" / f"instances_{split}.json").is_file():
            check_coco(file, report)


def check_what_is_lacking(samples: CocoSamples, report: Report) -> None:
    """Note once that a file holds boxes alone, or more categories than a label map can."""
    for reason in dict.fromkeys(samples.lacks.values()):
        report.add("no masks" if reason == samples.lacks.get("masks") else "no label maps", samples.file, "", reason)


_EXPORT = Export(
    write=lambda samples, out, split: write_coco(samples, CLASSES, len(THINGS), out, split),
    labels=SCENE_LABELS,
    reads_back=COCO2017,
    splits=COCO2017.splits,
    crowds=True,
)


ENTRIES = (Entry(COCO2017, _EXPORT, check_folder=check_json, check_samples=check_what_is_lacking),)
