"""Right answers to lesson 19, each by another method than the model: they all must pass."""

import itertools
import math
import statistics

import numpy as np
import torch
from scipy.stats import kendalltau


def tau_by_scipy(first, second):
    return float(kendalltau(first.numpy(), second.numpy()).statistic)


def tau_by_loops(first, second):
    agree = against = ordered = others = 0
    for i, j in itertools.combinations(range(len(first)), 2):
        one, other = float(first[i] - first[j]), float(second[i] - second[j])
        agree, against = agree + (one * other > 0), against + (one * other < 0)
        ordered, others = ordered + (one != 0), others + (other != 0)
    return (agree - against) / math.sqrt(ordered * others) if ordered * others else math.nan


def tau_by_full_tables(first, second):
    one, other = (torch.sign(values[:, None] - values[None]) for values in (first, second))
    return (one * other).sum() / (one.norm() * other.norm())


def interval_by_numpy(values, chosen):
    table = values.numpy()
    means = np.array([[table[s][draw[s]].mean() for s in range(len(table))] for draw in chosen.numpy()])
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return torch.from_numpy(low), torch.from_numpy(high)


def interval_by_indexing(values, chosen):
    systems = torch.arange(len(values))[:, None]
    ends = torch.tensor([0.025, 0.975], dtype=values.dtype)
    return list(torch.quantile(values[systems, chosen].mean(-1), ends, dim=0))


def interval_by_counting(values, chosen):
    counts = torch.nn.functional.one_hot(chosen, values.shape[1]).sum(2).double()
    means = torch.einsum("sk,dsk->ds", values, counts) / values.shape[1]
    return means.quantile(0.025, 0), means.quantile(0.975, 0)


def counted_by_lists(iou, areas, gt_areas, is_crowd, low, high):
    good = [low <= area <= high and not crowd for area, crowd in zip(gt_areas.tolist(), is_crowd.tolist(), strict=True)]
    taken, words = set(), []
    for p, row in enumerate(iou.tolist()):
        free = [g for g in range(len(row)) if row[g] >= 0.5 and g not in taken]
        if not free:
            words.append("wrong" if low <= areas[p] <= high else "ignored")
            continue
        best = max(free, key=lambda g: (good[g], row[g]))
        if not is_crowd[best]:
            taken.add(best)
        words.append("hit" if good[best] else "ignored")
    return words, sum(good)


def counted_by_two_rounds(iou, areas, gt_areas, is_crowd, low, high):
    """Objects that count first, for all detections; then the ignored ones for who is left."""
    counts = (low <= gt_areas) & (gt_areas <= high) & ~is_crowd
    words = ["wrong" if inside else "ignored" for inside in ((areas >= low) & (areas <= high)).tolist()]
    left, table = set(range(len(iou))), iou.clone()
    for group, word in ((counts, "hit"), (~counts, "ignored")):
        for p in sorted(left):
            row = table[p] * group
            if len(row) and row.max() >= 0.5:
                best = int(row.argmax())
                words[p] = word
                left.discard(p)
                if not is_crowd[best]:
                    table[:, best] = 0
    return (words, counts.sum())


def kinds_by_lists(iou, same, scores, crowd):
    kinds, taken = ["ignored"] * len(scores), set()
    for d in sorted(range(len(scores)), key=lambda d: -scores[d].item()):
        at = [g for g, value in enumerate(iou[d].tolist()) if value >= 0.5]
        own = [g for g in at if same[d, g] and not crowd[g]]
        free = [g for g in own if g not in taken]
        if free:
            taken.add(max(free, key=lambda g: iou[d, g].item()))
            kinds[d] = "right"
        elif own:
            kinds[d] = "double"
        elif not any(same[d, g] for g in at):
            touched = any(iou[d, g] >= 0.1 and same[d, g] and not crowd[g] for g in range(len(crowd)))
            other = any(not crowd[g] for g in at)
            kinds[d] = "wrong class" if other else "badly localised" if touched else "background"
    return kinds


def kinds_by_tables(iou, same, scores, crowd):
    """All that needs no turn at once, then the turns."""
    single = ~crowd

    def some(table):
        return table.any(1).tolist()

    on_own, on_crowd = some((iou >= 0.5) & same & single), some((iou >= 0.5) & same & crowd)
    on_other, near = some((iou >= 0.5) & ~same & single), some((iou >= 0.1) & same & single)
    free, kinds = iou * same * single, []
    for own, many, other, close in zip(on_own, on_crowd, on_other, near, strict=True):
        rest = "wrong class" if other else "badly localised" if close else "background"
        kinds.append("double" if own else "ignored" if many else rest)
    for d in torch.argsort(-scores):
        if len(crowd) and free[d].max() >= 0.5:
            kinds[d] = "right"
            free[:, free[d].argmax()] = 0
    return kinds


def board_by_loops(names, validation, test):
    rows = []
    for s, name in enumerate(names):
        runs = [float(test[s, k, int(validation[s, k].argmax())]) for k in range(validation.shape[1])]
        rows.append((name, statistics.fmean(runs), statistics.stdev(runs)))
    rows.sort(key=lambda row: -row[1])
    return rows


def board_by_masks(names, validation, test):
    best = validation == validation.amax(-1, keepdim=True)
    scores = (test * best).sum(-1)
    mean, spread = scores.mean(1), scores.var(1).sqrt()
    return [(names[i], mean[i], spread[i]) for i in mean.argsort(descending=True).tolist()]


ANSWERS = {
    "19.1": [tau_by_scipy, tau_by_loops, tau_by_full_tables],
    "19.2": [interval_by_numpy, interval_by_indexing, interval_by_counting],
    "19.3": [counted_by_lists, counted_by_two_rounds],
    "19.4": [kinds_by_lists, kinds_by_tables],
    "19.5": [board_by_loops, board_by_masks],
}
