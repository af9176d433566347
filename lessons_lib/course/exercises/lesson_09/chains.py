"""Lesson 09, exercises 1 to 3: the field of a chain, strides that become dilation, and the pixels that are skipped."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import receptive_field

# 09.1

CHAINS = (
    [(3, 1, 0, 1)],
    [(3, 2, 1, 1), (3, 1, 2, 2)],
    [(3, 1, 1, 1), (3, 1, 2, 2), (3, 1, 4, 4)],
    [(2, 2, 0, 1), (1, 3, 0, 1), (4, 1, 1, 3)],
    [(11, 4, 0, 1), (3, 2, 0, 1), (5, 1, 2, 1), (3, 2, 0, 1), (6, 1, 0, 1)],
)
"""Layers as (kernel_size, stride, padding, dilation)."""


def chain_cases():
    """One layer, stride before dilation, growing dilations, an even kernel, and a network with all of it."""
    return [{"layers": [*chain]} for chain in CHAINS]


FIELDS = Exercise(
    "09.1",
    "The field of a chain",
    difficulty=2,
    minutes=20,
    oracle=receptive_field.receptive_fields,
    cases=chain_cases,
    hints=(
        "Begin with start = 0, jump = 1, size = 1: a pixel sees itself. Update the three in a loop over the layers.",
        "The outermost taps lie (k − 1)·d cells apart, and two neighbouring cells lie jump pixels apart.",
        "size += (k − 1)·d·jump; start −= p·jump; and only then jump *= s. Append the tuple (start, jump, size).",
    ),
)


@FIELDS.model
def receptive_fields(layers):
    fields = []
    start, jump, size = 0, 1, 1
    for k, s, p, d in layers:
        size += (k - 1) * d * jump
        start -= p * jump
        jump *= s
        fields.append((start, jump, size))
    return fields


def _walk(layers, step):
    fields, field = [], (0, 1, 1)
    for layer in layers:
        fields.append(field := step(*field, *layer))
    return fields


@FIELDS.mistake(
    "This looks like the jump of the new map, multiplied by the stride before it was used. The taps of a layer lie on "
    "the map that it reads: use the jump from before this layer's own stride."
)
def uses_the_new_jump(layers):
    return _walk(layers, lambda a, j, r, k, s, p, d: (a - p * j * s, j * s, r + (k - 1) * d * j * s))


@FIELDS.mistake(
    "This looks like a window that forgets its dilation: k taps reach over d·(k − 1) + 1 cells, not over k."
)
def forgets_dilation(layers):
    return _walk(layers, lambda a, j, r, k, s, p, d: (a - p * j, j * s, r + (k - 1) * j))


@FIELDS.mistake(
    "This looks like layers that all stand on the image: after a stride, neighbouring cells lie jump pixels apart, "
    "so (k − 1)·d counts jump pixels each."
)
def forgets_the_jump(layers):
    return _walk(layers, lambda a, j, r, k, s, p, d: (a - p, j * s, r + (k - 1) * d))


@FIELDS.mistake("This looks like k·d for the reach of a window. k taps have only k − 1 gaps between them.")
def counts_a_gap_too_many(layers):
    return _walk(layers, lambda a, j, r, k, s, p, d: (a - p * j, j * s, r + k * d * j))


@FIELDS.mistake(
    "This looks like padding that makes the field smaller. It adds zeros around the map, and a cell still sees as many "
    "positions; padding only moves where the first field begins."
)
def padding_shrinks(layers):
    return _walk(layers, lambda a, j, r, k, s, p, d: (a, j * s, r + (k - 1) * d * j - 2 * p * j))


# 09.2


def stride_cases():
    """VGG's last poolings, output strides that cut none, one and all, padding, and a stride cut in half."""
    vgg = [(3, 1, 1, 1), (2, 2, 0, 1), (3, 1, 1, 1), (2, 2, 0, 1), (3, 1, 1, 1), (2, 2, 0, 1), (7, 1, 3, 1)]
    cases = [
        (vgg, 2),
        (vgg, 8),
        (vgg, 1),
        ([(5, 4, 2, 1), (3, 1, 2, 2)], 2),
        ([(3, 2, 1, 1), (3, 2, 1, 1), (3, 1, 1, 1)], 2),
    ]
    return [{"layers": [*layers], "output_stride": stride} for layers, stride in cases]


OUTPUT_STRIDE = Exercise(
    "09.2",
    "Stride becomes dilation",
    difficulty=3,
    minutes=20,
    oracle=receptive_field.at_output_stride,
    cases=stride_cases,
    hints=(
        "Walk through the layers with two numbers: the jump so far, and the factor that has been taken away so far.",
        "The layer that loses its stride keeps its own taps; only the layers after it see a map that is denser now.",
        "kept = min(s, output_stride // jump). Append (k, kept, p·factor, d·factor); then factor *= s // kept.",
    ),
)


