"""Exercise 07.5: a map brought to every pixel of a hypercolumn."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.semantic import hypercolumns
from lessons_lib.ops.grid import Grid


def grid_cases():
    """Cells that tile the image, cells shifted by half a pixel, more than covers, a single cell, a strided view."""
    generator = torch.Generator().manual_seed(75)

    def rand(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    return [
        {"x": rand(1, 2, 3, 4), "stride": 4, "start": 1.5, "size": (13, 15)},
        {"x": rand(1, 1, 1, 2), "stride": 2, "start": 1.0, "size": (1, 5)},
        {"x": rand(1, 1, 2, 1), "stride": 4, "start": -1.0, "size": (5, 1)},
        {"x": rand(1, 1, 2, 2), "stride": 2, "start": 0.5, "size": (4, 4)},
        {"x": rand(1, 2, 3, 4), "stride": 4, "start": 1.0, "size": (12, 16)},
        {"x": rand(2, 1, 2, 3), "stride": 8, "start": 3.0, "size": (13, 20)},
        {"x": rand(1, 3, 1, 1), "stride": 32, "start": 15.0, "size": (5, 7)},
        {"x": rand(1, 1, 5, 3).transpose(2, 3), "stride": 2, "start": -1.0, "size": (6, 8)},
    ]


def library_upsample(x, stride, start, size):
    """The library's upsample, with the grid's two numbers by themselves."""
    return hypercolumns.upsample(x, Grid(stride, start), size)


COLUMN = Exercise(
    "07.5",
    "A map at every pixel",
    difficulty=2,
    minutes=15,
    oracle=library_upsample,
    cases=grid_cases,
    gradients=True,
    hints=(
        "Cell i stands at pixel start + stride · i. So pixel p stands at cell (p − start) / stride.",
        "Beyond the outermost cells the map goes on: clamp that number to [0, cells − 1].",
        "A cell weighs 1 − its distance, never below 0. As a matrix (pixels, cells): rows @ x @ columns.T.",
    ),
)


@COLUMN.model
def at_every_pixel(x, stride, start, size):
    def weights(pixels, cells):
        position = (torch.arange(pixels) - start) / stride
        position = position.clamp(0, cells - 1)
        distance = (position[:, None] - torch.arange(cells)).abs()
        return (1 - distance).clamp(min=0).to(x.dtype)  # (pixels, cells)

    rows, columns = weights(size[0], x.shape[2]), weights(size[1], x.shape[3])
    return rows @ x @ columns.T


@COLUMN.mistake(
    "This looks like interpolate(..., align_corners=False). It takes the cells for tiles of the image, with the "
    "first middle at (stride − 1) / 2; the grid says where it really stands, often half a pixel beside."
)
def lets_torch_guess_the_grid(x, stride, start, size):
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


@COLUMN.mistake(
    "This looks like align_corners=True: the outermost cells were pulled to the image's corners, and all between "
    "them stretched."
)
def pulls_the_corners(x, stride, start, size):
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=True)


@COLUMN.mistake(
    "This looks like each cell repeated over a tile. The grid says where the cells stand, and between them the map "
    "changes smoothly."
)
def repeats_the_cells(x, stride, start, size):
    return F.interpolate(x, tuple(size), mode="nearest")


@COLUMN.flags(
    no_start="This looks like a grid that starts at 0: its start was left out.",
    half_pixel="This looks like the half-pixel rule, (p + ½) / stride − ½, in place of the grid's own start. Cell i "
    "stands at pixel start + stride · i.",
    late_start="This looks like p / stride − start: the start is in pixels, so it is taken off before the division.",
    plus="This looks like a start that is added. Cell 0 stands at pixel `start`: p = start must give cell 0.",
    nearest="This looks like the nearest cell. The column should change smoothly from cell to cell.",
    lower="This looks like the cell before each pixel, without the one after. Mix the two by their distances.",
    turned="This looks like exchanged weights: the nearer cell weighs more, 1 − its distance.",
    fades="This looks like zeros beyond the outermost cells, as a transposed convolution has them. There the map goes "
    "on unchanged: clamp the position, not only the weight.",
    extrapolates="This looks like a line that goes on beyond the outermost cells. There the map is constant: clamp the "
    "position to [0, cells − 1].",
    exchanged="This looks like height and width exchanged: size is (H, W).",
)
def wrong_column(x, stride, start, size, *, no_start=False, half_pixel=False, late_start=False, plus=False,
                 nearest=False, lower=False, turned=False, fades=False, extrapolates=False,
                 exchanged=False):  # fmt: skip
    def weights(pixels, cells):
        p, offset = torch.arange(pixels), 0 if no_start else -start if plus else start
        at = (p + 0.5) / stride - 0.5 if half_pixel else (p - offset) / stride
        at = p / stride - offset if late_start else at
        held = at.clamp(0, cells - 1)
        at = at if fades or extrapolates else held
        low = held.floor().clamp(max=max(cells - 2, 0))
        far = (at - low) if cells > 1 else 0 * at
        if nearest or lower:
            far, low = 0 * far, at.clamp(0, cells - 1).round() if nearest else held.floor()
        far = 1 - far if turned else far
        cell = torch.arange(cells)
        matrix = (1 - far)[:, None] * (cell == low[:, None]) + far[:, None] * (cell == low[:, None] + 1)
        if fades and not turned:
            matrix = (1 - (at[:, None] - cell).abs()).clamp(min=0) if not (nearest or lower) else matrix
        return matrix.to(x.dtype)

    height, width = reversed(size) if exchanged else size
    return weights(height, x.shape[2]) @ x @ weights(width, x.shape[3]).T
