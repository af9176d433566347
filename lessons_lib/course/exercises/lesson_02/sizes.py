"""Lesson 02, exercises 1 and 2: how many positions, and which paddings."""

import itertools

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import convolution

# 02.1


def size_cases():
    """The lecture's two, a dilated one, one with pixels left over, and random ones that fit."""
    first = [(4, 3, 1, 1, 1), (4, 3, 2, 1, 1), (7, 3, 1, 0, 2), (6, 3, 2, 0, 1), (3, 3, 1, 0, 1), (224, 7, 2, 3, 1)]
    grid = itertools.product(range(1, 13), range(1, 6), range(1, 4), range(4), range(1, 4))
    legal = [(n, k, s, p, d) for n, k, s, p, d in grid if n + 2 * p >= d * (k - 1) + 1]
    names = ("size", "kernel_size", "stride", "padding", "dilation")
    return [dict(zip(names, case, strict=True)) for case in first + legal[::37]]


SIZE = Exercise(
    "02.1",
    "Output size",
    difficulty=1,
    minutes=5,
    oracle=convolution.output_size,
    cases=size_cases,
    hints=(
        "How long is the row once there are p zeros at both ends? How many pixels does the window span?",
        "The window fits once at the very start. Count the pixels after it: every full stride fits it once more.",
        "Reach: dilation · (kernel_size − 1) + 1. Positions: (size + 2 · padding − reach) // stride + 1.",
    ),
)


@SIZE.model
def output_size(size, kernel_size, stride=1, padding=0, dilation=1):
    reach = dilation * (kernel_size - 1) + 1
    return (size + 2 * padding - reach) // stride + 1


@SIZE.mistake(
    "This looks like a window that forgets its dilation: with two squares between taps, three taps span five."
)
def forgets_dilation(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - kernel_size) // stride + 1


@SIZE.mistake(
    "This looks like a window that is dilation times as long. But only the k − 1 gaps stretch, not the k taps."
)
def stretches_every_tap(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * kernel_size) // stride + 1


@SIZE.mistake("This looks like padding at one end only. The zeros are at both ends: 2 · padding more squares.")
def pads_one_end(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + padding - dilation * (kernel_size - 1) - 1) // stride + 1


@SIZE.mistake(
    "This looks like a count of steps, not of positions: before its first step the window has one position already."
)
def counts_steps(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride


@SIZE.mistake("This looks like / where // belongs: a window cannot take half a position, so the rest is dropped.")
def divides_without_floor(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1


@SIZE.mistake(
    "This looks like rounding up. A window that extends past the end is dropped, unless a pooling layer says ceil."
)
def rounds_up(size, kernel_size, stride=1, padding=0, dilation=1):
    return -(-(size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride) + 1


# 02.2


def padding_cases():
    """Paddings that keep the size, that halve it, several at once, and none."""
    first = [
        (4, 4, 3, 1, 1),
        (4, 4, 2, 1, 1),
        (9, 9, 3, 1, 4),
        (4, 2, 3, 2, 1),
        (6, 3, 3, 2, 1),
        (7, 2, 3, 4, 1),
        (8, 1, 3, 1, 1),
    ]
    grid = itertools.product(range(1, 9), range(1, 9), range(1, 5), range(1, 5), range(1, 3))
    names = ("size", "output", "kernel_size", "stride", "dilation")
    return [dict(zip(names, case, strict=True)) for case in first + list(grid)[::41]]


PADDINGS = Exercise(
    "02.2",
    "Which paddings?",
    difficulty=2,
    minutes=10,
    oracle=convolution.paddings_for,
    cases=padding_cases,
    hints=(
        "You need not invert the formula: try the paddings 0, 1, 2, … and keep those that fit.",
        "How far must you try? No useful padding is larger than stride · output + the reach of the window.",
        "Keep p if size + 2 · p ≥ reach (so that the window fits at all) and the formula with this p gives the output.",
    ),
)


@PADDINGS.model
def paddings_for(size, output, kernel_size, stride=1, dilation=1):
    reach = dilation * (kernel_size - 1) + 1
    found = []
    for p in range(stride * output + reach):
        spare = size + 2 * p - reach
        if spare >= 0 and spare // stride + 1 == output:
            found.append(p)
    return found


@PADDINGS.mistake("This looks like padding at one end only: p zeros are at both ends and make the row 2 · p longer.")
def solves_for_one_end(size, output, kernel_size, stride=1, dilation=1):
    most = stride * output + dilation * kernel_size
    reach = dilation * (kernel_size - 1) + 1
    return [p for p in range(most) if size + p >= reach and (size + p - reach) // stride + 1 == output]


@PADDINGS.mistake(
    "This looks like the formula inverted without its floor: with stride s, up to s − 1 pixels may be "
    "left over, so several paddings can give one output."
)
def only_the_exact_fit(size, output, kernel_size, stride=1, dilation=1):
    twice = stride * (output - 1) + dilation * (kernel_size - 1) + 1 - size
    return [twice // 2] if twice >= 0 and twice % 2 == 0 else []


@PADDINGS.mistake("This looks like a window that forgets its dilation: its reach is dilation · (kernel_size − 1) + 1.")
def solves_without_dilation(size, output, kernel_size, stride=1, dilation=1):
    most = stride * output + kernel_size
    fits = (p for p in range(most) if size + 2 * p >= kernel_size)
    return [p for p in fits if (size + 2 * p - kernel_size) // stride + 1 == output]


@PADDINGS.mistake("This looks like a search that begins at 1: no padding at all can be the answer too.")
def never_tries_zero(size, output, kernel_size, stride=1, dilation=1):
    return [p for p in convolution.paddings_for(size, output, kernel_size, stride, dilation) if p > 0]
