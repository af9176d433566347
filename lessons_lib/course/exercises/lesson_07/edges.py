"""Lesson 07, exercises 1 and 2: boundary pixels, and adding maps that do not begin at the same position."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics import boundary
from lessons_lib.models.semantic import fcn

# 07.1


def map_cases():
    """A block on a ground, void between two classes, a border at the frame, one pixel, a strided view, chance."""
    generator = torch.Generator().manual_seed(71)
    block = torch.zeros(5, 6, dtype=torch.int64)
    block[1:4, 2:5] = 3
    split = torch.tensor([[1, 255, 2], [1, 255, 2], [1, 1, 2]])
    noise = torch.randint(0, 3, (7, 9), generator=generator)
    holes = torch.where(torch.rand(7, 9, generator=generator) < 0.2, 255, noise)
    maps = [block, split, block.T, torch.tensor([[4]]), torch.tensor([[0, 1]]), noise, holes, holes[::2, ::3]]
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


def _differences(labels, void):
    rows = (labels[1:] != labels[:-1]) & ~void[1:] & ~void[:-1]
    columns = (labels[:, 1:] != labels[:, :-1]) & ~void[:, 1:] & ~void[:, :-1]
    return rows, columns


@EDGES.mistake(
    "This looks like a boundary on one side only. Both pixels of a differing pair lie on the boundary, the upper and "
    "the lower, the left and the right."
)
def marks_one_side(labels, void):
    rows, columns = _differences(labels, void)
    found = torch.zeros_like(void)
    found[1:] |= rows
    found[:, 1:] |= columns
    return found


@EDGES.mistake(
    "This looks like void taken for a class of its own: every void pixel then draws a boundary around itself, and a "
    "perfect prediction, which knows no void, would miss all of them."
)
def takes_void_for_a_class(labels, void):
    return boundary.boundary_pixels(labels, torch.zeros_like(void))


@EDGES.mistake("This looks like eight neighbours. Here a pixel has four: above, below, left and right.")
def looks_at_the_corners_too(labels, void):
    found = boundary.boundary_pixels(labels, void)
    for a, b in (((slice(1, None), slice(1, None)), (slice(-1), slice(-1))),
                 ((slice(1, None), slice(-1)), (slice(-1), slice(1, None)))):  # fmt: skip
        differ = (labels[a] != labels[b]) & ~void[a] & ~void[b]
        found[a] |= differ
        found[b] |= differ
    return found


@EDGES.mistake(
    "This looks like a frame around the image. Beyond the frame there is no class, so it makes no boundary; a zero "
    "padding invents one."
)
def draws_the_frame(labels, void):
    padded = F.pad(labels, (1, 1, 1, 1), value=-1)
    hidden = F.pad(void, (1, 1, 1, 1), value=False)
    return boundary.boundary_pixels(padded, hidden)[1:-1, 1:-1] & ~void


@EDGES.mistake("This looks like rows alone: a boundary between left and right counts too.")
def compares_rows_only(labels, void):
    rows, _ = _differences(labels, void)
    found = torch.zeros_like(void)
    found[1:] |= rows
    found[:-1] |= rows
    return found


# 07.2


def pair_cases():
    """Offsets to both sides and none, maps of different sizes, classes and batches, a transposed view."""
    generator = torch.Generator().manual_seed(72)

    def rand(*shape):
        return torch.rand(*shape, generator=generator)

    return [
        {"a": rand(1, 2, 6, 6), "b": rand(1, 2, 4, 4), "offset": 0},
        {"a": rand(1, 2, 6, 7), "b": rand(1, 2, 4, 5), "offset": 1},
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


@ADD.mistake(
    "This looks like an offset that was left out: the maps are added corner on corner. The coarse answer then lies "
    "beside the object that it means."
)
def forgets_the_offset(a, b, offset):
    return fcn.add_aligned(a, b, 0)


@ADD.mistake(
    "This looks like the offset with the wrong sign: cell i of b lies on cell i + offset of a, not i − offset."
)
def turns_the_offset_round(a, b, offset):
    return fcn.add_aligned(a, b, -offset)


@ADD.mistake(
    "This looks like a negative offset used as a Python index: a[-2:] is the last two cells, not two cells before the "
    "first."
)
def slices_from_the_end(a, b, offset):
    a = a[:, :, offset:, offset:]
    height, width = min(a.shape[2], b.shape[2]), min(a.shape[3], b.shape[3])
    return a[:, :, :height, :width] + b[:, :, :height, :width]


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


@ADD.mistake("This looks like the offset used for rows only. Columns are shifted by as much.")
def shifts_rows_only(a, b, offset):
    a, b = a[:, :, max(offset, 0) :], b[:, :, max(-offset, 0) :]
    height, width = min(a.shape[2], b.shape[2]), min(a.shape[3], b.shape[3])
    return a[:, :, :height, :width] + b[:, :, :height, :width]
