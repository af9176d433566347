"""Lesson 06, exercises 1 to 3: a fully connected layer as a convolution, the cost of one, stitching shifts."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.semantic import patch
from lessons_lib.ops import cost

# 06.1


def dense_cases():
    """Numbered weights that show their place, a 1 × 1 layer, one channel, several channels, and a strided view."""
    generator = torch.Generator().manual_seed(6)
    numbered = torch.arange(1.0, 9).view(1, 8)
    return [
        {"weight": numbered, "channels": 2},
        {"weight": torch.rand(5, 7, generator=generator), "channels": 7},
        {"weight": torch.rand(2, 9, generator=generator), "channels": 1},
        {"weight": torch.rand(4, 27, generator=generator), "channels": 3},
        {"weight": torch.rand(36, 3, generator=generator).T, "channels": 4},
    ]


DENSE = Exercise(
    "06.1",
    "Fully connected, as a convolution",
    difficulty=2,
    minutes=15,
    oracle=patch.linear_as_conv_weight,
    cases=dense_cases,
    hints=(
        "Flatten writes channel after channel, and in each channel row after row. Which numbers of one row of the "
        "weight belong to channel 0?",
        "N = channels · k · k, so k is the square root of N / channels.",
        "Nothing has to move: a reshape to (K, channels, k, k) reads the row in the order in which Flatten wrote it.",
    ),
    gradients=True,
)


@DENSE.model
def linear_as_conv_weight(weight, channels):
    k = round((weight.shape[1] // channels) ** 0.5)
    return weight.reshape(len(weight), channels, k, k)


def _side(weight, channels):
    return round((weight.shape[1] // channels) ** 0.5)


@DENSE.mistake(
    "This looks like channels last: the row was read as k × k cells of `channels` numbers. torch's Flatten writes one "
    "whole channel after the other."
)
def reads_channels_last(weight, channels):
    k = _side(weight, channels)
    return weight.reshape(len(weight), k, k, channels).permute(0, 3, 1, 2)


@DENSE.mistake(
    "This looks like a kernel turned by 180°. What torch calls a convolution does not turn its kernel, and neither did "
    "the fully connected layer."
)
def turns_the_kernel(weight, channels):
    return linear_as_conv_weight(weight, channels).flip(2, 3)


@DENSE.mistake("This looks like (channels, K, k, k). The weight of a convolution has its output channels first.")
def puts_inputs_first(weight, channels):
    return linear_as_conv_weight(weight, channels).transpose(0, 1)


@DENSE.mistake("This looks like rows and columns exchanged in each channel: Flatten goes along a row first.")
def exchanges_rows_and_columns(weight, channels):
    return linear_as_conv_weight(weight, channels).transpose(2, 3)


@DENSE.mistake("This looks like the first output only: each of the K rows becomes a kernel of its own.")
def keeps_the_first_output(weight, channels):
    return linear_as_conv_weight(weight, channels)[:1]


# 06.2


def cost_cases():
    """A layer of the patch classifier, fc6 of VGG-16, a strided, a padded and a dilated one, a wide picture."""
    names = ("size", "c_in", "c_out", "kernel_size", "stride", "padding", "dilation")
    rows = [
        ((5, 5), 1, 1, 3, 1, 0, 1),
        ((29, 29), 3, 16, 3, 1, 0, 1),
        ((7, 7), 512, 4096, 7, 1, 0, 1),
        ((96, 64), 3, 8, 3, 2, 1, 1),
        ((20, 31), 4, 6, 3, 1, 2, 4),
        ((9, 8), 5, 2, 1, 1, 0, 1),
        ((12, 40), 2, 3, 5, 3, 2, 2),
    ]
    return [dict(zip(names, row, strict=True)) for row in rows]


COST = Exercise(
    "06.2",
    "The cost of a convolution",
    difficulty=1,
    minutes=15,
    oracle=cost.conv2d_multiply_adds,
    cases=cost_cases,
    hints=(
        "How many multiply-adds does one output number take? How many output numbers are there?",
        "One output number: c_in · kernel_size². Output numbers: c_out at each position of the window (lesson 02).",
        "Places along an axis: (n + 2 · padding − dilation · (kernel_size − 1) − 1) // stride + 1.",
    ),
)


@COST.model
def conv2d_multiply_adds(size, c_in, c_out, kernel_size, stride=1, padding=0, dilation=1):
    reach = dilation * (kernel_size - 1) + 1
    height, width = ((n + 2 * padding - reach) // stride + 1 for n in size)
    return height * width * c_out * c_in * kernel_size**2


@COST.mistake("This looks like a count at every input pixel. The window does work only where it stands.")
def counts_input_pixels(size, c_in, c_out, kernel_size, stride=1, padding=0, dilation=1):
    return size[0] * size[1] * c_out * c_in * kernel_size**2


@COST.mistake("This looks like twice as much: a multiplication and its addition are one multiply-add here.")
def counts_both(size, c_in, c_out, kernel_size, stride=1, padding=0, dilation=1):
    return 2 * conv2d_multiply_adds(size, c_in, c_out, kernel_size, stride, padding, dilation)


@COST.mistake("This looks like one input channel: each output number sums over all c_in of them.")
def forgets_the_input_channels(size, c_in, c_out, kernel_size, stride=1, padding=0, dilation=1):
    return conv2d_multiply_adds(size, 1, c_out, kernel_size, stride, padding, dilation)


@COST.mistake("This looks like one output channel: every position gives c_out numbers.")
def forgets_the_output_channels(size, c_in, c_out, kernel_size, stride=1, padding=0, dilation=1):
    return conv2d_multiply_adds(size, c_in, 1, kernel_size, stride, padding, dilation)


@COST.mistake("This looks like k where k² belongs: the window has rows and columns.")
def counts_one_row_of_the_kernel(size, c_in, c_out, kernel_size, stride=1, padding=0, dilation=1):
    return conv2d_multiply_adds(size, c_in, c_out, kernel_size, stride, padding, dilation) // kernel_size


@COST.mistake(
    "This looks like a dilated window that multiplies in its gaps too. It reaches farther with the same k² taps."
)
def multiplies_in_the_gaps(size, c_in, c_out, kernel_size, stride=1, padding=0, dilation=1):
    places = conv2d_multiply_adds(size, 1, 1, kernel_size, stride, padding, dilation) // kernel_size**2
    return places * c_out * c_in * (dilation * (kernel_size - 1) + 1) ** 2


@COST.mistake("This looks like a square image: take the height and the width from size.")
def takes_the_height_twice(size, c_in, c_out, kernel_size, stride=1, padding=0, dilation=1):
    return conv2d_multiply_adds((size[0], size[0]), c_in, c_out, kernel_size, stride, padding, dilation)


# 06.3


def stitch_cases():
    """Four shifts of one number, numbered maps, three shifts a side, batches and channels, a strided view."""
    generator = torch.Generator().manual_seed(3)
    return [
        {"shifted": torch.arange(1.0, 5).view(2, 2, 1, 1, 1, 1)},
        {"shifted": torch.arange(1.0, 25).view(2, 2, 1, 1, 2, 3)},
        {"shifted": torch.rand(3, 3, 2, 1, 2, 4, generator=generator)},
        {"shifted": torch.rand(2, 2, 3, 4, 2, 2, generator=generator)},
        {"shifted": torch.rand(1, 1, 2, 2, 3, 2, generator=generator)},
        {"shifted": torch.rand(2, 2, 2, 3, 5, 3, generator=generator).transpose(4, 5)},
    ]


STITCH = Exercise(
    "06.3",
    "Stitch the shifts",
    difficulty=3,
    minutes=25,
    oracle=patch.stitch,
    cases=stitch_cases,
    hints=(
        "shifted[i, j] was computed on the image without its first i rows and j columns. Which rows of the whole "
        "map are these?",
        "Rows i, i + s, i + 2s, … and columns j, j + s, …: a slice with a step picks them, out[:, :, i::s, j::s].",
        "Make out with shape (B, K, s·h, s·w), and fill it in two loops over i and j.",
    ),
    gradients=True,
)


@STITCH.model
def stitch(shifted):
    s, _, B, K, h, w = shifted.shape
    out = shifted.new_zeros(B, K, s * h, s * w)
    for i in range(s):
        for j in range(s):
            out[:, :, i::s, j::s] = shifted[i, j]
    return out


@STITCH.mistake(
    "This looks like tiles laid side by side: each shift got a corner of the map. The shifts belong to neighbouring "
    "pixels, so they interleave."
)
def lays_tiles(shifted):
    return torch.cat([torch.cat(list(row), 3) for row in shifted], 2)


@STITCH.mistake("This looks like i and j exchanged: the first index shifts rows, the second columns.")
def exchanges_the_shifts(shifted):
    return stitch(shifted.transpose(0, 1))


@STITCH.mistake(
    "This looks like a plain reshape. The numbers must change their order: s and h, and s and w, have to be "
    "neighbours first."
)
def reshapes(shifted):
    s, _, B, K, h, w = shifted.shape
    return shifted.reshape(B, K, s * h, s * w)


@STITCH.mistake("This looks like the first shift enlarged: the other shifts hold the scores of the pixels between.")
def repeats_the_first_shift(shifted):
    s = len(shifted)
    return shifted[0, 0].repeat_interleave(s, 2).repeat_interleave(s, 3)


@STITCH.mistake("This looks like shifts counted from the other end: shift 0 belongs to the first pixel, not the last.")
def counts_from_the_end(shifted):
    return stitch(shifted.flip(0, 1))
