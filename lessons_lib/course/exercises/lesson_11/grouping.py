"""Lesson 11, exercises 1 to 3: how alike two regions are, what is stored of their union, and the whole hierarchy."""

import numpy as np
import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops.grouping import Stored, joined, similarity

NOTHING = np.zeros((1, 1))

# 11.1


def similarity_cases():
    """Two bars side by side, boxes that overlap, one inside the other, and far apart."""
    rows = [
        (2, 3, (0, 0, 2, 1), (0, 1, 3, 2), 20),
        (30, 25, (2, 3, 10, 9), (6, 5, 14, 12), 400),
        (60, 9, (0, 0, 10, 10), (3, 3, 6, 6), 256),
        (5, 7, (1, 1, 4, 3), (20, 12, 24, 15), 900),
    ]
    names = ("area_a", "area_b", "box_a", "box_b", "pixels")
    return [dict(zip(names, row, strict=True)) for row in rows]


def library_similarity(area_a, area_b, box_a, box_b, pixels):
    """The library's function, once for each of the two."""
    one, other = (
        Stored(NOTHING, NOTHING, np.array([float(area)]), np.array([box], dtype=float))
        for area, box in ((area_a, box_a), (area_b, box_b))
    )
    return tuple(float(similarity(one, other, pixels, (name,))[0]) for name in ("size", "fill"))


SIMILARITY = Exercise(
    "11.1",
    "Size and fill",
    oracle=library_similarity,
    cases=similarity_cases,
    difficulty=1,
    minutes=10,
    hints=(
        "Both are 1 less a share of the image. For the size it is what the two regions cover together.",
        "For the fill: the common box goes from the smaller x0 and y0 to the larger x1 and y1. Take both areas off it.",
        "1 - (area_a + area_b) / pixels, and 1 - (width * height - area_a - area_b) / pixels.",
    ),
)


@SIMILARITY.model
def size_and_fill(area_a, area_b, box_a, box_b, pixels):
    width = max(box_a[2], box_b[2]) - min(box_a[0], box_b[0])
    height = max(box_a[3], box_b[3]) - min(box_a[1], box_b[1])
    return 1 - (area_a + area_b) / pixels, 1 - (width * height - area_a - area_b) / pixels


@SIMILARITY.flags(
    distance="These look like distances, large where the regions do not fit. A similarity is 1 less that.",
    plus_one="This looks like a box with +1 at its end. Ends are exclusive here: a box from 0 to 2 is 2 pixels wide.",
    of_the_box="The fill looks like a share of the common box. Both are shares of the whole image, so that "
    "the four can be added.",
    whole_box="The fill looks like 1 less the whole common box. What the regions cover of it is no gap: take off both "
    "areas.",
)
def wrong_size_and_fill(
    area_a, area_b, box_a, box_b, pixels, *, distance=False, plus_one=False, of_the_box=False, whole_box=False
):
    width = max(box_a[2], box_b[2]) - min(box_a[0], box_b[0]) + plus_one
    height = max(box_a[3], box_b[3]) - min(box_a[1], box_b[1]) + plus_one
    gap = width * height - (0 if whole_box else area_a + area_b)
    size, fill = (area_a + area_b) / pixels, gap / (width * height if of_the_box else pixels)
    return (size, fill) if distance else (1 - size, 1 - fill)


# 11.2


def union_cases():
    """By hand: two bins; then histograms of four and of thirty bins, areas far apart."""
    generator = torch.Generator().manual_seed(2)
    cases = [(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 3, 1)]
    for bins, one, other in ((4, 10, 90), (30, 250, 20)):
        rows = torch.rand(2, bins, generator=generator)
        cases.append((*(row / row.sum() for row in rows), one, other))
    return [dict(zip(("one", "other", "area_one", "area_other"), case, strict=True)) for case in cases]


def library_union(one, other, area_one, area_other):
    """The library's function, for the colours."""
    first, second = (
        Stored(histogram.double().numpy()[None], NOTHING, np.array([float(area)]), np.zeros((1, 4)))
        for histogram, area in ((one, area_one), (other, area_other))
    )
    return torch.from_numpy(joined(first, second).colour[0]).float()


UNION = Exercise(
    "11.2",
    "The histogram of a union",
    oracle=library_union,
    cases=union_cases,
    difficulty=1,
    minutes=10,
    hints=(
        "A histogram that sums to 1 says which share of a region's pixels is in each bin. How many pixels are that?",
        "area_one * one + area_other * other counts the pixels of the union. It has to sum to 1 again.",
        "(area_one * one + area_other * other) / (area_one + area_other)",
    ),
)


@UNION.model
def union_histogram(one, other, area_one, area_other):
    return (area_one * one + area_other * other) / (area_one + area_other)


@UNION.flags(
    unweighted="This looks like the plain mean of the two. A region of 90 pixels says more about the union than one of "
    "10: weight each histogram by its area.",
    crossed="This looks like each histogram with the other one's area.",
    counts="This looks like numbers of pixels. The similarity compares histograms that sum to 1: divide by both areas.",
)
def wrong_union(one, other, area_one, area_other, *, unweighted=False, crossed=False, counts=False):
    a, b = (1, 1) if unweighted else (area_other, area_one) if crossed else (area_one, area_other)
    return (a * one + b * other) / (1 if counts else a + b)


# 11.3


