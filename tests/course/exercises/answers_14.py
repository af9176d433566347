"""Right answers to lesson 14, each by another method than the model: they all must pass."""

import math

import torch
from torch import nn
from torch.nn import functional as F
from torchvision import ops


def size_by_layers(channels, width, depth, masks):
    layers = [(channels, width, 3), *[(width, width, 3)] * (depth - 1), (width, width, 2), (width, masks, 1)]
    return sum(a * b * k * k + b for a, b, k in layers)


def size_by_torch(channels, width, depth, masks):
    layers = [nn.Conv2d(channels if i == 0 else width, width, 3) for i in range(depth)]
    layers += [nn.ConvTranspose2d(width, width, 2, 2), nn.Conv2d(width, masks, 1)]
    return sum(math.prod(p.shape) for layer in layers for p in layer.parameters())


class HeadByList(nn.Module):
    def __init__(self, channels, width, depth, masks):
        super().__init__()
        counts = [channels] + [width] * depth
        convs = [nn.Conv2d(a, b, 3, 1, 1) for a, b in zip(counts, counts[1:])]  # noqa: B905, RUF007
        self.trunk = nn.Sequential(*[layer for conv in convs for layer in (conv, nn.ReLU())])
        self.upsample = nn.ConvTranspose2d(width, width, kernel_size=2, stride=2)
        self.predictor = nn.Conv2d(width, masks, kernel_size=1)

    def forward(self, features):
        for layer in self.trunk:
            features = layer(features)
        return self.predictor(torch.clamp(self.upsample(features), min=0))


class HeadInPlace(nn.Module):
    def __init__(self, channels, width, depth, masks):
        super().__init__()
        self.trunk = nn.Sequential()
        for i in range(depth):
            self.trunk.append(nn.Conv2d(channels if i == 0 else width, width, 3, padding="same"))
            self.trunk.append(nn.ReLU(inplace=True))
        self.upsample, self.predictor = nn.ConvTranspose2d(width, width, 2, 2), nn.Conv2d(width, masks, 1)

    def forward(self, features):
        return self.predictor(self.upsample(self.trunk(features)).relu())


def target_by_torchvision(mask, box, m):
    rois = torch.cat([torch.zeros(1), box])[None]
    return ops.roi_align(mask[None, None].float(), rois, m, sampling_ratio=2, aligned=True).view(m, m)


def target_by_samples(mask, box, m):
    x0, y0, x1, y1 = box.tolist()
    t = (torch.arange(2 * m) + 0.5) / (2 * m)
    points = [[(y0 + v * (y1 - y0) - 0.5, x0 + u * (x1 - x0) - 0.5) for u in t.tolist()] for v in t.tolist()]

    def at(y, x):
        h, w = mask.shape
        if not (-1 <= y <= h and -1 <= x <= w):
            return 0.0
        y, x = min(max(y, 0), h - 1), min(max(x, 0), w - 1)
        i, j = min(int(y), h - 1), min(int(x), w - 1)
        k, n = min(i + 1, h - 1), min(j + 1, w - 1)
        v, u = y - i, x - j
        rows = [(1 - u) * float(mask[r, j]) + u * float(mask[r, n]) for r in (i, k)]
        return (1 - v) * rows[0] + v * rows[1]

    samples = torch.tensor([[at(*p) for p in row] for row in points])
    return samples.view(m, 2, m, 2).mean((1, 3))


def loss_by_loop(logits, labels, targets):
    total, count = 0 * (logits.sum() + targets.sum()), 0
    for one, label, target in zip(logits, labels.tolist(), targets, strict=True):
        if label:
            total, count = total + F.binary_cross_entropy_with_logits(one[label], target), count + 1
    return total / max(count, 1)


def loss_by_formula(logits, labels, targets):
    own = logits.gather(1, labels.view(-1, 1, 1, 1).expand(-1, 1, *logits.shape[2:]))[:, 0]
    costs = F.softplus(own) - own * targets
    size = logits.shape[2] * logits.shape[3]
    weight = (labels > 0).to(costs).view(-1, 1, 1) / ((labels > 0).sum().clamp(min=1) * size)
    return (costs * weight).sum()


def chosen_by_gather(logits, labels):
    channel = labels.view(-1, 1, 1, 1).expand(-1, 1, *logits.shape[2:])
    return torch.sigmoid(logits.gather(1, channel).squeeze(1))


def chosen_by_loop(logits, labels):
    out = torch.zeros(len(labels), *logits.shape[2:])
    for r, label in enumerate(labels.tolist()):
        out[r] = 1 / (1 + (-logits[r, label]).exp())
    return out


def pasted_by_weights(probs, box, height, width):
    x0, y0, x1, y1 = box.tolist()

    def weights(pixels, start, end):
        cell = (torch.arange(pixels) + 0.5 - start) / (end - start) * len(probs) - 0.5
        return (1 - (cell[:, None] - torch.arange(len(probs))).abs()).clamp(min=0)

    return weights(height, y0, y1) @ probs @ weights(width, x0, x1).T > 0.5


def pasted_by_loop(probs, box, height, width):
    x0, y0, x1, y1 = box.tolist()
    m = len(probs)
    padded = F.pad(probs, (1, 1, 1, 1))
    out = torch.zeros(height, width, dtype=torch.bool)
    for i in range(height):
        for j in range(width):
            y, x = (i + 0.5 - y0) / (y1 - y0) * m + 0.5, (j + 0.5 - x0) / (x1 - x0) * m + 0.5
            if 0 <= y < m + 1 and 0 <= x < m + 1:
                a, b = int(y), int(x)
                v, u = y - a, x - b
                square = padded[a : a + 2, b : b + 2]
                out[i, j] = (1 - v) * ((1 - u) * square[0, 0] + u * square[0, 1]) + v * (
                    (1 - u) * square[1, 0] + u * square[1, 1]
                ) > 0.5
    return out


def there_and_back(mask, box, m):
    pasted = pasted_by_weights(target_by_torchvision(mask, box, m), box, *mask.shape)
    either = int((pasted | mask).sum())
    return torch.tensor(float((pasted & mask).sum()) / either if either else 0.0, dtype=torch.float64)


def there_and_back_by_samples(mask, box, m):
    pasted = pasted_by_loop(target_by_samples(mask, box, m), box, *mask.shape)
    both = (pasted * mask).sum().double()
    return both / max(1, int(pasted.sum() + mask.sum() - both))


ANSWERS = {
    "14.1": [size_by_layers, size_by_torch],
    "14.2": [HeadByList, HeadInPlace],
    "14.3": [target_by_torchvision, target_by_samples],
    "14.4": [loss_by_loop, loss_by_formula],
    "14.5": [chosen_by_gather, chosen_by_loop],
    "14.6": [pasted_by_weights, pasted_by_loop],
    "14.7": [there_and_back, there_and_back_by_samples],
}