@OUTPUT_STRIDE.model
def at_output_stride(layers, output_stride):
    chain, jump, factor = [], 1, 1
    for k, s, p, d in layers:
        kept = min(s, output_stride // jump)
        chain.append((k, kept, p * factor, d * factor))
        jump *= kept
        factor *= s // kept
    return chain


@OUTPUT_STRIDE.mistake(
    "This looks like a layer that is dilated by its own lost stride. Its input is as dense as before; only the layers "
    "behind it read a map with more cells."
)
def dilates_the_layer_itself(layers, output_stride):
    chain = receptive_field.at_output_stride(layers, output_stride)
    factors = [s // new.stride for (_, s, _, _), new in zip(layers, chain, strict=True)]
    return [(k, s, p * f, d * f) for (k, s, p, d), f in zip(chain, factors, strict=True)]


@OUTPUT_STRIDE.mistake(
    "This looks like strides that are removed without any dilation added. The map is dense, but every later layer sees "
    "a smaller part of the image than it was trained for."
)
def only_removes_the_strides(layers, output_stride):
    chain = receptive_field.at_output_stride(layers, output_stride)
    return [(k, new.stride, p, d) for (k, _, p, d), new in zip(layers, chain, strict=True)]


@OUTPUT_STRIDE.mistake(
    "This looks like a dilation that only lasts for one layer, or replaces the one before. Every lost stride makes all "
    "later maps denser, so the factors multiply: 2, then 4."
)
def forgets_earlier_factors(layers, output_stride):
    chain, jump, factor = [], 1, 1
    for k, s, p, d in layers:
        kept = min(s, output_stride // jump)
        chain.append((k, kept, p * factor, d * factor))
        jump *= kept
        factor = s // kept if s > 1 else factor
    return chain


@OUTPUT_STRIDE.mistake(
    "This looks like padding that stays as it was. A window that reaches factor times as far needs factor times as "
    "many zeros, or the map shrinks."
)
def keeps_the_padding(layers, output_stride):
    chain = receptive_field.at_output_stride(layers, output_stride)
    return [(new.kernel_size, new.stride, p, new.dilation) for (_, _, p, _), new in zip(layers, chain, strict=True)]


# 09.3


def path_cases():
    """A plain pair, two that grid, one that does not, and a stride between."""
    chains = (
        [(3, 1, 0, 1), (3, 1, 0, 1)],
        [(3, 1, 0, 2), (3, 1, 0, 2)],
        [(3, 1, 0, 1), (3, 1, 0, 2), (3, 1, 0, 4)],
        [(3, 2, 0, 1), (2, 1, 0, 3)],
        [(3, 1, 0, 1), (2, 2, 0, 1), (4, 1, 0, 1)],
    )
    return [{"layers": [*chain]} for chain in chains]


PATHS = Exercise(
    "09.3",
    "Who is seen, and how often",
    difficulty=3,
    minutes=25,
    oracle=receptive_field.path_counts,
    cases=path_cases,
    hints=(
        "Start at the output with one cell that counts 1, and walk back through the layers, last one first.",
        "Back through a layer: cell c of its output touches the cells c·s + t·d of its input, for t = 0 … k − 1.",
        "Make zeros for (n − 1)·s + (k − 1)·d + 1 cells; for each t add the counts to before[t·d :: s], n of them.",
    ),
)


@PATHS.model
def path_counts(layers):
    counts = torch.ones(1, dtype=torch.float64)
    for k, s, _, d in reversed(layers):
        span = (len(counts) - 1) * s + 1
        before = torch.zeros(span + (k - 1) * d, dtype=torch.float64)
        for t in range(k):
            before[t * d : t * d + span : s] += counts
        counts = before
    return counts


def _paths(layers, change):
    return receptive_field.path_counts([change(k, s, p, d) for k, s, p, d in layers])


@PATHS.mistake(
    "This looks like the layers walked from first to last. The count goes from the output back to the image: the "
    "last layer spreads first, and the strides of the earlier ones spread it further."
)
def walks_forward(layers):
    return receptive_field.path_counts(list(reversed(layers)))


@PATHS.mistake("This looks like dense windows: the taps of a dilated layer lie d cells apart, and skip those between.")
def fills_the_gaps(layers):
    return _paths(layers, lambda k, s, p, d: (d * (k - 1) + 1, s, p, 1))


@PATHS.mistake(
    "This looks like stride 1 everywhere: two neighbouring cells of the output lie s cells apart in the input."
)
def forgets_the_stride(layers):
    return _paths(layers, lambda k, s, p, d: (k, 1, p, d))


@PATHS.mistake(
    "This looks like yes or no instead of how many: two taps that meet in one pixel make two paths, so add, do not set."
)
def says_only_yes_or_no(layers):
    return (receptive_field.path_counts(layers) > 0).double()
