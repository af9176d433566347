"""Laboratory of lesson 03: the pixels stamp one after the other, their sums and overlaps grow, and the ends are cut."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.course.labs.lab import Lab, bare_figure, slider
from lessons_lib.course.plotting import draw_grid
from lessons_lib.ops.transposed import transposed_axes
from lessons_lib.ops.window import Axis

LARGEST = 3  # pixels per side
DARKEST = 1.7  # of the blues only the paler part is used: the numbers stand on it


@dataclass(frozen=True)
class Stamping:
    """The canvas after some stamps; where the sizes are not legal, `problem` says why and the canvas is empty."""

    picture: Float[Tensor, "N N"]
    used: Bool[Tensor, "N N"]  # pixels that have stamped
    canvas: Float[Tensor, "C C"]
    overlap: Float[Tensor, "C C"]  # how many stamps lie on each square
    cut: Bool[Tensor, "C C"]  # what is cut off in the end
    last: Bool[Tensor, "C C"]  # the last stamp
    output: int = 0  # pixels per side that remain
    problem: str = ""


def compute(size: int, kernel_size: int, stride: int, padding: int, output_padding: int, stamps: int) -> Stamping:
    """The canvas after `stamps` stamps of ones, row by row; more stamps than pixels are all of them."""
    picture = torch.arange(1.0, size * size + 1).view(size, size)
    stamps = min(stamps, size * size)
    used = (picture <= stamps).clone()
    try:
        (axis,) = transposed_axes(size, kernel_size, stride, padding, output_padding, 1, count=1)
    except ValueError as error:
        none = torch.zeros(0, 0)
        return Stamping(picture, used, none, none, none.bool(), none.bool(), 0, str(error))
    canvas, overlap = torch.zeros(2, axis.padded, axis.padded)
    last = torch.zeros(axis.padded, axis.padded, dtype=torch.bool)
    for pixel in range(stamps):
        rows, columns = _stamp(axis, pixel, size)
        canvas[rows, columns] += picture.flatten()[pixel]
        overlap[rows, columns] += 1
    if stamps:
        last[_stamp(axis, stamps - 1, size)] = True
    cut = F.pad(torch.zeros(axis.size, axis.size, dtype=torch.bool), (padding,) * 4, value=True)
    return Stamping(picture, used, canvas, overlap, cut, last, axis.size)


def _stamp(axis: Axis, pixel: int, size: int) -> tuple[slice, slice]:
    """Where on the canvas a pixel stamps; pixels count row by row."""
    return axis.window(pixel // size), axis.window(pixel % size)


def draw(state: Stamping) -> Figure:
    """The image, the canvas with the last stamp on it, and the number of stamps on each square."""
    figure = bare_figure(7.6, 3.4)
    spaces = {"left": 0.01, "right": 0.99, "bottom": 0.02, "top": 0.9, "wspace": 0.06, "width_ratios": (1.4, 3, 3)}
    left, middle, right = figure.subplots(1, 3, gridspec_kw=spaces)
    newest = torch.zeros_like(state.used)
    if state.used.any():
        newest.view(-1)[int(state.used.sum()) - 1] = True
    draw_grid(left, state.picture, muted=~state.used, chosen=newest)
    left.set_title(f"input {len(state.picture)}×{len(state.picture)}")
    if state.problem:
        for ax in (middle, right):
            ax.set_axis_off()
        middle.text(1.05, 0.5, "no output", ha="center", va="center", size=14)
        return figure
    draw_grid(middle, state.canvas, muted=state.cut, chosen=state.last)
    middle.set_title(f"canvas {len(state.canvas)}×{len(state.canvas)}, output {state.output}×{state.output}")
    crowded = state.overlap.numel() > 64  # then the colour alone says how many: text is what takes the time
    draw_grid(right, state.overlap, muted=state.cut | crowded)
    most = max(1, int(state.overlap.max()))
    staying = state.overlap.masked_fill(state.cut, torch.nan).numpy()
    right.imshow(staying, cmap="Blues", vmin=0, vmax=max(most, 2) * DARKEST, zorder=0.5)
    right.set_title("stamps on each square" + (f": 0 to {most}, by colour" if crowded else ""))
    return figure


def caption(state: Stamping) -> str:
    """The size of the output, and how many of its squares carry how many stamps."""
    if state.problem:
        return f"<b>No output.</b> {state.problem}."
    counts = state.overlap[~state.cut].int()
    values, squares = counts.unique(return_counts=True)
    words = ", ".join(
        f"{n} square{'s' * (n > 1)} with {v}" for v, n in zip(values.tolist(), squares.tolist(), strict=True)
    )
    done, all_of_them = int(state.used.sum()), state.used.numel()
    return f"<b>Output {state.output}×{state.output}.</b> {done} of {all_of_them} pixels have stamped: {words}."


def lab() -> Lab:
    """Sliders for input, kernel, stride and both paddings, and one that stamps pixel by pixel."""
    controls = {
        "stamps": slider("stamps", 2, 0, 4),
        "size": slider("input", 2, 1, LARGEST),
        "kernel_size": slider("kernel", 3, 1, 5),
        "stride": slider("stride", 2, 1, 3),
        "padding": slider("padding", 1, 0, 2),
        "output_padding": slider("output pad.", 1, 0, 2),
    }
    return Lab(controls, compute, draw, caption, limits=lambda state: {"stamps": state.used.numel()}, walks="stamps")


STILLS = {"stride": range(1, 4), "stamps": range(5)}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
