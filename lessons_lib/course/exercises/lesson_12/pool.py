"""Exercises of lesson 12, the rounding half: C's rounding and RoIPool."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops.roi import pool, regions

# 12.1


def rounding_cases():
    """Halves of both signs, ordinary numbers, and the largest number below a half."""
    generator = torch.Generator().manual_seed(1)
    return [
        {"x": torch.tensor([0.5, 1.5, 2.5, 3.5])},
        {"x": torch.tensor([-0.5, -1.5, -2.5])},
        {"x": torch.tensor([0.0, 0.2, -0.7, 7.0, -3.0, 12.6])},
        {"x": torch.tensor(0.49999997)},
        {"x": (torch.randn(2, 6, generator=generator, dtype=torch.float64) * 8).T},
    ]


ROUND = Exercise(
    "12.1",
    "Rounding as C does it",
    difficulty=1,
    minutes=10,
    oracle=regions.round_half_away,
    cases=rounding_cases,
    hints=(
        "Cut the fraction off first, with x.trunc(). Then ask whether what you cut off was at least a half.",
        "x.sign() says in which direction 'away from zero' lies.",
        "x.trunc() + x.sign() * ((x - x.trunc()).abs() >= 0.5)",
    ),
)


@ROUND.model
def round_half_away(x):
    whole = x.trunc()
    return whole + x.sign() * ((x - whole).abs() >= 0.5)


@ROUND.mistake("This looks like torch.round, which takes halves to the even neighbour: 2.5 becomes 2, in C it is 3.")
def halves_to_even(x):
    return x.round()


@ROUND.mistake(
    "This looks like ⌊x + 0.5⌋. It takes −2.5 up to −2, and it fails for the largest number below 0.5, whose "
    "sum with 0.5 is "
    "rounded up to 1 before the floor sees it."
)
def floor_of_a_half_more(x):
    return (x + 0.5).floor()


@ROUND.mistake(
    "This looks like sign · ⌊|x| + 0.5⌋: almost. The largest number below 0.5 plus 0.5 is 1 in "
    "floating-point arithmetic. Cut "
    "the fraction off first, then compare it."
)
def adds_before_it_cuts(x):
    return x.sign() * (x.abs() + 0.5).floor()


@ROUND.mistake("This looks like truncation: 0.7 becomes 0. Rounding goes to the nearer whole number.")
def cuts_off(x):
    return x.trunc()


# 12.2


def pool_cases():
    """Two images; boxes with halves, with bins that share cells, across the border, and outside."""
    generator = torch.Generator().manual_seed(2)
    features = torch.randn(2, 2, 6, 7, generator=generator, dtype=torch.float64)
    ramp = torch.arange(64.0, dtype=torch.float64).view(1, 1, 8, 8)
    calls = [
        (ramp, [[0, 0, 0, 7, 7]], (2, 2), 1.0),
        (ramp, [[0, 40, 8, 100, 90]], (2, 3), 1 / 16),
        (features, [[1, 20, 4, 75, 58], [0, 0, 0, 40, 40]], (3, 2), 1 / 16),
        (features, [[1, -30, 20, 20, 130], [0, 300, 300, 320, 330]], (2, 2), 1 / 16),
        (features[1:], [[0, 50, 50, 52, 51], [0, 16, 16, 32, 32]], (1, 1), 1 / 16),
    ]
    names = ("features", "boxes", "output_size", "spatial_scale")
    return [
        dict(zip(names, (f, torch.tensor(b, dtype=torch.float64), size, scale), strict=True))
        for f, b, size, scale in calls
    ]


POOL = Exercise(
    "12.2",
    "RoIPool",
    difficulty=3,
    minutes=25,
    oracle=pool.roi_pool,
    cases=pool_cases,
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


def pool_with(features, boxes, output_size, spatial_scale, one_more=1, rounding=regions.round_half_away, **parts):
    """RoIPool with one of its parts exchanged."""
    end_of, over = parts.get("end_of", lambda p, h, P: -((p + 1) * h // -P)), parts.get("over", "amax")
    out = features.new_zeros(len(boxes), features.shape[1], *output_size)
    for r, box in enumerate(boxes):
        x0, y0, x1, y1 = rounding(box[1:] * spatial_scale).long().tolist()
        h, w = max(y1 - y0 + one_more, 1), max(x1 - x0 + one_more, 1)
        for p in range(output_size[0]):
            rows = slice(max(y0 + p * h // output_size[0], 0), max(y0 + end_of(p, h, output_size[0]), 0))
            for q in range(output_size[1]):
                columns = slice(max(x0 + q * w // output_size[1], 0), max(x0 + end_of(q, w, output_size[1]), 0))
                window = features[parts.get("image", int(box[0])), :, rows, columns]
                if window.numel():
                    out[r, :, p, q] = getattr(window, over)((1, 2))
    return out


@POOL.mistake(
    "This looks like an exclusive end. RoIPool rounds to cells and counts the cell of the end in: x1 − x0 + 1 columns."
)
def leaves_the_last_cell_out(features, boxes, output_size, spatial_scale):
    return pool_with(features, boxes, output_size, spatial_scale, one_more=0)


@POOL.mistake(
    "This looks like the mean of each bin. RoIPool takes the largest feature; position-sensitive pooling "
    "takes the mean."
)
def takes_the_mean(features, boxes, output_size, spatial_scale):
    return pool_with(features, boxes, output_size, spatial_scale, over="mean")


@POOL.mistake(
    "This looks like bins whose ends are rounded down too, so that they never overlap. They end at ⌈ ⌉: "
    "where cells do not "
    "divide evenly, neighbours share one."
)
def rounds_the_ends_down(features, boxes, output_size, spatial_scale):
    return pool_with(features, boxes, output_size, spatial_scale, end_of=lambda p, h, P: (p + 1) * h // P)


@POOL.mistake("This looks like a box that is truncated instead of rounded: 6.9 cells are nearer to 7 than to 6.")
def cuts_the_box_off(features, boxes, output_size, spatial_scale):
    return pool_with(features, boxes, output_size, spatial_scale, rounding=torch.trunc)


@POOL.mistake(
    "This looks like torch.round, which takes halves to the even neighbour. The operator rounds them away "
    "from zero; use "
    "regions.round_half_away."
)
def rounds_to_even(features, boxes, output_size, spatial_scale):
    return pool_with(features, boxes, output_size, spatial_scale, rounding=torch.round)


@POOL.mistake(
    "This looks like every box read from the first image. The first number of a row says which image of the batch is "
    "meant. It is no class."
)
def reads_the_first_image(features, boxes, output_size, spatial_scale):
    return pool_with(features, boxes, output_size, spatial_scale, image=0)
