"""Exercises 09.1 and 09.2: the field of a chain, and strides that become dilation."""

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import receptive_field

# 09.1

CHAINS = (
    [(3, 2, 1, 1), (4, 1, 2, 2), (3, 1, 1, 1)],
    [(3, 1, 0, 1)],
    [(4, 2, 1, 3)],
    [(3, 2, 1, 1), (3, 1, 2, 2)],
    [(2, 2, 0, 1), (1, 3, 0, 1), (4, 1, 1, 3)],
    [(11, 4, 0, 1), (3, 2, 0, 1), (5, 1, 2, 1), (3, 2, 0, 1), (6, 1, 0, 1)],
)
"""Layers as (kernel_size, stride, padding, dilation)."""


def chain_cases():
    """Stride before dilation, one layer, an even kernel, and a network with all of it."""
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


@FIELDS.flags(
    new_jump="This looks like the jump of the new map, multiplied by the stride before it was used. The taps of a "
    "layer lie on the map that it reads: use the jump from before this layer's own stride.",
    own_stride="This looks like the layer's own stride in place of the jump. Its taps are as far apart as the cells it "
    "reads: the product of all strides before it.",
    no_dilation="This looks like a window that forgets its dilation: k taps reach over d·(k − 1) + 1 cells, not over "
    "k.",
    gap="This looks like k·d for the reach of a window. k taps have only k − 1 gaps between them.",
    one_more="This looks like the whole reach, d·(k − 1) + 1, added at each layer. The cell itself is in the size "
    "already: only (k − 1)·d cells are new.",
    flat_size="This looks like layers that all stand on the image: after a stride, neighbouring cells lie jump pixels "
    "apart, so (k − 1)·d counts jump pixels each.",
    flat_start="This looks like padding counted in pixels. It is added on the map that the layer reads, whose cells "
    "are jump pixels apart: start −= p·jump.",
    plus="This looks like a start that moves to the right. Padding puts zeros in front, so the first field begins "
    "before the image: start −= p·jump.",
    unmoved="This looks like a start that stays. Padding does not change the size, but it moves where the first field "
    "begins.",
    centre="This looks like the centre of the first field in place of its first pixel. The start is where it begins: "
    "only padding moves it.",
    shrinks="This looks like padding that makes the field smaller. It adds zeros around the map, and a cell still sees "
    "as many positions; padding only moves where the first field begins.",
    jump_sum="This looks like strides that are added. Two strides of 2 put the cells 4 pixels apart, and of 2 and 3, "
    "6: they multiply.",
    last_stride="This looks like a jump that is the last layer's stride. It is the product of all strides so far.",
    size_first="This looks like (size, jump, start). A field is (start, jump, size), in this order.",
    with_image="This looks like a list that begins with the image's own field. One field for each layer is asked for.",
    only_last="This looks like the last field alone. One field for each layer is asked for, in a list.",
    from_the_end="This looks like layers from the top down. The first layer is the one that reads the image.",
)
def wrong_fields(layers, *, new_jump=False, own_stride=False, no_dilation=False, gap=False, one_more=False,
                 flat_size=False, flat_start=False, plus=False, unmoved=False, centre=False, shrinks=False,
                 jump_sum=False, last_stride=False, size_first=False, with_image=False, only_last=False,
                 from_the_end=False):  # fmt: skip
    start, jump, size = 0, 1, 1
    fields = [(start, jump, size)] if with_image else []
    for k, s, p, d in reversed(layers) if from_the_end else layers:
        step = jump * s if new_jump else jump
        size += ((k - (not gap)) * (1 if no_dilation else d) + one_more) * (
            1 if flat_size else s if own_stride else step
        )
        size -= 2 * p * step * shrinks
        start += 0 if unmoved else p * (1 if flat_start else step) * (1 if plus else -1)
        start += (k - 1) * d * step / 2 if centre else 0
        jump = s if last_stride else jump + s - 1 if jump_sum else jump * s
        fields.append((size, jump, start) if size_first else (start, jump, size))
    return fields[-1:] if only_last else fields


