"""Lesson 01, exercises 1 and 2: tight boxes, and object numbers that are only names."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.data.sample import tight_boxes as library_boxes
from lessons_lib.ops import annotations


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
    difficulty=2,
    minutes=10,
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
    difficulty=2,
    minutes=15,
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
    "order of the pixels is in the image."
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
