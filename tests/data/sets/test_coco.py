"""The COCO reader on hand-written JSON, and on real photographs against pycocotools."""

import contextlib
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from lessons_lib.data.sample import Instances, collate, tight_boxes
from lessons_lib.data.sets.coco import CocoSamples, paint_label_map
from lessons_lib.data.sets.coco_checks import run_lengths

# pycocotools 2.0 decodes through an interface that numpy 2 announces to change
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

# Two pictures of 4 × 3 (height × width). Run lengths go down the columns and start with zeros: 5 zeros, 2 ones, 5 zeros
# are rows 1 and 2 of column 1. As a string each count is a character 48 + count.
JSON = """{
 "images": [{"id": 70, "file_name": "b.jpg", "height": 4, "width": 3},
            {"id": 9, "file_name": "a.jpg", "height": 4, "width": 3}],
 "categories": [{"id": 90, "name": "toothbrush", "supercategory": "indoor"},
                {"id": 1, "name": "person", "supercategory": "person"},
                {"id": 18, "name": "dog", "supercategory": "animal"}],
 "annotations": [
  {"id": 1, "image_id": 70, "category_id": 18, "iscrowd": 0, "area": 4, "bbox": [1, 0, 2, 2],
   "segmentation": [[1, 0, 3, 0, 3, 2, 1, 2]]},
  {"id": 2, "image_id": 70, "category_id": 1, "iscrowd": 1, "area": 12, "bbox": [0, 0, 3, 4],
   "segmentation": {"size": [4, 3], "counts": [0, 12]}},
  {"id": 3, "image_id": 70, "category_id": 90, "iscrowd": 0, "area": 2, "bbox": [1, 1, 1, 2],
   "segmentation": {"size": [4, 3], "counts": "525"}},
  {"id": 4, "image_id": 70, "category_id": 90, "iscrowd": 0, "area": 2, "bbox": [0.5, 3, 2.5, 1],
   "segmentation": [[0, 3, 1, 3, 1, 4, 0, 4], [2, 3, 3, 3, 3, 4, 2, 4]]}]}"""


def write_root(root):
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_val2017.json").write_text(JSON)
    (root / "val2017").mkdir()
    Image.fromarray(np.full((4, 3), 200, dtype=np.uint8)).save(root / "val2017" / "a.jpg")  # grey
    Image.fromarray(np.full((4, 3, 3), 200, dtype=np.uint8)).save(root / "val2017" / "b.jpg")
    return root


def test_polygons_run_lengths_and_crowds_by_hand(tmp_path):
    samples = CocoSamples(write_root(tmp_path))
    assert samples.classes == ("background", "person", "dog", "toothbrush")
    assert samples.category_ids == (1, 18, 90)
    assert len(samples) == 2
    sample = samples[1]  # image 70: ids in ascending order
    instances = sample.instances
    assert instances.labels.tolist() == [2, 1, 3, 3]
    assert instances.is_crowd.tolist() == [False, True, False, False]
    assert instances.boxes.tolist() == [[1, 0, 3, 2], [0, 0, 3, 4], [1, 1, 2, 3], [0.5, 3, 3, 4]]
    assert instances.masks.int().tolist() == [
        [[0, 1, 1], [0, 1, 1], [0, 0, 0], [0, 0, 0]],
        [[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]],
        [[0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 1]],
    ]
    # the crowd lies below; the toothbrush, being smaller, over the dog
    assert sample.label_map.tolist() == [[1, 2, 2], [1, 3, 2], [1, 3, 1], [3, 1, 3]]


def test_a_picture_without_annotations_is_grey_and_empty(tmp_path):
    sample = CocoSamples(write_root(tmp_path))[0]
    assert len(sample.instances) == 0 and sample.instances.masks.shape == (0, 4, 3)
    assert (sample.label_map == 0).all()
    torch.testing.assert_close(sample.image, torch.full((3, 4, 3), 200 / 255), atol=2 / 255, rtol=0)


def test_stuff_maps_hold_category_ids_less_one(tmp_path):
    root = write_root(tmp_path)
    stuff = [
        {"id": 106, "name": "clouds", "supercategory": "sky"},
        {"id": 92, "name": "banner", "supercategory": "textile"},
        {"id": 183, "name": "nothing", "supercategory": "background"},
    ]
    record = {"images": [], "annotations": [], "categories": stuff}
    (root / "annotations" / "stuff_val2017.json").write_text(json.dumps(record))
    (root / "stuffthingmaps" / "val2017").mkdir(parents=True)
    values = [[0, 17, 89], [91, 105, 182], [255, 255, 91], [17, 17, 0]]
    for name in ("a.png", "b.png"):
        Image.fromarray(np.array(values, dtype=np.uint8)).save(root / "stuffthingmaps" / "val2017" / name)
    samples = CocoSamples(root)
    assert samples.classes == ("nothing", "person", "dog", "toothbrush", "banner", "clouds")
    assert samples[0].label_map.tolist() == [[1, 2, 3], [4, 5, 0], [255, 255, 4], [2, 2, 1]]
    assert samples[1].instances.labels.tolist() == [2, 1, 3, 3]


