"""Predictions as files that annotation tools open: COCO's JSON with run lengths, label maps as PNG, labelme's JSON.

COCO: the format of the annotation files, "images", "annotations" and "categories", each annotation with a "score" too
(cocodataset.org, "Data format"). labelme 5.3 and later draw a shape of type "mask" from a PNG that fills its box; its
two points are the box's first and last pixel. Label maps are palette images in the colours of Pascal VOC, and
`labelmap.txt` names the colours as CVAT writes it.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int64
from PIL import Image
from torch import Tensor

from lessons_lib.data.class_table import voc_colour
from lessons_lib.data.sample import Instances, tight_boxes
from lessons_lib.ops.masks import encode_rle


class CocoFile:
    """A COCO annotation file that grows image by image; `record` is its content, ready for JSON."""

    def __init__(self, classes: Sequence[str]):
        categories = [{"id": label, "name": name} for label, name in enumerate(classes) if label]
        self.record: dict[str, list[dict]] = {"images": [], "annotations": [], "categories": categories}

    def add_image(self, file_name: str, size: tuple[int, int]) -> None:
        """The image that the next objects belong to; `size` is (height, width)."""
        entry = {"id": len(self.record["images"]) + 1, "file_name": file_name, "height": size[0], "width": size[1]}
        self.record["images"].append(entry)

    def add_objects(self, found: Instances) -> None:
        """Objects of the last image, at its own size: boxes as x, y, width, height; masks as run lengths."""
        image = self.record["images"][-1]
        rles = [None] * len(found) if found.masks is None else encode_rle(found.masks)
        for number, (box, rle) in enumerate(zip(found.boxes.double().tolist(), rles, strict=True)):
            x0, y0, x1, y1 = box
            area = (x1 - x0) * (y1 - y0) if found.masks is None else int(found.masks[number].sum())
            entry = {
                "id": len(self.record["annotations"]) + 1, "image_id": image["id"],
                "category_id": int(found.labels[number]), "bbox": [x0, y0, x1 - x0, y1 - y0], "area": area,
                "iscrowd": 0,
            }  # fmt: skip
            more = {} if found.scores is None else {"score": found.scores[number].item()}
            self.record["annotations"].append(entry | ({} if rle is None else {"segmentation": rle}) | more)


def regions_of(label_map: Int64[Tensor, "H W"]) -> Iterator[Instances]:
    """All pixels of each class as one object without confidence, label after label; the background, 0, is none."""
    for label in label_map.unique().tolist():
        if label:
            mask = (label_map == label)[None]
            yield Instances(tight_boxes(mask), torch.tensor([label]), mask)


def palette_image(label_map: Int64[Tensor, "H W"]) -> Image.Image:
    """A label map as an image of indices, with the colours of Pascal VOC as its palette."""
    image = Image.fromarray(label_map.numpy().astype(np.uint8))
    image.putpalette([part for index in range(256) for part in voc_colour(index)])
    return image


def labelmap_text(classes: Sequence[str]) -> str:
    """The lines of `labelmap.txt`: each class with the colour that it has in the label maps."""
    rows = [f"{name}:{','.join(map(str, voc_colour(label)))}::" for label, name in enumerate(classes)]
    return "\n".join(["# label:color_rgb:parts:actions", *rows]) + "\n"


def labelme_shapes(found: Instances, classes: Sequence[str]) -> list[dict]:
    """labelme's shapes of objects at the image's own size: a mask, or a rectangle where only the box is known.

    An empty mask is left out, since it has no box.
    """
    shapes = []
    for number, (x0, y0, x1, y1) in enumerate(found.boxes.tolist()):
        shape: dict[str, Any] = {"label": classes[int(found.labels[number])], "group_id": None, "flags": {}}
        if found.masks is None:
            shapes.append({**shape, "shape_type": "rectangle", "points": [[x0, y0], [x1, y1]]})
        elif found.masks[number].any():
            shapes.append({**shape, "shape_type": "mask", **_mask_in_box(found.masks[number])})
    return shapes


def labelme_record(image_path: str, size: tuple[int, int], shapes: Sequence[dict]) -> dict:
    """labelme's file for one image; `image_path` is relative to the file."""
    return {
        "version": "5.4.1", "flags": {}, "shapes": list(shapes), "imagePath": image_path, "imageData": None,
        "imageHeight": size[0], "imageWidth": size[1],
    }  # fmt: skip


def _mask_in_box(mask: Bool[Tensor, "H W"]) -> dict:
    """The part of a mask inside its box, as PNG in base64, and the box's first and last pixel as (x, y)."""
    x0, y0, x1, y1 = (int(value) for value in tight_boxes(mask[None])[0].tolist())
    buffer = io.BytesIO()
    Image.fromarray(mask[y0:y1, x0:x1].numpy()).save(buffer, format="PNG")
    return {
        "points": [[x0, y0], [x1 - 1, y1 - 1]],
        "mask": base64.b64encode(buffer.getvalue()).decode("ascii"),
    }
