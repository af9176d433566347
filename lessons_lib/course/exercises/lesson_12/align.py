"""Exercise 12.5: RoIAlign."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops.roi import align

NAMES = ("features", "boxes", "output_size", "spatial_scale", "sampling_ratio")


def align_cases():
    """Two images, a ramp by hand, boxes across the border, bins and samples that differ, a box smaller than a cell."""
    generator = torch.Generator().manual_seed(5)
    features = torch.randn(2, 2, 5, 6, generator=generator)
    ramp = torch.arange(25.0).view(1, 1, 5, 5) ** 1.5
    calls = [
        (features, [[1, 9.3, 13.7, 41.9, 30.4], [0, 3.6, 2.2, 30.8, 37.3]], (2, 3), 1 / 8, 2),
        (ramp, [[0, 1.2, 1.3, 3.1, 4.4]], (1, 2), 1.0, 1),
        (ramp, [[0, 1.3, 2.1, 1.8, 2.5]], (1, 1), 1.0, 2),
        (ramp, [[0, 0.4, 1.1, 4.1, 3.2]], (1, 1), 1.0, 2),
        (features, [[0, -19.4, 21.3, 22.8, 47.9]], (2, 2), 1 / 8, 3),
    ]
    return [
        dict(zip(NAMES, (f, torch.tensor(boxes, dtype=torch.float32), *rest), strict=True)) | {"aligned": True}
        for f, boxes, *rest in calls
    ]


ALIGN = Exercise(
    "12.5",
    "RoIAlign",
    difficulty=3,
    minutes=20,
    oracle=align.roi_align,
    cases=align_cases,
    gradients=True,
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


@ALIGN.flags(
    no_half="This looks like a map without the half cell: with aligned=True, cell i has its centre at i + 0.5, so a "
    "coordinate on the map is x · spatial_scale − 0.5.",
    half_start="This looks like the half cell taken off the start alone: the box becomes half a cell longer. Take it "
    "off both corners.",
    half_pixel="This looks like half a PIXEL taken off before the scaling. The half is half a cell of the map: scale "
    "first.",
    total="This looks like the sum of the samples. A bin is their mean: divide by the n · n samples.",
    largest="This looks like the largest of the samples. RoIAlign takes their mean; the maximum is RoIPool's.",
    one_sample="This looks like one sample in the middle of each bin: n · n samples are to be averaged.",
    rounds="This looks like a rounded box, as in RoIPool. RoIAlign rounds nothing.",
    whole_cell="This looks like boxes stretched to at least one cell, which is the older rule, of aligned=False. Here "
    "a box may be as small as it is.",
    first_image="This looks like every box read from the first image. The first number of a row says which image of "
    "the batch is meant. It is no class.",
    swaps="This looks like rows and columns exchanged: a box is (x0, y0, x1, y1), and the map is read at (y, x).",
    swaps_bins="This looks like P and Q exchanged: output_size is (rows, columns).",
    unscaled="This looks like a box in pixels on a map of cells: its scale was forgotten.",
    cuts="This looks like a box that is no tensor any more: .tolist() and .item() cut its gradient, and a cascade "
    "needs it to move the box. Take the corners apart with unbind.",
)
def wrong_align(features, boxes, output_size, spatial_scale, sampling_ratio, aligned, *, no_half=False,
                half_start=False, half_pixel=False, total=False, largest=False, one_sample=False, rounds=False,
                whole_cell=False, first_image=False, swaps=False, swaps_bins=False, unscaled=False,
                cuts=False):  # fmt: skip
    (P, Q), n, out = output_size, 1 if one_sample else sampling_ratio, []
    P, Q = (Q, P) if swaps_bins else (P, Q)
    scale, half = 1.0 if unscaled else spatial_scale, 0.0 if no_half else 0.5
    for box in boxes.detach() if cuts else boxes:
        pixels = (box[1:] * spatial_scale).round() / spatial_scale if rounds else box[1:]
        cells = (pixels - half) * scale if half_pixel else pixels * scale - half
        x0, y0, x1, y1 = cells + torch.tensor([0, 0, 1, 1]) * half * half_start
        x0, y0, x1, y1 = (y0, x0, y1, x1) if swaps else (x0, y0, x1, y1)
        h, w = ((y1 - y0).clamp(min=1), (x1 - x0).clamp(min=1)) if whole_cell else (y1 - y0, x1 - x0)
        ys, xs = align.sample_points(y0[None], h[None], P, n)[0], align.sample_points(x0[None], w[None], Q, n)[0]
        image = features[0 if first_image else int(box[0])]
        samples = _between(ys, image.shape[1]) @ image @ _between(xs, image.shape[2]).T  # (C, P*n, Q*n)
        samples = samples.unflatten(2, (Q, n)).unflatten(1, (P, n))
        out.append(samples.sum((2, 4)) if total else samples.amax((2, 4)) if largest else samples.mean((2, 4)))
    return torch.stack(out).reshape(len(boxes), -1, *output_size)


def _between(at, size):
    """The weights of the cells along one axis, with RoIAlign's rule for the border: (samples, cells)."""
    at = at.flatten()
    inside = (at >= -1) & (at <= size)
    nearness = 1 - (at.clamp(0, size - 1)[:, None] - torch.arange(size)).abs()
    return nearness.clamp(min=0) * inside[:, None]
