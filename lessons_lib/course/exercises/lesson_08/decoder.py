"""Lesson 08, exercises 3 to 5: switches followed, a decoder that shears its maps, the channels of a mirror."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.semantic import deconvnet
from lessons_lib.ops import unpooling

# 08.3


def follow_cases():
    """One pooling, two and three, odd sides, several samples and channels."""
    cases = []
    for shape, poolings in (((1, 1, 4, 4), 1), ((1, 1, 8, 8), 2), ((2, 3, 13, 10), 2), ((1, 2, 11, 18), 3)):
        x, kept = torch.randn(*shape, generator=torch.Generator().manual_seed(8), dtype=torch.float64), []
        for _ in range(poolings):
            x, switches = unpooling.max_pool(x)
            kept.append(switches)
        cases.append({"switches": kept})
    return cases


FOLLOW = Exercise(
    "08.3",
    "Follow the switches",
    difficulty=2,
    minutes=10,
    oracle=unpooling.follow_switches,
    cases=follow_cases,
    hints=(
        "A switch of the last pooling is a position on the map before it. What stood on that position came from "
        "an earlier pooling, and that pooling has a switch there.",
        "Go from the last list to the first: positions = the earlier switches, looked up at positions. gather "
        "looks up.",
        "earlier.flatten(2).gather(2, positions.flatten(2)) has one number per value; view it in the shape of "
        "positions.",
    ),
)


@FOLLOW.model
def follow_switches(switches):
    positions = switches[-1]
    for earlier in reversed(switches[:-1]):
        found = earlier.flatten(2).gather(2, positions.flatten(2))
        positions = found.view(positions.shape)
    return positions


@FOLLOW.mistake(
    "This looks like the last switches alone: positions on the map before the last pooling, not on the first."
)
def stops_at_once(switches):
    return switches[-1].clone()


@FOLLOW.mistake(
    "This looks like the first pooling's switches taken in their order. They must be looked up at the positions "
    "where the later ones point."
)
def takes_the_first_in_order(switches):
    first, shape = switches[0], switches[-1].shape
    return first[:, :, : shape[2], : shape[3]].clone()


@FOLLOW.mistake(
    "This looks like switches added up. A switch is no step to the side but a position: look the next one up there."
)
def adds_them_up(switches):
    total = switches[-1].clone()
    for earlier in switches[:-1]:
        total = total + earlier[:, :, : total.shape[2], : total.shape[3]]
    return total


@FOLLOW.mistake(
    "This looks like two lists looked up in the wrong order: begin with the last pooling and go back to the first."
)
def looks_up_the_other_way(switches):
    positions = switches[0]
    for later in switches[1:]:
        at = positions.flatten(2) % later[0, 0].numel()
        positions = later.flatten(2).gather(2, at).view_as(positions)
    return positions[:, :, : switches[-1].shape[2], : switches[-1].shape[3]].clone()


# 08.4


def unpool_level_by_level(x, kept):
    """Unpool from the last pooling to the first; `kept` holds (size before it, switches) in the order of pooling."""
    for size, switches in reversed(kept):
        x = unpooling.max_unpool(x, switches, size)
    return x


def climb_cases():
    """Even sides, where the bug sleeps; odd widths, odd heights, both; one to three poolings."""
    cases = []
    for shape, poolings in (((1, 1, 8, 8), 2), ((1, 2, 6, 7), 1), ((2, 1, 9, 6), 2), ((1, 1, 13, 11), 3)):
        generator = torch.Generator().manual_seed(sum(shape))
        x, kept = torch.rand(*shape, generator=generator, dtype=torch.float64), []
        for _ in range(poolings):
            size = tuple(x.shape[2:])
            x, switches = unpooling.max_pool(x)
            kept.append((size, switches))
        cases.append({"x": x, "kept": kept})
    return cases


CLIMB = Exercise(
    "08.4",
    "Find the bug: the sheared map",
    difficulty=1,
    minutes=10,
    oracle=unpool_level_by_level,
    cases=climb_cases,
    gradients=True,
    hints=(
        "On 8 × 8 it is right, on 6 × 7 it is not. What is the width of the canvas there, and on which width were the "
        "switches counted?",
        "Switch 9 on a map 7 wide is row 1, column 2. On a canvas 8 wide it is row 1, column 1. Each row slips by one "
        "more.",
        "Make the canvas as large as the map was before the pooling: (height, width), which was kept. Then nothing is "
        "left to cut.",
    ),
)


@CLIMB.model
def climb(x, kept):
    for (height, width), switches in reversed(kept):
        canvas = torch.zeros(*x.shape[:2], height * width, dtype=x.dtype)
        canvas = canvas.scatter(2, switches.flatten(2), x.flatten(2))
        x = canvas.view(*x.shape[:2], height, width)
    return x


@CLIMB.mistake(
    "This looks like the bug itself: the canvas is twice the pooled map, so where a side is odd the switches are read "
    "on a wider map than they were counted on, and each row slips a little further."
)
def cuts_afterwards(x, kept):
    for (height, width), switches in reversed(kept):
        h, w = 2 * x.shape[2], 2 * x.shape[3]
        canvas = x.new_zeros(*x.shape[:2], h * w).scatter(2, switches.flatten(2), x.flatten(2))
        x = canvas.unflatten(2, (h, w))[:, :, :height, :width]
    return x


@CLIMB.mistake(
    "This looks like a canvas that is never cut: where a side was odd the map comes back one row or column too large, "
    "and sheared."
)
def never_cuts(x, kept):
    for _, switches in reversed(kept):
        h, w = 2 * x.shape[2], 2 * x.shape[3]
        if switches.shape != x.shape:
            switches = unpooling.corner_switches((h, w)).expand(*x.shape)
        x = x.new_zeros(*x.shape[:2], h * w).scatter(2, switches.flatten(2), x.flatten(2)).unflatten(2, (h, w))
    return x


@CLIMB.mistake(
    "This looks like a canvas with height and width changed over: sizes are (height, width), and a switch is "
    "row · width + column."
)
def swaps_height_and_width(x, kept):
    for (height, width), switches in reversed(kept):
        canvas = x.new_zeros(*x.shape[:2], height * width).scatter(2, switches.flatten(2), x.flatten(2))
        x = canvas.unflatten(2, (width, height)).transpose(2, 3)
    return x


@CLIMB.mistake(
    "This looks like values put into the corners, since the corner is right on every size. The sizes were the bug, not "
    "the switches."
)
def gives_up_on_switches(x, kept):
    for size, _ in reversed(kept):
        x = unpooling.max_unpool(x, unpooling.corner_switches(size), size)
    return x


# 08.5

MIRROR = Exercise(
    "08.5",
    "Channels of the mirror",
    difficulty=1,
    minutes=10,
    oracle=deconvnet.mirrored_channels,
    cases=lambda: [
        {"stages": [(64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)]},
        {"stages": [(16, 24), (32, 40), (48,)]},
        {"stages": [(8,), (12,), (12, 20)]},
        {"stages": [(5, 7, 9)]},
    ],
    hints=(
        "Write the encoder's layers as one chain: 64, 64, 128, 128, … A mirrored layer goes from its original's output "
        "back to its original's input.",
        "So the decoder's channels are the inputs of the encoder's layers, read from the end. The input of a stage's "
        "first layer is the last number of the stage above.",
        "The very first input is the image, with 3 channels; the mirror keeps the first layer's channels there. Then "
        "cut the chain into blocks as long as the stages.",
    ),
)


@MIRROR.model
def mirrored_channels(stages):
    blocks = []
    for number in reversed(range(len(stages))):
        stage = stages[number]
        above = stages[number - 1][-1] if number > 0 else stage[0]
        inputs = (above, *stage[:-1])
        blocks.append(inputs[::-1])
    return blocks


@MIRROR.mistake(
    "This looks like the stages read backwards as they are. Then a block ends with its own stage's channels, but the "
    "next switches belong to a map with those of the stage above."
)
def only_reverses(stages):
    return [tuple(reversed(stage)) for stage in reversed(stages)]


@MIRROR.mistake(
    "This looks like channels that drop in a block's first layer. They drop in its last one, just before the next "
    "unpooling; until then the block keeps its own."
)
def drops_at_once(stages):
    above = [stages[0][0], *(stage[-1] for stage in stages[:-1])]
    return [(channels,) * len(stage) for stage, channels in zip(reversed(stages), reversed(above), strict=True)]


@MIRROR.mistake("This looks like the encoder's order: the decoder begins with the deepest stage.")
def keeps_the_encoders_order(stages):
    return mirrored_channels(stages)[::-1]


@MIRROR.mistake(
    "This looks like a mirror down to the image's 3 channels. The last block keeps the first layer's channels: a "
    "1 × 1 convolution for the scores comes after it."
)
def ends_with_three(stages):
    blocks = mirrored_channels(stages)
    return [*blocks[:-1], (*blocks[-1][:-1], 3)]
