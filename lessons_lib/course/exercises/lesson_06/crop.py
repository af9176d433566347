"""Exercise 06.5: where the upsampled scores lie."""

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import grid


def offset_cases():
    """One layer each, a chain, the network of the lesson, and the released FCN-32s with its 100 pixels of padding."""
    pool = (2, 2, 0)
    vgg = [layer for depth in (2, 2, 3, 3, 3) for layer in [(3, 1, 1)] * depth + [pool]]
    return [
        {"layers": [], "kernel_size": 5},
        {"layers": [], "kernel_size": 4},
        {"layers": [pool], "kernel_size": 3},
        {"layers": [(3, 1, 1)], "kernel_size": 1},
        {"layers": [(3, 1, 0)], "kernel_size": 1},
        {"layers": [(3, 2, 1)], "kernel_size": 3},
        {"layers": [pool], "kernel_size": 4},
        {"layers": [(7, 2, 3), (3, 2, 1), (3, 2, 0)], "kernel_size": 15},
        {"layers": [(3, 2, 1), *[pool, (3, 1, 1)] * 4], "kernel_size": 63},
        {"layers": [(3, 1, 100), *vgg[1:], (7, 1, 0)], "kernel_size": 64},
    ]


OFFSET = Exercise(
    "06.5",
    "Where to crop",
    difficulty=3,
    minutes=20,
    oracle=grid.crop_offset,
    cases=offset_cases,
    hints=(
        "Follow cell 0 down: at which position of the map below does the middle of its window lie? A window of k cells "
        "has its middle (k − 1)/2 after its first cell, and padding moves it back.",
        "In pixels: start += stride · ((k − 1)/2 − padding), with the stride of all layers before; then stride *= s.",
        "On the way up the stamp of cell 0 has its middle on output cell (kernel_size − 1)/2, and that is pixel "
        "`start`. So which output cell is pixel 0?",
    ),
)


@OFFSET.model
def crop_offset(layers, kernel_size):
    start, stride = 0, 1
    for k, s, padding in layers:
        start += stride * ((k - 1) / 2 - padding)
        stride *= s
    return (kernel_size - 1) / 2 - start


@OFFSET.mistake(
    "This looks like (kernel_size − stride)/2, the same margin cut at both ends. Cell 0 need not lie in the middle of "
    "its "
    "stride pixels: follow it down."
)
def cuts_equal_margins(layers, kernel_size):
    stride = 1
    for _, s, _ in layers:
        stride *= s
    return (kernel_size - stride) / 2


@OFFSET.flags(
    window_half="This looks like k/2 for the middle of a window. Three cells have their middle on cell 1, one after "
    "the "
    "first: (k − 1)/2.",
    stamp_half="This looks like kernel_size/2 for the middle of the stamp. Five cells have their middle on cell 2: "
    "(kernel_size − 1)/2.",
    window_floor="This looks like //, which cuts the half off on the way down. Windows of an even size have their "
    "middle "
    "between two cells.",
    stamp_floor="This looks like //, which cuts the half off the stamp's middle. A stamp of an even size has its "
    "middle "
    "between two cells.",
    whole="This looks like an offset cut to a whole number. A half says that pixel 0 lies between two cells: return "
    "it.",
    no_padding="This looks like a way down without padding. Padding moves every window back by as many cells.",
    no_strides="This looks like cells of all layers added as if they were pixels. Behind a stride of 2 a step of one "
    "cell "
    "is two pixels.",
    own_stride="This looks like a layer's own stride counted before its own window. The window of a layer lies on the "
    "cells "
    "below it: move the start first, then multiply the stride.",
    no_way_down="This looks like the middle of the stamp only. Cell 0 does not lie on pixel 0: follow it down first.",
    start_only="This looks like the pixel of cell 0. Asked for is how many output cells lie in front of pixel 0: the "
    "stamp's middle less this pixel.",
    sign="This looks like the other sign: the offset counts the cells in front of pixel 0 that are to go.",
)
def wrong_offset(
    layers,
    kernel_size,
    *,
    window_half=False,
    stamp_half=False,
    window_floor=False,
    stamp_floor=False,
    whole=False,
    no_padding=False,
    no_strides=False,
    own_stride=False,
    no_way_down=False,
    start_only=False,
    sign=False,
):
    start, stride = 0, 1
    for k, s, p in layers:
        stride *= s if own_stride else 1
        middle = k / 2 if window_half else (k - 1) // 2 if window_floor else (k - 1) / 2
        start += (1 if no_strides else stride) * (middle - (0 if no_padding else p))
        stride *= 1 if own_stride else s
    middle = kernel_size / 2 if stamp_half else (kernel_size - 1) // 2 if stamp_floor else (kernel_size - 1) / 2
    offset = (0 if start_only else middle) - (0 if no_way_down else -start if start_only else start)
    offset = -offset if sign else offset
    return int(offset) if whole else offset
