"""Exercises 12.3 and 12.4: between the cells, and the sample points."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops.roi import align


def number(value):
    return torch.tensor(value, dtype=torch.float32)


# 12.3


def bilinear_cases():
    """Between cells, on the outermost ones, less than one cell outside, at exactly −1, H and W, and farther."""
    image = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(3))
    ramp = number([[[0.0, 10, 20], [31, 40, 52]]])
    positions = [(0.25, 1.4), (0.4, -0.6), (-0.7, 0.3), (1.7, 0.3), (-1.2, 1.3), (0.3, 3.5), (-1.0, 1.3), (0.3, -1.0)]
    positions += [(2.0, 1.3), (0.3, 3.0), (0.3, 2.4)]
    more = [(1.3, 2.6), (3.4, 4.7), (-0.3, 4.2), (2.2, -1.1), (4.6, 1.2), (3.2, 5.3)]
    return [{"image": ramp, "y": number(y), "x": number(x)} for y, x in positions] + [
        {"image": image, "y": number(y), "x": number(x)} for y, x in more
    ]


BILINEAR = Exercise(
    "12.3",
    "Between the cells",
    difficulty=3,
    minutes=25,
    oracle=align.bilinear,
    cases=bilinear_cases,
    gradients=True,
    hints=(
        "First the rule for outside: y < −1 or y > H (x likewise) gives zeros. What is left is clamped to 0 to H − 1.",
        "top = int(y) and the row below, but no further than H − 1. down = y − top is the weight of the row below.",
        "(1 − down) · (left and right of the top row, mixed by x) + down · (the same of the row below).",
    ),
)


@BILINEAR.model
def bilinear(image, y, x):
    height, width = image.shape[1:]
    if y < -1 or y > height or x < -1 or x > width:
        return image.new_zeros(len(image))
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    above = (1 - (x - left)) * image[:, top, left] + (x - left) * image[:, top, right]
    below = (1 - (x - left)) * image[:, bottom, left] + (x - left) * image[:, bottom, right]
    return (1 - (y - top)) * above + (y - top) * below


@BILINEAR.flags(
    swaps="This looks like rows and columns exchanged: image[:, row, column] is image[:, y, x].",
    nearest="This looks like the nearest cell alone. Mix the four cells around the point, each by its nearness.",
    upper_left="This looks like the cell at the upper left alone, ⌊y⌋ and ⌊x⌋. Mix the four cells around the point.",
    endless="This looks like an endless image. More than one cell outside, below −1 or above H, a sample is 0.",
    at_once="This looks like zeros everywhere outside the outermost cells. Up to one cell outside, repeat the "
    "outermost cell.",
    too_early="This looks like zeros from H − 1 on. The cell at H − 1 is repeated up to H, one cell outside, as the "
    "first is down to −1.",
    open_border="This looks like zeros at exactly −1 and H. There the outermost cell still counts: zeros begin beyond, "
    "at y < −1 and y > H.",
    turned="This looks like exchanged weights: a point just below the upper row has nearly all of its weight there.",
    half="This looks like a shift by half a cell. Here cell i is at i; the half is taken off by RoIAlign, before it "
    "samples.",
    extrapolates="This looks like weights from a point that was not clamped: outside the cells one of them becomes "
    "negative. Clamp y to 0 … H − 1 first, then take the weights.",
    zeros_beside="This looks like zeros beside the map, mixed in with the outermost cells, as grid_sample has it. Up "
    "to one cell outside, the outermost cell is repeated at full weight.",
    wraps="This looks like row −1 of the image, which in Python is the last one. Clamp the position first.",
    one_axis="This looks like a mixture along x alone. The rows above and below are mixed too, by y.",
    detached="This looks like weights computed from Python numbers: the point gets no gradient. Keep y − top as a "
    "tensor, without .item().",
)
def wrong_bilinear(image, y, x, *, swaps=False, nearest=False, upper_left=False, endless=False, at_once=False,
                   too_early=False, open_border=False, turned=False, half=False, extrapolates=False,
                   zeros_beside=False, wraps=False, one_axis=False, detached=False):  # fmt: skip
    if swaps:
        y, x = x, y
    if half:
        y, x = y - 0.5, x - 0.5
    if detached:
        y, x = y.detach(), x.detach()
    last = image.new_tensor(image.shape[1:]) - 1
    low, high = (0, last) if at_once else (-1, last if too_early else last + 1)
    at = torch.stack([y, x])
    outside = (at <= low) | (at >= high) if open_border else (at < low) | (at > high)
    if outside.any() and not endless:
        return image.new_zeros(len(image))
    held = at.maximum(torch.zeros_like(at)).minimum(last)
    base = at if zeros_beside or wraps else held
    first = base.detach().round() if nearest else base.detach().floor()
    far = (at if extrapolates or zeros_beside or wraps else held) - first
    if nearest or upper_left:
        far = far * 0
    far = 1 - far if turned else far
    total = image.new_zeros(len(image))
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = (far[1] if j else 1 - far[1]) * ((far[0] if i else 1 - far[0]) if not one_axis else 1 - i)
        row, column = int(first[0]) + i, int(first[1]) + j
        there = 0 <= row <= last[0] and 0 <= column <= last[1]
        row, column = min(row, int(last[0])), min(column, int(last[1]))
        row, column = (row, column) if wraps else (max(row, 0), max(column, 0))
        total = total + weight * image[:, row, column] * (1.0 if there or not zeros_beside else 0.0)
    return total


# 12.4


def point_cases():
    """Two regions with several samples, one by hand, a negative start, one bin, and random ones."""
    generator = torch.Generator().manual_seed(4)
    random = torch.rand(2, 3, generator=generator) * 9 - 2
    calls = [([0.7, 2.0], [3.0, 4.5], 3, 2), ([1.0], [4.0], 2, 1), ([1.0], [4.0], 1, 2), ([-0.5], [7.0], 2, 3)]
    cases = [{"start": number(a), "length": number(b), "bins": n, "samples": s} for a, b, n, s in calls]
    return [*cases, {"start": random[0], "length": random[1].abs() + 1, "bins": 7, "samples": 2}]


POINTS = Exercise(
    "12.4",
    "Sample points",
    difficulty=2,
    minutes=15,
    oracle=align.sample_points,
    cases=point_cases,
    gradients=True,
    hints=(
        "Bin p begins at start + p · length / bins. Cut each bin into `samples` equal parts.",
        "A sample is in the middle of its part: part i has its middle at (i + 0.5) / samples of the bin.",
        "start + (p + (i + 0.5) / samples) · length / bins; with start[:, None, None], p as a column and i as a row.",
    ),
)


@POINTS.model
def sample_points(start, length, bins, samples):
    p, i = torch.arange(bins)[:, None], torch.arange(samples)
    step = length[:, None, None] / bins
    return start[:, None, None] + (p + (i + 0.5) / samples) * step  # (R, bins, samples)


@POINTS.flags(
    beginning="This looks like samples at the beginning of each part, as RoIWarp has them. Here they are in the "
    "middle.",
    edges="This looks like samples from edge to edge of each bin, both edges included. Neighbouring bins would then "
    "read the same point twice.",
    inner="This looks like samples that divide a bin into samples + 1 parts, at 1/3 and 2/3 for two. They are in the "
    "middles of equal parts: at 1/4 and 3/4.",
    middle="This looks like all samples of a bin at its middle. Cut the bin into `samples` parts; each has its own.",
    one_bin="This looks like every bin beginning at the box's start: bin p begins p · length / bins further on.",
    undivided="This looks like bins as long as the whole box. A bin has length / bins cells.",
    exchanged="This looks like bins and samples exchanged: the box is cut into `bins`, and each of them into "
    "`samples`.",
    part_of_box="This looks like samples that are length / samples apart. They lie inside their bin: a part is "
    "length / bins / samples.",
    half_cell="This looks like half a cell taken off. `start` is on the map already: its half was taken off before.",
    no_start="This looks like positions counted from 0: the box's start was left out.",
    first_region="This looks like the first region's length used for all. Each region has its own.",
    transposed="This looks like samples before bins: the result is (regions, bins, samples).",
    flat="This looks like one row for each region, (R, bins · samples). Keep the bins apart: (R, bins, samples).",
)
def wrong_points(start, length, bins, samples, *, beginning=False, edges=False, inner=False, middle=False,
                 one_bin=False, undivided=False, exchanged=False, part_of_box=False, half_cell=False, no_start=False,
                 first_region=False, transposed=False, flat=False):  # fmt: skip
    i, n = torch.arange(samples), bins if exchanged else samples
    part = i / n if beginning else (i + 1) / (n + 1) if inner else (i + 0.5) / n
    part = torch.linspace(0, 1, samples) if edges else torch.full((samples,), 0.5) if middle else part
    length = length[:1].expand_as(length) if first_region else length
    box = length[:, None, None] / (samples if exchanged else 1 if undivided else bins)
    p = torch.arange(bins)[:, None] * (not one_bin)
    points = p * box + part * (length[:, None, None] if part_of_box else box)
    points = points + (0 if no_start else start[:, None, None]) - 0.5 * half_cell
    points = points.transpose(1, 2) if transposed else points
    return points.flatten(1) if flat else points
