"""Right answers to lesson 13, each by another method than the model: they all must pass."""

import itertools
import math

import torch
import torch.nn.functional as F
from torchvision import ops


def shapes_by_torch(sizes, ratios):
    s = torch.tensor([float(v) for v in sizes])[:, None]
    r = torch.tensor([float(v) for v in ratios])
    w, h = (s / r.sqrt()).flatten(), (s * r.sqrt()).flatten()
    return torch.stack([-w, -h, w, h], 1) / 2


def shapes_by_area(sizes, ratios):
    out = []
    for s, r in itertools.product(sizes, ratios):
        w = math.sqrt(s * s / r)
        out.append((-w / 2, -w * r / 2, w / 2, w * r / 2))
    return torch.tensor(out)


def placed_by_loops(shapes, rows, columns, stride, start):
    out = []
    for i in range(rows):
        for j in range(columns):
            y, x = start + stride * i + 0.5, start + stride * j + 0.5
            out += [[s[0] + x, s[1] + y, s[2] + x, s[3] + y] for s in shapes.tolist()]
    return torch.tensor(out)


def placed_by_repeat(shapes, rows, columns, stride, start):
    cells = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).flip(1) * stride + start + 0.5
    middles = cells.repeat(1, 2).repeat_interleave(len(shapes), 0)
    return middles + shapes.repeat(rows * columns, 1)


def labels_by_loops(iou, high, low):
    matched, labels = [], []
    rows = iou.tolist()
    best_of = [max((row[g] for row in rows), default=0) for g in range(iou.shape[1])]
    for row in rows:
        if not row:
            matched, labels = [*matched, 0], [*labels, 0]
            continue
        g = max(range(len(row)), key=lambda k: row[k])
        label = 1 if row[g] >= high else (0 if row[g] < low else -1)
        mine = [k for k in range(len(row)) if row[k] > 0 and row[k] >= best_of[k] * (1 - 1e-5)]
        if mine:
            g, label = max(mine, key=lambda k: row[k]), 1
        matched, labels = [*matched, g], [*labels, label]
    return torch.tensor(matched), torch.tensor(labels)


def labels_by_masking(iou, high, low):
    if iou.shape[1] == 0:
        return iou.new_zeros(len(iou), dtype=torch.int64), iou.new_zeros(len(iou), dtype=torch.int64)
    best, matched = iou.max(1)
    labels = torch.full((len(iou),), -1)
    labels[best < low] = 0
    labels[best >= high] = 1
    tops = (iou >= iou.amax(0) * (1 - 1e-5)) & (iou > 0)
    own = torch.where(tops, iou, -torch.inf).argmax(1)
    forced = tops.any(1)
    return torch.where(forced, own, matched), torch.where(forced, 1, labels)


def sample_by_sorting(labels, random, count, share):
    order = random.argsort(descending=True).tolist()
    objects = [i for i in order if labels[i] == 1][: math.floor(count * share)]
    ground = [i for i in order if labels[i] == 0][: count - len(objects)]
    drawn = torch.zeros(len(labels), dtype=torch.bool)
    drawn[torch.tensor(objects + ground, dtype=torch.int64)] = True
    return drawn


def sample_by_rank(labels, random, count, share):
    def rank(mask):
        key = torch.where(mask, random, -1.0)
        return (key[None] > key[:, None]).sum(1)

    objects = (labels == 1) & (rank(labels == 1) < int(count * share))
    return objects | ((labels == 0) & (rank(labels == 0) < count - objects.sum()))


def encoded_by_columns(boxes, anchors, weights):
    (x0, y0, x1, y1), (a0, b0, a1, b1) = boxes.unbind(1), anchors.unbind(1)
    dx = ((x0 + x1) - (a0 + a1)) / (2 * (a1 - a0))
    dy = ((y0 + y1) - (b0 + b1)) / (2 * (b1 - b0))
    dw, dh = torch.log(x1 - x0) - torch.log(a1 - a0), torch.log(y1 - y0) - torch.log(b1 - b0)
    return torch.stack([value * weight for value, weight in zip((dx, dy, dw, dh), weights, strict=True)], 1)


def encoded_by_torchvision(boxes, anchors, weights):
    from torchvision.models.detection._utils import BoxCoder

    return BoxCoder(tuple(weights)).encode_single(boxes, anchors)


def head_by_unfolding(maps, conv_weight, conv_bias, object_weight, object_bias, delta_weight, delta_bias):
    columns = F.unfold(maps, 3, padding=1)  # (B, 9C, HW)
    x = (conv_weight.flatten(1) @ columns + conv_bias[:, None]).clamp(min=0).transpose(1, 2)  # (B, HW, C)
    objectness = x @ object_weight[:, :, 0, 0].T + object_bias
    deltas = x @ delta_weight[:, :, 0, 0].T + delta_bias
    return objectness.flatten(1), deltas.flatten(1).unflatten(1, (-1, 4))


def head_by_moving_axes(maps, conv_weight, conv_bias, object_weight, object_bias, delta_weight, delta_bias):
    x = F.conv2d(maps, conv_weight, conv_bias, padding="same").relu()
    both = [F.conv2d(x, w, b).movedim(1, 3) for w, b in ((object_weight, object_bias), (delta_weight, delta_bias))]
    return both[0].reshape(len(maps), -1), both[1].reshape(len(maps), -1, 4)


def suppressed_by_torchvision(boxes, scores, labels, threshold):
    stays = torch.zeros(len(boxes), dtype=torch.bool)
    for label in labels.unique():
        own = (labels == label).nonzero()[:, 0]
        stays[own[ops.nms(boxes[own], scores[own], threshold)]] = True
    return stays


def suppressed_by_taking_turns(boxes, scores, labels, threshold):
    stays = torch.zeros(len(boxes), dtype=torch.bool)
    left = scores.argsort(descending=True)
    while len(left):
        first, left = left[0], left[1:]
        stays[first] = True
        overlap = ops.box_iou(boxes[first : first + 1], boxes[left])[0]
        left = left[~((overlap > threshold) & (labels[left] == labels[first]))]
    return stays


def chosen_by_loops(probs, boxes, threshold, most):
    found = [
        (probs[r, k].item(), r, k)
        for r in range(probs.shape[0])
        for k in range(1, probs.shape[1])
        if probs[r, k] > threshold
    ]
    found = sorted(found, key=lambda one: -one[0])[:most]
    places = [(r, k) for _, r, k in found]
    chosen = torch.stack([boxes[r, k] for r, k in places]) if places else boxes.new_zeros(0, 4)
    labels = torch.tensor([k for _, k in places], dtype=torch.int64)
    return chosen, labels, torch.tensor([score for score, _, _ in found])


def chosen_by_flattening(probs, boxes, threshold, most):
    classes = probs.shape[1]
    scores = probs.clone()
    scores[:, 0] = -1
    values, positions = scores.flatten().sort(descending=True, stable=True)
    positions = positions[values > threshold][:most]
    return boxes.reshape(-1, 4)[positions], positions % classes, probs.flatten()[positions]


ANSWERS = {
    "13.1": [shapes_by_torch, shapes_by_area],
    "13.2": [placed_by_loops, placed_by_repeat],
    "13.3": [labels_by_loops, labels_by_masking],
    "13.4": [sample_by_sorting, sample_by_rank],
    "13.5": [encoded_by_columns, encoded_by_torchvision],
    "13.6": [head_by_unfolding, head_by_moving_axes],
    "13.7": [suppressed_by_torchvision, suppressed_by_taking_turns],
    "13.8": [chosen_by_loops, chosen_by_flattening],
}
