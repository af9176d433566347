"""Lesson 20, exercises 1 and 5: a COCO export read by hand, and results that score nothing although they are good."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise

# 20.1


def export_cases():
    """Ids with gaps and out of order; an image without objects; corners that are no whole numbers; one category."""
    record = {
        "images": [{"id": 12, "file_name": "b.jpg"}, {"id": 5, "file_name": "a.jpg"}, {"id": 1, "file_name": "c.jpg"}],
        "categories": [{"id": 7, "name": "rod"}, {"id": 90, "name": "ring"}, {"id": 3, "name": "cell"}],
        "annotations": [
            {"id": 1, "image_id": 5, "category_id": 90, "bbox": [2.5, 1.0, 4.0, 3.25]},
            {"id": 2, "image_id": 12, "category_id": 3, "bbox": [0.0, 6.0, 5.0, 2.0]},
            {"id": 3, "image_id": 5, "category_id": 7, "bbox": [10.0, 8.0, 1.5, 2.0]},
            {"id": 4, "image_id": 12, "category_id": 90, "bbox": [1.0, 2.0, 3.0, 4.0]},
            {"id": 5, "image_id": 5, "category_id": 3, "bbox": [3.0, 3.0, 2.0, 7.0]},
        ],
    }
    small = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}],
        "categories": [{"id": 4, "name": "cell"}],
        "annotations": [{"id": 1, "image_id": 2, "category_id": 4, "bbox": [1.0, 2.0, 3.0, 5.0]}],
    }
    cases = [(small, "b.jpg"), (small, "a.jpg"), (record, "a.jpg"), (record, "b.jpg"), (record, "c.jpg")]
    return [{"record": record, "file_name": name} for record, name in cases]


def objects_of(record, file_name):
    """Boxes (N, 4) as corners and labels (N,) from 1 of one image."""
    label = {category: n for n, category in enumerate(sorted(entry["id"] for entry in record["categories"]), start=1)}
    (image,) = (entry["id"] for entry in record["images"] if entry["file_name"] == file_name)
    own = [entry for entry in record["annotations"] if entry["image_id"] == image]
    boxes = torch.tensor([entry["bbox"] for entry in own], dtype=torch.float32).view(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes, torch.tensor([label[entry["category_id"]] for entry in own], dtype=torch.int64)


EXPORT = Exercise(
    "20.1",
    "Read an export by hand",
    difficulty=2,
    minutes=20,
    oracle=objects_of,
    cases=export_cases,
    hints=(
        "Three lists that point at each other by id: find the image's id, then its annotations, then their labels.",
        "Category ids have gaps, and no order is promised. sorted(ids) gives the order; enumerate(…, start=1) the "
        "labels. bbox is x, y, width, height.",
        "boxes = torch.tensor([...], dtype=torch.float32).view(-1, 4) also works without objects; "
        "boxes[:, 2:] += boxes[:, :2] makes corners of it.",
    ),
)
EXPORT.model(objects_of)


@EXPORT.flags(
    ids_as_labels="This looks like category ids used as labels. Ids have gaps (COCO's 80 classes go up to 90): with 3 "
    "classes a label of 90 is far outside the head. Number them 1, 2, 3 in ascending order.",
    from_zero="This looks like labels that begin at 0. Label 0 is the background: the first class is never found.",
    as_listed="This looks like labels in the order in which the file lists the categories. Another export of the same "
    "project may list them otherwise: take the ascending order of the ids.",
    sides_as_corners="This looks like x, y, width, height read as corners. Then most boxes end before they begin, and "
    "AP is 0.",
    middle="This looks like x and y taken for the box's middle, as YOLO writes it. COCO's are the upper left corner.",
    one_shorter="This looks like width − 1. Ends are exclusive here: the corner is x + width.",
    by_position="This looks like annotations found by the image's position in the list. image_id is the image's id, "
    "whatever position it has.",
)
def wrong_objects(
    record, file_name, *, ids_as_labels=False, from_zero=False, as_listed=False, sides_as_corners=False, middle=False,
    one_shorter=False, by_position=False,
):  # fmt: skip
    ids = [entry["id"] for entry in record["categories"]]
    order = ids if as_listed else sorted(ids)
    label = {category: category if ids_as_labels else n + (not from_zero) for n, category in enumerate(order)}
    position = next(n for n, entry in enumerate(record["images"]) if entry["file_name"] == file_name)
    image = position + 1 if by_position else record["images"][position]["id"]
    own = [entry for entry in record["annotations"] if entry["image_id"] == image]
    boxes = torch.tensor([entry["bbox"] for entry in own], dtype=torch.float32).view(-1, 4)
    if middle:
        boxes[:, :2] -= boxes[:, 2:] / 2
    if not sides_as_corners:
        boxes[:, 2:] += boxes[:, :2] - float(one_shorter)
    return boxes, torch.tensor([label[entry["category_id"]] for entry in own], dtype=torch.int64)


# 20.5


def result_cases():
    """One object; several images and classes; ids with leading zeros and with gaps; nothing found."""
    one = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 3, "file_name": "b.jpg"}],
        "categories": [{"id": 2, "name": "cell"}],
    }
    several = {
        "images": [{"id": 139, "file_name": "000139.jpg"}, {"id": 8, "file_name": "8.jpg"}],
        "categories": [{"id": 90, "name": "ring"}, {"id": 3, "name": "cell"}, {"id": 7, "name": "rod"}],
    }

    def entry(image, label, *corners, score):
        return {"image_id": image, "category_id": label, "bbox": list(corners), "score": score}

    found = [
        entry("8.jpg", 3, 2.0, 1.0, 6.5, 4.0, score=0.9),
        entry("000139.jpg", 1, 0.0, 6.0, 5.0, 8.0, score=0.8),
        entry("8.jpg", 2, 10.0, 8.0, 11.5, 10.0, score=0.25),
    ]
    cases = [([entry("b.jpg", 1, 1.0, 2.0, 4.0, 7.0, score=0.5)], one), (found, several), (found[1:2], several)]
    return [{"results": results, "truth": truth} for results, truth in [*cases, ([], several)]]


def repaired(results, truth):
    """Results as COCO's format has them: ids of the truth, boxes as x, y, width, height."""
    image_ids = {entry["file_name"]: entry["id"] for entry in truth["images"]}
    category_ids = sorted(entry["id"] for entry in truth["categories"])
    fixed = []
    for entry in results:
        x0, y0, x1, y1 = entry["bbox"]
        ids = {"image_id": image_ids[entry["image_id"]], "category_id": category_ids[entry["category_id"] - 1]}
        fixed.append({**entry, **ids, "bbox": [x0, y0, x1 - x0, y1 - y0]})
    return fixed


