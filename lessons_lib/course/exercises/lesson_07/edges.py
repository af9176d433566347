"""Exercises 07.1 and 07.2: boundary pixels, and adding maps that do not begin at the same position."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics import boundary
from lessons_lib.models.semantic import fcn

# 07.1


def map_cases():
    """Chance with and without void, a block on a ground, void between two classes, small maps, a strided view."""
    generator = torch.Generator().manual_seed(71)
    block = torch.zeros(5, 6, dtype=torch.int64)
    block[1:4, 2:5] = 3
    split = torch.tensor([[1, 255, 2], [1, 255, 2], [1, 1, 2]])
    noise = torch.randint(0, 3, (7, 9), generator=generator)
    holes = torch.where(torch.rand(7, 9, generator=generator) < 0.2, 255, noise)
    tiny = [[[0, 1]], [[0], [1]], [[4]], [[0, 255]], [[0, 0, 1]], [[0, 1], [1, 1]], [[0, 0], [0, 1]]]
    maps = [holes, block, split, block.T, *map(torch.tensor, tiny), noise, holes[::2, ::3]]
    return [{"labels": labels, "void": labels == 255} for labels in maps]


EDGES = Exercise(
    "07.1",
    "Boundary pixels",
    difficulty=2,
    minutes=15,
    oracle=boundary.boundary_pixels,
    cases=map_cases,
    hints=(
        "Compare the map with itself, moved by one row: labels[1:] != labels[:-1] has one row fewer than the map.",
        "A difference makes both of its pixels boundary: found[1:] |= differ and found[:-1] |= differ.",
        "Then the same for columns. Void has no class: keep a difference only where neither of the two is void.",
    ),
)


@EDGES.model
def boundary_pixels(labels, void):
    found = torch.zeros_like(void)
    rows = (labels[1:] != labels[:-1]) & ~void[1:] & ~void[:-1]
    found[1:] |= rows
    found[:-1] |= rows
    columns = (labels[:, 1:] != labels[:, :-1]) & ~void[:, 1:] & ~void[:, :-1]
    found[:, 1:] |= columns
    found[:, :-1] |= columns
    return found


@EDGES.flags(
    later_side="This looks like a boundary on one side only, the lower and the right. Both pixels of a differing pair "
    "lie on the boundary.",
    earlier_side="This looks like a boundary on one side only, the upper and the left. Both pixels of a differing pair "
    "lie on the boundary.",
    rows_only="This looks like rows alone: a boundary between left and right counts too.",
    columns_only="This looks like columns alone: a boundary between above and below counts too.",
    corners="This looks like eight neighbours. Here a pixel has four: above, below, left and right.",
    void_is_a_class="This looks like void taken for a class of its own: every void pixel then draws a boundary around "
    "itself, and a perfect prediction, which knows no void, would miss all of them.",
    beside_void="This looks like a boundary where a class meets void. Void has no class: it is no boundary, and makes "
    "none.",
    marks_void="This looks like void pixels that are marked beside a class. Void is no boundary itself.",
    frame="This looks like a frame around the image. Beyond the frame there is no class, so it makes no boundary; a "
    "padding with another value invents one.",
    wraps="This looks like roll, which compares the last column with the first. Beyond the frame there is nothing.",
    inside="This looks like the rest of the map: the pixels that are NOT on a boundary.",
    numbers="This looks like numbers, 0 and 1. A boolean map is asked for.",
)
def wrong_edges(labels, void, *, later_side=False, earlier_side=False, rows_only=False, columns_only=False,
                corners=False, void_is_a_class=False, beside_void=False, marks_void=False, frame=False, wraps=False,
                inside=False, numbers=False):  # fmt: skip
    padded = F.pad(torch.where(void, -2, labels), (1, 1, 1, 1), value=-3)
    if wraps:
        padded = F.pad(torch.where(void, -2, labels)[None, None].double(), (1, 1, 1, 1), mode="circular")[0, 0].long()
    height, width = labels.shape
    steps = [(0, -1), (-1, 0), (0, 1), (1, 0)]
    steps = steps[:2] if later_side else steps[2:] if earlier_side else steps
    steps = [step for step in steps if not ((step[0] and columns_only) or (step[1] and rows_only))]
    steps += [(-1, -1), (-1, 1), (1, -1), (1, 1)] * corners
    found = torch.zeros_like(void)
    for dy, dx in steps:
        other = padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        differ = (other != padded[1:-1, 1:-1]) & ((other != -3) | frame)
        from_class, to_class = ~void, other != -2
        if void_is_a_class or (beside_void and marks_void):
            from_class, to_class = from_class | True, to_class | True
        elif beside_void:
            to_class = to_class | True
        elif marks_void:
            from_class = from_class | True
        found |= differ & from_class & to_class
    found = ~found if inside else found
    return found.long() if numbers else found


# 07.2


def pair_cases():
    """Offsets to both sides and none, maps of different sizes, classes and batches, a transposed view."""
    generator = torch.Generator().manual_seed(72)

    def rand(*shape):
        return torch.rand(*shape, generator=generator)

    return [
        {"a": rand(1, 2, 6, 7), "b": rand(1, 2, 4, 4), "offset": 1},
        {"a": rand(1, 1, 2, 3), "b": rand(1, 1, 1, 1), "offset": 1},
        {"a": rand(1, 1, 1, 2), "b": rand(1, 1, 3, 3), "offset": -1},
        {"a": rand(1, 1, 2, 2), "b": rand(1, 1, 3, 3), "offset": 0},
        {"a": rand(1, 2, 6, 6), "b": rand(1, 2, 4, 4), "offset": 0},
        {"a": rand(2, 3, 5, 5), "b": rand(2, 3, 9, 8), "offset": -2},
        {"a": rand(1, 1, 8, 5), "b": rand(1, 1, 8, 9), "offset": 3},
        {"a": rand(1, 4, 7, 5).transpose(2, 3), "b": rand(1, 4, 5, 7), "offset": -1},
    ]


ADD = Exercise(
    "07.2",
    "Adding aligned maps",
    difficulty=3,
    minutes=20,
    oracle=fcn.add_aligned,
    cases=pair_cases,
    gradients=True,
    hints=(
        "With offset 2, b[0] lies on a[2]: what comes before a[2] has no partner and is cut off.",
        "With offset −2 it is the other way round: b's first two cells have no partner.",
        "Now both begin at the same position. Cut both to the smaller height and the smaller width, and add.",
    ),
)


@ADD.model
def add_aligned(a, b, offset):
    if offset >= 0:
        a = a[:, :, offset:, offset:]
    else:
        b = b[:, :, -offset:, -offset:]
    height = min(a.shape[2], b.shape[2])
    width = min(a.shape[3], b.shape[3])
    return a[:, :, :height, :width] + b[:, :, :height, :width]


def _overlap(a, b):
    height, width = min(a.shape[2], b.shape[2]), min(a.shape[3], b.shape[3])
    return a[:, :, :height, :width], b[:, :, :height, :width]


@ADD.mistake(
    "This looks like both maps cut in their middles. That is right only where the same number of cells is missing on "
    "both sides; the offset says where the maps meet."
)
def crops_the_middles(a, b, offset):
    height, width = min(a.shape[2], b.shape[2]), min(a.shape[3], b.shape[3])

    def middle(x):
        top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
        return x[:, :, top : top + height, left : left + width]

    return middle(a) + middle(b)


@ADD.mistake(
    "This looks like b stretched to a's size. Its cells lie at fixed positions on a; where one has no partner, "
    "nothing can be added."
)
def stretches(a, b, offset):
    return a + F.interpolate(b, size=tuple(a.shape[2:]), mode="bilinear")


@ADD.mistake(
    "This looks like a slice of b's size, a[offset : offset + h]. It fails where b reaches beyond a: cut both to the "
    "smaller of what is left."
)
def slices_bs_size(a, b, offset):
    return a[:, :, offset : offset + b.shape[2], offset : offset + b.shape[3]] + b


@ADD.flags(
    no_offset="This looks like an offset that was left out: the maps are added corner on corner. The coarse answer "
    "then lies beside the object that it means.",
    turned="This looks like the offset with the wrong sign: cell i of b lies on cell i + offset of a, not i − offset.",
    index="This looks like a negative offset used as a Python index: a[-2:] is the last two cells, not two cells "
    "before the first.",
    rows_only="This looks like the offset used for rows only. Columns are shifted by as much.",
    both_ends="This looks like the offset cut off at both ends. It says where the maps begin; where they end follows "
    "from their sizes.",
    keeps_a="This looks like a result of a's size, with b added where it lies. Only the part that both have is asked "
    "for.",
    keeps_b="This looks like a result of b's size, with zeros where a is missing. Only the part that both have is "
    "asked for.",
    joined="This looks like channels put side by side, as U-Net does. FCN adds: the result has K channels.",
)
def wrong_sum(a, b, offset, *, no_offset=False, turned=False, index=False, rows_only=False, both_ends=False,
              keeps_a=False, keeps_b=False, joined=False):  # fmt: skip
    offset = 0 if no_offset else -offset if turned else offset
    across = 0 if rows_only else offset
    whole_a, whole_b = a, b
    cut = slice(max(offset, 0), -offset if both_ends and offset > 0 else None)
    cut_across = slice(max(across, 0), -across if both_ends and across > 0 else None)
    a = a[:, :, offset:, across:] if index else a[:, :, cut, cut_across]
    b = b if index else b[:, :, max(-offset, 0) :, max(-across, 0) :]
    first, second = _overlap(a, b)
    if joined:
        return torch.cat([first, second], 1)
    if not (keeps_a or keeps_b):
        return first + second
    kept, part = (whole_a, second) if keeps_a else (whole_b, first)
    sign = 1 if keeps_a else -1
    top, left = max(sign * offset, 0), max(sign * across, 0)
    below, right = kept.shape[2] - top - part.shape[2], kept.shape[3] - left - part.shape[3]
    return kept + F.pad(part, (left, right, top, below))
