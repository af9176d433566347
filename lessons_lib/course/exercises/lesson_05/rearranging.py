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


@SHUFFLE.mistake(
    "This looks like the channels in TensorFlow's order, where neighbours belong to different output channels. In "
    "PyTorch's, r² neighbouring channels make one output channel: split them as (C, r, r)."
)
def weaves_position_by_position(x, factor):
    return subpixel.pixel_shuffle(subpixel.channel_major(x.transpose(0, 1), factor).transpose(0, 1), factor)


@SHUFFLE.mistake(
    "This looks like i and j exchanged: channel 1 belongs to the right of channel 0 in each block, not below it."
)
def weaves_columns_first(x, factor):
    return subpixel.pixel_shuffle(x.transpose(2, 3), factor).transpose(2, 3)


@SHUFFLE.mistake(
    "This looks like a reshape alone. The numbers stay in the order that they have in memory, so the channels come "
    "one after the other instead of being woven: permute the axes before the last reshape."
)
def reshapes_without_permuting(x, factor):
    return x.reshape(len(x), -1, x.shape[2] * factor, x.shape[3] * factor)


@SHUFFLE.mistake(
    "This looks like r × r small images laid side by side: i came before h, and j before w. Neighbours in the output "
    "must come from different channels, so h comes first and i after it."
)
def lays_tiles_side_by_side(x, factor):
    b, channels, h, w = x.shape
    split = x.reshape(b, channels // factor**2, factor, factor, h, w)
    return split.permute(0, 1, 2, 4, 3, 5).reshape(b, -1, h * factor, w * factor)


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
    "This looks like phases before channels, TensorFlow's order. All r² phases of channel 0 come first, then those of "
    "channel 1: stack the slices behind the channel axis instead of concatenating them along it."
)
def puts_phases_before_channels(x, factor):
    return torch.cat([x[:, :, i::factor, j::factor] for i in range(factor) for j in range(factor)], 1)


@UNSHUFFLE.mistake("This looks like i and j exchanged: channel 1 starts one column to the right, not one row down.")
def counts_columns_first(x, factor):
    phases = [x[:, :, i::factor, j::factor] for j in range(factor) for i in range(factor)]
    return torch.stack(phases, 2).flatten(1, 2)


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
    "This looks like the inverse: it takes PyTorch's order and makes TensorFlow's. Split as (r², C), not (C, r²)."
)
def goes_the_other_way(weight, factor):
    split = weight.reshape(len(weight) // factor**2, factor**2, *weight.shape[1:])
    return split.transpose(0, 1).reshape(weight.shape)


@ORDER.mistake(
    "This looks like filters that stayed where they were. That is right for one output channel only: with more, theirs "
    "are C apart where yours are side by side."
)
def keeps_the_order(weight, factor):
    return weight.clone()


@ORDER.mistake(
    "This looks like the right order with i and j exchanged: in both frameworks the columns of a block vary fastest."
)
def turns_the_blocks(weight, factor):
    split = weight.reshape(factor, factor, len(weight) // factor**2, *weight.shape[1:])
    return split.transpose(0, 2).reshape(weight.shape)
