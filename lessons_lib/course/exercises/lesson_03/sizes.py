"""Exercises 03.1, 03.2 and 03.5: the size of the output, the way back, and the bilinear kernel."""

import itertools

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import transposed

# 03.1


def size_cases():
    """The lecture's two, one stamp alone, a dilated one, and random ones that leave at least a pixel."""
    first = [(2, 3, 2, 1, 1, 1), (2, 3, 2, 1, 0, 1), (1, 3, 2, 0, 0, 1), (6, 5, 3, 2, 1, 1), (3, 3, 2, 1, 0, 2)]
    first += [(7, 4, 2, 1, 0, 1), (16, 64, 32, 16, 0, 1)]
    grid = itertools.product(range(1, 7), range(1, 6), range(1, 5), range(3), range(3), range(1, 3))
    legal = [c for c in grid if c[4] < c[2] and (c[0] - 1) * c[2] - 2 * c[3] + c[5] * (c[1] - 1) + c[4] >= 0]
    names = ("size", "kernel_size", "stride", "padding", "output_padding", "dilation")
    return [dict(zip(names, case, strict=True)) for case in first + legal[::41]]


SIZE = Exercise(
    "03.1",
    "Size after stamping",
    difficulty=1,
    minutes=10,
    oracle=transposed.transposed_output_size,
    cases=size_cases,
    hints=(
        "Where does the last stamp begin? Where does it end? That is the canvas, before anything is cut off.",
        "The last of size pixels begins (size − 1) · stride squares in; its stamp spans d(k − 1) + 1 squares.",
        "Then cut padding squares off both ends, and restore output_padding squares at the far one.",
    ),
)


@SIZE.model
def transposed_output_size(size, kernel_size, stride=1, padding=0, output_padding=0, dilation=1):
    reach = dilation * (kernel_size - 1) + 1
    return (size - 1) * stride + reach - 2 * padding + output_padding


