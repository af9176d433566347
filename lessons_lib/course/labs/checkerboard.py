"""Laboratory of lesson 04: kernel, stride, layers and weights against overlap, image and spectrum."""

from dataclasses import dataclass
from functools import cache

import ipywidgets as widgets
import torch
from jaxtyping import Float, Int64
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.course.labs.lab import NAMES, Lab, bare_figure, slider
from lessons_lib.data.photo import sample_photo
from lessons_lib.ops.checkerboard import checkerboard_score, interior, overlap_1d, spectrum

WEIGHTS = ("equal", "triangle", "random")
LARGEST_KERNEL, LARGEST_STRIDE, MOST_LAYERS = 6, 4, 3
PICTURE, OVERLAP = 104, 16  # pixels per side that are shown
PANEL, GAP, TITLE = 208, 8, 30  # dots: a whole number for each pixel, or the drawing would print a pattern of its own


@dataclass(frozen=True)
class Board:
    """What a stack of equal transposed convolutions makes of a photograph and of a flat input, away from the border."""

    overlap: Int64[Tensor, "O O"]  # paths of taps to each pixel, OVERLAP a side
    score: float  # of one period of the overlap
    taps: tuple[int, int]  # fewest and most, on one period
    picture: Float[Tensor, "P P"]
    spectrum: Float[Tensor, "P P"]
    period: int  # stride to the power of layers
    pattern: float  # standard deviation of the output for a flat input, as a share of its root mean square


def kernel(kernel_size: int, stride: int, weights: str) -> Float[Tensor, "1 1 k k"]:
    """The weights of one layer; "equal" and "triangle" keep the brightness on average, "random" has a fixed seed."""
    if weights == "random":
        return (
            torch.randn(1, 1, kernel_size, kernel_size, generator=torch.Generator().manual_seed(4))
            * stride
            / kernel_size
        )
    half = (kernel_size + 1) // 2
    centre = half - 1 if kernel_size % 2 else half - 0.5
    distance = (torch.arange(kernel_size) - centre).abs()
    row = torch.ones(kernel_size) if weights == "equal" else 1 - distance / half
    row = row * stride / row.sum()
    return (row[:, None] * row)[None, None]


@cache
def face() -> Float[Tensor, "1 1 H W"]:
    """The face in the sample photograph, grey."""
    return sample_photo().mean(0)[None, None, 40:296, 130:386]


def compute(kernel_size: int, stride: int, layers: int, weights: str) -> Board:
    """The stack on the photograph, made small first so that the result fills the panel, and on a flat input."""
    weight, period = kernel(kernel_size, stride, weights), stride**layers

    def inside(size: int) -> slice:
        return interior(size, kernel_size, stride, layers=layers)

    def smallest(pixels: int) -> int:
        return next(n for n in range(1, 999) if inside(n).stop - inside(n).start >= pixels)

    def run(x: Tensor) -> Tensor:
        part = inside(x.shape[-1])
        for _ in range(layers):
            x = F.conv_transpose2d(x, weight, stride=stride)
        return x[0, 0, part, part]

    size = smallest(period)
    tile = run(torch.ones(1, 1, size, size))[:period, :period]
    counts = overlap_1d(size, kernel_size, stride, layers=layers)[inside(size)][:period]
    overlap = counts[:, None] * counts
    shown = counts.repeat(-(-OVERLAP // period))[:OVERLAP]
    picture = run(F.adaptive_avg_pool2d(face(), smallest(PICTURE)))[:PICTURE, :PICTURE]
    return Board(
        overlap=shown[:, None] * shown,
        score=checkerboard_score(overlap),
        taps=(int(overlap.min()), int(overlap.max())),
        picture=picture,
        spectrum=spectrum(picture),
        period=period,
        pattern=(tile.std(correction=0) / tile.square().mean().sqrt()).item(),
    )


def draw(board: Board) -> Figure:
    """The overlap, the image, and the image's spectrum on a logarithmic scale."""
    width, height = 3 * PANEL + 4 * GAP, PANEL + GAP + TITLE
    figure = bare_figure(width / 90, height / 90)
    boxes = [((GAP + i * (PANEL + GAP)) / width, GAP / height, PANEL / width, PANEL / height) for i in range(3)]
    axes = [figure.add_axes(box) for box in boxes]
    axes[0].imshow(board.overlap.numpy(), cmap="Blues", vmin=0, vmax=1.15 * board.taps[1])
    axes[1].imshow(board.picture.numpy(), cmap="gray")
    axes[2].imshow(board.spectrum.clamp(min=1e-9).log10().numpy(), cmap="magma", vmin=-4.5, vmax=-1)
    low, high = board.taps
    axes[0].set_title(f"overlap: {low} to {high} taps" if low < high else f"overlap: {low} taps everywhere")
    axes[1].set_title(f"photograph, ×{board.period}")
    axes[2].set_title("spectrum of the photograph")
    for ax in axes:
        ax.set_axis_off()
    return figure


def caption(board: Board) -> str:
    """How uneven the overlap is, and how strong the pattern that these weights print on a flat input."""
    low, high = board.taps
    words, count = ("Even", f"{low}") if low == high else ("Uneven", f"{low} to {high}")
    fewer = f": the least covered pixel has {board.score:.0%} fewer taps than the most covered" if board.score else ""
    pattern = "no pattern" if board.pattern < 1e-5 else f"a pattern with {board.pattern:.0%} of its strength"
    return f"<b>{words} overlap</b> ({count} taps per pixel){fewer}. The output on a flat input has {pattern}."


def lab() -> Lab:
    """Sliders for kernel, stride and layers, and a choice of weights."""
    controls = {
        "kernel_size": slider("kernel", 3, 1, LARGEST_KERNEL),
        "stride": slider("stride", 2, 1, LARGEST_STRIDE),
        "layers": slider("layers", 1, 1, MOST_LAYERS),
        "weights": widgets.Dropdown(options=WEIGHTS, description="weights", style=NAMES),
    }
    return Lab(controls, compute, draw, caption)


STILLS = {"kernel_size": range(1, LARGEST_KERNEL + 1), "stride": range(1, LARGEST_STRIDE + 1)}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
