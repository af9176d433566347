"""Exercises 08.1 and 08.2: pooling that keeps its switches, and unpooling by them."""

import math

import torch
import torch.nn.functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import unpooling


def _maps(*shape, seed=8):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# 08.1


def pool_cases():
    """Odd sides, distinct values, small maps, windows of 3, a strided view, a map of equal values, negative ones."""
    return [
        {"x": _maps(1, 2, 5, 7)},
        {"x": torch.tensor([[[[0.5, 2.5], [1.5, 0.0]]]])},
        {"x": torch.tensor([[[[1.0, 3.0, 2.0]]]])},
        {"x": torch.tensor([[[[0.0, 0.0], [0.0, 0.0]]]])},
        {"x": torch.tensor([[[[-2.0], [-1.0], [-3.0]]]])},
        {"x": torch.tensor([[1.0, 5, 2, 0], [3, 4, 8, 6], [0, 1, 7, 2], [9, 0, 3, 4]])[None, None]},
        {"x": _maps(2, 3, 6, 4)},
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


@POOL.flags(
    in_window="This looks like the position inside the window, 0 to k² − 1. A switch is a position on the whole map: "
    "row · W + column.",
    down_columns="This looks like column · H + row. Torch counts along the rows: row · W + column.",
    small_map="This looks like row · w + column with w the width of the pooled map. Switches are positions on the map "
    "before pooling.",
    no_row_step="This looks like rows counted from the window's number, i + tap // k. Window i begins at row i · k.",
    wide_tap="This looks like a tap divided by k where the last window is narrower. Its row is tap // width, with the "
    "width that this window has.",
    drops="This looks like pooling that drops the last rows and columns where a side is no multiple of k. Here the "
    "last windows are smaller, so that nothing is lost: ⌈H / k⌉ of them.",
    zeros="This looks like a last window filled up with zeros: where all of its values are negative, a zero wins that "
    "is on no map. Fill it up with −∞, or keep it smaller.",
    last="This looks like the last of equal maxima. The first in reading order is the convention here and in torch.",
    minimum="This looks like the smallest value of each window. The largest is kept.",
    absolute="This looks like the largest absolute value. −5 is smaller than 1.",
    two_always="This looks like windows of 2 × 2 always: kernel_size was forgotten.",
    one_channel="This looks like the first channel's switches for all. Each channel of each sample has its own.",
    shares="This looks like values taken by max or amax: where several are equal, their gradient is shared. It goes to "
    "the switch alone: gather the values at the switches.",
    exchanged="This looks like the switches first. The values come first, then their switches.",
    values_only="This looks like the values alone. The switches are wanted too: return both.",
)
def wrong_pool(x, kernel_size=2, *, in_window=False, down_columns=False, small_map=False, no_row_step=False,
               wide_tap=False, drops=False, zeros=False, last=False, minimum=False, absolute=False, two_always=False,
               one_channel=False, shares=False, exchanged=False, values_only=False):  # fmt: skip
    k, (B, C, H, W) = 2 if two_always else kernel_size, x.shape
    h, w = (H // k, W // k) if drops else (math.ceil(H / k), math.ceil(W / k))
    seen = -x if minimum else x.abs() if absolute else x
    wide = F.pad(seen, (0, -W % k, 0, -H % k), value=0.0 if zeros else -torch.inf)
    switches, places = torch.zeros(2, B, C, h, w, dtype=torch.int64)
    for i in range(h):
        for j in range(w):
            window = wide[:, :, i * k : (i + 1) * k, j * k : (j + 1) * k]
            if wide_tap:
                window = window[..., : W - j * k]
            flat = window.flatten(2)
            tap = flat.shape[2] - 1 - flat.flip(2).argmax(2) if last else flat.argmax(2)
            tap = tap[:, :1].expand_as(tap) if one_channel else tap
            down, across = tap // window.shape[3], tap % window.shape[3]
            row, column = i * k + down, j * k + across
            places[:, :, i, j] = (row * W + column).clamp(max=H * W - 1)
            if wide_tap:
                row, column = i * k + tap // k, j * k + tap % k
            row = i + (tap // k if wide_tap else down) if no_row_step else row
            switch = column * H + row if down_columns else row * (w if small_map else W) + column
            switches[:, :, i, j] = tap if in_window else switch
    pooled = x.flatten(2).gather(2, places.flatten(2)).view(B, C, h, w)
    if zeros:
        filled = F.pad(x, (0, -W % k, 0, -H % k))
        pooled = F.max_pool2d(filled, k) if not (minimum or absolute or last or drops or one_channel) else pooled
    if shares:
        blocks = F.pad(x, (0, -W % k, 0, -H % k), value=-torch.inf)[:, :, : h * k, : w * k]
        pooled = blocks.unflatten(3, (-1, k)).unflatten(2, (-1, k)).amax((3, 5))
    pair = (switches, pooled) if exchanged else (pooled, switches)
    return pooled if values_only else pair


# 08.2


def unpool_cases():
    """Several channels, by hand, odd sides, negative values, and windows of 3."""
    cases = [
        {
            "pooled": torch.tensor([[[[5.0, 8], [9, 7]]]]),
            "switches": torch.tensor([[[[1, 6], [12, 10]]]]),
            "size": (4, 4),
        },
        {"pooled": torch.tensor([[[[2.0]]]]), "switches": torch.tensor([[[[1]]]]), "size": (2, 2)},
        {"pooled": torch.tensor([[[[-2.0]]]]), "switches": torch.tensor([[[[0]]]]), "size": (1, 2)},
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


@UNPOOL.flags(
    corner="This looks like unpooling without switches: every value goes to the top-left corner of its window. Its "
    "switch says where it came from.",
    fills="This looks like nearest-neighbour upsampling: every pixel of a window gets its value. Unpooling writes one "
    "and leaves zeros.",
    first_channel="This looks like the positions of the first channel used for all. Each channel of each sample has "
    "switches of its own.",
    one_canvas="This looks like one canvas for the whole batch: all values go to its first map. Each channel "
    "of each sample has its own, (B, C, H·W).",
    doubled="This looks like a canvas twice as high and wide as the pooled map. It must have the size that the map had "
    "before pooling, which is given.",
    doubled_cut="This looks like a canvas twice as high and wide as the pooled map, cut to size afterwards. The "
    "switches were counted on a map of the size before pooling, and on a wider one they mean other positions.",
    exchanged="This looks like height and width exchanged: size is (height, width), and a switch is row · W + column.",
    down_columns="This looks like switches read down the columns. They were counted along the rows: row · W + column.",
    positive="This looks like values that lost their signs: a negative maximum, too, goes back as it was.",
    one_further="This looks like switches counted from 1. The first pixel is number 0.",
)
def wrong_unpool(pooled, switches, size, *, corner=False, fills=False, first_channel=False, one_canvas=False,
                 doubled=False, doubled_cut=False, exchanged=False, down_columns=False, positive=False,
                 one_further=False):  # fmt: skip
    B, C, h, w = pooled.shape
    height, width = reversed(size) if exchanged else size
    if fills:
        return F.interpolate(pooled, size=(height, width), mode="nearest")
    if doubled or doubled_cut:
        height, width = 2 * h, 2 * w
    switches = switches[:, :1].expand_as(switches) if first_channel else switches
    if corner:
        down, across = -(-height // h), -(-width // w)
        switches = (torch.arange(h)[:, None] * down * width + torch.arange(w) * across).expand_as(pooled)
    if down_columns:
        switches = switches % height * width + switches // height
    values, cells = (pooled.relu() if positive else pooled).flatten(2), height * width
    at = (switches - int(one_further)).flatten(2)
    at = at % cells if one_further else at
    canvas = pooled.new_zeros(B, C, cells).scatter(2, at, values)
    if one_canvas:
        canvas = pooled.new_zeros(B * C * cells).scatter(0, at.flatten(), values.flatten()).view(B, C, -1)
    canvas = canvas.unflatten(2, (height, width))
    return canvas[:, :, : size[0], : size[1]] if doubled_cut else canvas
