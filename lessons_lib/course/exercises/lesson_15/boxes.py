"""Lesson 15, exercises 1 and 5: reading a row inside an interval that can move, and the boxes of the next stage."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops.box_coding import LARGEST_GROWTH, clip_boxes, decode_boxes
from lessons_lib.ops.roi import roi_warp

# 15.1


def warp_cases():
    """A ramp by hand, drawn rows and intervals inside, one that begins outside, and one sample."""
    draw = torch.Generator().manual_seed(1)
    cases = [{"row": torch.arange(5.0) ** 2, "x": torch.tensor(0.5), "width": torch.tensor(2.5), "count": 2}]
    for size, x, width, count in ((9, 1.3, 5.9, 4), (7, -0.6, 4.5, 3), (8, 3.7, 6.2, 5), (6, 2.25, 2.0, 1)):
        row = torch.randn(size, generator=draw) * 2
        cases.append({"row": row, "x": torch.tensor(x), "width": torch.tensor(width), "count": count})
    return cases


def library_warp(row, x, width, count):
    """The library's operator on a map of one row; the box is one cell high."""
    zero = torch.zeros(())
    box = torch.stack([x, zero, x + width, zero + 1])
    return roi_warp(row[None, None, None], [box[None]], (1, count))[0, 0, 0]


WARP = Exercise(
    "15.1",
    "Warp a row",
    oracle=library_warp,
    cases=warp_cases,
    gradients=True,
    difficulty=2,
    minutes=20,
    hints=(
        "Sample i stands at x + i / count · width. The weight of cell u is what is left of 1 after the distance "
        "between the sample and u is taken off, and 0 from one cell on.",
        "at = x + torch.arange(count) / count * width; weights = (1 - (at[:, None] - torch.arange(len(row))).abs())"
        ".clamp(min=0), one row of weights for each sample.",
        "return weights @ row. Nothing is rounded, so the gradient reaches x and width through `at`.",
    ),
)


@WARP.model
def warp_row(row, x, width, count):
    at = x + torch.arange(count) / count * width
    weights = (1 - (at[:, None] - torch.arange(len(row))).abs()).clamp(min=0)
    return weights @ row


@WARP.flags(
    rounded="This looks like a start rounded to a whole cell, as in the released code of MNC. Then x has no gradient, "
    "and the cascade cannot move it.",
    middles="This looks like samples at the middles of the bins. Here they are asked for at their left ends, as the "
    "paper writes them: x + i / count · width.",
    last_at_the_end="This looks like samples from end to end, the last one at x + width: the steps are width / count, "
    "not width / (count − 1).",
    nearest="This looks like the nearest cell alone. Without the weights of both neighbours there is nothing that "
    "changes smoothly with x, so no gradient.",
    clamped="This looks like samples clamped to the row. In the paper's formula what lies outside fades to 0: no cell "
    "is near.",
)
def wrong_warp(
    row, x, width, count, *, rounded=False, middles=False, last_at_the_end=False, nearest=False, clamped=False
):
    x = x.round() if rounded else x
    steps = max(count - 1, 1) if last_at_the_end else count
    at = x + (torch.arange(count) + (0.5 if middles else 0.0)) / steps * width
    at = at.clamp(0, len(row) - 1) if clamped else at
    distance = (at[:, None] - torch.arange(len(row))).abs()
    weights = (distance <= 0.5).float() if nearest else (1 - distance).clamp(min=0)
    return weights @ row


@WARP.mistake(
    "This looks like a box whose position is detached: the values are right, but no gradient reaches x and width. "
    "Keep them in the computation to the end."
)
def warps_detached(row, x, width, count):
    return warp_row(row, x.detach(), width.detach(), count)


# 15.5


