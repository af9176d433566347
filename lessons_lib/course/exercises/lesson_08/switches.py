"""Lesson 08, exercises 1 and 2: pooling that keeps its switches, and unpooling by them."""

import math

import torch
import torch.nn.functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import unpooling


def _maps(*shape, seed=8):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# 08.1


def pool_cases():
    """Distinct values, odd sides, windows of 3, a strided view, a map of equal values, one row."""
    return [
        {"x": torch.tensor([[1.0, 5, 2, 0], [3, 4, 8, 6], [0, 1, 7, 2], [9, 0, 3, 4]])[None, None]},
        {"x": _maps(2, 3, 6, 4)},
        {"x": _maps(1, 2, 5, 7)},
        {"x": _maps(1, 2, 7, 8), "kernel_size": 3},
        {"x": _maps(2, 2, 4, 6).transpose(2, 3)},
        {"x": torch.zeros(1, 1, 4, 4)},
        {"x": _maps(1, 1, 1, 5)},
    ]


POOL = Exercise(
    "08.1",
    "Max pooling with switches",
    difficulty=3,
    minutes=20,
    oracle=unpooling.max_pool,
    cases=pool_cases,
    gradients=True,
    hints=(
        "Take it window by window. window.flatten().argmax() is a position in the window: which row and column of the "
        "window is that, and which of the whole map?",
        "Window (i, j) begins at row i·k and column j·k. With tap t, the row is i·k + t // w and the column "
        "j·k + t % w, where w is how wide this window is: the last ones may be smaller.",
        "A switch is row · W + column, with W the width of the whole map. math.ceil(H / k) windows go down.",
    ),
)


