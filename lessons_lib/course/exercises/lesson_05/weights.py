"""Exercises 05.4 and 05.5: the weights of the equal transposed convolution, and the start without checkerboard."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import subpixel

# 05.4


def kernel_cases():
    """A row that can be followed by hand, then several channels, rectangular filters and another factor."""
    generator = torch.Generator().manual_seed(4)
    row = torch.zeros(4, 1, 1, 2, dtype=torch.float64)
    row[:2, 0, 0] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    shapes = [((4, 1, 3, 3), 2), ((8, 2, 2, 3), 2), ((9, 2, 2, 1), 3), ((2, 3, 3, 2), 1)]
    layers = [(torch.randn(shape, generator=generator, dtype=torch.float64), factor) for shape, factor in shapes]
    return [{"weight": weight, "factor": factor} for weight, factor in [(row, 2), *layers]]


TRANSPOSED = Exercise(
    "05.4",
    "The same weights, as a stamp",
    difficulty=3,
    minutes=20,
    oracle=subpixel.transposed_weight,
    cases=kernel_cases,
    gradients=True,
    hints=(
        "Three things differ: channels in come first, taps are reversed, and the r² filters are woven.",
        "What a convolution gathers from the right, the transposed one stamps to the left: flip both axes.",
        "Seen as an image (C_in, C·r², k, k), the flipped, transposed weight needs only a pixel_shuffle.",
    ),
)


@TRANSPOSED.model
def transposed_weight(weight, factor):
    turned = weight.flip(2, 3).transpose(0, 1)  # (C_in, C*r*r, kH, kW)
    return F.pixel_shuffle(turned, factor)  # (C_in, C, r*kH, r*kW)


@TRANSPOSED.mistake(
    "This looks like filters that were woven without being rotated. What a convolution gathers with its first tap, a "
    "transposed convolution stamps with its last."
)
def forgets_to_turn(weight, factor):
    return subpixel.pixel_shuffle(weight.transpose(0, 1), factor)


@TRANSPOSED.mistake(
    "This looks like a kernel that was rotated after the weaving. That rotates every r × r block too, and sends each "
    "phase to the wrong position: rotate the small filters first."
)
def turns_after_weaving(weight, factor):
    return subpixel.pixel_shuffle(weight.transpose(0, 1), factor).flip(2, 3)


@TRANSPOSED.mistake(
    "This looks like channels out before channels in. A transposed convolution reads its weight as (C_in, C_out, …), "
    "the reverse of a convolution."
)
def keeps_channels_out_first(weight, factor):
    return transposed_weight(weight, factor).transpose(0, 1)


@TRANSPOSED.mistake(
    "This looks like the r² filters laid beside one another as blocks. Taps that are next to each other in the stamp "
    "belong to different phases."
)
def lays_filters_side_by_side(weight, factor):
    groups = weight.flip(2, 3).unflatten(0, (-1, factor, factor))  # (C, i, j, C_in, kH, kW)
    return groups.permute(3, 0, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


@TRANSPOSED.mistake(
    "This looks like i and j exchanged: filter 1 of a group belongs to the right neighbour, not the lower."
)
def exchanges_the_phases(weight, factor):
    turned = weight.flip(2, 3).transpose(0, 1)
    return subpixel.pixel_shuffle(turned.transpose(2, 3), factor).transpose(2, 3)


# 05.5


def start_cases():
    """Filters and biases, one and several output channels."""
    generator = torch.Generator().manual_seed(6)
    first = [{"filters": torch.tensor([1.0, 2.0], dtype=torch.float64), "factor": 2}]
    shapes = [((2, 3, 3, 3), 2), ((3, 1, 2, 1), 3), ((1, 2, 2, 2), 2), ((2, 1, 1, 1), 1)]
    drawn = [(torch.randn(shape, generator=generator, dtype=torch.float64), factor) for shape, factor in shapes]
    return first + [{"filters": filters, "factor": factor} for filters, factor in drawn]


ICNR = Exercise(
    "05.5",
    "A start without checkerboard",
    difficulty=2,
    minutes=10,
    oracle=subpixel.icnr,
    cases=start_cases,
    gradients=True,
    hints=(
        "A block is flat when its r² pixels come from equal filters. Which filters make those of output channel c?",
        "Filters c·r² to c·r² + r² − 1: the copies are side by side, so repeat each one, not the whole set.",
        "filters.repeat_interleave(r², dim=0).",
    ),
)


@ICNR.model
def icnr(filters, factor):
    return filters.repeat_interleave(factor**2, dim=0)


@ICNR.mistake(
    "This looks like the whole set repeated, 0 1 0 1 …, which is right in TensorFlow's order. In PyTorch's, the copies "
    "of a filter are side by side: 0 0 0 0 1 1 1 1."
)
def repeats_the_set(filters, factor):
    return filters.repeat(factor**2, *[1] * (filters.dim() - 1))


@ICNR.mistake(
    "This looks like copies divided by r², as if they were summed. They are not: each makes its own pixel, as "
    "bright as the filter says."
)
def shares_the_weight_out(filters, factor):
    return filters.repeat_interleave(factor**2, dim=0) / factor**2


@ICNR.mistake(
    "This looks like one filter of every r² and zeros for the rest: only the first pixel of each block would be lit, "
    "which is the strongest checkerboard there is."
)
def lights_one_pixel(filters, factor):
    first = torch.arange(len(filters) * factor**2) % factor**2 == 0
    copies = filters.repeat_interleave(factor**2, dim=0)
    return copies * first.view(-1, *[1] * (filters.dim() - 1)).to(filters.dtype)


@ICNR.mistake("This looks like r copies of each filter. A block has r rows and r columns: r² pixels, r² copies.")
def copies_too_few(filters, factor):
    return filters.repeat_interleave(factor, dim=0)
