"""Exercises 01.4 and 01.5: run lengths as COCO writes them, and the pixels inside a polygon."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import annotations

# 01.4


def run_cases():
    """Random pixels, by hand, a first pixel that is set, nothing set, all set, a strided view, one row, one column."""
    bar = torch.zeros(4, 3, dtype=torch.bool)
    bar[1:3, 1] = True
    noise = torch.rand(5, 7, generator=torch.Generator().manual_seed(4)) < 0.5
    small = [[[1]], [[0]], [[0, 1]], [[1, 0]], [[0, 1], [0, 0]], [[1, 1, 0], [0, 1, 0]], [[0, 1, 1, 0, 1]]]
    small += [[[1], [0], [1]], [[0, 0], [1, 0]], [[0], [1], [0]]]
    masks = [noise, bar, *(torch.tensor(pixels, dtype=torch.bool) for pixels in small)]
    masks += [torch.zeros(2, 5, dtype=torch.bool), torch.ones(3, 2, dtype=torch.bool), noise.T]
    return [{"mask": mask} for mask in masks]


RUNS = Exercise(
    "01.4",
    "Run lengths",
    difficulty=2,
    minutes=15,
    oracle=annotations.run_lengths,
    cases=run_cases,
    hints=(
        "Put the pixels in COCO's order first: down the columns. mask.flatten() goes along the rows; what does a "
        "transpose do to that?",
        "The first number counts zeros. Where the first pixel is set, there are 0 of them: [0, 3, …].",
        "Walk through the pixels with a value that starts as False. When a pixel differs, write the run down, start a "
        "new one at 0, and turn the value. The last run is still open at the end.",
    ),
)


@RUNS.model
def run_lengths(mask):
    counts, value, run = [], False, 0
    for pixel in mask.T.flatten().tolist():
        if pixel != value:
            counts.append(run)
            value, run = pixel, 0
        run += 1
    return [*counts, run]


@RUNS.flags(
    rows="This looks like runs along the rows. COCO reads down the columns: transpose the mask before you flatten it.",
    inverted="This looks like ones first. The first number always counts zeros.",
    no_zero="This looks like runs that begin with whatever comes first. The first number always counts zeros, so it is "
    "0 where the first pixel is set; otherwise a decoder turns the mask inside out.",
    always_zero="This looks like a 0 in front of every list. The first number counts the zeros there are: it is 0 only "
    "where the first pixel is set.",
    no_last="This looks like runs that lost the last one. It is still open when the pixels end; the sum must be H · W.",
    only_ones="This looks like the runs of ones alone. COCO counts zeros and ones in turn.",
    changes="This looks like the positions where the value changes. Run lengths are the distances between them, and "
    "the last reaches to the end.",
    starts="This looks like (start, length) pairs of the ones, as some other formats have it. COCO counts zeros and "
    "ones in turn.",
    starts_from_1="This looks like (start, length) pairs of the ones with starts counted from 1, as Kaggle has them. "
    "COCO counts zeros and ones in turn.",
    with_values="This looks like pairs of a value and its run. The values alternate, beginning with 0, so only the "
    "lengths are written.",
    short="This looks like runs one too short: a run counts its first pixel too.",
    tensor="This looks like a tensor. A list of whole numbers is asked for: .tolist().",
)
def wrong_runs(mask, *, rows=False, inverted=False, no_zero=False, always_zero=False, no_last=False, only_ones=False,
               changes=False, starts=False, starts_from_1=False, with_values=False, short=False,
               tensor=False):  # fmt: skip
    mask = mask.T if rows else mask
    counts = annotations.run_lengths(~mask if inverted else mask)
    ends = torch.tensor(counts).cumsum(0).tolist()
    found = counts[1:] if no_zero and counts[0] == 0 else [0, *counts] if always_zero and counts[0] else counts
    found = found[:-1] if no_last else found
    found = [run - 1 if run and i else run for i, run in enumerate(found)] if short else found
    found = counts[1::2] if only_ones else ends if changes else found
    if starts or starts_from_1:
        found = [n for i in range(1, len(counts), 2) for n in (ends[i - 1] + starts_from_1, counts[i])]
    found = [[i % 2, run] for i, run in enumerate(counts) if run] if with_values else found
    return torch.tensor(found) if tensor else found


# 01.5


def polygon_cases():
    """A triangle, a box off the grid, a shape with a bay, one beyond the frame, a star that crosses itself, a thin one.

    No corner and no edge meets a pixel's centre, so that no convention decides.
    """
    shapes = [
        ([(1.2, 0.7), (7.3, 2.1), (2.6, 6.8)], (8, 9)),
        ([(0.2, 0.3), (1.3, 0.4), (0.3, 1.8)], (2, 2)),
        ([(1.7, 1.3), (5.2, 1.3), (5.2, 4.9), (1.7, 4.9)], (6, 7)),
        ([(0.8, 0.8), (8.3, 0.9), (8.2, 7.1), (4.4, 2.2), (0.9, 7.2)], (8, 9)),
        ([(-3.1, 2.2), (4.3, -2.4), (9.7, 4.1), (3.2, 9.3)], (6, 7)),
        ([(4.6, 0.3), (7.4, 8.6), (0.3, 3.4), (8.8, 3.3), (1.8, 8.7)], (9, 9)),
        ([(0.2, 1.7), (8.9, 1.6), (8.8, 1.9)], (3, 9)),
    ]
    return [{"corners": torch.tensor(corners, dtype=torch.float64), "size": size} for corners, size in shapes]


POLYGON = Exercise(
    "01.5",
    "Inside a polygon",
    difficulty=3,
    minutes=20,
    oracle=annotations.polygon_mask,
    cases=polygon_cases,
    hints=(
        "Take one edge at a time, from (x0, y0) to (x1, y1), and flip every pixel whose ray to the right crosses it. "
        "The centre of pixel (row, column) is at x = column + 0.5, y = row + 0.5.",
        "The ray at height y meets the edge only where one end is above y and one is not: (y0 <= y) != (y1 <= y). It "
        "does so at x0 + (y − y0) · (x1 − x0) / (y1 − y0); the pixel flips if that lies to the right of it.",
        "inside ^= … flips. corners.roll(-1, 0) gives the next corner of each, and closes the polygon.",
    ),
)


@POLYGON.model
def polygon_mask(corners, size):
    y = torch.arange(size[0])[:, None] + 0.5
    x = torch.arange(size[1])[None, :] + 0.5
    inside = torch.zeros(size, dtype=torch.bool)
    for (x0, y0), (x1, y1) in zip(corners.tolist(), corners.roll(-1, 0).tolist(), strict=True):
        between = (y0 <= y) != (y1 <= y)
        slope = (x1 - x0) / (y1 - y0) if y1 != y0 else 0
        inside ^= between & (x < x0 + (y - y0) * slope)
    return inside


@POLYGON.flags(
    pixel_corners="This looks like the pixels' corners in place of their centres. Pixel (row, column) has its centre "
    "half a pixel further, at (column + ½, row + ½).",
    rows_first="This looks like (row, column) corners. A polygon's corners are (x, y): x runs to the right.",
    open="This looks like a polygon that is not closed: the edge from the last corner back to the first is missing, so "
    "rows beside it are filled to the frame or not at all.",
    box="This looks like the box around the corners. It is the polygon only where that is a box of its own; count how "
    "often a ray crosses the edges.",
    crossed="This looks like a ray that crossed any edge. It starts inside exactly if it crosses an odd number of "
    "times: flip with ^=, do not set with |=.",
    rounded="This looks like corners rounded to whole pixels first. A polygon's corners have fractions; only the "
    "centres are on a grid.",
    steep="This looks like a crossing computed with dy/dx. x moves by dx/dy for each step in y: x0 + (y − y0) · "
    "(x1 − x0) / (y1 − y0).",
    vertical="This looks like edges that are taken for vertical, at x0. A slanted edge is crossed at another x for "
    "every y.",
    all_heights="This looks like a ray that meets every edge, however high. It only meets those with one end above and "
    "one below it.",
    outside="This looks like the mask turned inside out. True is inside.",
    exchanged="This looks like (width, height). size is (height, width), as every shape.",
    numbers="This looks like numbers, 0 and 1. A boolean mask is asked for.",
)
def wrong_polygon(corners, size, *, pixel_corners=False, rows_first=False, open=False, box=False, crossed=False,
                  rounded=False, steep=False, vertical=False, all_heights=False, outside=False, exchanged=False,
                  numbers=False):  # fmt: skip
    height, width = reversed(size) if exchanged else size
    half = 0.0 if pixel_corners else 0.5
    y, x = torch.arange(height)[:, None] + half, torch.arange(width)[None, :] + half
    corners = corners.flip(1) if rows_first else corners
    corners = corners.round() if rounded else corners
    if box:
        (x0, y0), (x1, y1) = corners.amin(0).tolist(), corners.amax(0).tolist()
        corners = torch.tensor([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=torch.float64)
    edges = list(zip(corners.tolist(), corners.roll(-1, 0).tolist(), strict=True))
    inside = torch.zeros(height, width, dtype=torch.bool)
    for (x0, y0), (x1, y1) in edges[:-1] if open else edges:
        slope = (x1 - x0) / (y1 - y0) if y1 != y0 else 0
        slope = (1 / slope if slope else 0) if steep else 0 if vertical else slope
        hit = (((y0 <= y) != (y1 <= y)) | all_heights) & (x < x0 + (y - y0) * slope)
        inside = inside | hit if crossed else inside ^ hit
    inside = ~inside if outside else inside
    return inside.long() if numbers else inside