def test_painting_order_by_hand():
    """Crowds first, then the largest mask, of equals the first."""
    masks = torch.tensor([[[1, 1, 0]], [[1, 1, 1]], [[0, 1, 0]], [[1, 0, 0]]], dtype=torch.bool)
    crowd = torch.tensor([False, False, False, True])
    instances = Instances(tight_boxes(masks), torch.tensor([1, 2, 3, 4]), masks, is_crowd=crowd)
    assert paint_label_map(instances).tolist() == [[1, 3, 2]]


def write_record(root, **changes):
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps({**json.loads(JSON), **changes}))
    return CocoSamples(root)


@pytest.mark.parametrize("area", [None, 0, 1e4])
def test_the_area_of_the_file_does_not_paint(tmp_path, area):
    """Some tools write the area of the box, others none: the masks decide."""
    root, annotations = write_root(tmp_path), json.loads(JSON)["annotations"]
    want = CocoSamples(root)[1].label_map
    for annotation in annotations:
        del annotation["area"]
        if area is not None:
            annotation["area"] = area if annotation["id"] == 3 else 1
    assert torch.equal(write_record(root, annotations=annotations)[1].label_map, want)


def test_no_iscrowd_and_ids_that_start_again(tmp_path):
    root, annotations = write_root(tmp_path), json.loads(JSON)["annotations"]
    for annotation in annotations:
        annotation["id"] = 1
        del annotation["iscrowd"]
    instances = write_record(root, annotations=annotations)[1].instances
    assert instances.is_crowd.tolist() == [False] * 4 and instances.labels.tolist() == [2, 1, 3, 3]
    for annotation, crowd in zip(annotations, (True, False, 1, 0), strict=True):
        annotation["iscrowd"] = crowd
    instances = write_record(root, annotations=annotations)[1].instances
    assert instances.is_crowd.tolist() == [True, False, True, False]


@pytest.mark.parametrize("none", ["gone", None, [], [[]]])
def test_boxes_alone(tmp_path, none):
    root, annotations = write_root(tmp_path), json.loads(JSON)["annotations"]
    for annotation in annotations:
        annotation["segmentation"] = none
        if none == "gone":
            del annotation["segmentation"]
    samples = write_record(root, annotations=annotations)
    assert samples.lacks.keys() == {"masks", "label maps"}
    assert samples.lacks["masks"] == "it holds boxes and no masks: no annotation has a segmentation"
    for sample, count in zip(samples, (0, 4), strict=True):
        assert sample.instances.masks is None and len(sample.instances) == count
        assert (sample.label_map == 255).all()
    assert samples[1].instances.boxes.tolist() == [[1, 0, 3, 2], [0, 0, 3, 4], [1, 1, 2, 3], [0.5, 3, 3, 4]]
    assert write_record(root, annotations=[]).lacks == {}  # no objects at all


@pytest.mark.parametrize("count", [254, 255, 300])
def test_more_categories_than_a_label_map_holds(tmp_path, count):
    categories = [{"id": number, "name": f"c{number}"} for number in range(count)]
    samples = write_record(write_root(tmp_path), categories=categories)
    assert samples[1].instances.labels.tolist() == [19, 2, 91, 91] and samples[1].instances.masks.any()
    if count == 254:
        assert samples.lacks == {} and samples[1].label_map.unique().tolist() == [2, 19, 91]
    else:
        wanted = f"a label map holds at most 254 categories, as its label 255 means void, got {count}"
        assert samples.lacks == {"label maps": wanted} and (samples[1].label_map == 255).all()


def test_names_of_images_and_classes(tmp_path):
    """Two cameras number their images alike; a category is called background; a byte-order mark."""
    root, record = write_root(tmp_path), json.loads(JSON)
    record["images"][0]["file_name"], record["images"][1]["file_name"] = "cam1/1.png", "cam2/1.png"
    record["categories"][1]["name"] = "background"
    record["categories"][2]["name"] = "chien à poil"
    content = json.dumps(record, ensure_ascii=False).encode("utf-8-sig")
    (root / "annotations" / "instances_val2017.json").write_bytes(content)
    samples = CocoSamples(root)
    assert samples.names == ("cam2/1", "cam1/1") and samples.paths(0) == [root / "val2017" / "cam2" / "1.png"]
    assert samples.classes == ("no object", "background", "chien à poil", "toothbrush")


