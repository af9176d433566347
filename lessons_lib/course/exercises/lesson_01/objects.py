"""Exercises 01.1 and 01.2: tight boxes, and object numbers that are only names."""

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
    shape[0, 3, 3] = True
    pixel = torch.zeros(1, 2, 3, dtype=torch.bool)
    pixel[0, 1, 2] = True
    several = _random(3, 5, 7, share=0.1)
    several[1] = False
    return [
        {"masks": shape},
        {"masks": pixel},
        {"masks": torch.zeros(1, 1, 2, dtype=torch.bool)},
        {"masks": torch.stack([pixel[0], ~pixel[0]])},
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


@BOXES.mistake(
    "This looks like an empty mask that has no smallest row: min() of nothing fails. Its box shall be 0, 0, 0, 0."
)
def fails_on_an_empty_mask(masks):
    boxes = torch.zeros(len(masks), 4)
    for i, mask in enumerate(masks):
        rows, columns = mask.nonzero().unbind(1)
        boxes[i] = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    return boxes


@BOXES.flags(
    inclusive="This looks like ends that include the last pixel. Here they are exclusive, so that the width is x1 − "
    "x0: one past the last pixel. A box around one pixel would have no area otherwise.",
    late_start="This looks like a box that begins one pixel too late. x0 and y0 are the first pixel that is set; only "
    "the ends lie one past the last.",
    late_end="This looks like ends two past the last pixel. Pixel 4 reaches from 4 to 5: one past it.",
    rows_as_x="This looks like rows taken for x. x runs along the columns, to the right; y down the rows.",
    as_coco="This looks like (x, y, width, height), as COCO's files have it. The course's boxes are (x0, y0, x1, y1).",
    by_axis="This looks like (x0, x1, y0, y1). Both starts come first, then both ends: (x0, y0, x1, y1).",
    centres="This looks like the centres of the outermost pixels. A box reaches to their edges: pixel 4 from 4 to 5.",
    one_box="This looks like one box around all masks together. Each mask has its own.",
    whole_for_empty="This looks right but for an empty mask, whose box shall be 0, 0, 0, 0.",
    drops_empty="This looks like empty masks left out. Each mask has its row; an empty one has 0, 0, 0, 0.",
    whole_numbers="This looks like boxes of whole numbers, int64. Boxes are float32, as detectors predict them.",
)
def wrong_boxes(masks, *, inclusive=False, late_start=False, late_end=False, rows_as_x=False, as_coco=False,
                by_axis=False, centres=False, one_box=False, whole_for_empty=False, drops_empty=False,
                whole_numbers=False):  # fmt: skip
    some = masks.flatten(1).any(1)[:, None]
    boxes = library_boxes(masks.any(0, keepdim=True)).expand(len(masks), 4) if one_box else library_boxes(masks)
    shift = torch.tensor([late_start, late_start, late_end - inclusive, late_end - inclusive]).float()
    shift = shift + torch.tensor([0.5, 0.5, -0.5, -0.5]) * centres
    boxes = boxes + shift * (some | one_box)
    whole = torch.tensor([0.0, 0, masks.shape[2], masks.shape[1]])
    boxes = torch.where(some, boxes, whole) if whole_for_empty else boxes
    boxes = boxes[:, [1, 0, 3, 2]] if rows_as_x else boxes
    boxes = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1) if as_coco else boxes
    boxes = boxes[:, [0, 2, 1, 3]] if by_axis else boxes
    boxes = boxes[some[:, 0]] if drops_empty else boxes
    return boxes.long() if whole_numbers else boxes


# 01.2


def id_cases():
    """Void, numbers with gaps and beyond 255, an object in two parts, small maps, one that comes in order already."""
    gaps = torch.tensor([[0, 0, 7, 7], [3, 0, 7, 0], [3, 3, 0, 12], [0, 255, 255, 12], [3, 0, 0, 0]])
    many = torch.randint(0, 9, (6, 8), generator=torch.Generator().manual_seed(3))
    small = [[[2, 1]], [[1, 0, 1]], [[0, 1], [2, 0]], [[3]], [[255, 1]], [[255]], [[0]], [[2, 1, 1]]]
    return [
        {"id_map": gaps},
        *({"id_map": torch.tensor(ids)} for ids in small),
        {"id_map": torch.tensor([[0, 2, 2], [1, 1, 0]])},
        {"id_map": torch.tensor([[24003, 24003, 0], [26000, 255, 24001]])},
        {"id_map": torch.tensor([[4, 0, 4], [0, 0, 0], [9, 9, 4]])},
        {"id_map": torch.tensor([[0, 5, 0], [0, 5, 0], [8, 0, 0]])},
        {"id_map": many},
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


@IDS.flags(
    ascending="This looks like numbers given in ascending order of the old ones. The old numbers are an annotator's "
    "choice; the order of the pixels is in the image.",
    by_columns="This looks like reading down the columns. Row by row, from the left, is the order here.",
    last_first="This looks like objects ordered by their last pixel. The one whose FIRST pixel comes first is number "
    "1.",
    by_size="This looks like objects ordered by their size. Reading order is asked for: where they first appear.",
    from_0="This looks like objects numbered from 0. 0 is the ground, so the first object is 1.",
    void_object="This looks like void, 255, taken for an object. It is no object and keeps its number.",
    void_ground="This looks like void that became ground. 255 stays 255.",
    ground_object="This looks like the ground taken for an object. 0 stays 0.",
    by_pieces="This looks like connected pieces counted. An object may lie in two parts, and both have its number.",
    in_place="This looks like a map that is renumbered in place: an object that got a new number is met again under "
    "it. Write to another map than the one you read.",
)
def wrong_ids(id_map, *, ascending=False, by_columns=False, last_first=False, by_size=False, from_0=False,
              void_object=False, void_ground=False, ground_object=False, by_pieces=False, in_place=False):  # fmt: skip
    source = id_map.clone()
    if by_pieces:
        source, count = torch.zeros_like(id_map), 0
        for number in id_map.unique().tolist():
            pieces = annotations.connected_pieces(id_map == number)
            source = torch.where(pieces > 0, pieces + count, source)
            count += int(pieces.max())
        source = 256 + source
        source = torch.where((id_map == 0) | (id_map == 255), id_map, source)
    read = (source.T if by_columns else source).flatten().tolist()
    order = sorted(set(read)) if ascending else list(dict.fromkeys(read))
    order = sorted(order, key=lambda n: len(read) - 1 - read[::-1].index(n)) if last_first else order
    order = sorted(order, key=read.count, reverse=True) if by_size else order
    kept = {0: 0, 255: 0 if void_ground else 255}
    renewed = source.clone() if in_place else torch.where(source == 255, kept[255], 0)
    objects = [n for n in order if n not in kept or (n == 255 and void_object) or (n == 0 and ground_object)]
    for place, number in enumerate(objects, start=not from_0):
        renewed[(renewed if in_place else source) == number] = place
    return renewed