def next_cases():
    """One box by hand, several with large and small moves, boxes at the border, and no box; through and detached."""
    draw = torch.Generator().manual_seed(5)
    first = torch.tensor([[10.0, 10.0, 20.0, 30.0]])
    cases = [{"boxes": first, "deltas": torch.tensor([[1.0, -0.5, 0.0, 0.0]]), "size": (64, 48), "through": True}]
    for count, through in ((5, True), (4, False), (0, True)):
        start = torch.rand(count, 2, generator=draw) * 30
        boxes = torch.cat([start, start + 6 + torch.rand(count, 2, generator=draw) * 16], 1)
        deltas = torch.randn(count, 4, generator=draw) * torch.tensor([1.5, 1.5, 1.0, 1.0])
        cases.append({"boxes": boxes, "deltas": deltas, "size": (56, 40), "through": through})
    return cases


WEIGHTS = (10.0, 10.0, 5.0, 5.0)


def library_next(boxes, deltas, size, through):
    """The library's functions, one after the other."""
    moved = decode_boxes(deltas, boxes, WEIGHTS)
    moved = clip_boxes(moved[None], torch.tensor([size]))[0]
    return moved if through else moved.detach() + 0 * (boxes.sum() + deltas.sum())


NEXT = Exercise(
    "15.5",
    "The boxes of the next stage",
    oracle=library_next,
    cases=next_cases,
    gradients=True,
    difficulty=2,
    minutes=15,
    hints=(
        "Two steps: `decode_boxes(deltas, boxes, weights)` moves the boxes, `clip_boxes` keeps them in the image. What "
        "differs with `through` is the gradient, not the value.",
        "clip_boxes wants a batch: clip_boxes(moved[None], torch.tensor([size]))[0], where size is (height, width).",
        "With through=False: moved.detach(), plus 0 * (boxes.sum() + deltas.sum()), so that both still have a "
        "gradient, which is 0.",
    ),
)


@NEXT.model
def next_boxes(boxes, deltas, size, through):
    moved = decode_boxes(deltas, boxes, (10.0, 10.0, 5.0, 5.0))
    moved = clip_boxes(moved[None], torch.tensor([size]))[0]
    if through:
        return moved
    return moved.detach() + 0 * (boxes.sum() + deltas.sum())


@NEXT.flags(
    always_detached="This looks like boxes that are always detached: the next stage then reads them, but its losses "
    "never move them, and the cascade is three networks in a row.",
    never_detached="This looks like boxes that are never detached: with through=False the next stage must not move "
    "them, as in Faster R-CNN.",
    no_weights="This looks like deltas that were not divided by the weights 10, 10, 5, 5 before they move a box: it "
    "is moved ten times too far.",
    not_clipped="This looks like boxes that may leave the image. They are clipped to it before the next stage reads.",
    turned="This looks like height and width exchanged in clipping: `size` is (height, width); x ends at the width.",
    old_boxes_detached="This looks like a gradient to the deltas alone. A box that came from the stage before carries "
    "its gradient on, too: the moved box depends on the old one.",
)
def wrong_next(
    boxes, deltas, size, through, *, always_detached=False, never_detached=False, no_weights=False, not_clipped=False,
    turned=False, old_boxes_detached=False,
):  # fmt: skip
    kept, boxes = boxes, boxes.detach() if old_boxes_detached else boxes
    moved = decode_boxes(deltas, boxes, (1.0, 1.0, 1.0, 1.0) if no_weights else WEIGHTS)
    moved = moved if not_clipped else clip_boxes(moved[None], torch.tensor([size[::-1] if turned else size]))[0]
    nothing = 0 * (kept.sum() + deltas.sum())
    if (through and not always_detached) or never_detached:
        return moved + nothing
    return moved.detach() + nothing


@NEXT.mistake(
    "This looks like a shift added in pixels. A delta counts in widths and heights of the box, and sizes grow by exp."
)
def shifts_in_pixels(boxes, deltas, size, through):
    shift, growth = deltas[:, :2] / 10, (deltas[:, 2:] / 5).clamp(max=LARGEST_GROWTH)
    moved = clip_boxes((boxes + torch.cat([shift - growth, shift + growth], 1))[None], torch.tensor([size]))[0]
    return moved if through else moved.detach() + 0 * (boxes.sum() + deltas.sum())
