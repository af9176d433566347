"""Exercises 03.1 and 03.2: the size of the output, and the way back."""

import itertools

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


@SIZE.mistake("This looks like size · stride alone: the kernel, the padding and the output padding count too.")
def stride_times_size(size, kernel_size, stride=1, padding=0, output_padding=0, dilation=1):
    return size * stride


@SIZE.flags(
    every_pixel="This looks like size · stride. The last stamp begins (size − 1) · stride squares after the first.",
    no_stride="This looks like pixels that stay side by side: the stride moves their stamps apart.",
    padding_added="This looks like padding that makes the output larger. Here it is what is cut off both ends.",
    one_end="This looks like padding cut off at one end only: 2 · padding squares go.",
    no_padding="This looks like the whole canvas: padding squares are cut off at both ends.",
    extra_twice="This looks like output_padding at both ends: it restores squares at the far end only.",
    no_extra="This looks like a size without its output_padding: that many squares more at the far end.",
    no_dilation="This looks like a stamp that forgets its dilation: with gaps, k taps span d(k − 1) + 1 squares.",
    every_tap="This looks like a stamp of dilation · kernel_size squares. Only the k − 1 gaps stretch, not the k taps.",
    short_reach="This looks like a stamp of dilation · (kernel_size − 1) squares: its last tap needs a square too, so "
    "add 1.",
)
def wrong_size(
    size,
    kernel_size,
    stride=1,
    padding=0,
    output_padding=0,
    dilation=1,
    *,
    every_pixel=False,
    no_stride=False,
    padding_added=False,
    one_end=False,
    no_padding=False,
    extra_twice=False,
    no_extra=False,
    no_dilation=False,
    every_tap=False,
    short_reach=False,
):
    reach = kernel_size if no_dilation else dilation * kernel_size if every_tap else dilation * (kernel_size - 1) + 1
    ends = 0 if no_padding else 1 if one_end else 2
    cut = ends * padding * (-1 if padding_added else 1)
    extra = output_padding * (0 if no_extra else 2 if extra_twice else 1)
    steps = size if every_pixel else size - 1
    return steps * (1 if no_stride else stride) + reach - short_reach - cut + extra


# 03.2


def way_back_cases():
    """The lecture's pair, all remainders of stride 3, dilations larger than the stride, and random ones.

    The output paddings that torch allows are those below the larger of stride and dilation.
    """
    settings = [(2, 3, 2, 1, 1), (6, 5, 3, 2, 1), (112, 7, 2, 3, 1), (3, 3, 1, 0, 2), (2, 3, 2, 1, 4)]
    grid = itertools.product(range(1, 7), range(1, 5), range(1, 5), range(3), range(1, 4))
    settings += [c for c in grid if (c[0] - 1) * c[2] - 2 * c[3] + c[4] * (c[1] - 1) >= 0][::41]
    names = ("size", "kernel_size", "stride", "padding", "dilation")
    cases = []
    for setting in settings:
        n, k, s, p, d = setting
        least = (n - 1) * s - 2 * p + d * (k - 1) + 1
        given = dict(zip(names, setting, strict=True))
        cases += [{"size": n, "output": least + extra} | given for extra in range(max(s, d))]
    return cases


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


@WAY_BACK.mistake("This looks like output mod stride. What counts is what the floor of the convolution dropped.")
def remainder_of_the_output(size, output, kernel_size, stride=1, padding=0, dilation=1):
    return output % stride


@WAY_BACK.mistake("This looks like output − size · stride: the size also depends on the kernel and the padding.")
def missing_from_stride_times_size(size, output, kernel_size, stride=1, padding=0, dilation=1):
    return output - size * stride


@WAY_BACK.flags(
    remainder="This looks like a remainder mod stride. It is right while output padding stays below the stride, but "
    "with "
    "a dilation larger than the stride, more squares may be missing: take the difference of the two sizes.",
    under_stride="This looks like a search that tries 0 to stride − 1 only. With a dilation larger than the stride the "
    "output padding may be larger too; better than a search is the difference of the two sizes.",
    sign="This looks like the difference turned round: the output less the size without output padding.",
    every_pixel="This looks like size · stride: the last stamp begins (size − 1) · stride squares after the first.",
    no_dilation="This looks like a window that forgets its dilation: it spans d(k − 1) + 1 squares.",
    every_tap="This looks like a window of dilation · kernel_size squares: only the k − 1 gaps stretch.",
    one_end="This looks like padding at one end: 2 · padding squares are cut off.",
    no_padding="This looks like a canvas that nothing is cut from: padding squares go at both ends.",
    padding_added="This looks like padding that makes the output larger: it is cut off both ends.",
)
def wrong_way_back(
    size,
    output,
    kernel_size,
    stride=1,
    padding=0,
    dilation=1,
    *,
    remainder=False,
    under_stride=False,
    sign=False,
    every_pixel=False,
    no_dilation=False,
    every_tap=False,
    one_end=False,
    no_padding=False,
    padding_added=False,
):
    reach = kernel_size if no_dilation else dilation * kernel_size if every_tap else dilation * (kernel_size - 1) + 1
    ends = 0 if no_padding else 1 if one_end else -2 if padding_added else 2
    missing = output - ((size if every_pixel else size - 1) * stride - ends * padding + reach)
    missing = -missing if sign else missing
    missing = missing % stride if remainder else missing
    return None if under_stride and not 0 <= missing < stride else missing
