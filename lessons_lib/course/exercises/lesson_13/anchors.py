"""Lesson 13, exercises 1 and 2: the shapes of anchors, and where they stand."""

import math

import torch

from lessons_lib.course.bugs.prices import price
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import anchors
from lessons_lib.ops.grid import Grid

# 13.1


def shape_cases():
    """One upright anchor, two sizes, ratios on both sides of 1, and none that is square."""
    calls = [([4], [4.0]), ([16, 32], [1.0]), ([9, 18, 34], [0.4, 1.0, 2.2]), ([10.5], [0.25, 2.0])]
    return [dict(zip(("sizes", "ratios"), call, strict=True)) for call in calls]


SHAPES = Exercise(
    "13.1",
    "Anchor shapes",
    difficulty=1,
    minutes=10,
    oracle=anchors.anchor_shapes,
    cases=shape_cases,
    hints=(
        "You look for w and h with w · h = s² and h / w = r. Put h = r · w into the first equation.",
        "w = s / √r and h = s · √r. The box around (0, 0) reaches from −w/2 to w/2, and from −h/2 to h/2.",
        "[(-w / 2, -h / 2, w / 2, h / 2) for s in sizes for r in ratios], as torch.tensor(...).",
    ),
)


@SHAPES.model
def anchor_shapes(sizes, ratios):
    boxes = []
    for s in sizes:
        for r in ratios:
            w, h = s / math.sqrt(r), s * math.sqrt(r)
            boxes.append([-w / 2, -h / 2, w / 2, h / 2])
    return torch.tensor(boxes)


def by_root(s, r):
    return s * math.sqrt(r)


def over_root(s, r):
    return s / math.sqrt(r)


def shapes_with(sizes, ratios, width=over_root, height=by_root, ratio_first=False):
    """The shapes with one of the parts exchanged."""
    pairs = [(s, r) for r in ratios for s in sizes] if ratio_first else [(s, r) for s in sizes for r in ratios]
    halves = [(width(s, r) / 2, height(s, r) / 2) for s, r in pairs]
    return torch.tensor([[-x, -y, x, y] for x, y in halves])


@SHAPES.mistake(
    "This looks like width and height exchanged. The ratio is height / width: a ratio of 4 stands upright, four times "
    "as "
    "high as wide."
)
def lies_down(sizes, ratios):
    return shapes_with(sizes, ratios, by_root, over_root)


@SHAPES.mistake(
    "This looks like the ratio on one side only: the area grows with the ratio. An anchor keeps the area s² of its "
    "size, "
    "so √r is divided from the width and multiplied to the height."
)
def grows_with_the_ratio(sizes, ratios):
    return shapes_with(sizes, ratios, lambda s, r: s, lambda s, r: s * r)


@SHAPES.mistake("This looks like r where √r belongs: with w = s / r and h = s · r the ratio h / w is r², not r.")
def forgets_the_root(sizes, ratios):
    return shapes_with(sizes, ratios, lambda s, r: s / r, lambda s, r: s * r)


@SHAPES.mistake(
    "This looks like √r multiplied on both sides, where one must divide: every anchor is square. (A public detector "
    "was "
    "trained so, and lost two points of average precision.)" + price("square anchors")
)
def stays_square(sizes, ratios):
    return shapes_with(sizes, ratios, by_root, by_root)


@SHAPES.mistake(
    "This looks like the right shapes in another order. All ratios of the first size come first, then those of the "
    "second."
)
def goes_ratio_by_ratio(sizes, ratios):
    return shapes_with(sizes, ratios, ratio_first=1)


@SHAPES.mistake(
    "This looks like full widths and heights where the halves belong: around (0, 0) the box reaches from −w/2 to w/2."
)
def forgets_the_half(sizes, ratios):
    return 2 * shapes_with(sizes, ratios)


@SHAPES.mistake(
    "This looks like boxes that begin at (0, 0). An anchor stands around the middle of its cell, so its own middle is "
    "(0, 0)."
)
def begins_at_the_corner(sizes, ratios):
    shapes = shapes_with(sizes, ratios)
    return shapes - shapes[:, :2].repeat(1, 2)


@SHAPES.mistake(
    "This looks like corners rounded to whole pixels. Old code does so; here boxes are not rounded, and small anchors "
    "would lose their shape."
)
def rounds_the_corners(sizes, ratios):
    return shapes_with(sizes, ratios).round()


