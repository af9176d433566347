"""Lesson 01, exercises 1 to 3: tight boxes, object numbers as names, and the border that became a class."""

import torch

from lessons_lib import annotations
from lessons_lib.data.classes import voc_colour
from lessons_lib.data.sample import tight_boxes as library_boxes
from lessons_lib.exercises.exercise import Exercise


def _random(*shape, seed=1, share=0.4):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < share


# 01.1


def box_cases():
    """By hand, one pixel, an empty mask between others, a full picture, a strided view, no masks."""
    shape = torch.zeros(1, 4, 6, dtype=torch.bool)
    shape[0, 1:3, 2:5] = True
    pixel = torch.zeros(1, 5, 3, dtype=torch.bool)
    pixel[0, 4, 0] = True
    several = _random(3, 5, 7, share=0.1)
    several[1] = False
    return [
        {"masks": shape},
        {"masks": pixel},
        {"masks": several},
        {"masks": torch.ones(1, 3, 5, dtype=torch.bool)},
        {"masks": _random(2, 8, 6, seed=2, share=0.05).transpose(1, 2)},
        {"masks": torch.zeros(0, 4, 4, dtype=torch.bool)},
    ]


BOXES = Exercise(
    "01.1",
    "Tight boxes",
    oracle=library_boxes,
    cases=box_cases,
    hints=(
        "mask.nonzero() lists the set pixels as (row, column). Which of the two is x?",
        "Pixel 4 reaches from 4 to 5, so exclusive ends lie one past the last pixel: x1 = largest column + 1.",
        "Start from torch.zeros(N, 4), which is float32, and fill the rows of the masks that are not empty.",
    ),
)


@BOXES.model
def tight_boxes(masks):
    boxes = torch.zeros(len(masks), 4)
    for i, mask in enumerate(masks):
        if mask.any():
            rows, columns = mask.nonzero().unbind(1)
            ends = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            boxes[i] = torch.stack(ends)
    return boxes


def _where_any(masks):
    return masks.flatten(1).any(1)[:, None]


@BOXES.mistake(
    "This looks like ends that include the last pixel. Here they are exclusive, so that the width is x1 − x0: one past "
    "the last pixel. A box around one pixel would have no area otherwise."
)
def inclusive_ends(masks):
    return library_boxes(masks) - torch.tensor([0.0, 0, 1, 1]) * _where_any(masks)


@BOXES.mistake("This looks like rows taken for x. x runs along the columns, to the right; y down the rows.")
def rows_as_x(masks):
    return library_boxes(masks)[:, [1, 0, 3, 2]]


@BOXES.mistake(
    "This looks like (x, y, width, height), as COCO's files have it. The course's boxes are (x0, y0, x1, y1)."
)
def as_coco_writes(masks):
    boxes = library_boxes(masks)
    return torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)


@BOXES.mistake("This looks right but for an empty mask, whose box shall be 0, 0, 0, 0.")
def whole_picture_for_an_empty_mask(masks):
    whole = torch.tensor([0.0, 0, masks.shape[2], masks.shape[1]])
    return torch.where(_where_any(masks), library_boxes(masks), whole)


# 01.2


def id_cases():
    """By hand, void, numbers with gaps, numbers beyond 255, an object in two parts, one that comes in order already."""
    gaps = torch.tensor([[0, 0, 7, 7], [3, 0, 7, 0], [3, 3, 0, 12], [0, 255, 255, 12]])
    many = torch.randint(0, 9, (6, 8), generator=torch.Generator().manual_seed(3))
    return [
        {"id_map": torch.tensor([[0, 2, 2], [1, 1, 0]])},
        {"id_map": gaps},
        {"id_map": torch.tensor([[24003, 24003, 0], [26000, 255, 24001]])},
        {"id_map": torch.tensor([[4, 0, 4], [0, 0, 0], [9, 9, 4]])},
        {"id_map": torch.tensor([[0, 5, 0], [0, 5, 0], [8, 0, 0]])},
        {"id_map": many},
        {"id_map": torch.zeros(2, 2, dtype=torch.int64)},
    ]


IDS = Exercise(
    "01.2",
    "Numbers are only names",
    oracle=annotations.canonical_ids,
    cases=id_cases,
    hints=(
        "Walk through id_map.flatten().tolist(), which is the reading order, and note each number as you meet it.",
        "list(dict.fromkeys(numbers)) has every number once, in the order of their first appearance.",
        "Leave 0 and 255 out, then renewed[id_map == number] = place, with place counted from 1. Write to another map, "
        "not to id_map: new numbers must not be renumbered again.",
    ),
)


@IDS.model
def canonical_ids(id_map):
    renewed = torch.where(id_map == 255, 255, 0)
    found = dict.fromkeys(id_map.flatten().tolist())
    objects = [number for number in found if number not in (0, 255)]
    for place, number in enumerate(objects, start=1):
        renewed[id_map == number] = place
    return renewed


