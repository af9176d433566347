"""What matching is compared with: soft IoU pixel by pixel, and the best matching by trying all."""

import itertools

import torch


def generator(seed):
    return torch.Generator().manual_seed(seed)


def rand(seed, *shape):
    return torch.rand(*shape, generator=generator(seed), dtype=torch.float64)


def soft_iou_by_loops(p, g):
    overlap = total = 0.0
    for a, b in zip(p.flatten().tolist(), g.double().flatten().tolist(), strict=True):
        overlap, total = overlap + a * b, total + a + b
    return overlap / (total - overlap) if total else 0.0


def best_by_trying(values):
    """The largest sum over all ways to pair the shorter side with different members of the longer one."""
    table = values if values.shape[0] <= values.shape[1] else values.T
    short, long = table.shape
    ways = list(itertools.permutations(range(long), short))
    return table[torch.arange(short), torch.tensor(ways, dtype=torch.int64).view(len(ways), short)].sum(1).max().item()