def tree_cases():
    """Four stripes; a ring around a middle that only touches it; two random maps; two regions; one."""
    generator = torch.Generator().manual_seed(5)
    stripes = torch.eye(4, dtype=torch.bool).roll(1, 0)
    stripes[0] = False
    ring = torch.zeros(5, 5, dtype=torch.bool)
    ring[0, 1:] = True
    ring[1, 2] = ring[2, 3] = ring[3, 4] = True
    cases = [
        (torch.tensor([0.1, 0.9, 0.15, 0.2]), torch.tensor([4, 4, 4, 4]), stripes),
        (torch.tensor([0.5, 0.42, 0.9, 0.1, 0.3]), torch.tensor([9, 40, 3, 12, 7]), ring),
    ]
    for count in (9, 14):
        near = (torch.rand(count, count, generator=generator) < 0.25).triu(1)
        near[range(count - 1), range(1, count)] = True
        areas = torch.randint(1, 60, (count,), generator=generator)
        cases.append((torch.rand(count, generator=generator), areas, near))
    cases += [(torch.tensor([0.3, 0.6][:n]), torch.tensor([2, 5][:n]), torch.ones(n, n).triu(1).bool()) for n in (2, 1)]
    return [{"values": v, "areas": a, "near": n | n.T} for v, a, n in cases]


def library_tree(values, areas, near):
    """With tables that are kept up to date, as `group` does it."""
    value, area, near = values.double().clone(), areas.double().clone(), near.clone()
    count = len(value)
    regions, now = list(torch.eye(count, dtype=torch.bool)), list(range(count))
    for _ in range(count - 1):
        apart = (value[:, None] - value).abs().masked_fill(~near, torch.inf)
        i, j = sorted(divmod(int(apart.argmin()), count))
        value[i] = (area[i] * value[i] + area[j] * value[j]) / (area[i] + area[j])
        area[i] += area[j]
        near[i] |= near[j]
        near[i, [i, j]] = False
        near[j] = False
        near[:, j] = False
        near[:, i] = near[i]
        regions.append(regions[now[i]] | regions[now[j]])
        now[i] = len(regions) - 1
    return torch.stack(regions)


TREE = Exercise(
    "11.3",
    "Build the hierarchy",
    oracle=library_tree,
    cases=tree_cases,
    difficulty=3,
    minutes=30,
    hints=(
        "Keep a list of all regions, each a row of bools, and the numbers of those that are still alive. Two regions "
        "are neighbours if any superpixel of the one is a neighbour of any of the other: near[a][:, b].any().",
        "In each round: all pairs of living neighbours with their difference; the smallest; its union goes to the end "
        "of the list, with value (area_a * value_a + area_b * value_b) / (area_a + area_b) and area area_a + area_b. "
        "The two are no longer alive, the union is.",
        "while len(alive) > 1: _, a, b = min((abs(value[a] - value[b]), a, b) for a in alive for b in alive if a < b "
        "and near[regions[a]][:, regions[b]].any()); then append to value, area and regions.",
    ),
)


@TREE.model
def grow(values, areas, near):
    regions = list(torch.eye(len(values), dtype=torch.bool))
    value, area, alive = values.tolist(), areas.tolist(), set(range(len(values)))
    while len(alive) > 1:
        pairs = [(a, b) for a in alive for b in alive if a < b and near[regions[a]][:, regions[b]].any()]
        _, a, b = min((abs(value[a] - value[b]), a, b) for a, b in pairs)
        value.append((area[a] * value[a] + area[b] * value[b]) / (area[a] + area[b]))
        area.append(area[a] + area[b])
        alive = (alive - {a, b}) | {len(regions)}
        regions.append(regions[a] | regions[b])
    return torch.stack(regions)


@TREE.flags(
    any_pair="This looks like any two regions joined, wherever they lie. Only neighbours may be.",
    plain_mean="This looks like a union whose value is the plain mean of the two. Weight each value by its area.",
    first_value="This looks like a union that keeps the value of its first part. It has to be computed anew.",
    first_neighbours="This looks like a union with the neighbours of one part. It touches whatever either touched.",
    least_alike="This looks like the two that differ most. Join the two that differ least.",
)
def wrong_grow(
    values, areas, near, *, any_pair=False, plain_mean=False, first_value=False, first_neighbours=False,
    least_alike=False,
):  # fmt: skip
    regions = list(torch.eye(len(values), dtype=torch.bool))
    seeds = [[n] for n in range(len(values))]
    value, area, alive = values.tolist(), areas.tolist(), set(range(len(values)))
    while len(alive) > 1:
        every = [(a, b) for a in alive for b in alive if a < b]
        pairs = [(a, b) for a, b in every if any_pair or near[seeds[a]][:, seeds[b]].any()] or every
        sign = -1 if least_alike else 1
        _, a, b = min((sign * abs(value[a] - value[b]), a, b) for a, b in pairs)
        parts = (1, 1) if plain_mean else (area[a], area[b])
        mixed = (parts[0] * value[a] + parts[1] * value[b]) / sum(parts)
        value.append(value[a] if first_value else mixed)
        area.append(area[a] + area[b])
        alive = (alive - {a, b}) | {len(regions)}
        seeds.append(seeds[a] if first_neighbours else seeds[a] + seeds[b])
        regions.append(regions[a] | regions[b])
    return torch.stack(regions)


@TREE.mistake(
    "This looks like the unions alone. The superpixels are regions too, and come first: 2S − 1 rows for S superpixels."
)
def forgets_the_superpixels(values, areas, near):
    return library_tree(values, areas, near)[len(values) :]
