"""Exercise 12.2: RoIPool."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops.roi import pool, regions

NAMES = ("features", "boxes", "output_size", "spatial_scale")


def pool_cases():
    """Two images; boxes with halves, with bins that share cells, across the upper left border, and outside."""
    generator = torch.Generator().manual_seed(2)
    features = torch.randn(2, 2, 6, 7, generator=generator, dtype=torch.float64)
    ramp = torch.arange(64.0, dtype=torch.float64).view(1, 1, 8, 8)
    calls = [
        (features, [[1, 20, 4, 75, 58], [0, 0, 0, 40, 40]], (3, 2), 1 / 16),
        (ramp, [[0, 1, 0, 3, 4]], (2, 1), 1.0),
        (ramp, [[0, 40, 8, 100, 90]], (2, 3), 1 / 16),
        (ramp, [[0, 47.7, 8, 95.6, 90]], (1, 2), 1 / 16),
        (ramp, [[0, -3, -4, 1, 2]], (2, 2), 1.0),
        (features, [[1, -30, 20, 20, 130], [0, 300, 300, 320, 330]], (2, 2), 1 / 16),
        (features, [[0, -75, -40, 20, 55], [1, -60, -50, -20, -10]], (3, 3), 1 / 16),
        (features[1:], [[0, 50, 50, 52, 51], [0, 16, 16, 32, 32]], (1, 1), 1 / 16),
    ]
    calls = [(f, torch.tensor(boxes, dtype=torch.float64), size, scale) for f, boxes, size, scale in calls]
    return [dict(zip(NAMES, call, strict=True)) for call in calls]


POOL = Exercise(
    "12.2",
    "RoIPool",
    difficulty=3,
    minutes=25,
    oracle=pool.roi_pool,
    cases=pool_cases,
    gradients=True,
    hints=(
        "For each box: its image is whole number box[0]; x0, y0, x1, y1 are regions.round_half_away(box[1:] "
        "* spatial_scale).",
        "The end's cell is included: width = max(x1 − x0 + 1, 1). Bin q takes the columns from x0 + "
        "⌊q · width / Q⌋ up to x0 + ⌈(q + 1) · width / Q⌉, without the last, clamped to 0 and W.",
        "window = features[image, :, top:bottom, left:right]. If window.numel() is 0 the bin is 0, else "
        "window.amax((1, 2)).",
    ),
)


@POOL.model
def roi_pool(features, boxes, output_size, spatial_scale):
    (P, Q), out = output_size, []
    for box in boxes:
        x0, y0, x1, y1 = regions.round_half_away(box[1:] * spatial_scale).long().tolist()
        h, w = max(y1 - y0 + 1, 1), max(x1 - x0 + 1, 1)
        for p in range(P):
            rows = slice(max(y0 + p * h // P, 0), max(y0 - (p + 1) * h // -P, 0))
            for q in range(Q):
                columns = slice(max(x0 + q * w // Q, 0), max(x0 - (q + 1) * w // -Q, 0))
                window = features[int(box[0]), :, rows, columns]
                empty = window.numel() == 0
                out.append(features.new_zeros(features.shape[1]) if empty else window.amax((1, 2)))
    return torch.stack(out).view(len(boxes), P, Q, -1).permute(0, 3, 1, 2)


@POOL.flags(
    exclusive_end="This looks like an exclusive end. RoIPool rounds to cells and counts the cell of the end in: "
    "x1 − x0 + 1 columns.",
    mean="This looks like the mean of each bin. RoIPool takes the largest feature; position-sensitive pooling takes "
    "the mean.",
    ends_down="This looks like bins whose ends are rounded down too, so that they never overlap. They end at ⌈ ⌉: "
    "where cells do not divide evenly, neighbours share one.",
    truncates="This looks like a box that is truncated instead of rounded: 6.9 cells are nearer to 7 than to 6.",
    floors="This looks like a box rounded down. Each of its four numbers goes to the nearest cell.",
    to_even="This looks like torch.round, which takes halves to the even neighbour. The operator rounds them away from "
    "zero; use regions.round_half_away.",
    first_image="This looks like every box read from the first image. The first number of a row says which image of "
    "the batch is meant. It is no class.",
    wraps="This looks like negative cells used as Python indices: a window that begins at −2 begins two cells before "
    "the END. Clamp its start and its end to 0.",
    swaps="This looks like x and y exchanged: a row is (image, x0, y0, x1, y1), x for columns and y for rows.",
    swaps_bins="This looks like P and Q exchanged: P bins go down the rows, Q across the columns.",
    unscaled="This looks like a box in pixels on a map of cells: its scale was forgotten.",
    minus_infinity="This looks like −∞ for a bin without cells, which then spreads through the network. Such a bin is "
    "0.",
    rounds_first="This looks like a box that is rounded before it is scaled: its cells then have fractions that are "
    "cut off. Scale first, then round.",
)
def wrong_pool(features, boxes, output_size, spatial_scale, *, exclusive_end=False, mean=False, ends_down=False,
               truncates=False, floors=False, to_even=False, first_image=False, wraps=False, swaps=False,
               swaps_bins=False, unscaled=False, minus_infinity=False, rounds_first=False):  # fmt: skip
    rounding = torch.round if to_even else torch.trunc if truncates else regions.round_half_away
    rounding = torch.floor if floors else rounding
    P, Q = reversed(output_size) if swaps_bins else output_size
    scale, out = 1.0 if unscaled else spatial_scale, []

    def window(start, length, p, bins):
        low, high = start + p * length // bins, start - ((p + 1) * length // -bins)
        high = start + (p + 1) * length // bins if ends_down else high
        return slice(low, high) if wraps else slice(max(low, 0), max(high, 0))

    for box in boxes:
        cells = rounding(box[1:]) * scale if rounds_first else rounding(box[1:] * scale)
        x0, y0, x1, y1 = cells[[1, 0, 3, 2]].long().tolist() if swaps else cells.long().tolist()
        h, w = (max(end - start + (not exclusive_end), 1) for start, end in ((y0, y1), (x0, x1)))
        for p in range(P):
            for q in range(Q):
                image = features[0 if first_image else int(box[0])]
                part = image[:, window(y0, h, p, P), window(x0, w, q, Q)].flatten(1)
                nothing = features.new_full((features.shape[1],), -torch.inf if minus_infinity else 0.0)
                out.append(nothing if part.numel() == 0 else part.mean(1) if mean else part.amax(1))
    return torch.stack(out).view(len(boxes), *output_size, -1).permute(0, 3, 1, 2)
