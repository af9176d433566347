"""Exercises 05.1 to 05.3: weave the channels, pull them apart again, and a layer that counts its channels otherwise."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import subpixel

# 05.1


def shuffle_cases():
    """Numbers easy to follow, batches, several output channels, odd shapes, a view, and another factor."""
    generator = torch.Generator().manual_seed(5)
    shapes = [(2, 8, 2, 3, 2), (1, 4, 5, 1, 2), (2, 18, 3, 2, 3), (1, 3, 2, 2, 1)]
    cases = [{"x": torch.arange(1.0, 17, dtype=torch.float64).view(1, 4, 2, 2), "factor": 2}]
    for batch, channels, height, width, factor in shapes:
        x = torch.randn(batch, channels, width, height, generator=generator, dtype=torch.float64)
        cases.append({"x": x.transpose(2, 3), "factor": factor})
    return cases


SHUFFLE = Exercise(
    "05.1",
    "Channels into pixels",
    difficulty=2,
    minutes=10,
    oracle=subpixel.pixel_shuffle,
    cases=shuffle_cases,
    gradients=True,
    hints=(
        "Split the channel axis into three, (C, r, r), for c, i and j. Which of them belongs beside h, which beside w?",
        "Row r·h + i of the output counts h slowly and i fast: after the permutation, i must follow h, and j follow w.",
        "x.reshape(B, C, r, r, H, W), then permute(0, 1, 4, 2, 5, 3), then reshape to (B, C, H·r, W·r).",
    ),
)


@SHUFFLE.model
def pixel_shuffle(x, factor):
    b, channels, h, w = x.shape
    c = channels // factor**2
    split = x.reshape(b, c, factor, factor, h, w)  # (B, C, i, j, H, W)
    return split.permute(0, 1, 4, 2, 5, 3).reshape(b, c, h * factor, w * factor)


@SHUFFLE.flags(
    positions_first="This looks like the channels in TensorFlow's order, where neighbours belong to different output "
    "channels. In PyTorch's, r² neighbouring channels make one output channel: split them as (C, r, r).",
    columns_first="This looks like i and j exchanged: channel 1 belongs to the right of channel 0 in each block, not "
    "below "
    "it.",
    no_permute="This looks like a reshape alone. The numbers stay in the order that they have in memory, so the "
    "channels "
    "come one after the other instead of being woven: permute the axes before the last reshape.",
    tiles="This looks like r × r small images laid side by side: i came before h, and j before w. Neighbours in the "
    "output "
    "must come from different channels, so h comes first and i after it.",
    upside_down="This looks like blocks filled from below: channel 0 belongs to the first row of each block.",
    from_the_right="This looks like blocks filled from the right: channel 0 belongs to the first column of each block.",
    sides_exchanged="This looks like height and width exchanged in the last reshape: (B, C, H·r, W·r).",
    batch_inside="This looks like a split in which the batch and the output channels changed places: the batch stays "
    "the "
    "first axis.",
    one_channel="This looks like one output channel whatever the input: r² channels make one, so there are "
    "channels / r² of them.",
)
def wrong_shuffle(
    x,
    factor,
    *,
    positions_first=False,
    columns_first=False,
    no_permute=False,
    tiles=False,
    upside_down=False,
    from_the_right=False,
    sides_exchanged=False,
    batch_inside=False,
    one_channel=False,
):
    b, channels, h, w = x.shape
    c = channels // factor**2
    if positions_first:
        split = x.reshape(b, factor, factor, c, h, w).permute(0, 3, 1, 2, 4, 5)
    else:
        split = x.reshape(c, b, factor, factor, h, w).transpose(0, 1) if batch_inside else None
        split = x.reshape(b, c, factor, factor, h, w) if split is None else split
    split = split.transpose(2, 3) if columns_first else split
    split = split.flip(2) if upside_down else split
    split = split.flip(3) if from_the_right else split
    if not no_permute:
        split = split.permute(0, 1, 2, 4, 3, 5) if tiles else split.permute(0, 1, 4, 2, 5, 3)
    sides = (w * factor, h * factor) if sides_exchanged else (h * factor, w * factor)
    out = split.reshape(b, c, *sides)
    return out[:, :1] if one_channel else out


# 05.2


def unshuffle_cases():
    """The outputs of the first exercise's cases: so the right results are its inputs."""
    cases = [(case["x"], case["factor"]) for case in shuffle_cases()]
    return [{"x": subpixel.pixel_shuffle(x, factor), "factor": factor} for x, factor in cases]


UNSHUFFLE = Exercise(
    "05.2",
    "Pixels into channels",
    difficulty=1,
    minutes=10,
    oracle=subpixel.pixel_unshuffle,
    cases=unshuffle_cases,
    gradients=True,
    hints=(
        "Which pixels make channel 0 of the small image? Every r-th one, from row 0 and column 0.",
        "Channel i·r + j is x[:, :, i::r, j::r]. With several channels, those of channel 0 come first.",
        "torch.stack the r² slices on a new axis after the channels, then flatten(1, 2) joins the two axes.",
    ),
)


