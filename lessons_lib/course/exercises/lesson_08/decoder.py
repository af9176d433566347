"""Exercises 08.3 and 08.4: switches followed, and a decoder that shears its maps."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import unpooling

# 08.3


def follow_cases():
    """Three poolings of several channels, one and two by themselves, odd sides, several samples."""
    cases = []
    shapes = (((2, 2, 11, 18), 3), ((1, 1, 4, 4), 1), ((1, 1, 4, 4), 2), ((1, 1, 8, 8), 2), ((2, 3, 13, 10), 2),
              ((1, 1, 8, 8), 3), ((2, 1, 4, 4), 2), ((1, 2, 4, 4), 2))  # fmt: skip
    for shape, poolings in shapes:
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


@FOLLOW.mistake(
    "This looks like every pooling's corner: rows and columns doubled, as if each value had gone to the top left. The "
    "earlier switches say where it really stood."
)
def doubles_rows_and_columns(switches):
    positions = switches[-1]
    for later, earlier in zip(reversed(switches[1:]), reversed(switches[:-1]), strict=True):
        width = earlier.shape[3]
        before = 2 * width
        positions = positions // width * 2 * before + positions % width * 2 + 0 * later.sum()
    return positions


@FOLLOW.flags(
    one_channel="This looks like the first channel's switches used for all. Each channel of each sample has its own.",
    one_sample="This looks like the first sample's switches used for all. Each sample has its own.",
    two_only="This looks like two poolings followed and no more. The list may be longer: go on to the first map.",
    last_two="This looks like a jump from the last pooling to the first: those between were left out. Look up one "
    "after another.",
    flat="This looks like a row for each channel. The result has the shape of the last switches, (B, C, h, w).",
)
def wrong_follow(switches, *, one_channel=False, one_sample=False, two_only=False, last_two=False, flat=False):
    positions = switches[-1]
    chain = switches[-2:-1] if two_only else switches[:1] if last_two and len(switches) > 1 else switches[:-1]
    for earlier in reversed(chain):
        table = earlier.flatten(2)
        table = table[:, :1].expand_as(table) if one_channel else table
        table = table[:1].expand_as(table) if one_sample else table
        positions = table.gather(2, positions.flatten(2)).view_as(positions)
    return positions.flatten(2) if flat else positions.clone()


# 08.4


def unpool_level_by_level(x, kept):
    """Unpool from the last pooling to the first; `kept` holds (size before it, switches) in the order of pooling."""
    for size, switches in reversed(kept):
        x = unpooling.max_unpool(x, switches, size)
    return x


def climb_cases():
    """Odd widths, odd heights, both; even sides, where the bug sleeps; one to three poolings."""
    cases = []
    shapes = (((1, 1, 13, 11), 3), ((1, 1, 2, 3), 1), ((1, 1, 3, 2), 1), ((1, 1, 2, 2), 1), ((1, 1, 8, 8), 2),
              ((1, 2, 6, 7), 1), ((2, 1, 9, 6), 2))  # fmt: skip
    for shape, poolings in shapes:
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
    "This looks like the encoder's order: the first pooling's switches for the deepest map. Go from the last pooling "
    "back to the first."
)
def climbs_from_the_first(x, kept):
    for (height, width), switches in kept:
        canvas = torch.zeros(*x.shape[:2], height * width, dtype=x.dtype)
        x = canvas.scatter(2, switches.flatten(2), x.flatten(2)).view(*x.shape[:2], height, width)
    return x


@CLIMB.flags(
    cuts_after="This looks like the bug itself: the canvas is twice the pooled map, so where a side is odd the "
    "switches are read on a wider map than they were counted on, and each row slips a little further.",
    never_cuts="This looks like a canvas that is never cut: where a side was odd the map comes back one row or column "
    "too large, and sheared.",
    width_only="This looks like a bug half mended: the width is right and the height is still twice the pooled map. "
    "Take both from the size that was kept.",
    exchanged="This looks like a canvas with height and width changed over: sizes are (height, width), and a switch is "
    "row · width + column.",
    corners="This looks like values put into the corners, since the corner is right on every size. The sizes were the "
    "bug, not the switches.",
)
def wrong_climb(x, kept, *, cuts_after=False, never_cuts=False, width_only=False, exchanged=False, corners=False):
    for (height, width), switches in reversed(kept):
        h, w = (2 * x.shape[2], 2 * x.shape[3]) if cuts_after or never_cuts else (height, width)
        h = 2 * x.shape[2] if width_only else h
        switches = unpooling.corner_switches((h, w)).expand_as(x) if corners else switches
        switches = switches[:, :, : x.shape[2], : x.shape[3]]
        canvas = x.new_zeros(*x.shape[:2], h * w).scatter(2, switches.flatten(2), x[:, :, :, :].flatten(2))
        x = canvas.unflatten(2, (w, h)).transpose(2, 3) if exchanged else canvas.unflatten(2, (h, w))
        x = x if never_cuts or width_only else x[:, :, :height, :width]
    return x
