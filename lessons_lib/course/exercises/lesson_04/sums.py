"""Exercise 04.4: what a kernel prints."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import checkerboard


def weight_cases():
    """Kernels that the stride divides or not, not square, smaller than the stride, of several channels."""
    generator = torch.Generator().manual_seed(4)
    shapes = (((1, 1, 3, 3), 2), ((1, 1, 4, 4), 2), ((2, 3, 5, 3), 2), ((2, 1, 4, 5), 3), ((1, 2, 2, 3), 3))
    return [
        {"weight": torch.randn(shape, generator=generator, dtype=torch.float64), "stride": stride}
        for shape, stride in shapes
    ]


SUMS = Exercise(
    "04.4",
    "What a kernel prints",
    difficulty=3,
    minutes=20,
    oracle=checkerboard.phase_sums,
    cases=weight_cases,
    gradients=True,
    hints=(
        "An input of ones stamps the kernel everywhere at the same strength. Which weights fall on phase (0, 0)?",
        "Those of the rows 0, s, 2s, … and the columns 0, s, 2s, …: weight[:, :, 0::s, 0::s].",
        "Sum each slice weight[:, :, i::s, j::s] over its last two axes, and stack the s × s sums to a tile.",
    ),
)


@SUMS.model
def phase_sums(weight, stride):
    tile = [[weight[:, :, i::stride, j::stride].sum((2, 3)) for j in range(stride)] for i in range(stride)]
    return torch.stack([torch.stack(row, -1) for row in tile], -2)  # (C_in, C_out, s, s)


@SUMS.mistake(
    "This looks like the number of taps times the mean weight. Which weights meet in a phase counts, not only how many."
)
def counts_times_the_mean(weight, stride):
    return phase_sums(torch.ones_like(weight), stride) * weight.mean((2, 3), keepdim=True)


@SUMS.mistake("This looks like means. Taps that meet in a pixel add up; nothing divides by how many there are.")
def means_of_the_phases(weight, stride):
    counts = phase_sums(torch.ones_like(weight), stride)
    return phase_sums(weight, stride) / counts.clamp(min=1)


@SUMS.mistake(
    "This looks like blocks of weights that lie side by side. The taps of one phase lie stride apart: i::stride."
)
def sums_of_blocks(weight, stride):
    missing = [-n % stride for n in weight.shape[2:]]
    padded = F.pad(weight, (0, missing[1], 0, missing[0]))
    return padded.unflatten(3, (stride, -1)).unflatten(2, (stride, -1)).sum((3, 5))


@SUMS.flags(
    mean="This looks like means, and NaN where a phase has no tap. Taps that meet in a pixel add up: sum.",
    rotated="This looks like a kernel that was turned by 180°: a stamp is laid down as it is.",
    turned="This looks like rows and columns exchanged: the third axis of the weight counts rows, the fourth columns.",
    swapped="This looks like (C_out, C_in): the tile keeps the weight's own order, input channels first.",
    whole_tiles="This looks like a kernel cut to whole tiles. The taps that are left over fall on some phase too.",
    one_row="This looks like the first row of phases for all: the sums differ between rows of the tile too.",
    over_inputs="This looks like a sum over the input channels too: the tile keeps both channel axes.",
)
def wrong_sums(
    weight,
    stride,
    *,
    mean=False,
    rotated=False,
    turned=False,
    swapped=False,
    whole_tiles=False,
    one_row=False,
    over_inputs=False,
):
    weight = weight.flip(2, 3) if rotated else weight
    h, w = ((n // stride * stride if whole_tiles else n) for n in weight.shape[2:])
    weight = weight[:, :, :h, :w]
    phases = [[weight[:, :, i::stride, j::stride] for j in range(stride)] for i in range(stride)]
    phases = [phases[0]] * stride if one_row else phases
    tile = [[phase.mean((2, 3)) if mean else phase.sum((2, 3)) for phase in row] for row in phases]
    sums = torch.stack([torch.stack(row, -1) for row in tile], -2)
    sums = sums.transpose(2, 3) if turned else sums
    sums = sums.sum(0) if over_inputs else sums
    return sums.transpose(0, 1) if swapped else sums
