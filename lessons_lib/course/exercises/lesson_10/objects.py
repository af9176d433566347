"""Exercises 10.3 and 10.6: a bug about empty masks, and a bug about ids."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics import coco as coco_eval
from lessons_lib.ops import masks

# 10.3


def mask_cases():
    """Several masks, a pair worked by hand, an empty prediction, an empty object, both, and a strided view."""
    generator = torch.Generator().manual_seed(12)

    def draw(*shape):
        return torch.rand(*shape, generator=generator) < 0.5

    top, left = torch.zeros(1, 2, 2, dtype=torch.bool), torch.zeros(1, 2, 2, dtype=torch.bool)
    top[0, 0], left[0, :2, 0] = True, True
    empty = torch.zeros(1, 4, 5, dtype=torch.bool)
    return [
        {"pred_masks": draw(3, 4, 5), "gt_masks": draw(2, 4, 5)},
        {"pred_masks": top, "gt_masks": left},
        {"pred_masks": empty[:, :1, :2], "gt_masks": empty[:, :1, :2]},
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


@PAIRS.flags(
    one="This looks like the bug itself: 1 above and 1 below. Two empty masks score 1, a perfect match of nothing, and "
    "every other IoU is a little too high.",
    one_below="This looks like 1 added below only. Every value is now a little too low, and a perfect mask no longer "
    "scores 1.",
    epsilon="This looks like a small number added to every union. It lowers every value a little, so that a pair that "
    "just reaches a threshold no longer does: change the union only where it is 0.",
    no_zero="This looks like 0/0: two empty masks give NaN, which no threshold catches. They score 0.",
    empty_is_one="This looks like two empty masks scoring 1. They are alike, but an empty prediction has found "
    "nothing: 0.",
    dice="This looks like Dice, twice the overlap over both areas. IoU divides by the union.",
    twice="This looks like a union that counts the overlap twice: it is in both areas, so take it off once.",
    of_pred="This looks like the rule for crowds: the overlap over the prediction's own area. An object that is no "
    "crowd has the union below.",
    of_object="This looks like the overlap over the object's area: a prediction of the whole image would be perfect.",
    by_position="This looks like prediction i with object i alone. The table has every pair: (P, G).",
    transposed="This looks like the transpose: predictions are the rows, objects the columns.",
    single="This looks like float32. Return float64, as the docstring says: thresholds are compared with these values.",
)
def wrong_iou(pred_masks, gt_masks, *, one=False, one_below=False, epsilon=False, no_zero=False, empty_is_one=False,
              dice=False, twice=False, of_pred=False, of_object=False, by_position=False, transposed=False,
              single=False):  # fmt: skip
    pred, gt = pred_masks.flatten(1).double(), gt_masks.flatten(1).double()
    overlap = pred @ gt.T
    union = pred.sum(1)[:, None] * (not of_object) + gt.sum(1) * (not of_pred)
    union = union - overlap * (not (twice or dice or of_pred or of_object))
    extra = 1 if one or one_below else 1e-6 if epsilon else 0
    overlap, union = overlap * (1 + dice) + one, union + extra
    table = overlap / (union if no_zero or empty_is_one else torch.where(union == 0, 1, union))
    table = table.nan_to_num(1.0) if empty_is_one else table
    table = table.diagonal() if by_position else table.T if transposed else table
    return table.float() if single else table


# 10.6


def box_cases():
    """Two images, one of them with two objects; one without any between; no images; boxes with halves."""
    first = torch.tensor([[0.0, 0, 20, 20], [40, 0, 60, 30]])
    second = torch.tensor([[5.0, 7, 11, 9]])
    nothing, no_label = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    return [
        {"boxes": [first, second], "labels": [torch.tensor([1, 3]), torch.tensor([2])]},
        {"boxes": [second], "labels": [torch.tensor([1])]},
        {"boxes": [second, second], "labels": [torch.tensor([1]), torch.tensor([1])]},
        {"boxes": [first], "labels": [torch.tensor([1, 1])]},
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


@IDS.flags(
    from_0='This looks like the bug itself: ids from 0. pycocotools takes 0 for "not found", and one object, found '
    "perfectly, is counted as missed.",
    anew="This looks like ids that begin again in each image. An id names one annotation of the whole file; "
    "pycocotools would keep only the last of those that share it.",
    by_image="This looks like ids built from the image's number, 100, 101, 200, … They count through: 1, 2, 3, …",
    corners="This looks like corners, x0, y0, x1, y1. COCO's bbox is x, y, width, height: read so, your boxes reach "
    "out of the image.",
    centre="This looks like the centre, width and height. COCO's bbox begins with the upper left corner: x, y, width, "
    "height.",
    ends="This looks like ends that belong to the box: + 1 in width and height, as Pascal VOC counts. The course's "
    "boxes have exclusive ends.",
    rows_first="This looks like y before x. COCO's bbox is x, y, width, height.",
    images_from_0="This looks like images numbered from 0, while the annotations begin at 1. Number both from 1 here.",
    skips_images="This looks like images without boxes that get no number. Every image counts, or the next one's boxes "
    "would be looked for in it.",
    labels_from_0="This looks like classes numbered anew. category_id is the label as it is.",
    rounded="This looks like boxes rounded to whole pixels. COCO keeps fractions.",
)
def wrong_annotations(boxes, labels, *, from_0=False, anew=False, by_image=False, corners=False, centre=False,
                      ends=False, rows_first=False, images_from_0=False, skips_images=False, labels_from_0=False,
                      rounded=False):  # fmt: skip
    found, image_id = [], -1 if images_from_0 else 0
    for table, classes in zip(boxes, labels, strict=True):
        image_id += 1 if len(table) or not skips_images else 0
        for n, (box, label) in enumerate(zip(table.tolist(), classes.tolist(), strict=True)):
            x0, y0, x1, y1 = map(float, map(int, box)) if rounded else box
            w, h = x1 - x0 + ends, y1 - y0 + ends
            bbox = [x0, y0, x1 + ends, y1 + ends] if corners else [x0, y0, w, h]
            bbox = [x0 + w / 2, y0 + h / 2, w, h] if centre else bbox
            bbox = [bbox[i] for i in (1, 0, 3, 2)] if rows_first else bbox
            number = n if anew else len(found)
            number = (image_id * 100 + n) - 1 if by_image else number
            entry = {"id": number + (not from_0), "image_id": image_id, "category_id": label - labels_from_0}
            found.append(entry | {"bbox": bbox, "area": w * h, "iscrowd": 0})
    return found