@UNSHUFFLE.model
def pixel_unshuffle(x, factor):
    phases = [x[:, :, i::factor, j::factor] for i in range(factor) for j in range(factor)]
    return torch.stack(phases, 2).flatten(1, 2)  # (B, C, r*r, H, W) -> (B, C*r*r, H, W)


@UNSHUFFLE.mistake(
    "This looks like the image cut into r × r parts. A phase is spread over the whole image: every r-th pixel of "
    "every r-th row."
)
def cuts_into_parts(x, factor):
    parts = [part for rows in x.chunk(factor, 2) for part in rows.chunk(factor, 3)]
    return torch.stack(parts, 2).flatten(1, 2)


@UNSHUFFLE.mistake(
    "This looks like a reshape alone: the numbers stay in the order that they have in memory. Split both sides, "
    "permute, and only then join."
)
def reshapes_only(x, factor):
    return x.reshape(len(x), -1, x.shape[2] // factor, x.shape[3] // factor)


@UNSHUFFLE.flags(
    phases_first="This looks like phases before channels, TensorFlow's order. All r² phases of channel 0 come first, "
    "then "
    "those of channel 1: stack the slices behind the channel axis instead of concatenating them along it.",
    columns_first="This looks like i and j exchanged: channel 1 starts one column to the right, not one row down.",
    from_the_end="This looks like phases counted from the end of a block: channel 0 holds its first row and column.",
    first_phase="This looks like the first phase alone: the other r² − 1 phases are channels too.",
    averages="This looks like averages of the blocks. Nothing is averaged: every pixel goes to one of the channels.",
)
def wrong_unshuffle(
    x, factor, *, phases_first=False, columns_first=False, from_the_end=False, first_phase=False, averages=False
):
    places = [(i, j) for i in range(factor) for j in range(factor)]
    places = [(j, i) for i, j in places] if columns_first else places
    places = [(factor - 1 - i, factor - 1 - j) for i, j in places] if from_the_end else places
    phases = torch.stack([x[:, :, i::factor, j::factor] for i, j in places], 1 if phases_first else 2)
    kept = 2 if phases_first else 1  # the axis of the channels
    if averages:
        return phases.mean(3 - kept)
    return phases.select(3 - kept, 0) if first_phase else phases.flatten(1, 2)


# 05.3


def order_cases():
    """Filters and biases of layers with one, two and three output channels."""
    generator = torch.Generator().manual_seed(3)
    layers = [
        ((8,), 2),
        ((8, 2, 1, 3), 2),
        ((27, 1, 2, 2), 3),
        ((4, 2, 3, 3), 2),
        ((12, 1, 1, 1), 2),
        ((3, 2, 1, 1), 1),
    ]
    first = [{"weight": torch.arange(12.0, dtype=torch.float64), "factor": 2}]
    shapes = [(torch.randn(shape, generator=generator, dtype=torch.float64), factor) for shape, factor in layers]
    return first + [{"weight": weight, "factor": factor} for weight, factor in shapes]


ORDER = Exercise(
    "05.3",
    "A layer from elsewhere",
    difficulty=2,
    minutes=15,
    oracle=subpixel.channel_major,
    cases=order_cases,
    hints=(
        "Their filter (i·r + j)·C + c belongs at position c·r² + i·r + j. Which axis varies slowly there, which here?",
        "Split the first axis: theirs is (r·r, C), position first; yours is (C, r·r). What turns one into the other?",
        "weight.reshape(r², C, …), transpose(0, 1), and reshape back to the shape that it had.",
    ),
)


@ORDER.model
def channel_major(weight, factor):
    positions = factor**2
    split = weight.reshape(positions, len(weight) // positions, *weight.shape[1:])  # (i*r + j, c, ...)
    return split.transpose(0, 1).reshape(weight.shape)


@ORDER.mistake(
    "This looks like filters that stayed where they were. That is right for one output channel only: with more, theirs "
    "are C apart where yours are side by side."
)
def keeps_the_order(weight, factor):
    return weight.clone()


@ORDER.flags(
    other_way="This looks like the inverse: it takes PyTorch's order and makes TensorFlow's. Split as (r², C), not "
    "(C, r²).",
    blocks_turned="This looks like the right order with i and j exchanged: in both frameworks the columns of a block "
    "vary "
    "fastest.",
    factor_once="This looks like r filters for each output channel. A block has r rows and r columns: split by r².",
    input_axis="This looks like the input channels put in another order. What differs is the order of the filters, the "
    "first axis (biases have no other).",
    backwards="This looks like positions counted from the end of the block: 0 is the upper left one in both "
    "frameworks.",
)
def wrong_order(
    weight, factor, *, other_way=False, blocks_turned=False, factor_once=False, input_axis=False, backwards=False
):
    weight = weight.transpose(0, 1) if input_axis else weight
    positions = factor if factor_once else factor**2
    rest = len(weight) // positions
    split = weight.reshape(*((rest, positions) if other_way else (positions, rest)), *weight.shape[1:])
    axis = 1 if other_way else 0
    split = split.flip(axis) if backwards else split
    if blocks_turned and not factor_once:
        split = split.unflatten(axis, (factor, factor)).transpose(axis, axis + 1).flatten(axis, axis + 1)
    ordered = split.transpose(0, 1).reshape(weight.shape)
    return ordered.transpose(0, 1) if input_axis else ordered