@SIZE.mistake("This looks like the formula of the convolution. Here the stride multiplies: pixels move apart.")
def size_of_the_convolution(size, kernel_size, stride=1, padding=0, output_padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1 + output_padding


@SIZE.mistake("This looks like size · stride. The last stamp begins (size − 1) · stride squares after the first.")
def a_stride_for_every_pixel(size, kernel_size, stride=1, padding=0, output_padding=0, dilation=1):
    return size * stride + dilation * (kernel_size - 1) + 1 - 2 * padding + output_padding


@SIZE.mistake("This looks like padding that makes the output larger. Here it is what is cut off both ends.")
def padding_added(size, kernel_size, stride=1, padding=0, output_padding=0, dilation=1):
    return (size - 1) * stride + dilation * (kernel_size - 1) + 1 + 2 * padding + output_padding


@SIZE.mistake("This looks like output_padding at both ends: it restores squares at the far end only.")
def output_padding_twice(size, kernel_size, stride=1, padding=0, output_padding=0, dilation=1):
    return (size - 1) * stride + dilation * (kernel_size - 1) + 1 - 2 * padding + 2 * output_padding


@SIZE.mistake("This looks like a stamp that forgets its dilation: with gaps, k taps span d(k − 1) + 1 squares.")
def stamp_without_dilation(size, kernel_size, stride=1, padding=0, output_padding=0, dilation=1):
    return (size - 1) * stride + kernel_size - 2 * padding + output_padding


# 03.2


def way_back_cases():
    """Pairs of a convolution's input and output: the lecture's, all remainders of stride 3, and random ones."""
    named = [(4, 3, 2, 1, 1), (3, 3, 2, 1, 1), (17, 5, 3, 2, 1), (16, 5, 3, 2, 1), (18, 5, 3, 2, 1), (224, 7, 2, 3, 1)]
    grid = itertools.product(range(1, 9), range(1, 5), range(1, 5), range(3), range(1, 3))
    cases = named + [c for c in grid if c[0] + 2 * c[3] >= c[4] * (c[1] - 1) + 1][::29]
    return [
        {"size": (n + 2 * p - d * (k - 1) - 1) // s + 1, "output": n}
        | {"kernel_size": k, "stride": s, "padding": p, "dilation": d}
        for n, k, s, p, d in cases
    ]


WAY_BACK = Exercise(
    "03.2",
    "Which output_padding?",
    difficulty=2,
    minutes=20,
    oracle=transposed.output_padding_for,
    cases=way_back_cases,
    hints=(
        "How large is the output without any output_padding? How many squares are missing?",
        "Each unit of output_padding is one square. So the answer is a difference of two sizes.",
        "output − ((size − 1) · stride − 2 · padding + dilation · (kernel_size − 1) + 1).",
    ),
)


@WAY_BACK.model
def output_padding_for(size, output, kernel_size, stride=1, padding=0, dilation=1):
    smallest = (size - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + 1
    return output - smallest


@WAY_BACK.mistake("This looks like stride − 1 whatever the size: that leads to the largest candidate only.")
def always_the_largest(size, output, kernel_size, stride=1, padding=0, dilation=1):
    return stride - 1


@WAY_BACK.mistake("This looks like output − size · stride: the size also depends on the kernel and the padding.")
def missing_from_stride_times_size(size, output, kernel_size, stride=1, padding=0, dilation=1):
    return output - size * stride


@WAY_BACK.mistake("This looks like output mod stride. What counts is what the floor of the convolution dropped.")
def remainder_of_the_output(size, output, kernel_size, stride=1, padding=0, dilation=1):
    return output % stride


@WAY_BACK.mistake(
    "This looks like padding at one end: output + 2 · padding − reach squares lie after the first window."
)
def remainder_with_one_padding(size, output, kernel_size, stride=1, padding=0, dilation=1):
    return (output + padding - dilation * (kernel_size - 1) - 1) % stride


@WAY_BACK.mistake("This looks like a window that forgets its dilation: it spans d(k − 1) + 1 squares.")
def remainder_without_dilation(size, output, kernel_size, stride=1, padding=0, dilation=1):
    return (output + 2 * padding - kernel_size) % stride


# 03.5

BILINEAR = Exercise(
    "03.5",
    "The pyramid",
    difficulty=2,
    minutes=15,
    oracle=transposed.bilinear_kernel,
    cases=lambda: [{"kernel_size": k} for k in (4, 3, 2, 1, 5, 8, 16, 7)],
    hints=(
        "Begin with one axis: the weight falls in equal steps from the middle to both ends, and is never 0.",
        "factor = (k + 1) // 2 is how far the slope reaches; the middle is (k − 1) / 2, between two taps for even k.",
        "slope = 1 − |i − middle| / factor; the kernel is slope[:, None] * slope.",
    ),
)


@BILINEAR.model
def bilinear_kernel(kernel_size):
    factor = (kernel_size + 1) // 2
    middle = (kernel_size - 1) / 2
    slope = 1 - (torch.arange(kernel_size) - middle).abs() / factor
    return slope[:, None] * slope


@BILINEAR.mistake("This looks like the middle of an odd kernel for an even one: there it lies between two taps.")
def middle_of_an_odd_kernel(kernel_size):
    factor = (kernel_size + 1) // 2
    slope = 1 - (torch.arange(kernel_size) - (factor - 1)).abs() / factor
    return slope[:, None] * slope


@BILINEAR.mistake(
    "This looks like weights that sum to 1. An upsampling kernel sums to factor²: one pixel becomes many."
)
def sums_to_one(kernel_size):
    kernel = bilinear_kernel(kernel_size)
    return kernel / kernel.sum()


@BILINEAR.mistake("This looks like a cone: bilinear is a product of two slopes, not one slope of the distance.")
def a_cone(kernel_size):
    offset = (torch.arange(kernel_size) - (kernel_size - 1) / 2) / ((kernel_size + 1) // 2)
    return (1 - (offset[:, None] ** 2 + offset**2).sqrt()).clamp(min=0)


@BILINEAR.mistake("This looks like a sum of the two slopes. It is their product: zero where either is zero.")
def sum_of_slopes(kernel_size):
    slope = 1 - (torch.arange(kernel_size) - (kernel_size - 1) / 2).abs() / ((kernel_size + 1) // 2)
    return (slope[:, None] + slope) / 2


@BILINEAR.mistake("This looks like a slope over k / 2: for odd kernels the factor is (k + 1) // 2, a whole number.")
def slope_over_half_the_kernel(kernel_size):
    slope = 1 - (torch.arange(kernel_size) - (kernel_size - 1) / 2).abs() / (kernel_size / 2)
    return slope[:, None] * slope