@POOL.model
def max_pool(x, kernel_size=2):
    k, (B, C, H, W) = kernel_size, x.shape
    h, w = math.ceil(H / k), math.ceil(W / k)
    switches = torch.zeros(B, C, h, w, dtype=torch.int64)
    for i in range(h):
        for j in range(w):
            window = x[:, :, i * k : (i + 1) * k, j * k : (j + 1) * k]
            tap = window.flatten(2).argmax(2)
            width = window.shape[3]
            switches[:, :, i, j] = (i * k + tap // width) * W + j * k + tap % width
    pooled = x.flatten(2).gather(2, switches.flatten(2)).view(B, C, h, w)
    return pooled, switches


def _pooled(x, k):
    return F.max_pool2d(x, k, ceil_mode=True, return_indices=True)


@POOL.mistake(
    "This looks like the position inside the window, 0 to k² − 1. A switch is a position on the whole map: row · "
    "W + column."
)
def counts_in_the_window(x, kernel_size=2):
    pooled, switches = _pooled(x, kernel_size)
    row, column = switches // x.shape[3], switches % x.shape[3]
    return pooled, row % kernel_size * kernel_size + column % kernel_size


@POOL.mistake("This looks like column · H + row. Torch counts along the rows: row · W + column.")
def counts_down_the_columns(x, kernel_size=2):
    pooled, switches = _pooled(x, kernel_size)
    return pooled, switches % x.shape[3] * x.shape[2] + switches // x.shape[3]


@POOL.mistake(
    "This looks like row · w + column with w the width of the pooled map. Switches are positions on the map before "
    "pooling."
)
def counts_on_the_small_map(x, kernel_size=2):
    pooled, switches = _pooled(x, kernel_size)
    return pooled, switches // x.shape[3] * pooled.shape[3] + switches % x.shape[3]


@POOL.mistake(
    "This looks like pooling that drops the last rows and columns where a side is no multiple of k. Here the last "
    "windows are smaller, so that nothing is lost: ⌈H / k⌉ of them."
)
def drops_what_stands_over(x, kernel_size=2):
    whole = F.pad(x, (0, max(0, kernel_size - x.shape[3]), 0, max(0, kernel_size - x.shape[2])), value=-torch.inf)
    return F.max_pool2d(whole, kernel_size, return_indices=True)


@POOL.mistake(
    "This looks like the last of equal maxima. The first in reading order is the convention here and in torch."
)
def takes_the_last_of_equals(x, kernel_size=2):
    turned, switches = _pooled(x.flip(2, 3), kernel_size)
    if x.shape[2] % kernel_size or x.shape[3] % kernel_size:
        return _pooled(x, kernel_size)
    return turned.flip(2, 3), x.shape[2] * x.shape[3] - 1 - switches.flip(2, 3)


# 08.2


def unpool_cases():
    """By hand, several channels, odd sides, negative values, and windows of 3."""
    cases = [
        {
            "pooled": torch.tensor([[[[5.0, 8], [9, 7]]]]),
            "switches": torch.tensor([[[[1, 6], [12, 10]]]]),
            "size": (4, 4),
        }
    ]
    for shape, k in (((2, 3, 6, 4), 2), ((1, 2, 5, 7), 2), ((2, 2, 7, 8), 3), ((1, 1, 3, 9), 2)):
        pooled, switches = unpooling.max_pool(_maps(*shape), k)
        cases.append({"pooled": pooled, "switches": switches, "size": shape[2:]})
    return cases


UNPOOL = Exercise(
    "08.2",
    "Unpooling by switches",
    difficulty=2,
    minutes=10,
    oracle=unpooling.max_unpool,
    cases=unpool_cases,
    gradients=True,
    hints=(
        "Start from zeros, (B, C, H·W). Each value belongs at its switch in the last dimension.",
        "canvas.scatter(2, positions, values) writes values[b, c, n] to canvas[b, c, positions[b, c, n]]; "
        "flatten(2) gives both the right shape.",
        "Unfold the row again at the end: .view(B, C, H, W), or .unflatten(2, size).",
    ),
)


@UNPOOL.model
def max_unpool(pooled, switches, size):
    B, C = pooled.shape[:2]
    canvas = torch.zeros(B, C, size[0] * size[1], dtype=pooled.dtype)
    canvas = canvas.scatter(2, switches.flatten(2), pooled.flatten(2))
    return canvas.view(B, C, *size)


@UNPOOL.mistake(
    "This looks like unpooling without switches: every value goes to the top-left corner of its window. Its switch "
    "says where it came from."
)
def puts_all_into_the_corner(pooled, switches, size):
    canvas = pooled.new_zeros(*pooled.shape[:2], *size)
    down, across = -(-size[0] // pooled.shape[2]), -(-size[1] // pooled.shape[3])
    canvas[:, :, ::down, ::across] = pooled
    return canvas


@UNPOOL.mistake(
    "This looks like nearest-neighbour upsampling: every pixel of a window gets its value. Unpooling writes one and "
    "leaves zeros."
)
def fills_the_window(pooled, switches, size):
    return F.interpolate(pooled, size=tuple(size), mode="nearest")


@UNPOOL.mistake(
    "This looks like the positions of the first channel used for all. Each channel of each sample has switches "
    "of its own."
)
def shares_the_first_channels_switches(pooled, switches, size):
    return unpooling.max_unpool(pooled, switches[:, :1].expand_as(switches), size)


@UNPOOL.mistake(
    "This looks like a canvas twice as high and wide as the pooled map, cut to size afterwards. The switches were "
    "counted on a map of the size before pooling, and on a wider one they mean other positions."
)
def doubles_and_cuts(pooled, switches, size):
    return _on_a_wider_canvas(pooled, switches, size)


@UNPOOL.mistake("This looks like values that lost their signs: a negative maximum, too, goes back as it was.")
def drops_negative_values(pooled, switches, size):
    return unpooling.max_unpool(pooled.relu(), switches, size)


def _on_a_wider_canvas(pooled, switches, size):
    """Switches of a map of `size`, written on one that is a multiple of the pooled map, then cut to size."""
    k = max(-(-n // small) for n, small in zip(size, pooled.shape[2:], strict=True))
    height, width = (k * n for n in pooled.shape[2:])
    canvas = pooled.new_zeros(*pooled.shape[:2], max(height * width, size[0] * size[1]))
    canvas = canvas.scatter(2, switches.flatten(2), pooled.flatten(2))[:, :, : height * width]
    return canvas.unflatten(2, (height, width))[:, :, : size[0], : size[1]]
