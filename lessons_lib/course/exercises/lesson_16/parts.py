"""Lesson 16, exercises 1 and 2: which map a cell of a region reads, and the region assembled."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops.assembling import assemble
from lessons_lib.ops.grid import Grid
from lessons_lib.ops.roi import roi_align

# 16.1


def channel_cases():
    """The last cell of a small region; sizes that parts divide and that they do not; one part."""
    cells = ((0, 1, 0, 2, 2), (1, 1, 0, 2, 2), (2, 3, 8, 9, 3), (5, 20, 6, 21, 7), (1, 4, 2, 7, 3), (4, 3, 1, 5, 1))
    return [dict(zip(("output", "p", "q", "size", "group"), cell, strict=True)) for cell in cells]


def library_channel(output, p, q, size, group):
    """The channel that `assemble` reads, found by giving every channel its own number."""
    count = (output + 1) * group**2
    numbered = torch.arange(float(count)).view(1, -1, 1, 1).expand(1, count, 2, 2)
    whole = torch.tensor([[[0.0, 0.0, 2.0, 2.0]]])
    return int(assemble(numbered, Grid(1, 0.0), whole, size, group)[0, 0, output, p, q])


CHANNEL = Exercise(
    "16.1",
    "Which map does a cell read?",
    oracle=library_channel,
    cases=channel_cases,
    difficulty=1,
    minutes=10,
    hints=(
        "Two steps: in which part (row, column) of the group x group parts does the cell lie, and which channel is "
        "the map of this output and this part?",
        "Cell p of size cells lies in part p * group // size: the whole number below p / size · group.",
        "(output * group + row) * group + column: as in a number of three digits, the output counts most.",
    ),
)


@CHANNEL.model
def channel_of(output, p, q, size, group):
    row, column = p * group // size, q * group // size
    return (output * group + row) * group + column


@CHANNEL.flags(
    rounds="This looks like a part that was rounded to the nearest. Part i covers the cells from i/group to "
    "(i + 1)/group of the region: round down.",
    columns_first="This looks like rows and columns exchanged: the part's row (from p) counts more than its column.",
    part_major="This looks like channels ordered by part first. Here the maps of one output stand together: the output "
    "counts most, then the row, then the column.",
    last="This looks like a count that starts at 1: outputs and parts start at 0.",
)
def wrong_channel(output, p, q, size, group, *, rounds=False, columns_first=False, part_major=False, last=False):
    def part(cell):
        return min(round(cell * group / size), group - 1) if rounds else cell * group // size

    row, column = (part(q), part(p)) if columns_first else (part(p), part(q))
    if part_major:
        return (row * group + column) * (output + 1) + output
    return (output * group + row) * group + column + last


@CHANNEL.mistake(
    "This looks like the cell itself in place of its part. There are group x group maps of each output, however many "
    "cells the region has."
)
def takes_the_cell(output, p, q, size, group):
    return (output * size + p) * size + q


@CHANNEL.mistake("This looks like a channel without the output: each output has group x group maps of its own.")
def forgets_the_output(output, p, q, size, group):
    return p * group // size * group + q * group // size


# 16.2


def assembling_cases():
    """Numbered maps; random ones under boxes inside, between cells and across the border; one part; seven."""
    generator = torch.Generator().manual_seed(2)
    numbered = torch.arange(4.0).view(4, 1, 1).expand(4, 4, 4).contiguous()
    cases = [{"scores": numbered, "box": torch.tensor([0.0, 0.0, 4.0, 4.0]), "size": 2, "group": 2}]
    draws = (
        (1, 2, 6, [1.0, 0.0, 5.0, 4.0], 4),
        (2, 3, 9, [1.3, 2.1, 7.9, 8.2], 6),
        (1, 3, 8, [-2.0, 1.0, 4.5, 9.5], 3),
        (3, 1, 5, [0.5, 1.0, 4.0, 4.5], 4),
        (2, 3, 7, [1.0, 0.6, 6.2, 5.8], 7),
    )
    for outputs, group, side, box, size in draws:
        scores = torch.randn(outputs * group**2, side, side + 1, generator=generator)
        cases.append({"scores": scores, "box": torch.tensor(box), "size": size, "group": group})
    return cases


def library_assembled(scores, box, size, group):
    """The library's function, for one region."""
    return assemble(scores[None], Grid(1, 0.0), box[None, None], size, group)[0, 0]


ASSEMBLE = Exercise(
    "16.2",
    "Assemble a region",
    oracle=library_assembled,
    cases=assembling_cases,
    difficulty=2,
    minutes=25,
    hints=(
        "roi_align reads all maps in the box: K·G·G of them, P × P cells each. Of these you keep for every cell the "
        "one map of its part.",
        "every = roi_align(scores[None], [box[None]], size, 1.0, 1, aligned=True)[0]; then "
        "parts = every.unflatten(0, (-1, group, group)), shape (K, G, G, P, P).",
        "p = torch.arange(size); part = p * group // size; and "
        "parts[:, part[:, None], part[None], p[:, None], p[None]] takes row part, column part, row and column at once.",
    ),
)


@ASSEMBLE.model
def assemble_region(scores, box, size, group):
    every = roi_align(scores[None], [box[None]], size, 1.0, 1, aligned=True)[0]  # (K·G·G, P, P)
    parts = every.unflatten(0, (-1, group, group))  # (K, G, G, P, P)
    p = torch.arange(size)
    part = p * group // size
    return parts[:, part[:, None], part[None], p[:, None], p[None]]


@ASSEMBLE.flags(
    half_pixel="This looks like a half cell lost: the middle of cell i lies at i + ½, which aligned=True takes off.",
    part_major="This looks like channels taken as part first, output last. Output k of part (row, column) is channel "
    "(k·G + row)·G + column.",
    columns_first="This looks like the part's row and column exchanged: the map of the lower left part was read in the "
    "upper right.",
    two_samples="This looks like 2 × 2 samples in a cell. The exercise asks for one, in its middle.",
    rounded="This looks like a box rounded to whole cells. Nothing is rounded here.",
)
def wrong_assembled(
    scores, box, size, group, *, half_pixel=False, part_major=False, columns_first=False, two_samples=False,
    rounded=False,
):  # fmt: skip
    box = box.round() if rounded else box
    every = roi_align(scores[None], [box[None]], size, 1.0, 2 if two_samples else 1, aligned=not half_pixel)[0]
    if part_major:
        parts = every.unflatten(0, (group, group, -1)).permute(2, 0, 1, 3, 4)
    else:
        parts = every.unflatten(0, (-1, group, group))
    parts = parts.transpose(1, 2) if columns_first else parts
    p = torch.arange(size)
    part = p * group // size
    return parts[:, part[:, None], part[None], p[:, None], p[None]]


@ASSEMBLE.mistake(
    "This looks like the whole box read from every map of its own part: each part's map was made as large as the "
    "region. A cell keeps its position in the box; only the map changes from part to part."
)
def shrinks_the_box_into_each_part(scores, box, size, group):
    small = roi_align(scores[None], [box[None]], -(-size // group), 1.0, 1, aligned=True)[0]
    parts = small.unflatten(0, (-1, group, group))
    return parts.permute(0, 1, 3, 2, 4).flatten(3).flatten(1, 2)[:, :size, :size]


@ASSEMBLE.mistake(
    "This looks like the mean over all parts' maps. Then every part of the object speaks in every cell, which is the "
    "same as one part."
)
def averages_the_parts(scores, box, size, group):
    every = roi_align(scores[None], [box[None]], size, 1.0, 1, aligned=True)[0]
    return every.unflatten(0, (-1, group * group)).mean(1)
