"""Exercises of lesson 04 on counts: taps of a phase (04.1), overlap (04.2)."""

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


@TAPS.mistake(
    "This looks like an average, k/s for every phase. Right on average; but the point is that the phases differ."
)
def shares_equally(kernel_size, stride):
    return [kernel_size / stride] * stride


@TAPS.mistake("This looks like k and s exchanged: there is one count for each of the s phases, not for each tap.")
def exchanged(kernel_size, stride):
    return taps_per_phase(stride, kernel_size)


@TAPS.mistake("This looks like rounding down: the tap that is left over falls on some pixel too, so round up.")
def rounds_down(kernel_size, stride):
    return [max(0, kernel_size - phase) // stride for phase in range(stride)]


@TAPS.flags(
    down="This looks like rounding down: the tap that is left over falls on some pixel too, so round up (−(−a // b), "
    "or "
    "count with range).",
    down_plus_one="This looks like rounding down and adding 1, which is one too many where the division leaves "
    "nothing.",
    exact="This looks like / where whole taps are counted: round up.",
    no_phase="This looks like the same count for all phases: phase φ begins φ taps later, so k − φ are left.",
    from_one="This looks like phases counted from 1: the first phase is 0, and holds tap 0.",
    at_least_one="This looks like at least one tap everywhere. Where the kernel is smaller than the stride, some "
    "phases "
    "get none.",
    backwards="This looks like the phases in reverse: phase 0 holds tap 0, so it is among the phases that get most.",
)
def wrong_taps(
    kernel_size,
    stride,
    *,
    down=False,
    down_plus_one=False,
    exact=False,
    no_phase=False,
    from_one=False,
    at_least_one=False,
    backwards=False,
):
    left = [kernel_size - (0 if no_phase else phase) - from_one for phase in range(stride)]
    counts = [
        n / stride if exact else n // stride + down_plus_one if down or down_plus_one else -(-n // stride) for n in left
    ]
    counts = [max(1, n) for n in counts] if at_least_one else counts
    return counts[::-1] if backwards else counts


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
    "This looks like a row without ends: the pixels at the border have fewer stamps around them, so fewer taps."
)
def forgets_the_border(size, kernel_size, stride=1, padding=0):
    taps = taps_per_phase(kernel_size, stride)
    pixels = range(padding, (size - 1) * stride + kernel_size - padding)
    return torch.tensor([taps[pixel % stride] for pixel in pixels])


@OVERLAP.flags(
    short_canvas="This looks like a row of size · stride pixels. The last stamp begins at (size − 1) · stride and is "
    "kernel_size long.",
    one_apart="This looks like stamps that lie one pixel apart. Each stamp starts stride pixels after the previous "
    "one.",
    assigned="This looks like stamps that replace what was under them. Taps that meet are counted: += instead of =.",
    no_padding="This looks like the whole row: padding pixels are cut off at both ends.",
    start_only="This looks like cropping at the start only: padding takes its pixels from both ends.",
    end_only="This looks like cropping at the end only: padding takes its pixels from both ends.",
    padding_adds="This looks like padding that adds pixels. In a transposed convolution it takes them away, at both "
    "ends.",
    padded_input="This looks like padding around the input, as in a convolution. Here it cuts the output.",
    decimals="This looks like decimal numbers. Taps are counted: whole numbers, dtype=torch.int64.",
)
def wrong_overlap(
    size,
    kernel_size,
    stride=1,
    padding=0,
    *,
    short_canvas=False,
    one_apart=False,
    assigned=False,
    no_padding=False,
    start_only=False,
    end_only=False,
    padding_adds=False,
    padded_input=False,
    decimals=False,
):
    size, padding = (size + 2 * padding, 0) if padded_input else (size, padding)
    length = size * stride if short_canvas else (size - 1) * stride + kernel_size
    row = torch.zeros(length, dtype=torch.float32 if decimals else torch.int64)
    for i in range(size):
        start = i if one_apart else i * stride
        here = row[start : start + kernel_size]
        here[:] = 1 if assigned else here + 1
    first, last = (0 if no_padding or other else padding for other in (end_only, start_only))
    return F.pad(row, (first, last)) if padding_adds else row[first : len(row) - last]
