"""Right answers to lesson 08, each by another method than the model: they all must pass."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def pool_by_torch(x, kernel_size=2):
    return F.max_pool2d(x, kernel_size, ceil_mode=True, return_indices=True)


def pool_by_unfolding(x, kernel_size=2):
    k, (height, width) = kernel_size, x.shape[2:]
    places = torch.arange(height * width).view(1, 1, height, width).expand(x.shape)
    fill = (0, -width % k, 0, -height % k)
    wide, numbers = F.pad(x, fill, value=-math.inf), F.pad(places, fill)
    down, across = wide.shape[2] // k, wide.shape[3] // k
    windows, numbers = (
        t.reshape(*x.shape[:2], down, k, across, k).permute(0, 1, 2, 4, 3, 5).flatten(4) for t in (wide, numbers)
    )
    pooled, tap = windows.max(4)
    return pooled, numbers.gather(4, tap[..., None])[..., 0]


def unpool_by_torch(pooled, switches, size):
    kernel = max(-(-n // small) for n, small in zip(size, pooled.shape[2:], strict=True))
    return F.max_unpool2d(pooled, switches, kernel, output_size=tuple(size))


def unpool_by_indexing(pooled, switches, size):
    flat = pooled.new_zeros(pooled.shape[0] * pooled.shape[1], size[0] * size[1])
    rows = torch.arange(len(flat))[:, None]
    places = switches.reshape(len(flat), -1)
    flat = flat.index_put((rows.expand_as(places), places), pooled.reshape(len(flat), -1))
    return flat.view(*pooled.shape[:2], *size)


def unpool_by_comparing(pooled, switches, size):
    pixel = torch.arange(size[0] * size[1])
    hit = switches.flatten(2)[..., None] == pixel
    return (hit * pooled.flatten(2)[..., None]).sum(2).view(*pooled.shape[:2], *size)


def follow_by_recursion(switches):
    if len(switches) == 1:
        return switches[0]
    *before, earlier, last = switches
    looked_up = torch.gather(earlier.flatten(2), 2, last.flatten(2)).reshape(last.shape)
    return follow_by_recursion([*before, looked_up])


def follow_in_lists(switches):
    """Map by map in plain lists."""
    shape = switches[-1].shape
    maps = zip(*(level.flatten(0, 1).flatten(1).tolist() for level in switches), strict=True)
    return torch.tensor([_walk(levels) for levels in maps]).view(shape)


def _walk(levels):
    places = levels[-1]
    for earlier in levels[-2::-1]:
        places = [earlier[place] for place in places]
    return places


def climb_by_torch(x, kept):
    for size, switches in reversed(kept):
        x = F.max_unpool2d(x, switches, 2, output_size=size)
    return x


def climb_by_recursion(x, kept):
    if not kept:
        return x
    *rest, (size, switches) = kept
    return climb_by_recursion(unpool_by_indexing(x, switches, size), rest)


def mirror_by_chain(stages):
    chain = [stages[0][0], *(channels for stage in stages for channels in stage)]
    blocks, end = [], len(chain) - 1
    for stage in reversed(stages):
        blocks.append(list(reversed(chain[end - len(stage) : end])))
        end -= len(stage)
    return blocks


def mirror_by_turning_all_round(stages):
    _, *turned = (channels for stage in reversed(stages) for channels in reversed(stage))
    turned = [*turned, stages[0][0]]
    blocks = []
    for stage in reversed(stages):
        blocks.append(tuple(turned[: len(stage)]))
        turned = turned[len(stage) :]
    return blocks


class HourglassByTorch(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.inner = nn.Conv2d(channels, channels, (3, 3), padding="same")
        self.score = nn.Conv2d(channels, classes, (3, 3), padding="same")
        self.pool = nn.MaxPool2d(2, ceil_mode=True, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2)

    def forward(self, x):
        pooled, switches = self.pool(x)
        return self.score(self.unpool(self.inner(pooled).clamp(min=0), switches, output_size=x.shape))


class HourglassByMask(nn.Module):
    """Every value repeated over its window, and all but the switch's pixel set to zero."""

    def __init__(self, channels, classes):
        super().__init__()
        self.inner = nn.Conv2d(channels, channels, 3, 1, 1)
        self.score = nn.Conv2d(channels, classes, 3, 1, 1)

    def forward(self, x):
        pooled, switches = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
        inner = self.inner(pooled).relu()
        wide, at = (
            t.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, : x.shape[2], : x.shape[3]]
            for t in (inner, switches)
        )
        pixels = torch.arange(x.shape[2] * x.shape[3]).view(x.shape[2:])
        return self.score(wide * (at == pixels))


ANSWERS = {
    "08.1": [pool_by_torch, pool_by_unfolding],
    "08.2": [unpool_by_torch, unpool_by_indexing, unpool_by_comparing],
    "08.3": [follow_by_recursion, follow_in_lists],
    "08.4": [climb_by_torch, climb_by_recursion],
    "08.5": [mirror_by_chain, mirror_by_turning_all_round],
    "08.6": [HourglassByTorch, HourglassByMask],
}
