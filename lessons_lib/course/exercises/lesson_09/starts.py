"""Exercises 09.4 and 09.5: a layer that starts as the identity, and an image that goes on beyond its border."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.semantic import dilated

# 09.4


def identity_cases():
    """One channel a group, growing, shrinking, a 1 × 1 kernel, and one group for all."""
    settings = [(4, 2, 2, 3), (1, 1, 1, 3), (2, 2, 2, 3), (2, 4, 2, 3), (2, 1, 1, 1), (6, 6, 3, 1), (3, 3, 3, 5),
                (2, 3, 1, 3), (8, 4, 4, 3)]  # fmt: skip
    names = ("out_channels", "in_channels", "groups", "kernel_size")
    return [dict(zip(names, numbers, strict=True)) for numbers in settings]


IDENTITY = Exercise(
    "09.4",
    "A start that changes nothing",
    difficulty=2,
    minutes=15,
    oracle=dilated.identity_weight,
    cases=identity_cases,
    hints=(
        "Zeros of (out_channels, in_channels, k, k); only the tap in the middle, [k // 2, k // 2], gets values.",
        "Channel b of n belongs to group b·groups // n. Which pairs of channels are in groups of the same number?",
        "The value is groups / out_channels: the outputs of a group share what the inputs of that group bring in.",
    ),
)


@IDENTITY.model
def identity_weight(out_channels, in_channels, groups, kernel_size=3):
    weight = torch.zeros(out_channels, in_channels, kernel_size, kernel_size)
    middle = kernel_size // 2
    for b in range(out_channels):
        for a in range(in_channels):
            if b * groups // out_channels == a * groups // in_channels:
                weight[b, a, middle, middle] = groups / out_channels
    return weight


@IDENTITY.flags(
    corner="This looks like a tap in the corner of the kernel. The identity looks straight down: the middle tap is "
    "[k // 2, k // 2]; any other moves the map.",
    blurs="This looks like values over the whole kernel, a blur. The identity has one tap that is not zero: the middle "
    "one.",
    eye="This looks like channel to channel of the same number. A group is passed on as a whole: each of its inputs "
    "goes to each of its outputs.",
    everything="This looks like every channel connected with every other. Only channels of groups of the same number "
    "are.",
    in_turn="This looks like groups that are dealt out in turn, b mod groups. Here a group is a block of neighbouring "
    "channels: b·groups // n.",
    one="This looks like middle taps of 1. That is right for one channel a group; with more, every output channel "
    "would carry the whole sum, and each layer would make it larger.",
    by_inputs="This looks like a value that divides by the input channels of a group. The sum over a group shall stay "
    "what it was: share it among the output channels.",
    by_groups="This looks like 1 / groups. A group has out_channels / groups outputs, and each takes an equal share of "
    "the sum: groups / out_channels.",
    by_all="This looks like 1 / out_channels. Only the outputs of one group share its sum: groups / out_channels.",
    swapped="This looks like (in, out, k, k), the shape of a transposed convolution. A convolution has the outputs "
    "first.",
    grouped="This looks like the weight of a grouped convolution, with in_channels / groups inputs. The layer is an "
    "ordinary one: all in_channels, with zeros between the groups.",
)
def wrong_identity(out_channels, in_channels, groups, kernel_size=3, *, corner=False, blurs=False, eye=False,
                   everything=False, in_turn=False, one=False, by_inputs=False, by_groups=False, by_all=False,
                   swapped=False, grouped=False):  # fmt: skip
    outs, ins = torch.arange(out_channels), torch.arange(in_channels)
    group_out = outs % groups if in_turn else outs * groups // out_channels
    group_in = ins % groups if in_turn else ins * groups // in_channels
    same = outs[:, None] == ins if eye else group_out[:, None] == group_in
    same = torch.ones_like(same) if everything else same
    if grouped:
        same = torch.ones(out_channels, in_channels // groups)
    value = groups / in_channels if by_inputs else 1 / groups if by_groups else groups / out_channels
    value = 1.0 if one else 1 / out_channels if by_all else value
    weight = torch.zeros(*same.shape, kernel_size, kernel_size)
    middle = slice(None) if blurs else 0 if corner else kernel_size // 2
    weight[:, :, middle, middle] = (same * value)[:, :, None, None] if blurs else same * value
    return weight.transpose(0, 1) if swapped else weight


# 09.5


def mirror_cases():
    """Less than one image at each side, more than one, a side that needs nothing, two pixels, and a single one."""
    settings = [(4, 6, 7), (5, 2, 3), (3, 1, 0), (3, 0, 1), (3, 0, 9), (2, 3, 4), (1, 2, 1), (6, 0, 0)]
    return [dict(zip(("size", "before", "after"), numbers, strict=True)) for numbers in settings]


MIRROR = Exercise(
    "09.5",
    "Beyond the border",
    difficulty=2,
    minutes=15,
    oracle=dilated.reflected_places,
    cases=mirror_cases,
    hints=(
        "Write the mirrored row for size 4: 0 1 2 3 2 1 0 1 2 3 … After how many positions does it begin again?",
        "The period is 2·(size − 1). Python's and torch's % give a position in the period for negative numbers too.",
        "Take positions % period; where the result is ≥ size, it is on its way back: period − positions. For "
        "size 1 use period 1.",
    ),
)


@MIRROR.model
def reflected_places(size, before, after):
    period = max(1, 2 * (size - 1))
    positions = torch.arange(-before, size + after) % period
    return torch.where(positions < size, positions, period - positions)


@MIRROR.flags(
    twice="This looks like a mirror between the pixels: the outermost one comes twice. Here the mirror stands on it, "
    "… 2 1 0 1 2 …",
    twice_in_front="This looks like a mirror between the pixels in front, where pixel 0 comes twice, and on the pixel "
    "at the end. Both mirrors stand on the outermost pixels.",
    replicates="This looks like the outermost pixel, repeated for ever. That is replication; a mirror turns round "
    "there.",
    wraps="This looks like the image laid side by side with itself: after the last pixel comes the last but one.",
    once="This looks like one reflection only. A border that is wider than the image needs the mirror image of the "
    "mirror image: fold the position into one period first.",
    odd_period="This looks like a period of 2·size − 1. To and fro, size − 1 steps each: it begins again after "
    "2·(size − 1).",
    no_single="This looks like a period of 0 for a single pixel, and % 0 fails. A single pixel is repeated: use at "
    "least 1.",
    one_too_many="This looks like one position too many at the end: they go up to size + after − 1.",
    one_too_few="This looks like one position too few in front: they begin at −before.",
    floats="This looks like positions in float32. They are used as an index: whole numbers, int64.",
)
def wrong_mirror(size, before, after, *, twice=False, twice_in_front=False, replicates=False, wraps=False, once=False,
                 odd_period=False, no_single=False, one_too_many=False, one_too_few=False,
                 floats=False):  # fmt: skip
    at = torch.arange(one_too_few - before, size + after + one_too_many)
    at = torch.where(at < 0, -1 - at, at) if twice_in_front else at
    turn = 2 * size if twice else 2 * size - 1 if odd_period else 2 * (size - 1)
    turn = turn if no_single else max(1, turn)
    at = at.abs() if once else at % turn
    back = 2 * size - 1 - at if twice else turn - at
    found = torch.where(at < size, at, back)
    if replicates or wraps:
        at = torch.arange(one_too_few - before, size + after + one_too_many)
        found = at % size if wraps else at.clamp(0, size - 1)
    return found.float() if floats else found