# 13.2


def place_cases():
    """One cell, one row, one column, and a map that is not square, with a grid that begins off its blocks' middles."""
    two = torch.tensor([[-2.0, -2.0, 2.0, 2.0], [-4.0, -1.0, 4.0, 1.0]])
    calls = [(two[:1], 1, 2, 8, 3.0), (two, 1, 3, 8, 1.0), (two, 3, 1, 4, 1.5), (two[1:], 2, 3, 16, -0.5)]
    names = ("shapes", "rows", "columns", "stride", "start")
    return [dict(zip(names, call, strict=True)) for call in calls]


def library_place_anchors(shapes, rows, columns, stride, start):
    """The library's function, with its grid spelled out."""
    return anchors.place_anchors(shapes, (rows, columns), Grid(stride, start))


PLACE = Exercise(
    "13.2",
    "Placing anchors",
    difficulty=2,
    minutes=15,
    oracle=library_place_anchors,
    cases=place_cases,
    hints=(
        "The middle of cell i lies at start + stride · i from the middle of pixel 0, so at half a pixel more from its "
        "edge.",
        "torch.meshgrid(y, x, indexing='ij') gives both coordinates of every cell, row by row.",
        "middles = torch.stack([x, y, x, y], 2) is (rows, columns, 4). Add the shapes at a new third axis, then "
        "reshape(-1, 4).",
    ),
)


@PLACE.model
def place_anchors(shapes, rows, columns, stride, start):
    y = torch.arange(rows) * stride + start + 0.5
    x = torch.arange(columns) * stride + start + 0.5
    y, x = torch.meshgrid(y, x, indexing="ij")
    middles = torch.stack([x, y, x, y], 2)
    return (middles[:, :, None] + shapes).reshape(-1, 4)


def placed_with(shapes, rows, columns, stride, start, half=0.5, order=(0, 1, 2), swapped=False):
    """Anchors with one of the parts exchanged; `order` is that of the axes row, column, shape."""
    y, x = (torch.arange(n) * stride + start + half for n in (rows, columns))
    y, x = torch.meshgrid(y, x, indexing="ij")
    middles = torch.stack([y, x, y, x] if swapped else [x, y, x, y], 2)
    return (middles[:, :, None] + shapes).permute(*order, 3).reshape(-1, 4)


@PLACE.mistake(
    "This looks like the half pixel left out. `start` counts from the middle of pixel 0, a box from its edge, which "
    "lies "
    "half a pixel before it."
)
def forgets_half_a_pixel(shapes, rows, columns, stride, start):
    return placed_with(shapes, rows, columns, stride, start, half=0)


@PLACE.mistake(
    "This looks like anchors at stride · i: the grid's start is left out. The cells of this map lie elsewhere, and "
    "every "
    "box would be off by the same distance." + price("anchors at the corner")
)
def begins_at_zero(shapes, rows, columns, stride, start):
    return placed_with(shapes, rows, columns, stride, 0, half=0)


@PLACE.mistake(
    "This looks like anchors in the middles of stride × stride blocks. That is where cells lie when every layer pads "
    "and "
    "strides evenly; `start` says where they lie here."
)
def stands_in_the_middle_of_blocks(shapes, rows, columns, stride, start):
    return placed_with(shapes, rows, columns, stride, stride / 2, half=0)


@PLACE.mistake("This looks like x and y exchanged: boxes are x0, y0, x1, y1, and x runs along the columns.")
def swaps_x_and_y(shapes, rows, columns, stride, start):
    return placed_with(shapes, rows, columns, stride, start, swapped=True)


@PLACE.mistake(
    "This looks like shape by shape: all cells of the first shape, then all of the second. The anchors of one cell "
    "belong "
    "together: row, column, shape."
)
def goes_shape_by_shape(shapes, rows, columns, stride, start):
    return placed_with(shapes, rows, columns, stride, start, order=(2, 0, 1))


@PLACE.mistake("This looks like column by column. The cells come row by row, as in the map: the column runs fastest.")
def goes_column_by_column(shapes, rows, columns, stride, start):
    return placed_with(shapes, rows, columns, stride, start, order=(1, 0, 2))
