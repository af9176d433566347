"""The things of a scene: each in its own small window, who covers whom, and the paint."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lessons_lib.data.scenes.config import DUCK, SceneConfig
from lessons_lib.data.scenes.layout import Layout
from lessons_lib.data.scenes.shapes import SHAPES, bird_eye

_PATTERNS = ((0.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 0.0, 4.0), (-0.15, 1.0, 1.0, 0.0))
"""Plain, stripes, checks, dots: the weights of 1, X, Y and XY, where X and Y are waves along u and v."""


@dataclass(frozen=True, eq=False)
class Windows:
    """n things of one size range, each in a window of P×P pixels around its centre.

    rows: their positions in the layout. distance: signed distance in pixels, negative inside. place: the pixel's
    position in the flat canvas of B·S·S cells and one more, which takes what lies outside the image.
    dx, dy: offset from the centre in radii; u, v: the same in the thing's own turned frame.
    layers: for each layer, which of the n belong to it. first_bird: where the birds begin.
    """

    rows: Int64[Tensor, " n"]
    distance: Float[Tensor, "n P P"]
    place: Int64[Tensor, "n P P"]
    dx: Float[Tensor, "n 1 P"]
    dy: Float[Tensor, "n P 1"]
    u: Float[Tensor, "n P P"]
    v: Float[Tensor, "n P P"]
    layers: dict[int, Int64[Tensor, " _"]]
    first_bird: int


def open_windows(layout: Layout, config: SceneConfig, device: torch.device | str) -> list[Windows]:
    """Measure every thing in its window; `layout` lies on the CPU, the windows on `device`."""
    windows = []
    for size_range in range(len(config.radii)):
        rows = (layout.range == size_range).nonzero()[:, 0]
        if len(rows) > 0:
            rows = rows[layout.label[rows].argsort(stable=True)]
            windows.append(_open(layout, rows, _half_window(config, size_range), config.size, device))
    return windows


def cover(
    windows: list[Windows], layout: Layout, cells: int, keep: Bool[Tensor, " M"] | None
) -> Int64[Tensor, " cells"]:
    """The depth order of the nearest thing at each pixel centre, 0 where there is none."""
    owner = torch.zeros(cells + 1, dtype=torch.int64, device=layout.order.device)
    for window in windows:
        inside = window.distance < 0
        if keep is not None:
            inside = inside & keep[window.rows, None, None]
        place = torch.where(inside, window.place, cells)
        order = layout.order[window.rows, None, None].expand_as(place)
        owner.scatter_reduce_(0, place.flatten(), order.flatten(), "amax")
    return owner[:cells]


def paint_things(
    canvas: Float[Tensor, "3 cells"], windows: list[Windows], layout: Layout, keep: Bool[Tensor, " M"], size: int
) -> None:
    """Lay the kept things over the canvas in place, farthest first, each with its soft shadow."""
    paints = [_paint(window, layout, keep, size) for window in windows]
    for layer in sorted({layer for window in windows for layer in window.layers}):
        for window, (gain, colour) in zip(windows, paints, strict=True):
            if layer in window.layers:
                chosen = window.layers[layer]
                place = window.place[chosen].flatten()
                under = canvas.index_select(1, place) * gain[chosen].flatten()
                canvas.index_copy_(1, place, under + colour[:, chosen].flatten(1))


def _half_window(config: SceneConfig, size_range: int) -> int:
    """Pixels from the centre's pixel to the window's rim: the largest radius, its shadow, and one more."""
    shift, blur = _shadow(config.size)
    return math.ceil(max(3.0, config.radii[size_range][1] * config.size) + shift + blur) + 1


def _shadow(size: int) -> tuple[int, float]:
    """How far a shadow falls, right and down, and how soft its edge is, in pixels."""
    return max(1, round(0.02 * size)), 0.02 * size


def _open(layout: Layout, rows: Tensor, half: int, size: int, device: torch.device | str) -> Windows:
    labels = layout.label[rows]
    runs = torch.bincount(labels, minlength=len(SHAPES) + 1).tolist()
    layers = layout.layer[rows]
    members = {int(k): (layers == k).nonzero()[:, 0].to(device) for k in layers.unique()}
    moved = [getattr(layout, name)[rows].to(device) for name in ("picture", "x", "y", "cos", "sin", "mirror", "radius")]
    picture, x, y, cos, sin, mirror, radius = (value[:, None, None] for value in moved)
    step = torch.arange(-half, half + 1, device=device)
    column = x.floor().to(torch.int64) + step  # (n, 1, P)
    line = y.floor().to(torch.int64) + step[:, None]  # (n, P, 1)
    pixel = 1 / radius
    dx, dy = (column + 0.5 - x) * pixel, (line + 0.5 - y) * pixel
    u = dx * (cos * mirror) + dy * (sin * mirror)
    v = dy * cos - dx * sin
    pieces, start = [], 0
    for label, count in enumerate(runs):
        if count > 0:
            run = slice(start, start + count)
            pieces.append(SHAPES[label - 1](u[run], v[run], pixel[run]))
            start += count
    inside = (column >= 0) & (column < size) & (line >= 0) & (line < size)
    outside_cell = int(layout.keys.shape[0]) * size * size
    place = torch.where(inside, (picture * size + line) * size + column, outside_cell)
    first_bird = int((labels < DUCK).sum())
    return Windows(
        rows=rows.to(device), distance=torch.cat(pieces) * radius, place=place, dx=dx, dy=dy, u=u, v=v,
        layers=members, first_bird=first_bird,
    )  # fmt: skip


def _paint(
    window: Windows, layout: Layout, keep: Tensor, size: int
) -> tuple[Float[Tensor, "n P P"], Float[Tensor, "3 n P P"]]:
    """What a layer does to the canvas: new = old · gain + colour."""
    rows = window.rows
    drawn = keep[rows, None, None].to(torch.float32)
    coverage = (0.5 - window.distance).clamp(0, 1) * drawn
    shift, blur = _shadow(size)
    soft = (0.5 - window.distance * (0.5 / blur)).clamp(0, 1)
    shadow = torch.zeros_like(soft)
    shadow[:, shift:, shift:] = soft[:, :-shift, :-shift]
    gain = (1 - coverage) * (1 - 0.42 * drawn * shadow)
    rim = (window.distance * (-1 / (0.022 * size))).clamp(0, 1)
    shade = (0.66 + 0.34 * (rim * (2 - rim))) * (1 - 0.13 * window.dx - 0.13 * window.dy)
    birds = slice(window.first_bird, None)
    shade[birds] *= 1 - 0.8 * bird_eye(window.u[birds], window.v[birds], layout.radius[rows[birds], None, None])
    spot_x, spot_y = window.dx + 0.34, window.dy + 0.38
    spot = (1 - 6 * (spot_x * spot_x + spot_y * spot_y)).clamp(min=0)
    spot = spot * spot * (0.4 * layout.gloss[rows, None, None])
    mixture = _pattern(window, layout)
    tones = layout.tones[rows][:, :, :, None, None]  # (n, 2, 3, 1, 1)
    planes = [
        ((tones[:, 0, c] + mixture * (tones[:, 1, c] - tones[:, 0, c])) * shade + spot) * coverage for c in range(3)
    ]
    return gain, torch.stack(planes)


def _pattern(window: Windows, layout: Layout) -> Float[Tensor, "n P P"]:
    """How much of the second tone is at each pixel, in [0, 1], with soft edges a pixel wide."""
    rows = window.rows
    frequency, phase = layout.frequency[rows, None, None], layout.phase[rows, None, None]
    weights = torch.tensor(_PATTERNS, device=rows.device)[layout.pattern[rows]][:, :, None, None]
    x = window.u * frequency + phase
    y = window.v * frequency + phase
    x = (x - x.floor() - 0.5).abs() - 0.25
    y = (y - y.floor() - 0.5).abs() - 0.25
    signal = weights[:, 0] + weights[:, 1] * x + weights[:, 2] * y + weights[:, 3] * (x * y)
    return (signal * (layout.radius[rows, None, None] / frequency) + 0.5).clamp(0, 1)
