"""Laboratory of lesson 12: a box moves over a feature map, and RoIPool's windows and RoIAlign's samples follow."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.course.labs.lab import Lab, bare_figure, slider
from lessons_lib.course.plotting import draw_grid
from lessons_lib.data.photo import sample_photo
from lessons_lib.ops.roi import roi_align, roi_pool
from lessons_lib.ops.roi.align import sample_points
from lessons_lib.ops.roi.pool import pool_windows

STRIDE, CELLS = 16, 12  # pixels per cell, cells per side
POOL, ALIGN = "#D55E00", "#0072B2"


@dataclass(frozen=True)
class Look:
    """A box on the map, seen by both operators; lengths are in pixels of the image."""

    features: Float[Tensor, "H W"]  # 0 to 99
    box: tuple[int, int, int, int]
    bins: int
    bin: tuple[int, int]  # the one that is looked at
    window: tuple[
        int, int, int, int
    ]  # x0, y0, x1, y1 of its cells in RoIPool; an end that is not after its start: empty
    windows_box: tuple[int, int, int, int]  # around all of RoIPool's windows
    y: Float[Tensor, "P n"]  # rows of RoIAlign's samples
    x: Float[Tensor, "P n"]
    pooled: Float[Tensor, "P P"]
    aligned: Float[Tensor, "P P"]
    off_centre: Float[Tensor, "2"]  # from the bin's centre to the window's, x and y

    @property
    def empty(self) -> bool:
        """Whether the chosen window has no cell."""
        return self.window[2] <= self.window[0] or self.window[3] <= self.window[1]


@cache
def portrait() -> Float[Tensor, "H W"]:
    """A feature map: the face of the photograph, its brightness averaged over 16 × 16 pixels, as 0 to 99."""
    grey = sample_photo().mean(0)[110 : 110 + STRIDE * CELLS, 160 : 160 + STRIDE * CELLS]
    return (F.avg_pool2d(grey[None], STRIDE)[0] * 99).round()


def compute(left: int, top: int, width: int, height: int, bins: int, samples: int, bin: int) -> Look:
    """Both operators on one box; `bin` counts row by row and is clamped to the last one."""
    features = portrait()
    box = (left, top, left + width, top + height)
    table = torch.tensor([[0.0, *box]])
    batch = features[None, None]
    y0, y1, x0, x1 = (side[0] * STRIDE for side in pool_windows(batch, table, bins, 1 / STRIDE))
    p, q = divmod(min(bin, bins * bins - 1), bins)
    window = int(x0[q]), int(y0[p]), int(x1[q]), int(y1[p])
    around = int(x0.min()), int(y0.min()), int(x1.max()), int(y1.max())
    middle = torch.tensor([window[0] + window[2], window[1] + window[3]]) / 2
    centre = torch.tensor([left + (q + 0.5) * width / bins, top + (p + 0.5) * height / bins])
    y, x = (
        sample_points(torch.tensor([float(start)]), torch.tensor([float(length)]), bins, samples)[0]
        for start, length in ((top, height), (left, width))
    )
    pooled = roi_pool(batch, table, bins, 1 / STRIDE)[0, 0]
    aligned = roi_align(batch, table, bins, 1 / STRIDE, samples, aligned=True)[0, 0]
    return Look(features, box, bins, (p, q), window, around, y, x, pooled, aligned, middle - centre)


def draw(look: Look) -> Figure:
    """The map with the box, the chosen window and all samples; beside it what both operators return."""
    figure = bare_figure(8.2, 3.9)
    place = {"left": 0.01, "right": 0.99, "bottom": 0.03, "top": 0.9, "wspace": 0.08, "hspace": 0.28}
    grid = figure.add_gridspec(2, 3, width_ratios=(2.3, 1, 1), **place)
    _draw_map(figure.add_subplot(grid[:, 0]), look)
    for title, colour, cell, values in (
        ("RoIPool", "#A84A00", grid[0, 1], look.pooled),
        ("RoIAlign", ALIGN, grid[1, 1], look.aligned),
        ("difference", "#222222", grid[0, 2], look.pooled - look.aligned),
    ):
        ax = figure.add_subplot(cell)
        draw_grid(ax, values.round(), chosen=_chosen(look))
        ax.set_title(title, color=colour)
    key = figure.add_subplot(grid[1, 2])
    key.set_axis_off()
    handles = [
        Rectangle((0, 0), 1, 1, fill=False, edgecolor=ALIGN, linewidth=1.5),
        key.plot([], [], "o", color=ALIGN, markersize=3.5)[0],
        Rectangle((0, 0), 1, 1, facecolor=POOL, alpha=0.45),
        Rectangle((0, 0), 1, 1, fill=False, edgecolor=POOL, linestyle="--", linewidth=1.5),
    ]
    words = ["the box, its bins", "RoIAlign's samples", "RoIPool's window", "all its windows"]
    key.legend(handles, words, loc="center", frameon=False, fontsize=9, labelcolor="#222222")
    return figure


def _draw_map(ax: Axes, look: Look) -> None:
    side = STRIDE * CELLS
    ax.imshow(look.features.numpy(), cmap="gray", vmin=-40, vmax=110, extent=(0, side, side, 0))
    ticks = range(0, side + 1, STRIDE)
    ax.vlines(ticks, 0, side, color="white", linewidth=0.4)
    ax.hlines(ticks, 0, side, color="white", linewidth=0.4)
    if not look.empty:
        ax.add_patch(_frame(look.window, facecolor=POOL, alpha=0.45))
    ax.add_patch(_frame(look.windows_box, fill=False, edgecolor=POOL, linestyle="--", linewidth=1.5))
    x0, y0, x1, y1 = look.box
    edges = [p / look.bins for p in range(look.bins + 1)]
    ax.vlines([x0 + edge * (x1 - x0) for edge in edges], y0, y1, color=ALIGN, linewidth=1)
    ax.hlines([y0 + edge * (y1 - y0) for edge in edges], x0, x1, color=ALIGN, linewidth=1)
    y, x = torch.cartesian_prod(look.y.flatten(), look.x.flatten()).T.numpy()
    ax.plot(x, y, "o", color=ALIGN, markersize=3.5, markeredgecolor="white", markeredgewidth=0.6)
    ax.set(xlim=(0, side), ylim=(side, 0), xticks=[], yticks=[])
    ax.set_title(f"{CELLS} × {CELLS} cells of {STRIDE} pixels")


def _frame(box: tuple[int, int, int, int], **style: Any) -> Rectangle:
    return Rectangle(box[:2], box[2] - box[0], box[3] - box[1], **style)


def _chosen(look: Look) -> Bool[Tensor, "P P"]:
    chosen = torch.zeros(look.bins, look.bins, dtype=torch.bool)
    chosen[look.bin] = True
    return chosen


def caption(look: Look) -> str:
    """What the chosen bin reads in both operators, how far off RoIPool's window is, and the largest difference."""
    row, column = look.bin
    across, down = look.off_centre.tolist()
    reads = (
        "no cell" if look.empty else f"a window {_way(across, 'right', 'left')} and {_way(down, 'down', 'up')} of it"
    )
    return (
        f"<b>Bin ({row}, {column}).</b> RoIAlign: {look.y.shape[1] ** 2} samples around the bin's centre, mean "
        f"{look.aligned[look.bin]:.0f}. RoIPool: {reads}, maximum {look.pooled[look.bin]:.0f}. "
        f"Largest difference in the box: {(look.pooled - look.aligned).abs().max():.0f}."
    )


def _way(pixels: float, ahead: str, back: str) -> str:
    return f"{abs(pixels):.1f} px {ahead if pixels >= 0 else back}"


def lab() -> Lab:
    """Sliders for the box, pixel by pixel, for the bins, the samples, and the bin that is looked at."""
    controls = {
        "left": slider("left", 37, 0, 120),
        "top": slider("top", 58, 0, 120),
        "width": slider("width", 90, 1, 120),
        "height": slider("height", 75, 1, 120),
        "bins": slider("bins", 3, 1, 4),
        "samples": slider("samples", 2, 1, 4),
        "bin": slider("bin", 4, 0, 15),
    }
    return Lab(controls, compute, draw, caption, limits=lambda look: {"bin": look.bins**2 - 1})


STILLS = {"left": range(29, 46), "bins": range(1, 4)}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
