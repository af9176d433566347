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


@SIZE.flags(
    no_dilation="This looks like a window that forgets its dilation: with dilation 2, three taps span five squares.",
    every_tap="This looks like a window that is dilation times as long. But only the k − 1 gaps stretch, not the k "
    "taps.",
    short_reach="This looks like a reach of dilation · (kernel_size − 1): the last tap needs a square too, so add 1 "
    "to it.",
    one_end="This looks like padding at one end only. The zeros are at both ends: 2 · padding more squares.",
    no_padding="This looks like a row without its padding: 2 · padding squares more.",
    no_stride="This looks like a window that moves one square at a time: divide what is left over by the stride.",
    steps="This looks like a count of steps, not of positions: before its first step the window has one position "
    "already.",
    plus_inside="This looks like the + 1 inside the division. The first position costs no step: divide first, then "
    "add 1.",
    exact="This looks like / where // belongs: a window cannot take half a position, so the rest is dropped.",
    up="This looks like rounding up. A window that extends past the end is dropped, unless a pooling layer says ceil.",
)
def wrong_size(
    size,
    kernel_size,
    stride=1,
    padding=0,
    dilation=1,
    *,
    no_dilation=False,
    every_tap=False,
    short_reach=False,
    one_end=False,
    no_padding=False,
    no_stride=False,
    steps=False,
    plus_inside=False,
    exact=False,
    up=False,
):
    reach = kernel_size if no_dilation else dilation * kernel_size if every_tap else dilation * (kernel_size - 1) + 1
    ends = 0 if no_padding else 1 if one_end else 2
    spare = size + ends * padding - reach + short_reach + plus_inside
    s = 1 if no_stride else stride
    rounded = spare / s if exact else -(-spare // s) if up else spare // s
    return rounded + (0 if steps or plus_inside else 1)


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


@PADDINGS.flags(
    one_end="This looks like padding at one end only: p zeros are at both ends and make the row 2 · p longer.",
    no_dilation="This looks like a window that forgets its dilation: its reach is dilation · (kernel_size − 1) + 1.",
    no_stride="This looks like a window that moves one square at a time: the stride divides what is left over.",
    steps="This looks like a count of steps: the first position needs no step, so add 1 after the division.",
    from_one="This looks like a search that begins at 1: no padding at all can be the answer too.",
    negative="This looks like negative paddings among the answers. There is no padding below 0: it would cut pixels "
    "off.",
    short_search="This looks like a search that stops too early: large outputs take paddings larger than the kernel.",
    first_only="This looks like a search that ends at the first find. Several paddings can give one output: return "
    "all.",
    exact_fit="This looks like the formula inverted without its floor: with stride s, up to s − 1 pixels may be "
    "left over, so several paddings can give one output.",
    half_down="This looks like the inverted formula, rounded down where 2 · p is odd. p zeros at both ends make an "
    "even "
    "number; and the floor allows several: try them all.",
)
def wrong_paddings(
    size,
    output,
    kernel_size,
    stride=1,
    dilation=1,
    *,
    one_end=False,
    no_dilation=False,
    no_stride=False,
    steps=False,
    from_one=False,
    negative=False,
    short_search=False,
    first_only=False,
    exact_fit=False,
    half_down=False,
):
    ends, s = 1 if one_end else 2, 1 if no_stride else stride
    reach = kernel_size if no_dilation else dilation * (kernel_size - 1) + 1
    first = -(stride * output + size) if negative else 1 if from_one else 0
    if exact_fit or half_down:
        missing = s * (output - 1 + steps) + reach - size
        fits = missing >= ends * first and (half_down or missing % ends == 0)
        return [missing // ends] if fits else []
    last = kernel_size if short_search else stride * (output + 1) + dilation * kernel_size
    spare = {p: size + ends * p - reach for p in range(first, last)}
    found = [p for p, rest in spare.items() if rest >= 0 and rest // s + (0 if steps else 1) == output]
    return found[:1] if first_only else found