# 09.2


def stride_cases():
    """VGG's last poolings, output strides that cut none, one and all, a stride cut in half, dilation before."""
    vgg = [(3, 1, 1, 1), (2, 2, 0, 1), (3, 1, 1, 1), (2, 2, 0, 1), (3, 1, 1, 1), (2, 2, 0, 1), (7, 1, 3, 1)]
    cases = [
        ([(3, 2, 1, 1), (3, 2, 1, 1), (3, 2, 1, 1), (3, 1, 2, 2)], 2),
        ([(3, 2, 1, 1), (3, 1, 2, 2)], 1),
        ([(3, 2, 1, 1), (3, 1, 1, 1)], 2),
        ([(5, 4, 2, 1), (3, 1, 2, 2)], 2),
        ([(3, 2, 1, 1)] * 4, 8),
        (vgg, 2),
        (vgg, 4),
        (vgg, 8),
        (vgg, 1),
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


@OUTPUT_STRIDE.flags(
    itself="This looks like a layer that is dilated by its own lost stride. Its input is as dense as before; only the "
    "layers after it read a map with more cells.",
    no_dilation="This looks like strides that are removed without any dilation added. The map is dense, but every "
    "later layer sees a smaller part of the image than it was trained for.",
    replaced="This looks like a dilation that replaces the one before. Every lost stride makes all later maps denser, "
    "so the factors multiply: 2, then 4.",
    one_layer="This looks like a dilation of the next layer alone. Every layer after a lost stride reads the denser "
    "map.",
    factors_added="This looks like factors that are added: after two lost strides of 2 the map is 4 times as dense, "
    "and after three 8 times. They multiply.",
    own_lost="This looks like a layer whose own dilation was lost. It is multiplied: d·factor.",
    dilation_added="This looks like a dilation that is added to the layer's own. Taps that were d cells apart are "
    "d·factor cells apart on the denser map.",
    keeps_padding="This looks like padding that stays as it was. A window that reaches factor times as far needs "
    "factor times as many zeros, or the map shrinks.",
    all_strides="This looks like every stride removed. Those up to output_stride stay.",
    one_too_many="This looks like a stride removed where the map only reaches output_stride. It may be reached, not "
    "passed.",
    jump_sum="This looks like strides that are added. Two strides of 2 put the cells 4 pixels apart: they multiply.",
    unsplit="This looks like a stride that is kept whole or lost whole. One that passes output_stride is split: of a "
    "stride of 4 at output stride 2, a stride of 2 stays and a factor of 2 is left for the layers after it.",
    kernel_too="This looks like kernels that were made larger. The weights stay the same: dilation moves the taps "
    "apart.",
)
def wrong_chain(layers, output_stride, *, itself=False, no_dilation=False, replaced=False, one_layer=False,
                factors_added=False, own_lost=False, dilation_added=False, keeps_padding=False, all_strides=False,
                one_too_many=False, jump_sum=False, unsplit=False, kernel_too=False):  # fmt: skip
    chain, jump, factor, limit = [], 1, 1, 1 if all_strides else output_stride
    for k, s, p, d in layers:
        kept = min(s, max(1, limit // jump))
        kept = s if jump * s <= limit else 1 if unsplit else kept
        kept = 1 if one_too_many and jump * s >= limit else kept
        lost = s // kept
        used = factor * lost if itself else factor
        dilation = d + used - 1 if dilation_added else used if own_lost and used > 1 else d * used
        size = k + (used - 1) * (k - 1) if kernel_too else k
        chain.append((size, kept, p * (1 if keeps_padding else used), d if no_dilation or kernel_too else dilation))
        jump = jump + kept - 1 if jump_sum else jump * kept
        if one_layer or replaced:
            factor = lost if s > 1 or one_layer else factor
        else:
            factor = factor + lost * (lost > 1) - (factor == 1) * (lost > 1) if factors_added else factor * lost
    return chain
