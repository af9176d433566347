"""Lesson 07, exercises 3 to 5: U-Net's sizes and its crop, and a map brought to every pixel of a hypercolumn."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.semantic import hypercolumns, unet
from lessons_lib.ops.grid import Grid

# 07.3

SIZES = Exercise(
    "07.3",
    "The sizes of U-Net",
    difficulty=2,
    minutes=10,
    oracle=unet.unet_sizes,
    cases=lambda: [{"size": size} for size in (572, 188, 204, 556, 1212)],
    hints=(
        "Two 3 × 3 convolutions without padding take 2 pixels each: 572 becomes 568. What does pooling make of that?",
        "Going down, four times: halve, then 4 less. Coming back, four times: double, then 4 less.",
        "sides = [size - 4]; then append sides[-1] // 2 - 4 four times and 2 * sides[-1] - 4 four times.",
    ),
)


@SIZES.model
def unet_sizes(size):
    sides = [size - 4]
    for _ in range(4):
        sides.append(sides[-1] // 2 - 4)
    for _ in range(4):
        sides.append(2 * sides[-1] - 4)
    return tuple(sides)


def _sizes(size, down, up, start=4):
    sides = [size - start]
    for _ in range(4):
        sides.append(down(sides[-1]))
    for _ in range(4):
        sides.append(up(sides[-1]))
    return tuple(sides)


@SIZES.mistake("This looks like one convolution per level. U-Net has two, and each takes a pixel from every side.")
def convolves_once(size):
    return _sizes(size, lambda s: s // 2 - 2, lambda s: 2 * s - 2, start=2)


@SIZES.mistake(
    "This looks like padded convolutions, as most later copies have them: nothing is lost, and 572 stays 572. The "
    "published network pads nowhere."
)
def pads_everywhere(size):
    return _sizes(size, lambda s: s // 2, lambda s: 2 * s, start=0)


@SIZES.mistake("This looks like the convolutions on the way up left out: after each doubling there are two of them.")
def forgets_the_way_up(size):
    return _sizes(size, lambda s: s // 2 - 4, lambda s: 2 * s)


@SIZES.mistake(
    "This looks like an up-convolution of 3 × 3, which would give 2n + 1. U-Net's is 2 × 2 with stride 2: exactly 2n."
)
def doubles_and_one_more(size):
    return _sizes(size, lambda s: s // 2 - 4, lambda s: 2 * s + 1 - 4)


# 07.4


def crop_cases():
    """Maps with and without batch, nothing to cut off, different cuts per axis, a strided view."""
    generator = torch.Generator().manual_seed(74)

    def rand(*shape):
        return torch.rand(*shape, generator=generator)

    return [
        {"x": rand(8, 8), "size": (4, 4)},
        {"x": rand(2, 3, 9, 7), "size": (5, 1)},
        {"x": rand(1, 2, 6, 6), "size": (6, 6)},
        {"x": rand(3, 10, 4).transpose(1, 2), "size": (2, 8)},
    ]


CROP = Exercise(
    "07.4",
    "The middle of a map",
    difficulty=1,
    minutes=10,
    oracle=unet.centre_crop,
    cases=crop_cases,
    hints=(
        "How many rows are too many, and how many of them lie above the middle?",
        "top = (height of x − wanted height) // 2, and left in the same way; use x[..., rows, columns] for any batch.",
    ),
)


@CROP.model
def centre_crop(x, size):
    top = (x.shape[-2] - size[0]) // 2
    left = (x.shape[-1] - size[1]) // 2
    return x[..., top : top + size[0], left : left + size[1]]


@CROP.mistake(
    "This looks like the upper left corner. The skip would then lie up to half of the cut away from what it is joined "
    "with."
)
def crops_the_corner(x, size):
    return x[..., : size[0], : size[1]]


@CROP.mistake(
    "This looks like the whole map made smaller. Resizing keeps the border and squeezes it; the convolutions on the "
    "way have eaten the border, so it must go."
)
def resizes(x, size):
    flat = x.reshape(1, -1, *x.shape[-2:])
    return F.interpolate(flat, size, mode="bilinear").reshape(*x.shape[:-2], *size)


@CROP.mistake("This looks like rows and columns exchanged: size is (height, width), as in every shape.")
def exchanges_the_axes(x, size):
    top, left = max(0, (x.shape[-2] - size[1]) // 2), max(0, (x.shape[-1] - size[0]) // 2)
    return x[..., top : top + size[1], left : left + size[0]]


@CROP.mistake("This looks like x[cut:-cut], which is empty where nothing is to be cut off: −0 is 0, the beginning.")
def cuts_to_minus_zero(x, size):
    top, left = (x.shape[-2] - size[0]) // 2, (x.shape[-1] - size[1]) // 2
    return x[..., top:-top, left:-left]


# 07.5


def grid_cases():
    """Cells that tile the image, cells shifted by half a pixel, more than covers, a single cell, a strided view."""
    generator = torch.Generator().manual_seed(75)

    def rand(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    return [
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


@COLUMN.mistake("This looks like the nearest cell. The column should change smoothly from cell to cell.")
def takes_the_nearest(x, stride, start, size):
    positions = [((torch.arange(n) - start) / stride).round().long() for n in size]
    rows, columns = (p.clamp(0, cells - 1) for p, cells in zip(positions, x.shape[2:], strict=True))
    return x[:, :, rows][:, :, :, columns]


@COLUMN.mistake(
    "This looks like zeros beyond the outermost cells, as a transposed convolution has them. There the map goes on "
    "unchanged: clamp the position, not only the weight."
)
def fades_out_at_the_border(x, stride, start, size):
    def weights(pixels, cells):
        position = (torch.arange(pixels) - start) / stride
        return (1 - (position[:, None] - torch.arange(cells)).abs()).clamp(min=0).to(x.dtype)

    return weights(size[0], x.shape[2]) @ x @ weights(size[1], x.shape[3]).T


@COLUMN.mistake("This looks like a grid that starts at 0: its start was left out.")
def forgets_the_start(x, stride, start, size):
    return library_upsample(x, stride, 0.0, size)
