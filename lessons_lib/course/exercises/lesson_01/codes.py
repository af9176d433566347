"""Lesson 01, exercises 4 and 5: run lengths as COCO writes them, and the pixels inside a polygon."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import annotations

# 01.4


def run_cases():
    """By hand, a first pixel that is set, nothing set, all set, a strided view, random pixels, one row, one column."""
    bar = torch.zeros(4, 3, dtype=torch.bool)
    bar[1:3, 1] = True
    corner = torch.tensor([[1, 1, 0], [0, 1, 0]], dtype=torch.bool)
    noise = torch.rand(5, 7, generator=torch.Generator().manual_seed(4)) < 0.5
    return [
        {"mask": bar},
        {"mask": corner},
        {"mask": torch.zeros(2, 5, dtype=torch.bool)},
        {"mask": torch.ones(3, 2, dtype=torch.bool)},
        {"mask": noise.T},
        {"mask": noise},
        {"mask": torch.tensor([[0, 1, 1, 0, 1]], dtype=torch.bool)},
        {"mask": torch.tensor([[1], [0], [1]], dtype=torch.bool)},
    ]


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


@RUNS.mistake(
    "This looks like runs along the rows. COCO reads down the columns: transpose the mask before you flatten it."
)
def along_the_rows(mask):
    return annotations.run_lengths(mask.T)


@RUNS.mistake(
    "This looks like runs that begin with whatever comes first. The first number always counts zeros, so it is 0 where "
    "the first pixel is set; otherwise a decoder turns the mask inside out."
)
def without_the_leading_zero(mask):
    counts = annotations.run_lengths(mask)
    return counts[1:] if counts[0] == 0 else counts


@RUNS.mistake(
    "This looks like runs that lost the last one. It is still open when the pixels end; the sum must be H · W."
)
def without_the_last_run(mask):
    return annotations.run_lengths(mask)[:-1]


@RUNS.mistake(
    "This looks like the positions where the value changes. Run lengths are the distances between them, and the last "
    "reaches to the end."
)
def places_of_change(mask):
    counts = torch.tensor(annotations.run_lengths(mask))
    return counts.cumsum(0).tolist()


@RUNS.mistake(
    "This looks like (start, length) pairs of the ones, as some other formats have it. COCO counts zeros and ones in "
    "turn."
)
def starts_and_lengths(mask):
    counts = annotations.run_lengths(mask)
    ends = torch.tensor(counts).cumsum(0).tolist()
    return [number for i in range(1, len(counts), 2) for number in (ends[i - 1], counts[i])]


# 01.5


def polygon_cases():
    """A triangle, a box off the grid, a shape with a bay, one beyond the frame, a star that crosses itself, a thin one.

    No corner and no edge meets a pixel's centre, so that no convention decides.
    """
    shapes = [
        ([(1.2, 0.7), (7.3, 2.1), (2.6, 6.8)], (8, 9)),
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


@POLYGON.mistake(
    "This looks like the pixels' corners in place of their centres. Pixel (row, column) has its centre half a pixel "
    "further, at (column + ½, row + ½)."
)
def by_the_corners_of_pixels(corners, size):
    return annotations.polygon_mask(corners + 0.5, size)


@POLYGON.mistake("This looks like (row, column) corners. A polygon's corners are (x, y): x runs to the right.")
def rows_first(corners, size):
    return annotations.polygon_mask(corners.flip(1), size)


@POLYGON.mistake(
    "This looks like a polygon that is not closed: the edge from the last corner back to the first is missing, so rows "
    "beside it are filled to the frame or not at all."
)
def without_the_closing_edge(corners, size):
    last, first = corners[-1], corners[0]
    far = max(size) + 100.0  # an edge that no ray from inside the frame tells from one at infinity
    bent = torch.stack([last, last.new_tensor([-far, last[1]]), first.new_tensor([-far, first[1]])])
    return annotations.polygon_mask(torch.cat([corners[:-1], bent]), size)


@POLYGON.mistake(
    "This looks like the box around the corners. It is the polygon only where that is a box of its own; count how "
    "often a ray crosses the edges."
)
def the_box_around(corners, size):
    (x0, y0), (x1, y1) = corners.amin(0).tolist(), corners.amax(0).tolist()
    box = torch.tensor([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=torch.float64)
    return annotations.polygon_mask(box, size)


@POLYGON.mistake(
    "This looks like a ray that crossed any edge. It starts inside exactly if it crosses an odd number of times: flip "
    "with ^=, do not set with |=."
)
def crossed_at_all(corners, size):
    y = torch.arange(size[0])[:, None] + 0.5
    x = torch.arange(size[1])[None, :] + 0.5
    hit = torch.zeros(size, dtype=torch.bool)
    for (x0, y0), (x1, y1) in zip(corners.tolist(), corners.roll(-1, 0).tolist(), strict=True):
        between = (y0 <= y) != (y1 <= y)
        hit |= between & (x < x0 + (y - y0) * ((x1 - x0) / (y1 - y0) if y1 != y0 else 0))
    return hit
