"""Right answers to lesson 09, each by another method than the model: they all must pass."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def fields_by_asking_backwards(layers):
    fields = []
    for depth in range(1, len(layers) + 1):
        ends = []
        for cell in (0, 1):
            first = last = cell
            for k, s, p, d in reversed(layers[:depth]):
                first, last = first * s - p, last * s - p + (k - 1) * d
            ends.append((first, last))
        (first, last), (second, _) = ends
        fields.append((first, second - first, last - first + 1))
    return fields


def fields_by_sums(layers):
    jumps = np.cumprod([1, *(s for _, s, _, _ in layers)])
    growth = np.cumsum([(k - 1) * d * j for (k, _, _, d), j in zip(layers, jumps, strict=False)])
    shift = np.cumsum([p * j for (_, _, p, _), j in zip(layers, jumps, strict=False)])
    return [[-int(a), int(j), 1 + int(r)] for a, j, r in zip(shift, jumps[1:], growth, strict=True)]


def paths_by_gradient(layers):
    x = torch.zeros(1, 1, 200, dtype=torch.float64, requires_grad=True)
    y = x
    for k, s, _, d in layers:
        y = F.conv1d(y, torch.ones(1, 1, k, dtype=torch.float64), stride=s, dilation=d)
    y[0, 0, 0].backward()
    seen = x.grad[0, 0].nonzero()
    return x.grad[0, 0, : int(seen.max()) + 1]


def paths_by_polynomials(layers):
    counts = np.ones(1)
    for k, s, _, d in reversed(layers):
        spread, taps = np.zeros((len(counts) - 1) * s + 1), np.zeros((k - 1) * d + 1)
        spread[::s], taps[::d] = counts, 1
        counts = np.convolve(spread, taps)
    return torch.from_numpy(counts)


def stride_by_jumps(layers, output_stride):
    wanted, chain = np.cumprod([1, *(s for _, s, _, _ in layers)]), []
    had = np.minimum(wanted, output_stride)
    for i, (k, _, p, d) in enumerate(layers):
        factor = int(wanted[i] // had[i])
        chain.append([k, int(had[i + 1] // had[i]), p * factor, d * factor])
    return chain


def stride_by_recursion(layers, output_stride):
    if not layers:
        return []
    (k, s, p, d), *rest = layers
    kept = min(s, output_stride)
    rest = [(k2, s2, p2 * (s // kept), d2 * (s // kept)) for k2, s2, p2, d2 in rest]
    return [(k, kept, p, d), *stride_by_recursion(rest, output_stride // kept)]


def identity_by_kron(out_channels, in_channels, groups, kernel_size=3):
    blocks = torch.ones(out_channels // groups, in_channels // groups) * groups / out_channels
    middle = torch.zeros(kernel_size, kernel_size)
    middle[kernel_size // 2, kernel_size // 2] = 1
    return torch.kron(torch.eye(groups), blocks)[:, :, None, None] * middle


def identity_by_blocks(out_channels, in_channels, groups, kernel_size=3):
    centre = torch.block_diag(
        *[torch.full((out_channels // groups, in_channels // groups), groups / out_channels)] * groups
    )
    return F.pad(centre[:, :, None, None], (kernel_size // 2,) * 4)


def mirror_by_numpy(size, before, after):
    return torch.from_numpy(np.pad(np.arange(size), (before, after), mode="reflect"))


def mirror_by_walking(size, before, after):
    def walk(steps):
        place, direction, seen = 0, 1, []
        for _ in range(steps):
            if size > 1 and not 0 <= place + direction < size:
                direction = -direction
            place += direction if size > 1 else 0
            seen.append(place)
        return seen

    right = [0, *walk(size + after - 1)]
    return torch.tensor([*reversed(walk(before)), *right])


class BlockByCopying(nn.Module):
    """Weights copied from the lesson's own function, layers added one by one."""

    def __init__(self, channels, dilations):
        super().__init__()
        self.layers = nn.Sequential()
        for d in (*dilations, 0):
            k = 3 if d else 1
            layer = nn.Conv2d(channels, channels, k, padding=d, dilation=max(d, 1))
            layer.weight.data = identity_by_kron(channels, channels, channels, k)
            layer.bias.data.zero_()
            self.layers.append(layer)
            if d:
                self.layers.append(nn.ReLU())

    def forward(self, x):
        return self.layers(x)


class BlockInALoop(nn.Module):
    """The ReLUs in forward; the names of the layers leave their places free."""

    def __init__(self, channels, dilations):
        super().__init__()
        self.dilations = dilations
        self.layers = nn.ModuleDict()
        for number, d in enumerate((*dilations, 1)):
            last = number == len(dilations)
            layer = nn.Conv2d(channels, channels, 1 if last else 3, padding=0 if last else "same", dilation=d)
            weight = torch.zeros_like(layer.weight)
            weight[range(channels), range(channels), weight.shape[2] // 2, weight.shape[3] // 2] = 1
            layer.weight = nn.Parameter(weight)
            layer.bias = nn.Parameter(torch.zeros(channels))
            self.layers[str(2 * number)] = layer

    def forward(self, x):
        *dilated, last = self.layers.values()
        for layer in dilated:
            x = torch.relu(layer(x))
        return last(x)


ANSWERS = {
    "09.1": [fields_by_asking_backwards, fields_by_sums],
    "09.2": [stride_by_jumps, stride_by_recursion],
    "09.3": [paths_by_gradient, paths_by_polynomials],
    "09.4": [identity_by_kron, identity_by_blocks],
    "09.5": [mirror_by_numpy, mirror_by_walking],
    "09.6": [BlockByCopying, BlockInALoop],
}