@pytest.mark.parametrize(
    "polygon", [[-2, -3, 2, -3, 2, 3, -2, 3], [1, 1, 5, 1, 5, 7, 1, 7], [-3, -4, 6, -4, 6, 8, -3, 8]]
)
def test_polygons_are_cut_at_the_edge(tmp_path, polygon):
    x0, y0, x1, y1 = (*polygon[:2], *polygon[4:6])
    annotation = {**json.loads(JSON)["annotations"][0], "segmentation": [polygon]}
    mask = write_record(write_root(tmp_path), annotations=[annotation])[1].instances.masks[0]
    want = torch.zeros(4, 3, dtype=torch.bool)
    want[max(y0, 0) : y1, max(x0, 0) : x1] = True
    assert torch.equal(mask, want)


def real_root():
    if "LESSONS_REAL_DATA" not in os.environ:
        pytest.skip("LESSONS_REAL_DATA is not set: no real photographs here")
    root = Path(os.environ["LESSONS_REAL_DATA"]) / "coco2017_ccby136"
    if not root.is_dir():
        pytest.skip(f"{root} is not there")
    return root


def painted_by_area(instances, annotations):
    """The label map by the file's own areas, whole masks at a time."""
    want = torch.zeros(instances.masks.shape[1:], dtype=torch.int64)
    rank = sorted(range(len(annotations)), key=lambda i: (-annotations[i]["iscrowd"], -annotations[i]["area"]))
    for i in rank:
        want[instances.masks[i]] = instances.labels[i]
    return want


@pytest.mark.parametrize("split", ["train2017", "val2017"])
def test_real_photographs_equal_pycocotools(split):
    root = real_root()
    samples = CocoSamples(root, split)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(root / "annotations" / f"instances_{split}.json")
    assert len(samples) == 68 and len(samples.classes) == 81 and samples.category_ids[-1] == 90
    total = empty = crowds = 0
    for image_id, sample in zip(sorted(coco.imgs), samples, strict=True):
        annotations = coco.loadAnns(coco.getAnnIds([image_id]))
        record = coco.imgs[image_id]
        assert sample.image.shape == (3, record["height"], record["width"])
        assert sample.image.min() >= 0 and sample.image.max() <= 1
        assert len(annotations) == len(sample.instances)
        for i, annotation in enumerate(annotations):
            assert torch.equal(sample.instances.masks[i], torch.from_numpy(coco.annToMask(annotation) == 1))
            assert samples.category_ids[sample.instances.labels[i] - 1] == annotation["category_id"]
            assert bool(sample.instances.is_crowd[i]) == bool(annotation["iscrowd"])
            x, y, width, height = annotation["bbox"]
            expected = torch.tensor([x, y, x + width, y + height], dtype=torch.float32)
            torch.testing.assert_close(sample.instances.boxes[i], expected, atol=1e-3, rtol=0)
        covered = sample.instances.masks.any(0)
        assert torch.equal(sample.label_map, painted_by_area(sample.instances, annotations))
        assert torch.equal(sample.label_map > 0, covered)
        total, empty = total + len(annotations), empty + (len(annotations) == 0)
        crowds += int(sample.instances.is_crowd.sum())
    assert (total, empty) == {"train2017": (624, 2), "val2017": (586, 2)}[split] and crowds > 0


def test_real_photographs_of_all_sizes_make_a_batch():
    samples = CocoSamples(real_root())
    batch = collate([samples[i] for i in range(6)])
    assert len(batch.sizes.unique(dim=0)) > 1
    for image, (height, width) in zip(batch.images, batch.sizes.tolist(), strict=True):
        assert (image[:, height:] == 0).all() and (image[:, :, width:] == 0).all()


@pytest.mark.parametrize(
    "counts", [[5, 2, 5], [0, 12], [0, 1, 2, 3, 4, 2], [40000, 2, 39998, 100, 1], [3, 70000, 1, 2, 7]]
)
def test_run_lengths_of_a_string_are_those_that_pycocotools_wrote(counts):
    runs = coco_mask.frPyObjects({"size": [sum(counts), 1], "counts": counts}, sum(counts), 1)
    assert run_lengths(runs["counts"]).tolist() == counts == run_lengths(runs["counts"].decode()).tolist()
    assert run_lengths(counts).tolist() == counts
