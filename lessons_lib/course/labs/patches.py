"""Laboratory of lesson 06: what patches cost one by one and as one network, and how often a pixel is read."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lessons_lib.course.labs.lab import Lab, bare_figure, slider
from lessons_lib.ops.cost import conv2d_multiply_adds
from lessons_lib.ops.window import sliding_axes

STRIDE = 4  # of the patch classifier
LAYERS = ((3, 16, 3, 1), (0, 0, 3, 2), (16, 16, 3, 1), (0, 0, 3, 2), (16, 16, 3, 1))
"""(input channels, output channels, kernel, stride) before the dense layers; 0 channels are pooling, which is free."""


@dataclass(frozen=True)
class Counted:
    """Multiply-adds to score every `step`-th pixel: of the patches one by one, the shifts, and one dilated run."""

    size: int
    patch_size: int
    step: int
    patches: int
    shifts: int
    costs: tuple[int, int, int]
    reads: Int64[Tensor, "N N"]  # how many patches read each pixel

    @property
    def gain(self) -> float:
        """The patches' multiply-adds over those of the cheaper of the two other ways."""
        return self.costs[0] / min(self.costs[1:])


def compute(size: int, kernel: int, step: int) -> Counted:
    """An image of `size`² pixels, a classifier whose first dense layer sees `kernel` cells, a patch each `step`.

    The classifier is the one of the lesson (`kernel` 3), with 11 classes; the image is padded by half a patch.
    """
    patch_size = 17 + STRIDE * kernel
    places = torch.arange(0, size, step)
    shifts = (STRIDE // math.gcd(step, STRIDE)) ** 2  # the shifts that score the pixels asked for
    one_shift = -(-size // STRIDE) * STRIDE + patch_size - STRIDE
    costs = (
        len(places) ** 2 * multiply_adds(patch_size, kernel),
        shifts * multiply_adds(one_shift, kernel),
        multiply_adds(size + patch_size - 1, kernel, dense=True),
    )
    distance = (torch.arange(size)[:, None] - places).abs()
    along = (distance <= patch_size // 2).sum(1)  # patches along one axis that read a pixel
    return Counted(size, patch_size, step, len(places) ** 2, shifts, costs, along[:, None] * along)


def multiply_adds(side: int, kernel: int, dense: bool = False) -> int:
    """One run of the patch classifier over a padded image of `side` pixels, with strides or, `dense`, dilations."""
    total, apart = 0, 1
    for c_in, c_out, k, stride in (*LAYERS, (16, 32, kernel, 1), (32, 11, 1, 1)):
        if c_in:
            total += conv2d_multiply_adds((side, side), c_in, c_out, k, dilation=apart)
        (side,) = (axis.places for axis in sliding_axes(side, k, 1 if dense else stride, 0, apart, 1))
        apart *= stride if dense else 1
    return total


def draw(state: Counted) -> Figure:
    """How often each pixel is read, with three neighbouring patches; and the cost of each way."""
    figure = bare_figure(7.6, 3.0)
    spaces = {"left": 0.01, "right": 0.98, "bottom": 0.03, "top": 0.9, "wspace": 0.5, "width_ratios": (1, 1.35)}
    left, right = figure.subplots(1, 2, gridspec_kw=spaces)
    left.imshow(state.reads.numpy(), cmap="Blues", vmin=0)
    middle = state.size // 2 // state.step * state.step
    for x in (middle - state.step, middle, middle + state.step):
        if 0 <= x < state.size:
            corner = (x - state.patch_size / 2, middle - state.patch_size / 2)
            side = state.patch_size
            left.add_patch(Rectangle(corner, side, side, fill=False, edgecolor="#D55E00", linewidth=1.5))
    ends = (-0.5, state.size - 0.5)
    left.set(xlim=ends, ylim=ends[::-1], xticks=[], yticks=[])
    left.set_title(f"read up to {int(state.reads.max())} times")
    names = ("patch by patch", f"{state.shifts} shift{'s' * (state.shifts > 1)}, stitched", "once, dilated")
    widths = [cost / max(state.costs) for cost in state.costs]
    right.barh(range(3), widths, color=("#D55E00", "#0072B2", "#0072B2"))
    for place, (width, cost) in enumerate(zip(widths, state.costs, strict=True)):
        right.text(width + 0.02, place, f"{cost / 1e6:,.{0 if cost >= 1e7 else 2}f} M", va="center")
    right.set(yticks=range(3), yticklabels=names, xticks=[], xlim=(0, 1.3), ylim=(2.6, -0.6))
    right.spines[:].set_visible(False)
    right.set_title("multiply-adds")
    return figure


def caption(state: Counted) -> str:
    """The gain, the number of patches, and how often the most-read pixel is read."""
    gain, side, most = state.gain, state.patch_size, int(state.reads.max())
    factor, word = (gain, "less") if gain >= 1 else (1 / gain, "more")
    times = f"{factor:.0f}" if factor >= 10 else f"{factor:.1f}"
    patches = f"{state.patches} patch{'es' * (state.patches > 1)} of {side}×{side}"
    read = "no pixel is read twice" if most == 1 else f"the same pixel is read up to {most} times"
    return f"<b>The whole image at once costs {times} times {word}.</b> {patches}: {read}."


def lab() -> Lab:
    """Sliders for the image, for the reach of the classifier, and for the pixels from one patch to the next."""
    controls = {
        "size": slider("picture", 96, 32, 256),
        "kernel": slider("last kernel", 3, 1, 9),
        "step": slider("patch every", 1, 1, 48),
    }
    return Lab(controls, compute, draw, caption)


STILLS = {"kernel": range(1, 10, 2), "step": (1, 2, 4, 8, 16, 32)}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
