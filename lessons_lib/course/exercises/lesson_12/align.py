"""Exercises of lesson 12, the sampling half: between the cells, sample points, RoIAlign, and the affine view."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops.roi import align


def number(value):
    return torch.tensor(value, dtype=torch.float32)


# 12.3


def bilinear_cases():
    """Between cells, on the outermost ones, less than one cell outside, and farther."""
    image = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(3))
    ramp = number([[[0.0, 10, 20], [30, 40, 50]]])
    positions = [(0.25, 1.5), (0.4, -0.6), (1.7, 0.3), (-1.2, 1.3), (0.3, 3.5)]
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


@BILINEAR.mistake("This looks like rows and columns exchanged: image[:, row, column] is image[:, y, x].")
def exchanges_y_and_x(image, y, x):
    return align.bilinear(image.transpose(1, 2), y, x)


@BILINEAR.mistake("This looks like the nearest cell alone. Mix the four cells around the point, each by its nearness.")
def takes_the_nearest(image, y, x):
    return align.bilinear(image, y.clamp(-1, image.shape[1]).round(), x.clamp(-1, image.shape[2]).round())


@BILINEAR.mistake("This looks like an endless image. More than one cell outside, below −1 or above H, a sample is 0.")
def goes_on_for_ever(image, y, x):
    return align.bilinear(image, y.clamp(0, image.shape[1] - 1), x.clamp(0, image.shape[2] - 1))


@BILINEAR.mistake(
    "This looks like zeros everywhere outside the outermost cells. Up to one cell outside, repeat the outermost cell."
)
def zero_at_once(image, y, x):
    inside = 0 <= y <= image.shape[1] - 1 and 0 <= x <= image.shape[2] - 1
    return align.bilinear(image, y, x) * inside


@BILINEAR.mistake(
    "This looks like exchanged weights: a point just below the upper row has nearly all of its weight there."
)
def turns_the_weights_round(image, y, x):
    height, width = image.shape[1:]
    if y < -1 or y > height or x < -1 or x > width:
        return image.new_zeros(len(image))
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    return align.bilinear(image, 2 * y.floor() + 1 - y, 2 * x.floor() + 1 - x)


# 12.4


def point_cases():
    """One region by hand, several samples, negative starts, and random ones."""
    generator = torch.Generator().manual_seed(4)
    random = torch.rand(2, 3, generator=generator) * 9 - 2
    calls = [([0.0], [4.0], 2, 2), ([1.0], [3.0], 3, 1), ([-0.5, 2.5], [7.0, 0.5], 2, 3)]
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


@POINTS.mistake(
    "This looks like samples at the beginning of each part, as RoIWarp has them. Here they are in the middle."
)
def at_the_beginning(start, length, bins, samples):
    return align.sample_points(start - 0.5 * length / bins / samples, length, bins, samples)


@POINTS.mistake(
    "This looks like samples from edge to edge of each bin, both edges included. Neighbouring bins would "
    "then read the same "
    "point twice."
)
def from_edge_to_edge(start, length, bins, samples):
    p, i = torch.arange(bins)[:, None], torch.linspace(0, 1, samples)
    return start[:, None, None] + (p + i) * length[:, None, None] / bins


@POINTS.mistake("This looks like every bin beginning at the box's start: bin p begins p · length / bins further on.")
def always_the_first_bin(start, length, bins, samples):
    return align.sample_points(start, length, bins, samples)[:, :1].expand(-1, bins, -1)


@POINTS.mistake("This looks like samples before bins: the result is (regions, bins, samples).")
def samples_before_bins(start, length, bins, samples):
    return align.sample_points(start, length, bins, samples).transpose(1, 2)


# 12.5


def align_cases():
    """A ramp by hand, two images, boxes across the border, bins and samples that differ."""
    generator = torch.Generator().manual_seed(5)
    features = torch.randn(2, 2, 5, 6, generator=generator)
    ramp = torch.arange(25.0).view(1, 1, 5, 5)
    calls = [
        (ramp, [[0, 1, 1, 3, 3]], (2, 2), 1.0, 1),
        (features, [[1, 9, 13, 41, 30], [0, 3, 2, 30, 37]], (2, 3), 1 / 8, 2),
        (features, [[0, -19, 21, 22, 47]], (2, 2), 1 / 8, 3),
    ]
    names = ("features", "boxes", "output_size", "spatial_scale", "sampling_ratio")
    return [
        dict(zip(names, (f, number(b), size, scale, n), strict=True)) | {"aligned": True}
        for f, b, size, scale, n in calls
    ]


ALIGN = Exercise(
    "12.5",
    "RoIAlign",
    difficulty=3,
    minutes=20,
    oracle=align.roi_align,
    cases=align_cases,
    hints=(
        "With aligned=True a box's corners on the map are box[1:] · spatial_scale − 0.5; its image is int(box[0]).",
        "align.sample_points(y0[None], (y1 − y0)[None], P, n)[0] holds the rows of all samples, (P, n); "
        "columns likewise.",
        "Bin (p, q) is the mean of align.bilinear(features[image], y, x) over its n · n samples.",
    ),
)


@ALIGN.model
def roi_align(features, boxes, output_size, spatial_scale, sampling_ratio, aligned):
    (P, Q), n, out = output_size, sampling_ratio, []
    for box in boxes:
        x0, y0, x1, y1 = box[1:] * spatial_scale - 0.5
        ys = align.sample_points(y0[None], (y1 - y0)[None], P, n)[0]
        xs = align.sample_points(x0[None], (x1 - x0)[None], Q, n)[0]
        for p in range(P):
            for q in range(Q):
                samples = [align.bilinear(features[int(box[0])], y, x) for y in ys[p] for x in xs[q]]
                out.append(torch.stack(samples).mean(0))
    return torch.stack(out).view(len(boxes), P, Q, -1).permute(0, 3, 1, 2)


@ALIGN.mistake(
    "This looks like a map without the half cell: with aligned=True, cell i has its centre at i + 0.5, so a "
    "coordinate on the "
    "map is x · spatial_scale − 0.5."
)
def forgets_the_half(features, boxes, output_size, spatial_scale, sampling_ratio, aligned):
    return align.roi_align(features, boxes, output_size, spatial_scale, sampling_ratio, aligned=False)


@ALIGN.mistake("This looks like the sum of the samples. A bin is their mean: divide by the n · n samples.")
def sums_the_samples(features, boxes, output_size, spatial_scale, sampling_ratio, aligned):
    return align.roi_align(features, boxes, output_size, spatial_scale, sampling_ratio, True) * sampling_ratio**2


@ALIGN.mistake("This looks like a rounded box, as in RoIPool. RoIAlign rounds nothing.")
def rounds_the_box(features, boxes, output_size, spatial_scale, sampling_ratio, aligned):
    rounded = torch.cat([boxes[:, :1], (boxes[:, 1:] * spatial_scale).round() / spatial_scale], 1)
    return align.roi_align(features, rounded, output_size, spatial_scale, sampling_ratio, True)


@ALIGN.mistake(
    "This looks like every box read from the first image. The first number of a row says which image of the batch is "
    "meant. It is no class."
)
def aligns_in_the_first_image(features, boxes, output_size, spatial_scale, sampling_ratio, aligned):
    first = torch.cat([torch.zeros_like(boxes[:, :1]), boxes[:, 1:]], 1)
    return align.roi_align(features, first, output_size, spatial_scale, sampling_ratio, True)


@ALIGN.mistake(
    "This looks like rows and columns exchanged: a box is (x0, y0, x1, y1), and output_size is (rows, columns)."
)
def exchanges_the_axes(features, boxes, output_size, spatial_scale, sampling_ratio, aligned):
    turned = boxes[:, [0, 2, 1, 4, 3]]
    return align.roi_align(features, turned, output_size, spatial_scale, sampling_ratio, True)
