"""Laboratory of lesson 02: a window walks over an image of digits and fills its output, position by position."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.course.labs.lab import Lab, bare_figure, slider
from lessons_lib.course.plotting import draw_grid
from lessons_lib.ops.convolution import conv2d_unfold
from lessons_lib.ops.window import sliding_axes

LARGEST = 7  # pixels per side


@dataclass(frozen=True)
class Walk:
    """A window at one position of its walk; where it does not fit, `problem` says why and the output is empty."""

    padded: Float[Tensor, "P P"]
    outside: Bool[Tensor, "P P"]  # the zeros around the image
    window: Bool[Tensor, "P P"]  # what the taps see from this position
    output: Float[Tensor, "O O"]
    position: tuple[int, int]
    unseen: int  # pixels of the image that no window sees
    problem: str = ""


def digits(size: int) -> Float[Tensor, "n n"]:
    """A fixed image of the digits 1 to 9."""
    rows, columns = torch.arange(size)[:, None], torch.arange(size)
    return ((rows * rows * 2 + columns * 5 + rows * columns * 3) % 9 + 1).float()


def compute(size: int, kernel_size: int, stride: int, padding: int, dilation: int, position: int) -> Walk:
    """The walk of a window of ones; `position` counts row by row and is clamped to the last one."""
    image = digits(size)
    padded = F.pad(image, (padding,) * 4)
    outside = F.pad(torch.zeros(size, size, dtype=torch.bool), (padding,) * 4, value=True)
    window = torch.zeros_like(outside)
    try:
        (axis,) = sliding_axes(size, kernel_size, stride, padding, dilation, count=1)
    except ValueError as error:
        return Walk(padded, outside, window, torch.zeros(0, 0), (0, 0), size * size, str(error))
    ones = torch.ones(1, 1, kernel_size, kernel_size)
    output = conv2d_unfold(image[None, None], ones, None, stride, padding, dilation)[0, 0]
    i, j = divmod(min(position, output.numel() - 1), axis.places)
    window[axis.window(i), axis.window(j)] = True
    seen = axis.contacts()[2].unique().numel()  # along one axis
    return Walk(padded, outside, window, output, (i, j), size * size - seen * seen)


def draw(walk: Walk) -> Figure:
    """The padded image with the window on it, and the output with the position that it fills."""
    figure = bare_figure(7.2, 3.7)
    left, right = figure.subplots(1, 2, gridspec_kw={"left": 0.01, "right": 0.99, "bottom": 0.02, "top": 0.92})
    draw_grid(left, walk.padded, muted=walk.outside, chosen=walk.window)
    size = len(walk.padded) - int(walk.outside.all(1).sum())
    left.set_title(f"input {size}×{size}" + (" and the zeros around it" if size < len(walk.padded) else ""))
    if walk.problem:
        right.text(0.5, 0.5, "the window\nfits nowhere", ha="center", va="center", size=14)
        right.set_axis_off()
        return figure
    here = torch.zeros(walk.output.shape, dtype=torch.bool)
    here[walk.position] = True
    draw_grid(right, walk.output, chosen=here)
    right.set_title(f"output {len(walk.output)}×{len(walk.output)}")
    return figure


def caption(walk: Walk) -> str:
    """The size of the output, what this position sums, and how many pixels are never seen."""
    if walk.problem:
        return f"<b>No output.</b> {walk.problem}."
    seen = walk.padded[walk.window].int().tolist()
    terms = " + ".join(map(str, seen)) if len(seen) <= 9 else f"the {len(seen)} numbers under the window"
    unseen = f" No window sees {walk.unseen} of the pixels." if walk.unseen else ""
    n, (i, j) = len(walk.output), walk.position
    return f"<b>Output {n}×{n}.</b> Row {i}, column {j}: {terms} = {int(walk.output[i, j])}.{unseen}"


def lab() -> Lab:
    """Sliders for input, kernel, stride, padding and dilation, and one (with a play button) that walks the window."""
    controls = {
        "size": slider("input", 4, 1, LARGEST),
        "kernel_size": slider("kernel", 3, 1, 5),
        "stride": slider("stride", 1, 1, 4),
        "padding": slider("padding", 1, 0, 2),
        "dilation": slider("dilation", 1, 1, 3),
        "position": slider("position", 0, 0, 15),
    }
    return Lab(
        controls, compute, draw, caption, lambda walk: {"position": max(walk.output.numel() - 1, 0)}, walks="position"
    )


STILLS = {"stride": range(1, 5), "position": range(16)}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