ZERO = Exercise(
    "20.5",
    "Why is AP 0?",
    difficulty=2,
    minutes=20,
    oracle=repaired,
    cases=result_cases,
    hints=(
        "Compare one result with one annotation of the truth, field by field: image_id, category_id, bbox.",
        "Two tables: the image's id by its file name, and the category's id by its label. Labels count from 1 in "
        "ascending order of the ids.",
        "category_ids = sorted(entry['id'] for entry in truth['categories']); the id of label k is category_ids[k - "
        "1]. bbox becomes [x0, y0, x1 - x0, y1 - y0]. {**entry, 'bbox': …} is a new dict.",
    ),
)
ZERO.model(repaired)


@ZERO.flags(
    names_kept="This looks like file names left as image ids. pycocotools looks for a number and finds no image, and "
    "says nothing: AP 0. Take the id that the truth gives this file name.",
    number_of_name="This looks like an id read out of the file name. That works for COCO's own files, 000139.jpg, and "
    "for nobody else's: the truth says which id a name has.",
    labels_kept="This looks like labels left as category ids. 1, 2, 3 are other categories than 3, 7, 90, or none.",
    one_off="This looks like categories off by one: label 1 is the first category, and category_ids[0] holds it. Every "
    "object gets its neighbour's name, and AP falls to 0 although every box is right.",
    as_listed="This looks like categories in the order in which the file lists them. Labels follow the ascending ids.",
    corners_kept="This looks like corners left as bbox. Read as x, y, width, height they are much too large, and no "
    "object is matched.",
    middle="This looks like x and y of the middle, as YOLO writes boxes. COCO wants the upper left corner.",
    whole_pixels="This looks like boxes rounded to whole pixels. Small objects lose their match at high IoU.",
)
def wrong_results(
    results, truth, *, names_kept=False, number_of_name=False, labels_kept=False, one_off=False, as_listed=False,
    corners_kept=False, middle=False, whole_pixels=False,
):  # fmt: skip
    image_ids = {entry["file_name"]: entry["id"] for entry in truth["images"]}
    listed = [entry["id"] for entry in truth["categories"]]
    category_ids = listed if as_listed else sorted(listed)
    fixed = []
    for entry in results:
        x0, y0, x1, y1 = (float(round(value)) if whole_pixels else value for value in entry["bbox"])
        box = [x0, y0, x1 - x0, y1 - y0]
        box = [(x0 + x1) / 2, (y0 + y1) / 2, *box[2:]] if middle else [x0, y0, x1, y1] if corners_kept else box
        name, label = entry["image_id"], entry["category_id"]
        digits = "".join(letter for letter in name if letter.isdigit())
        image = name if names_kept else int(digits or 1) if number_of_name else image_ids[name]
        category = label if labels_kept else category_ids[(label - (not one_off)) % len(category_ids)]
        fixed.append({**entry, "image_id": image, "category_id": category, "bbox": box})
    return fixed
