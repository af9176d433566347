"""Lesson 09, exercises 4 and 5: a layer that starts as the identity, and a image that goes on beyond its border."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.semantic import dilated

# 09.4


def identity_cases():
    """One channel a group, growing, shrinking, a 1 × 1 kernel, and one group for all."""
    settings = [(2, 2, 2, 3), (4, 2, 2, 3), (2, 4, 2, 3), (6, 6, 3, 1), (3, 3, 3, 5), (2, 3, 1, 3)]
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


@IDENTITY.mistake(
    "This looks like a tap in the corner of the kernel. The identity looks straight down: the middle tap is "
    "[k // 2, k // 2]; any other moves the map."
)
def taps_the_corner(out_channels, in_channels, groups, kernel_size=3):
    middle = kernel_size // 2
    return dilated.identity_weight(out_channels, in_channels, groups, kernel_size).roll((-middle, -middle), (2, 3))


@IDENTITY.mistake(
    "This looks like middle taps of 1. That is right for one channel a group; with more, every output channel would "
    "carry the whole sum, and each layer would make it larger."
)
def always_one(out_channels, in_channels, groups, kernel_size=3):
    return (dilated.identity_weight(out_channels, in_channels, groups, kernel_size) > 0).float()


@IDENTITY.mistake(
    "This looks like a value that divides by the input channels of a group. The sum over a group shall stay what it "
    "was: share it among the output channels."
)
def divides_by_the_inputs(out_channels, in_channels, groups, kernel_size=3):
    weight = dilated.identity_weight(out_channels, in_channels, groups, kernel_size)
    return weight * out_channels / in_channels


@IDENTITY.mistake(
    "This looks like groups that are dealt out in turn, b mod groups. Here a group is a block of neighbouring "
    "channels: b·groups // n."
)
def deals_in_turn(out_channels, in_channels, groups, kernel_size=3):
    weight = torch.zeros(out_channels, in_channels, kernel_size, kernel_size)
    same = torch.arange(out_channels)[:, None] % groups == torch.arange(in_channels) % groups
    weight[:, :, kernel_size // 2, kernel_size // 2] = same * (groups / out_channels)
    return weight


@IDENTITY.mistake(
    "This looks like ones over the whole kernel, a blur. The identity has one tap that is not zero: the middle one."
)
def blurs(out_channels, in_channels, groups, kernel_size=3):
    weight = dilated.identity_weight(out_channels, in_channels, groups, kernel_size)
    return weight.amax((2, 3), keepdim=True).expand_as(weight).clone()


# 09.5


def mirror_cases():
    """Less than one image at each side, more than one, a side that needs nothing, two pixels, and a single one."""
    settings = [(5, 2, 3), (4, 6, 7), (3, 0, 9), (2, 3, 4), (1, 2, 1), (6, 0, 0)]
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


def _places(size, before, after):
    return torch.arange(-before, size + after)


@MIRROR.mistake(
    "This looks like a mirror between the pixels: the outermost one comes twice. Here the mirror stands on it, "
    "… 2 1 0 1 2 …"
)
def repeats_the_outermost(size, before, after):
    positions = _places(size, before, after) % (2 * size)
    return torch.where(positions < size, positions, 2 * size - 1 - positions)


@MIRROR.mistake(
    "This looks like the outermost pixel, repeated for ever. That is replication; a mirror turns round there."
)
def replicates(size, before, after):
    return _places(size, before, after).clamp(0, size - 1)


@MIRROR.mistake(
    "This looks like the image laid side by side with itself: behind the last pixel comes the last but one."
)
def wraps_around(size, before, after):
    return _places(size, before, after) % size


@MIRROR.mistake(
    "This looks like one reflection only. A border that is wider than the image needs the mirror image of the mirror "
    "image: fold the position into one period first."
)
def reflects_once(size, before, after):
    positions = _places(size, before, after).abs()
    return torch.where(positions < size, positions, 2 * (size - 1) - positions)
