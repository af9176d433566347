"""Lesson 10, exercises 3 and 6: a bug about empty masks, and a bug about ids."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics import coco as coco_eval
from lessons_lib.ops import masks

# 10.3


def mask_cases():
    """A pair worked by hand, several masks, an empty prediction, an empty object, both, and a strided view."""
    generator = torch.Generator().manual_seed(12)

    def draw(*shape):
        return torch.rand(*shape, generator=generator) < 0.5

    top, left = torch.zeros(1, 3, 4, dtype=torch.bool), torch.zeros(1, 3, 4, dtype=torch.bool)
    top[0, 0], left[0, :2, :2] = True, True
    empty = torch.zeros(1, 4, 5, dtype=torch.bool)
    return [
        {"pred_masks": top, "gt_masks": left},
        {"pred_masks": draw(3, 4, 5), "gt_masks": draw(2, 4, 5)},
        {"pred_masks": torch.cat([draw(1, 4, 5), empty]), "gt_masks": draw(2, 4, 5)},
        {"pred_masks": torch.cat([empty, draw(2, 4, 5)]), "gt_masks": torch.cat([empty, draw(1, 4, 5)])},
        {"pred_masks": draw(2, 3, 6).transpose(1, 2), "gt_masks": draw(3, 6, 3)},
    ]


PAIRS = Exercise(
    "10.3",
    "Find the bug: IoU of masks",
    difficulty=1,
    minutes=10,
    oracle=masks.pairwise_mask_iou,
    cases=mask_cases,
    hints=(
        "What does the function give for two empty masks? And which thresholds would such a pair pass?",
        "The two ones that were added to avoid 0/0 change every other value too. Which values may change?",
        "Divide by torch.where(union == 0, 1, union): 0/1 is 0, and nothing else is touched.",
    ),
)


@PAIRS.model
def pairwise_mask_iou(pred_masks, gt_masks):
    pred, gt = pred_masks.flatten(1).double(), gt_masks.flatten(1).double()
    overlap = pred @ gt.T
    union = pred.sum(1)[:, None] + gt.sum(1) - overlap
    return overlap / torch.where(union == 0, 1, union)


def _overlap_and_sum(pred_masks, gt_masks):
    pred, gt = pred_masks.flatten(1).double(), gt_masks.flatten(1).double()
    return pred @ gt.T, pred.sum(1)[:, None] + gt.sum(1)


@PAIRS.mistake(
    "This looks like the bug itself: 1 above and 1 below. Two empty masks score 1, a perfect match of nothing, and "
    "every other IoU is a little too high."
)
def adds_one(pred_masks, gt_masks):
    overlap, total = _overlap_and_sum(pred_masks, gt_masks)
    return (overlap + 1) / (total - overlap + 1)


@PAIRS.mistake("This looks like 0/0: two empty masks give NaN, which no threshold catches. They score 0.")
def divides_nothing(pred_masks, gt_masks):
    overlap, total = _overlap_and_sum(pred_masks, gt_masks)
    return overlap / (total - overlap)


@PAIRS.mistake(
    "This looks like two empty masks scoring 1. They are alike, but an empty prediction has found nothing: 0."
)
def empty_is_perfect(pred_masks, gt_masks):
    overlap, total = _overlap_and_sum(pred_masks, gt_masks)
    return (overlap / (total - overlap)).nan_to_num(1)


@PAIRS.mistake(
    "This looks like 1 added below only. Every value is now a little too low, and a perfect mask no longer scores 1."
)
def adds_one_below(pred_masks, gt_masks):
    overlap, total = _overlap_and_sum(pred_masks, gt_masks)
    return overlap / (total - overlap + 1)


@PAIRS.mistake("This looks like Dice, twice the overlap over both areas. IoU divides by the union.")
def gives_dice(pred_masks, gt_masks):
    overlap, total = _overlap_and_sum(pred_masks, gt_masks)
    return 2 * overlap / torch.where(total == 0, 1, total)


# 10.6


def box_cases():
    """Two images, one of them with two objects; one without any between; no images; boxes with halves."""
    first = torch.tensor([[0.0, 0, 20, 20], [40, 0, 60, 30]])
    second = torch.tensor([[5.0, 7, 11, 9]])
    nothing, no_label = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    return [
        {"boxes": [first], "labels": [torch.tensor([1, 1])]},
        {"boxes": [first, second], "labels": [torch.tensor([1, 3]), torch.tensor([2])]},
        {"boxes": [second, nothing, first], "labels": [torch.tensor([2]), no_label, torch.tensor([3, 1])]},
        {"boxes": [second + 0.5], "labels": [torch.tensor([4])]},
        {"boxes": [], "labels": []},
    ]


IDS = Exercise(
    "10.6",
    "Find the bug: the lost object",
    difficulty=2,
    minutes=15,
    oracle=coco_eval.box_annotations,
    cases=box_cases,
    hints=(
        "Which annotation is lost? pycocotools notes for each object the id of the detection that found it, and for "
        "each detection the id of its object. What does it have in the beginning, before anything is found?",
        "Zero. So an annotation with the id 0 is found and still reads as not found. Where should the ids begin?",
        'One change is enough: "id": len(annotations) + 1. They go on through all images.',
    ),
)


@IDS.model
def box_annotations(boxes, labels):
    annotations = []
    for image_id, (corners, classes) in enumerate(zip(boxes, labels, strict=True), start=1):
        for (x0, y0, x1, y1), label in zip(corners.tolist(), classes.tolist(), strict=True):
            width, height = x1 - x0, y1 - y0
            entry = {"id": len(annotations) + 1, "image_id": image_id, "category_id": label}
            annotations.append(entry | {"bbox": [x0, y0, width, height], "area": width * height, "iscrowd": 0})
    return annotations


def _changed(boxes, labels, change):
    return [entry | change(entry) for entry in coco_eval.box_annotations(boxes, labels)]


@IDS.mistake(
    'This looks like the bug itself: ids from 0. pycocotools takes 0 for "not found", and one object, found '
    "perfectly, is counted as missed."
)
def counts_from_0(boxes, labels):
    return _changed(boxes, labels, lambda entry: {"id": entry["id"] - 1})


@IDS.mistake(
    "This looks like ids that begin again in each image. An id names one annotation of the whole file; pycocotools "
    "would keep only the last of those that share it."
)
def begins_again_in_each_image(boxes, labels):
    alone = [coco_eval.box_annotations([one], [classes]) for one, classes in zip(boxes, labels, strict=True)]
    return [entry | {"image_id": number} for number, entries in enumerate(alone, 1) for entry in entries]


@IDS.mistake(
    "This looks like corners, x0, y0, x1, y1. COCO's bbox is x, y, width, height: read so, your boxes reach out of the "
    "image."
)
def writes_corners(boxes, labels):
    def corners(entry):
        x, y, width, height = entry["bbox"]
        return {"bbox": [x, y, x + width, y + height]}

    return _changed(boxes, labels, corners)


@IDS.mistake("This looks like images numbered from 0, while the annotations begin at 1. Number both from 1 here.")
def images_from_0(boxes, labels):
    return _changed(boxes, labels, lambda entry: {"image_id": entry["image_id"] - 1})


@IDS.mistake(
    "This looks like ends that belong to the box: + 1 in width and height, as Pascal VOC counts. The course's boxes "
    "have exclusive ends."
)
def counts_the_ends(boxes, labels):
    def larger(entry):
        x, y, width, height = entry["bbox"]
        return {"bbox": [x, y, width + 1, height + 1], "area": (width + 1) * (height + 1)}

    return _changed(boxes, labels, larger)
