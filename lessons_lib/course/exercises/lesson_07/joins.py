"""Exercises 07.3 and 07.4: U-Net's sizes and its crop."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.semantic import unet

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


@SIZES.flags(
    pads="This looks like padded convolutions, as most later copies have them: nothing is lost, and 572 stays 572. The "
    "published network pads nowhere.",
    half_loss="This looks like 2 pixels per level: one convolution, or a pixel from one side only. U-Net has two per "
    "level, and each takes a pixel from BOTH sides, so a pair of them takes 4.",
    no_loss_down="This looks like a way down of poolings alone. After each of them come two convolutions.",
    no_loss_up="This looks like the convolutions on the way up left out: after each doubling there are two of them.",
    mirrored="This looks like sides that come back as they went down. The way up loses as much again: the skips have "
    "to be cropped.",
    one_more="This looks like an up-convolution of 3 × 3, which would give 2n + 1. U-Net's is 2 × 2 with stride 2: "
    "exactly 2n.",
    five_poolings="This looks like one pooling too many. Between five levels there are four.",
    three_poolings="This looks like one pooling too few. Between five levels there are four.",
    before="This looks like the sides before the convolutions of each level. Those after each pair are asked for.",
    with_input="This looks like a list that begins with the tile itself. The first of the nine is 568.",
    floats="This looks like / where // belongs: a side is a whole number of pixels.",
)
def wrong_sizes(size, *, pads=False, half_loss=False, no_loss_down=False, no_loss_up=False,
                mirrored=False, one_more=False, five_poolings=False, three_poolings=False, before=False,
                with_input=False, floats=False):  # fmt: skip
    loss, side = 0 if pads else 2 if half_loss else 4, size
    down, up = 0 if no_loss_down else loss, 0 if no_loss_up else loss
    sides, levels = [size] if with_input else [], 5 if five_poolings else 3 if three_poolings else 4
    for level in range(levels + 1):
        side = (side / 2 if floats else side // 2) if level else side
        sides.append(side if before else side - (down if level else loss))
        side = side - (down if level else loss)
    if mirrored:
        return tuple([*sides, *sides[-2::-1]][: len(sides) + levels])
    for _ in range(levels):
        side = 2 * side + one_more
        sides.append(side if before else side - up)
        side = side - up
    return tuple(sides)


# 07.4


def crop_cases():
    """Maps with and without batch, nothing to cut off, different cuts per axis, a strided view."""
    generator = torch.Generator().manual_seed(74)

    def rand(*shape):
        return torch.rand(*shape, generator=generator)

    return [
        {"x": rand(2, 3, 9, 7), "size": (5, 1)},
        {"x": rand(4, 2), "size": (2, 2)},
        {"x": rand(1, 3), "size": (1, 1)},
        {"x": rand(8, 8), "size": (4, 4)},
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
    gradients=True,
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
    "This looks like the whole map made smaller. Resizing keeps the border and squeezes it; the convolutions on the "
    "way have eaten the border, so it must go."
)
def resizes(x, size):
    flat = x.reshape(1, -1, *x.shape[-2:])
    return F.interpolate(flat, size, mode="bilinear").reshape(*x.shape[:-2], *size)


@CROP.mistake("This looks like x[cut:-cut], which is empty where nothing is to be cut off: −0 is 0, the beginning.")
def cuts_to_minus_zero(x, size):
    top, left = (x.shape[-2] - size[0]) // 2, (x.shape[-1] - size[1]) // 2
    return x[..., top:-top, left:-left]


@CROP.mistake(
    "This looks like a map with four dimensions. Any number of them may come before the last two: x[..., a:b]."
)
def wants_a_batch(x, size):
    top, left = (x.shape[2] - size[0]) // 2, (x.shape[3] - size[1]) // 2
    return x[:, :, top : top + size[0], left : left + size[1]]


@CROP.flags(
    corner="This looks like the upper left corner. The skip would then lie up to half of the cut away from what it is "
    "joined with.",
    far_corner="This looks like the lower right corner: the whole difference was cut off in front. Half of it goes on "
    "each side.",
    late="This looks like a crop that begins one pixel late. The first row that is kept is the one after the cut: its "
    "index is the number of rows cut off.",
    half_size="This looks like half of the wanted size in place of half of the difference. (height − wanted) // 2 rows "
    "lie above the middle.",
    half_map="This looks like a crop that begins in the middle of the map. Its own middle should lie there.",
    whole_cut="This looks like the difference cut off at each end. It is shared: half of it on each side.",
    exchanged="This looks like rows and columns exchanged: size is (height, width), as in every shape.",
    rows_only="This looks like rows alone: columns are cut too.",
)
def wrong_crop(x, size, *, corner=False, far_corner=False, late=False, half_size=False, half_map=False,
               whole_cut=False, exchanged=False, rows_only=False):  # fmt: skip
    parts = []
    for have, want in zip(x.shape[-2:], reversed(size) if exchanged else size, strict=True):
        cut = max(have - want, 0)
        first = 0 if corner else cut if far_corner or whole_cut else cut // 2
        first = want // 2 if half_size else have // 2 if half_map else first
        first += late
        parts.append(slice(first, have - cut if whole_cut else first + want))
    return x[..., parts[0], slice(None) if rows_only else parts[1]]
