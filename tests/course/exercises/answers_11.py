"""Right answers to lesson 11, each by another method than the model: they all must pass."""

import numpy as np
import torch


def similarity_by_corners(area_a, area_b, box_a, box_b, pixels):
    boxes = np.array([box_a, box_b])
    sides = boxes[:, 2:].max(0) - boxes[:, :2].min(0)
    both = area_a + area_b
    return (pixels - both) / pixels, (pixels + both - int(sides.prod())) / pixels


def similarity_by_pixels(area_a, area_b, box_a, box_b, pixels):
    x = range(min(box_a[0], box_b[0]), max(box_a[2], box_b[2]))
    y = range(min(box_a[1], box_b[1]), max(box_a[3], box_b[3]))
    empty = sum(1 for _ in x for _ in y) - area_a - area_b
    return 1 - area_a / pixels - area_b / pixels, 1 - empty / pixels


def union_by_lerp(one, other, area_one, area_other):
    return torch.lerp(one, other, area_other / (area_one + area_other))


def union_by_counts(one, other, area_one, area_other):
    counts = area_one * one + area_other * other
    return counts / counts.sum()


def tree_by_sets(values, areas, near):
    count = len(values)
    alive = [(frozenset([n]), float(values[n]), int(areas[n])) for n in range(count)]
    every = [region for region, _, _ in alive]
    while len(alive) > 1:
        pairs = [
            (abs(p[1] - q[1]), i, j)
            for i, p in enumerate(alive)
            for j, q in enumerate(alive)
            if i < j and any(near[m, n] for m in p[0] for n in q[0])
        ]
        _, i, j = min(pairs)
        p, q = alive[i], alive[j]
        union = (p[0] | q[0], (p[1] * p[2] + q[1] * q[2]) / (p[2] + q[2]), p[2] + q[2])
        alive = [r for n, r in enumerate(alive) if n not in (i, j)] + [union]
        every.append(union[0])
    return torch.tensor([[n in region for n in range(count)] for region in every])


def tree_by_matrices(values, areas, near):
    regions = torch.eye(len(values)).bool()
    alive = torch.ones(len(values)).bool()
    while alive.sum() > 1:
        weights = regions.double() * areas
        mean = (weights @ values.double()) / weights.sum(1)
        touching = (regions.double() @ near.double() @ regions.double().T) > 0
        free = alive[:, None] & alive & touching & torch.ones_like(touching).triu(1)
        apart = torch.where(free, (mean[:, None] - mean).abs(), torch.inf)
        a, b = divmod(int(apart.argmin()), len(regions))
        regions = torch.cat([regions, (regions[a] | regions[b])[None]])
        alive[[a, b]] = False
        alive = torch.cat([alive, torch.tensor([True])])
    return regions


def iou_by_rows(members, sizes, covered):
    out = []
    for row in members:
        both = int(covered[row].sum())
        either = int(sizes[row].sum() + covered[~row].sum())
        out.append(both / either if either else 0.0)
    return torch.tensor(out, dtype=torch.float32)


def iou_by_where(members, sizes, covered):
    both = (members * covered).sum(1)
    either = (members * (sizes - covered)).sum(1) + covered.sum()
    return torch.where(either > 0, both / either, 0.0)


def crop_by_lerp(crop, share, mean):
    return torch.lerp(mean.view(3, 1, 1).expand_as(crop), crop, share.expand_as(crop))


def crop_by_channels(crop, share, mean):
    return torch.stack([mean[c] + (crop[c] - mean[c]) * share for c in range(3)])


def ap_by_recalls(hits, positives):
    ranks = np.arange(1, len(hits) + 1)
    precision, recall = np.cumsum(hits.numpy()) / ranks, np.cumsum(hits.numpy()) / positives
    precision, recall = np.concatenate([precision, [0.0]]), np.concatenate([recall, [1.0]])
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * falling).sum())


def ap_backwards(hits, positives):
    best, total = 0.0, 0.0
    flags = hits.tolist()
    for k in range(len(flags), 0, -1):
        best = max(best, sum(flags[:k]) / k)
        total += best if flags[k - 1] else 0.0
    return total / positives


ANSWERS = {
    "11.1": [similarity_by_corners, similarity_by_pixels],
    "11.2": [union_by_lerp, union_by_counts],
    "11.3": [tree_by_sets, tree_by_matrices],
    "11.4": [iou_by_rows, iou_by_where],
    "11.5": [crop_by_lerp, crop_by_channels],
    "11.6": [ap_by_recalls, ap_backwards],
}
