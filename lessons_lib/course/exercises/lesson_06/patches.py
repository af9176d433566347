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


@DENSE.flags(
    channels_last="This looks like channels last: the row was read as k × k cells of `channels` numbers. torch's "
    "Flatten "
    "writes one whole channel after the other.",
    transposed="This looks like a reshape of the transpose. Row i of the weight belongs to output i: reshape it as it "
    "is.",
    rotated="This looks like a kernel turned by 180°. What torch calls a convolution does not turn its kernel, and "
    "neither "
    "did the fully connected layer.",
    rows_and_columns="This looks like rows and columns exchanged in each channel: Flatten goes along a row first.",
    inputs_first="This looks like (channels, K, k, k). The weight of a convolution has its output channels first.",
    first_output="This looks like the first output only: each of the K rows becomes a kernel of its own.",
)
def wrong_weight(
    weight,
    channels,
    *,
    channels_last=False,
    transposed=False,
    rotated=False,
    rows_and_columns=False,
    inputs_first=False,
    first_output=False,
):
    n, k = len(weight), round((weight.shape[1] // channels) ** 0.5)
    weight = weight.T if transposed else weight
    if channels_last:
        kernels = weight.reshape(n, k, k, channels).permute(0, 3, 1, 2)
    else:
        kernels = weight.reshape(n, channels, k, k)
    kernels = kernels.flip(2, 3) if rotated else kernels
    kernels = kernels.transpose(2, 3) if rows_and_columns else kernels
    kernels = kernels[:1] if first_output else kernels
    return kernels.transpose(0, 1) if inputs_first else kernels


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


@COST.mistake(
    "This looks like a count without the products with zeros of the padding. The layer makes them all the same: every "
    "output number costs c_in · k²."
)
def leaves_out_the_padding(size, c_in, c_out, kernel_size, stride=1, padding=0, dilation=1):
    seen = 1
    for n in size:
        starts = range(-padding, n + padding - dilation * (kernel_size - 1), stride)
        seen *= sum(0 <= start + dilation * u < n for start in starts for u in range(kernel_size))
    return seen * c_in * c_out


@COST.flags(
    at_inputs="This looks like a count at every input pixel. The window does work only where it stands.",
    over_stride="This looks like size // stride for the number of positions. Kernel and padding count too (lesson 02).",
    steps="This looks like steps instead of positions: add 1 after the division.",
    no_padding="This looks like a layer without its padding, which gives the window more positions.",
    one_end="This looks like padding at one end only: 2 · padding cells more along each axis.",
    no_dilation="This looks like a window that forgets its dilation: it reaches over dilation · (kernel_size − 1) + 1 "
    "cells.",
    square="This looks like a square image: take the height and the width from size.",
    no_inputs="This looks like one input channel: each output number sums over all c_in of them.",
    no_outputs="This looks like one output channel: every position gives c_out numbers.",
    one_row="This looks like k where k² belongs: the window has rows and columns.",
    in_gaps="This looks like a dilated window that multiplies in its gaps too. It reaches farther with the same k² "
    "taps.",
    bias="This looks like a count of the bias too. It is an addition without a multiplication: biases are free here.",
    doubled="This looks like twice as much: a multiplication and its addition are one multiply-add here.",
)
def wrong_cost(
    size,
    c_in,
    c_out,
    kernel_size,
    stride=1,
    padding=0,
    dilation=1,
    *,
    at_inputs=False,
    over_stride=False,
    steps=False,
    no_padding=False,
    one_end=False,
    no_dilation=False,
    square=False,
    no_inputs=False,
    no_outputs=False,
    one_row=False,
    in_gaps=False,
    bias=False,
    doubled=False,
):
    reach = dilation * (kernel_size - 1) + 1
    ends = 0 if no_padding else 1 if one_end else 2
    count = 1
    for n in (size[0], size[0]) if square else size:
        spare = n + ends * padding - (kernel_size if no_dilation else reach)
        count *= n if at_inputs else n // stride if over_stride else spare // stride + (not steps)
    taps = reach**2 if in_gaps else kernel_size if one_row else kernel_size**2
    each = (1 if no_inputs else c_in) * taps + bias
    return (2 if doubled else 1) * count * (1 if no_outputs else c_out) * each
