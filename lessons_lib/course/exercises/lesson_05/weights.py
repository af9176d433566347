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


@TRANSPOSED.flags(
    not_rotated="This looks like filters that were woven without being rotated. What a convolution gathers with its "
    "first "
    "tap, a transposed convolution stamps with its last.",
    rotated_after="This looks like a kernel that was rotated after the weaving. That rotates every r × r block too, "
    "and "
    "sends each phase to the wrong position: rotate the small filters first.",
    rows_only="This looks like filters flipped along their rows only. A rotation by 180° flips both axes: flip(2, 3).",
    transposed_taps="This looks like filters transposed, rows for columns. They are rotated by 180°: flip(2, 3).",
    out_first="This looks like channels out before channels in. A transposed convolution reads its weight as "
    "(C_in, C_out, …), the reverse of a convolution.",
    side_by_side="This looks like the r² filters laid beside one another as blocks. Taps that are next to each other "
    "in the "
    "stamp belong to different phases.",
    phases_exchanged="This looks like i and j exchanged: filter 1 of a group belongs to the right neighbour, not the "
    "lower.",
    positions_first="This looks like TensorFlow's order of filters. In PyTorch's, r² neighbouring filters make one "
    "output "
    "channel.",
)
def wrong_stamp(
    weight,
    factor,
    *,
    not_rotated=False,
    rotated_after=False,
    rows_only=False,
    transposed_taps=False,
    out_first=False,
    side_by_side=False,
    phases_exchanged=False,
    positions_first=False,
):
    weight = subpixel.channel_major(weight, factor) if positions_first else weight
    if transposed_taps:
        weight = weight.transpose(2, 3)
    elif not (not_rotated or rotated_after):
        weight = weight.flip(2) if rows_only else weight.flip(2, 3)
    groups = weight.unflatten(0, (-1, factor, factor))  # (C, i, j, C_in, kH, kW)
    groups = groups.transpose(1, 2) if phases_exchanged else groups
    order = (3, 0, 1, 4, 2, 5) if side_by_side else (3, 0, 4, 1, 5, 2)
    stamp = groups.permute(order).flatten(4, 5).flatten(2, 3)
    stamp = stamp.flip(2, 3) if rotated_after else stamp
    return stamp.transpose(0, 1) if out_first else stamp


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


@ICNR.flags(
    set_repeated="This looks like the whole set repeated, 0 1 0 1 …, which is right in TensorFlow's order. In "
    "PyTorch's, "
    "the copies of a filter are side by side: 0 0 0 0 1 1 1 1.",
    first_for_all="This looks like copies of the first filter alone. Each output channel has a filter of its own, and "
    "r² "
    "copies of that.",
    shared_out="This looks like copies divided by r², as if they were summed. They are not: each makes its own pixel, "
    "as "
    "bright as the filter says.",
    shared_by_r="This looks like copies divided by r. Nothing is divided: each copy makes its own pixel, as bright as "
    "the "
    "filter says.",
    one_lit="This looks like one filter of every r² and zeros for the rest: only the first pixel of each block would "
    "be "
    "lit, which is the strongest checkerboard there is.",
    too_few="This looks like r copies of each filter. A block has r rows and r columns: r² pixels, r² copies.",
    inputs_repeated="This looks like copies along the input channels. The copies are filters: repeat along the first "
    "axis.",
    four_axes="This looks like code for weights of four axes only. Biases have one: repeat along dim 0, whatever "
    "follows.",
)
def wrong_start(
    filters,
    factor,
    *,
    set_repeated=False,
    first_for_all=False,
    shared_out=False,
    shared_by_r=False,
    one_lit=False,
    too_few=False,
    inputs_repeated=False,
    four_axes=False,
):
    if four_axes:
        _, _, _, _ = filters.shape
    times = factor if too_few else factor**2
    filters = filters[:1].expand(filters.shape) if first_for_all else filters
    axis = 1 if inputs_repeated else 0
    copies = filters.repeat_interleave(times, dim=axis)
    if set_repeated:
        copies = torch.cat([filters] * times, axis)
    if one_lit:
        lit = torch.arange(copies.shape[axis]) % times == 0
        copies = copies * lit.view(-1, *[1] * (filters.dim() - 1 - axis)).to(filters.dtype)
    return copies / factor**2 if shared_out else copies / factor if shared_by_r else copies
