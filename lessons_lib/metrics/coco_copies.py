"""Ground truth and results of COCO, checked and copied for pycocotools, which writes into what it is given."""

from collections.abc import Sequence
from typing import Any

from pycocotools import mask as coco_mask

from lessons_lib.data.sets.coco_checks import compressed, has_mask, segmentation_fault
from lessons_lib.data.sets.coco_entries import (
    MISSING,
    PARTS,
    annotation_faults,
    box_fault,
    id_fault,
    ids_of,
    is_number,
    shown,
    side_fault,
)


def copy_of_truth(truth: dict, kind: str) -> dict:
    """Ground truth with what the evaluation of `kind` needs, annotations numbered from 1; `truth` stays as it is.

    Raises ValueError for an annotation with a fault.
    """
    for part in PARTS:
        if not isinstance(truth, dict) or not isinstance(truth.get(part), list | tuple):
            raise ValueError(f"truth must be a dict with the lists {', '.join(PARTS)}, got no list {part}")
    ids, sizes = {}, {}
    for part in PARTS[:2]:
        ids[part] = ids_of(truth[part])
        if ids[part] is None:
            raise ValueError(f"truth, {part}: must have integers as ids, each of them once")
    for image in truth["images"]:
        sizes[image["id"]] = (image.get("height"), image.get("width"))
    annotations = []
    for number, entry in enumerate(truth["annotations"]):
        for fault in annotation_faults(entry, number, ids["images"], ids["categories"], box=kind == "box"):
            raise ValueError(f"truth, {fault.place}: {fault.reason}")
        own = {"id": number + 1, "image_id": entry["image_id"], "category_id": entry["category_id"]}
        own["iscrowd"] = int(entry.get("iscrowd", 0))
        if kind == "mask" or ("area" not in entry and has_mask(entry)):
            own["segmentation"] = _runs(entry, sizes[entry["image_id"]], f"truth, annotation {entry['id']}")
        if kind == "box":
            own["bbox"] = list(entry["bbox"])
        if "area" in entry:
            own["area"] = entry["area"]
        elif "segmentation" in own:
            own["area"] = int(coco_mask.area(own["segmentation"]))
        else:
            own["area"] = entry["bbox"][2] * entry["bbox"][3]
        annotations.append(own)
    images = [{"id": number, "height": size[0], "width": size[1]} for number, size in sizes.items()]
    categories = [{"id": entry["id"], "name": entry.get("name", "")} for entry in truth["categories"]]
    return {"images": images, "annotations": annotations, "categories": categories}


def copy_of_results(results: Sequence[dict], images: Sequence[dict], kind: str) -> list[dict]:
    """Results with what the evaluation of `kind` needs. Raises ValueError for one with a fault, or of no image."""
    sizes = {image["id"]: (image["height"], image["width"]) for image in images}
    copies = []
    for number, result in enumerate(results):
        place = f"results[{number}]"
        if not isinstance(result, dict):
            raise ValueError(f"{place} must be a dict, got {shown(result)}")
        for field in ("image_id", "category_id"):
            if fault := id_fault(result.get(field, MISSING)):
                raise ValueError(f"{place}, {field}: {fault}")
        if result["image_id"] not in sizes:
            raise ValueError(f"{place}, image_id: must be the id of an image of the truth, got {result['image_id']}")
        if not is_number(result.get("score")):
            raise ValueError(f"{place}, score: must be a finite number, got {shown(result.get('score'))}")
        own = {name: result[name] for name in ("image_id", "category_id", "score")}
        if kind == "mask":
            own["segmentation"] = _runs(result, sizes[result["image_id"]], place)
        elif fault := box_fault(result.get("bbox", MISSING)):
            raise ValueError(f"{place}, bbox: {fault}")
        else:
            own["bbox"] = list(result["bbox"])
        copies.append(own)
    return copies


def _runs(entry: dict, size: tuple[Any, Any], place: str) -> dict:
    """The compressed run lengths of an entry; where the image states no size, run lengths state it themselves."""
    segmentation = entry.get("segmentation")
    height, width = size
    if None in size and isinstance(segmentation, dict) and isinstance(segmentation.get("size"), list | tuple):
        height, width = [*segmentation["size"], None, None][:2]
    if fault := side_fault(height) or side_fault(width):
        raise ValueError(f"{place}: height and width of its image {fault}")
    if fault := segmentation_fault(segmentation, height, width):
        raise ValueError(f"{place}, segmentation: {fault}")
    return dict(compressed(segmentation, height, width))
