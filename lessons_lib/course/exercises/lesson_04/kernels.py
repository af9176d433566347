"""Exercises of lesson 04 on kernels: taps of a phase (04.1), overlap (04.2), what a kernel prints (04.4)."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import checkerboard

# 04.1

TAPS = Exercise(
    "04.1",
    "Taps of each phase",
    difficulty=1,
    minutes=10,
    oracle=checkerboard.taps_per_phase,
    cases=lambda: [
        {"kernel_size": k, "stride": s} for k, s in ((3, 2), (5, 2), (4, 2), (4, 3), (5, 3), (2, 4), (7, 1))
    ],
    hints=(
        "Number the taps from 0. Which of them can ever fall on an even pixel, when all stamps start at even ones?",
        "Phase φ gets the taps φ, φ + stride, φ + 2 · stride, … that are still below kernel_size.",
        "How many numbers does range(φ, kernel_size, stride) have?",
    ),
)


@TAPS.model
def taps_per_phase(kernel_size, stride):
    return [len(range(phase, kernel_size, stride)) for phase in range(stride)]


@TAPS.mistake("This looks like rounding down: the tap that is left over falls on some pixel too, so round up.")
def rounds_down(kernel_size, stride):
    return [max(0, kernel_size - phase) // stride for phase in range(stride)]


@TAPS.mistake(
    "This looks like an average, k/s for every phase. Right on average; but the point is that the phases differ."
)
def shares_equally(kernel_size, stride):
    return [kernel_size / stride] * stride


@TAPS.mistake(
    "This looks like the phases in reverse: phase 0 holds tap 0, so it is among the phases that get most, not least."
)
def reversed_phases(kernel_size, stride):
    return taps_per_phase(kernel_size, stride)[::-1]


@TAPS.mistake("This looks like k and s exchanged: there is one count for each of the s phases, not for each tap.")
def exchanged(kernel_size, stride):
    return taps_per_phase(stride, kernel_size)


# 04.2


def overlap_cases():
    """Even and uneven, with gaps between the stamps, cropped, and a single stamp."""
    sizes = (
        (4, 3, 2, 0),
        (4, 3, 2, 1),
        (5, 4, 2, 1),
        (3, 5, 2, 2),
        (3, 2, 4, 0),
        (1, 3, 3, 0),
        (6, 5, 3, 1),
        (4, 3, 1, 1),
    )
    return [dict(zip(("size", "kernel_size", "stride", "padding"), case, strict=True)) for case in sizes]


OVERLAP = Exercise(
    "04.2",
    "Overlap along a row",
    difficulty=2,
    minutes=15,
    oracle=checkerboard.overlap_1d,
    cases=overlap_cases,
    hints=(
        "Begin with zeros, (size − 1) · stride + kernel_size of them, and stamp size times.",
        "Stamp i adds 1 to the pixels i · stride to i · stride + kernel_size.",
        "Cut off padding pixels at both ends at last. Return whole numbers: torch.zeros(..., dtype=torch.int64).",
    ),
)


@OVERLAP.model
def overlap_1d(size, kernel_size, stride=1, padding=0):
    row = torch.zeros((size - 1) * stride + kernel_size, dtype=torch.int64)
    for i in range(size):
        row[i * stride : i * stride + kernel_size] += 1
    return row[padding : len(row) - padding]


@OVERLAP.mistake(
    "This looks like padding that adds pixels. In a transposed convolution it takes them away, at both ends."
)
def pads_instead_of_cropping(size, kernel_size, stride=1, padding=0):
    return F.pad(overlap_1d(size, kernel_size, stride), (padding, padding))


@OVERLAP.mistake("This looks like cropping at one end only: padding takes its pixels from both ends.")
def crops_one_end(size, kernel_size, stride=1, padding=0):
    return overlap_1d(size, kernel_size, stride)[padding:]


@OVERLAP.mistake(
    "This looks like a row without ends: the pixels at the border have fewer stamps around them, so fewer taps."
)
def forgets_the_border(size, kernel_size, stride=1, padding=0):
    taps = taps_per_phase(kernel_size, stride)
    pixels = range(padding, (size - 1) * stride + kernel_size - padding)
    return torch.tensor([taps[pixel % stride] for pixel in pixels])


@OVERLAP.mistake(
    "This looks like stamps that lie one pixel apart. Each stamp starts stride pixels after the previous one."
)
def stamps_one_apart(size, kernel_size, stride=1, padding=0):
    row = torch.zeros((size - 1) * stride + kernel_size, dtype=torch.int64)
    for i in range(size):
        row[i : i + kernel_size] += 1
    return row[padding : len(row) - padding]


# 04.4


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


@SUMS.mistake("This looks like means. Taps that meet in a pixel add up; nothing divides by how many there are.")
def means_of_the_phases(weight, stride):
    counts = phase_sums(torch.ones_like(weight), stride)
    return phase_sums(weight, stride) / counts.clamp(min=1)


@SUMS.mistake("This looks like a kernel that was turned by 180°: a stamp is laid down as it is.")
def sums_of_the_turned_kernel(weight, stride):
    return phase_sums(weight.flip(2, 3), stride)


@SUMS.mistake(
    "This looks like rows and columns exchanged: the third axis of the weight counts rows, the fourth columns."
)
def sums_transposed(weight, stride):
    return phase_sums(weight.transpose(2, 3), stride)


@SUMS.mistake(
    "This looks like blocks of weights that lie side by side. The taps of one phase lie stride apart: i::stride."
)
def sums_of_blocks(weight, stride):
    missing = [-n % stride for n in weight.shape[2:]]
    padded = F.pad(weight, (0, missing[1], 0, missing[0]))
    return padded.unflatten(3, (stride, -1)).unflatten(2, (stride, -1)).sum((3, 5))
