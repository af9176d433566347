"""Predictions as files: COCO's entries by hand, palette images, the names of their colours, and labelme's shapes."""

import base64
import io

import numpy as np
import torch
from PIL import Image

from lessons_lib.data.predictions import (
    CocoFile,
    labelmap_text,
    labelme_record,
    labelme_shapes,
    palette_image,
    regions_of,
)
from lessons_lib.data.sample import Instances

MASK = torch.tensor([[[False, True, True], [False, False, True]]])
FOUND = Instances(torch.tensor([[1.0, 0, 3, 2]]), torch.tensor([2]), MASK, torch.tensor([0.75]))
CLASSES = ["background", "cat", "dog"]


def test_coco_s_entries_by_hand():
    coco = CocoFile(CLASSES)
    coco.add_image("empty.jpg", (5, 4))
    coco.add_image("a.jpg", (2, 3))
    coco.add_objects(FOUND)
    coco.add_objects(FOUND[:0])
    coco.add_objects(Instances(torch.tensor([[0.5, 0, 2, 2]]), torch.tensor([1]), None))
    assert coco.record["categories"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    assert [image["id"] for image in coco.record["images"]] == [1, 2]
    mask, box = coco.record["annotations"]
    runs = mask.pop("segmentation")
    assert mask == {
        **{"id": 1, "image_id": 2, "category_id": 2, "bbox": [1, 0, 2, 2], "area": 3, "iscrowd": 0, "score": 0.75}
    }
    assert runs == {
        "size": [2, 3],
        "counts": "2111",
    }  # runs 2, 1, 1, 2 down the columns; the last less the one two before
    assert box == {"id": 2, "image_id": 2, "category_id": 1, "bbox": [0.5, 0, 1.5, 2], "area": 3.0, "iscrowd": 0}


def test_regions_of_a_label_map():
    label_map = torch.tensor([[0, 2, 2], [1, 0, 2]])
    one, two = regions_of(label_map)
    assert one.labels.tolist() == [1] and two.labels.tolist() == [2]
    assert two.masks[0].tolist() == [[False, True, True], [False, False, True]]
    assert two.boxes.tolist() == [[1, 0, 3, 2]] and two.scores is None
    assert list(regions_of(torch.zeros(2, 2, dtype=torch.int64))) == []


def test_a_palette_image_keeps_the_labels_and_has_the_colours_that_are_named():
    labels = torch.tensor([[0, 1], [2, 255]])
    image = palette_image(labels)
    assert image.mode == "P" and np.array(image).tolist() == labels.tolist()
    assert np.array(image.convert("RGB"))[0, 1].tolist() == [128, 0, 0]
    assert labelmap_text(CLASSES).splitlines() == [
        "# label:color_rgb:parts:actions",
        "background:0,0,0::",
        "cat:128,0,0::",
        "dog:0,128,0::",
    ]


def test_labelme_s_shapes_by_hand():
    (shape,) = labelme_shapes(FOUND, CLASSES)
    assert shape["label"] == "dog" and shape["points"] == [[1, 0], [2, 1]]  # its first and its last pixel
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(shape["mask"]))))
    assert pixels.tolist() == [[True, True], [False, True]]
    (box,) = labelme_shapes(Instances(FOUND.boxes, FOUND.labels, None), CLASSES)
    assert box["shape_type"] == "rectangle" and box["points"] == [[1, 0], [3, 2]]
    assert labelme_shapes(Instances(FOUND.boxes, FOUND.labels, torch.zeros_like(MASK)), CLASSES) == []
    record = labelme_record("../a.jpg", (2, 3), [shape])
    assert (record["imageHeight"], record["imageWidth"], record["imageData"]) == (2, 3, None)
