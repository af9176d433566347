"""Laboratory of lesson 05: follow a pixel from its channel to its position in the large image."""

from dataclasses import dataclass

import ipywidgets as widgets
import torch
from jaxtyping import Bool, Float, Int64
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lessons_lib.course.labs.lab import NAMES, Lab, bare_figure, slider
from lessons_lib.course.plotting import VIVID
from lessons_lib.ops.subpixel import channel_major, pixel_shuffle

SIDE = 2  # pixels per side of every channel
BY_CHANNEL, BY_POSITION = "channel by channel (PyTorch)", "position by position (TensorFlow)"
VIVID_RGBA = [to_rgba(colour) for colour in VIVID]
INK = "#111111"


@dataclass(frozen=True)
class Trace:
    """Every pixel of the large image with the channel it comes from, and the one that is followed."""

    factor: int
    sources: Int64[Tensor, "C r_H r_W"]  # the channel of the small image that each pixel comes from
    channel: int  # the one that is followed
    pixel: tuple[int, int]  # its row and column in the small image
    landing: tuple[int, int, int]  # its output channel, row and column in the large image
    by_position: bool


def compute(factor: int, channels: int, order: str, channel: int, position: int) -> Trace:
    """Where pixel `position` (row by row) of a channel lands; `channel` is clamped to the last one."""
    count = channels * factor**2
    channel, pixel = min(channel, count - 1), divmod(position, SIDE)
    numbers = torch.arange(count * SIDE * SIDE).view(count, SIDE, SIDE)  # a number of its own for each pixel
    ordered = channel_major(numbers, factor) if order == BY_POSITION else numbers
    woven = pixel_shuffle(ordered, factor)
    followed = (channel * SIDE + pixel[0]) * SIDE + pixel[1]
    c, y, x = (woven == followed).nonzero()[0].tolist()
    return Trace(factor, woven // SIDE**2, channel, pixel, (c, y, x), order == BY_POSITION)


def draw(trace: Trace) -> Figure:
    """The channels as tiles in the order in which they are stored, and the large image that they are woven into."""
    channels = len(trace.sources)
    count = channels * trace.factor**2
    figure = bare_figure(7.6, 3.9 if channels == 1 else 2.6)
    left = figure.add_axes((0.02, 0.02, 0.45, 0.87))
    _draw_tiles(left, trace, count, columns=channels * trace.factor)
    left.set_title(f"{count} channel{'s' * (count > 1)} of {SIDE}×{SIDE} pixels")
    for c in range(channels):
        width = 0.5 / channels
        _draw_output(figure.add_axes((0.5 + c * width, 0.02, width - 0.015, 0.87)), trace, c)
    return figure


def caption(trace: Trace) -> str:
    """The path of the pixel, and the arithmetic of its channel's number."""
    c, y, x = trace.landing
    r, (h, w) = trace.factor, trace.pixel
    i, j, channels = y % r, x % r, len(trace.sources)
    split = f"({i}·{r} + {j})·{channels} + {c}" if trace.by_position else f"{c}·{r**2} + {i}·{r} + {j}"
    return (
        f"<b>Channel {trace.channel} = {split}.</b> Its pixel ({h}, {w}) lands in output channel {c} "
        f"at row {r}·{h} + {i} = {y}, column {r}·{w} + {j} = {x}."
    )


def _draw_tiles(ax: Axes, trace: Trace, count: int, columns: int) -> None:
    """Each channel as a tile under its number, in the colour of their position in every block."""
    step, rows = SIDE + 1, count // columns
    picture = torch.zeros(rows * step, columns * step - 1, 4)  # transparent between the tiles
    for n in range(count):
        top, left = n // columns * step + 1, n % columns * step
        phase = torch.tensor(n // len(trace.sources) if trace.by_position else n % trace.factor**2)
        picture[top : top + SIDE, left : left + SIDE] = _fill(phase, torch.tensor(n == trace.channel))
        ax.text(left + 0.5, top - 0.9, str(n), ha="center", va="center", size=max(8, 13 - columns), color=INK)
        if n == trace.channel:
            _frame(ax, left + trace.pixel[1], top + trace.pixel[0])
    _paint(ax, picture)


def _draw_output(ax: Axes, trace: Trace, c: int) -> None:
    """One channel of the large image; beyond 4×4 only the first block and the followed pixels carry their number."""
    r, size = trace.factor, trace.sources.shape[1]
    row, column = torch.arange(size)[:, None], torch.arange(size)
    followed = trace.sources[c] == trace.channel
    _paint(ax, _fill(row % r * r + column % r, followed))
    numbered = followed | ((row < r) & (column < r)) | torch.tensor(size <= 4)
    font = min(13, 88 / size / len(trace.sources))
    for y, x in numbered.nonzero().tolist():
        ax.text(x, y, str(int(trace.sources[c, y, x])), ha="center", va="center", size=font, color=INK)
    if c == trace.landing[0]:
        _frame(ax, trace.landing[2], trace.landing[1])
    ax.set_title(f"output {c}: {size}×{size}")


def _fill(phase: Int64[Tensor, "..."], followed: Bool[Tensor, "..."]) -> Float[Tensor, "... 4"]:
    """RGBA: the colour of a position in the block, vivid where followed, else a tint of it."""
    vivid = torch.tensor(VIVID_RGBA)[phase % len(VIVID)]
    return torch.where(followed[..., None], 0.35 + 0.65 * vivid, 0.6 + 0.4 * vivid)


def _paint(ax: Axes, picture: Float[Tensor, "rows columns 4"]) -> None:
    ax.imshow(picture.numpy())
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def _frame(ax: Axes, x: int, y: int) -> None:
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=INK, linewidth=2.5, clip_on=False))


def lab() -> Lab:
    """Sliders for the factor, the output channels, and the pixel that is followed; a choice of the channels' order."""
    order = widgets.Dropdown(options=[BY_CHANNEL, BY_POSITION], value=BY_CHANNEL, description="order", style=NAMES)
    controls = {
        "factor": slider("factor r", 2, 1, 4),
        "channels": slider("outputs C", 1, 1, 2),
        "order": order,
        "channel": slider("channel", 1, 0, 3),
        "position": slider("pixel", 0, 0, SIDE * SIDE - 1),
    }
    return Lab(
        controls, compute, draw, caption, limits=lambda trace: {"channel": len(trace.sources) * trace.factor**2 - 1}
    )


STILLS = {"channel": range(4), "position": range(SIDE * SIDE)}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
