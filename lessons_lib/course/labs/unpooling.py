"""Laboratory of lesson 08: one value on its way down through the poolings and back up, by its switches or without."""

from dataclasses import dataclass
from functools import cache

import ipywidgets as widgets
import torch
from jaxtyping import Float, Int64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.course.labs.lab import NAMES, Lab, bare_figure, slider
from lessons_lib.data.photo import sample_photo
from lessons_lib.data.scenes import draw_scenes
from lessons_lib.ops.unpooling import corner_switches, follow_switches, max_pool, max_unpool, moved

SIDE, POOLINGS = 16, 3
STEP = 1.03  # from one map to the next in the drawing, a map being 1 wide
IMAGES = ("photograph", "scene", "noise")
WAYS = ("by its switch", "to the corner")
HERE, THERE = "#D55E00", "#0072B2"  # where the value was, where it came back


@dataclass(frozen=True)
class Journey:
    """The maps on the way down and on the way up, largest first, and the chosen value's position on each."""

    down: list[Float[Tensor, "_ _"]]
    up: list[Float[Tensor, "_ _"]]
    down_positions: list[tuple[int, int]]  # row, column
    up_positions: list[tuple[int, int]]
    value: float
    distance: float  # pixels of the largest map between where it was and where it came back
    distances: Float[Tensor, "n n"]  # the same for every value that is left

    @property
    def poolings(self) -> int:
        """How often the map was pooled."""
        return len(self.down) - 1


@cache
def image(name: str) -> Float[Tensor, "16 16"]:
    """A map of 16 × 16 numbers, 0 to 99: the face of the photograph, a scene in grey, or noise."""
    if name == "noise":
        noise = torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(8))
        return (noise * 100).floor()
    if name == "photograph":
        grey, cell = sample_photo().mean(0)[110:302, 160:352], 12
    else:
        grey, cell = draw_scenes([3])[0].image.mean(0), 6
    return (F.avg_pool2d(grey[None], cell)[0] * 99).round()


def compute(name: str, poolings: int, cell: int, way: str) -> Journey:
    """The chosen image pooled `poolings` times and unpooled as often; `cell` counts row by row on what is left, and
    is clamped to the last. `way` is "by its switch" or "to the corner"."""
    x = image(name)[None, None]
    down, kept = [x], []
    for _ in range(poolings):
        x, switches = max_pool(x)
        down.append(x)
        kept.append(switches)
    sizes = [(level.shape[2], level.shape[3]) for level in down[:-1]]
    used = (
        kept
        if way == "by its switch"
        else [corner_switches(size).expand_as(s) for size, s in zip(sizes, kept, strict=True)]
    )
    up = [x]
    for size, switches in zip(reversed(sizes), reversed(used), strict=True):
        up.append(max_unpool(up[-1], switches, size))
    cell = min(cell, x.numel() - 1)
    distances = moved(follow_switches(kept), follow_switches(used), SIDE)[0, 0]
    return Journey(
        [level[0, 0] for level in down],
        [level[0, 0] for level in reversed(up)],
        _positions(kept, sizes, cell),
        _positions(used, sizes, cell),
        x.flatten()[cell].item(),
        distances.flatten()[cell].item(),
        distances,
    )


def _positions(
    switches: list[Int64[Tensor, "1 1 _ _"]], sizes: list[tuple[int, int]], cell: int
) -> list[tuple[int, int]]:
    """(row, column) of one value on every map, the largest first; `cell` is its position on the smallest."""
    positions = [divmod(cell, switches[-1].shape[3])]
    for kept, (_, width) in zip(reversed(switches), reversed(sizes), strict=True):
        positions.append(divmod(int(kept[0, 0][positions[-1]]), width))
    return positions[::-1]


def draw(journey: Journey) -> Figure:
    """Above, the maps going down; below, the same sizes coming back. Orange: where it was; blue: where it is put."""
    figure = bare_figure(7.8, 5.0)
    layout = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 0.93, "hspace": 0.16}
    above, below = figure.subplots(2, 1, gridspec_kw=layout)
    down = [[(spot, HERE)] for spot in journey.down_positions]
    up = [[(came, THERE), (was, HERE)] for was, came in zip(journey.down_positions, journey.up_positions, strict=True)]
    _draw_row(above, journey.down, down, "pooling →")
    _draw_row(below, journey.up, up, "← unpooling")
    return figure


def _draw_row(ax: Axes, maps: list[Tensor], marks: list[list[tuple[tuple[int, int], str]]], title: str) -> None:
    """The maps side by side, all equally high; on each a frame around its marked cells, later ones drawn smaller."""
    ax.set_axis_off()
    ax.set_title(title, loc="left")
    for level, (values, cells) in enumerate(zip(maps, marks, strict=True)):
        left, side = level * STEP, 1 / len(values)
        ax.imshow(values.numpy(), cmap="gray", vmin=0, vmax=110, extent=(left, left + 1, 1, 0))
        for depth, ((row, column), colour) in enumerate(cells):
            inset = (0.06 + 0.16 * depth) * side
            corner, length = (left + column * side + inset, row * side + inset), side - 2 * inset
            ax.add_patch(Rectangle(corner, length, length, fill=False, edgecolor=colour, linewidth=2))
    ax.set(xlim=(-0.02, POOLINGS * STEP + 1.02), ylim=(1.02, -0.02), aspect="equal")


def caption(journey: Journey) -> str:
    """Where the value was, where it came back, how far that is, and the mean of all values."""
    (row, column), (to_row, to_column) = journey.down_positions[0], journey.up_positions[0]
    there = f"came back to ({to_row}, {to_column}), {journey.distance:.1f} px away"
    times = f"{journey.poolings} pooling{'s' * (journey.poolings > 1)}"
    share, mean = (journey.distances > 0).float().mean(), journey.distances.mean()
    return (
        f"<b>{journey.value:.0f}</b> stood at row {row}, column {column}, and "
        f"{there if journey.distance else 'came back there'}. Of all {journey.distances.numel()} values that {times} "
        f"left, {share:.0%} moved, by {mean:.2f} px on average."
    )


def lab() -> Lab:
    """The image, the poolings, the value to follow, and the way back."""
    controls = {
        "name": widgets.Dropdown(options=IMAGES, description="image", style=NAMES),
        "poolings": slider("poolings", 2, 1, POOLINGS),
        "cell": slider("value", 6, 0, 63),
        "way": widgets.Dropdown(options=WAYS, description="way back", style=NAMES),
    }
    return Lab(controls, compute, draw, caption, limits=lambda journey: {"cell": journey.distances.numel() - 1})


STILLS = {"cell": range(16), "way": WAYS}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