def _renumber(id_map, order):
    renewed = torch.where(id_map == 255, 255, 0)
    for place, number in enumerate((n for n in order if n not in (0, 255)), start=1):
        renewed[id_map == number] = place
    return renewed


@IDS.mistake(
    "This looks like numbers given in ascending order of the old ones. The old numbers are an annotator's choice; the "
    "order of the pixels is in the picture."
)
def by_ascending_number(id_map):
    return _renumber(id_map, id_map.unique().tolist())


@IDS.mistake("This looks like reading down the columns. Row by row, from the left, is the order here.")
def by_columns(id_map):
    return _renumber(id_map, dict.fromkeys(id_map.T.flatten().tolist()))


@IDS.mistake("This looks like void, 255, taken for an object. It is no object and keeps its number.")
def void_is_an_object(id_map):
    order = [number for number in dict.fromkeys(id_map.flatten().tolist()) if number]
    renewed = torch.zeros_like(id_map)
    for place, number in enumerate(order, start=1):
        renewed[id_map == number] = place
    return renewed


@IDS.mistake(
    "This looks like a map that is renumbered in place: an object that got a new number is met again under it. Write "
    "to another map than the one you read."
)
def in_its_own_map(id_map):
    renewed = id_map.clone()
    objects = [number for number in dict.fromkeys(id_map.flatten().tolist()) if number not in (0, 255)]
    for place, number in enumerate(objects, start=1):
        renewed[renewed == number] = place
    return renewed


# 01.3

COLOURS = [voc_colour(label) for label in range(21)]
BORDER = (224, 224, 192)


def colour_cases():
    """Background and one class with its border, all classes, no void, void alone, colours with equal sums."""

    def painted(labels, colours):
        table = torch.tensor([*colours, BORDER], dtype=torch.uint8)
        labels = torch.tensor(labels)
        return table[torch.where(labels == 255, len(colours), labels)]

    few = [(0, 0, 0), (10, 20, 30), (30, 20, 10)]
    random = torch.randint(0, 22, (6, 7), generator=torch.Generator().manual_seed(5))
    random = torch.where(random == 21, 255, random).tolist()
    return [
        {"picture": painted([[0, 255, 15], [255, 15, 15]], COLOURS), "colours": COLOURS},
        {"picture": painted([[2, 1, 0], [0, 1, 2]], few), "colours": few},
        {"picture": painted([[255, 2, 1]], few), "colours": few},
        {"picture": painted(random, COLOURS), "colours": COLOURS},
        {"picture": painted([[255, 255], [255, 255]], COLOURS), "colours": COLOURS},
    ]


COLOUR_LABELS = Exercise(
    "01.3",
    "Find the bug: the border",
    oracle=annotations.labels_of_colours,
    cases=colour_cases,
    hints=(
        "Which label has a pixel whose colour is in no entry of `colours`? Look at what the map is filled with first.",
        "The border of Pascal VOC is painted (224, 224, 192). Its label is void, 255, which is no class of its own.",
        "Treat it like one more colour: pairs of (label, colour) from enumerate(colours), and (255, (224, 224, 192)).",
    ),
)


@COLOUR_LABELS.model
def labels_of_colours(picture, colours):
    label_map = torch.zeros(picture.shape[:2], dtype=torch.int64)
    for label, colour in [*enumerate(colours), (255, (224, 224, 192))]:
        same = (picture == torch.tensor(colour, dtype=torch.uint8)).all(2)
        label_map[same] = label
    return label_map


@COLOUR_LABELS.mistake(
    "This looks like the bug itself: the border's colour is in no entry of the table, so its pixels keep the label 0. "
    "A network would learn that every object has a rim of background."
)
def the_border_is_background(picture, colours):
    labels = annotations.labels_of_colours(picture, colours)
    return torch.where(labels == 255, 0, labels)


@COLOUR_LABELS.mistake(
    "This looks like the border as one class more. A loss would train it and mIoU would count it; void is 255, which "
    "both leave out."
)
def the_border_is_a_class(picture, colours):
    labels = annotations.labels_of_colours(picture, colours)
    return torch.where(labels == 255, len(colours), labels)


@COLOUR_LABELS.mistake(
    "This looks like the nearest colour for every pixel. The border is near to some class's colour too, and becomes "
    "that class."
)
def the_nearest_colour(picture, colours):
    table = torch.tensor(colours, dtype=torch.float64)
    return (picture.double()[:, :, None] - table).abs().sum(3).argmin(2)


@COLOUR_LABELS.mistake(
    "This looks like colours compared by one channel or by their sum. Two classes may share a channel: all three must "
    "be equal."
)
def by_the_sum(picture, colours):
    totals = picture.long().sum(2)
    labels = torch.zeros(picture.shape[:2], dtype=torch.int64)
    for label, colour in [*enumerate(colours), (255, BORDER)]:
        labels[totals == sum(colour)] = label
    return labels
