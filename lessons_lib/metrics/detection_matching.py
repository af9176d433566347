"""Matching for AP of many images at once: all detections propose together, for every IoU threshold and area range.

It is `average_precision.match_in_order` for whole sets. There the detections choose in turn, from the highest score
down. The same pairs come out when all propose at once: each detection to the object that it overlaps most; each object
keeps the proposal with the highest score; and whoever is rejected, or replaced by a better one, goes on to its next
choice. That is the stable matching of Gale and Shapley (1962), of which there is only one where all objects rank the
detections in the same order. A few rounds are enough, since most objects are wanted by one detection.

Outside the area range an object is ignored as a crowd is: a detection may take it, but only when no counted object is
free, and then does not count itself. A detection that takes nothing counts as wrong only if its own area is inside the
range.
"""

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from lessons_lib.metrics.average_precision import IOU_THRESHOLDS
from lessons_lib.metrics.detection_pairs import Pairs

SIZES = (32.0, 96.0)
"""The sides of the squares that part small, medium and large objects in COCO, in pixels."""


def area_ranges(sizes: tuple[float, float] = SIZES) -> dict[str, tuple[float, float]]:
    """Areas in pixels, both ends inside: an object of exactly 32² pixels is small and medium."""
    first, second = sizes[0] ** 2, sizes[1] ** 2
    return {"all": (0.0, 1e10), "small": (0.0, first), "medium": (first, second), "large": (second, 1e10)}


def in_ranges(areas: Float64[Tensor, " N"], sizes: tuple[float, float] = SIZES) -> Bool[Tensor, "A N"]:
    """Which of the area ranges each area lies in."""
    ends = torch.tensor(list(area_ranges(sizes).values()), dtype=torch.float64, device=areas.device)
    return (areas >= ends[:, :1]) & (areas <= ends[:, 1:])


def match_pairs(
    pairs: Pairs, sizes: tuple[float, float] = SIZES
) -> tuple[Bool[Tensor, "A T n"], Bool[Tensor, "A T n"]]:
    """Which detections are hits, and which count at all, for each area range and threshold."""
    ignored = ~in_ranges(pairs.gt_areas, sizes) | pairs.is_crowd  # (A, m)
    taken = torch.zeros(len(ignored), len(IOU_THRESHOLDS), len(pairs.areas), dtype=torch.bool, device="cpu")
    on_ignored = torch.zeros_like(taken)
    detection, thing, iou = _by_iou(pairs)
    for a, ignore in enumerate(ignored):
        last = ignore[thing]
        order = (2 * detection + last).argsort(stable=True)  # of each detection, first those that are not ignored
        t, e = (iou[order] >= IOU_THRESHOLDS[:, None]).nonzero(as_tuple=True)
        e = order[e]
        proposer, chosen = _propose(
            t * len(pairs.areas) + detection[e], t * len(ignore) + thing[e], pairs.is_crowd[thing[e]]
        )
        taken[a].view(-1)[proposer] = True
        on_ignored[a].view(-1)[proposer] = last[e[chosen]]
    counted = torch.where(taken, ~on_ignored, in_ranges(pairs.areas, sizes)[:, None])
    return taken & counted, counted


def _by_iou(pairs: Pairs) -> tuple[Int64[Tensor, " _"], Int64[Tensor, " _"], Float64[Tensor, " _"]]:
    """(detection, object, IoU) of the pairs that reach the lowest threshold, of each detection the highest IoU first,
    and of equal ones the last object."""
    near = (pairs.iou >= IOU_THRESHOLDS[0]).nonzero()[:, 0].flip(0)
    near = near[pairs.iou[near].argsort(descending=True, stable=True)]
    near = near[pairs.detection[near].argsort(stable=True)]
    return pairs.detection[near], pairs.object[near], pairs.iou[near]


def _propose(
    proposer: Int64[Tensor, " e"], wanted: Int64[Tensor, " e"], shared: Bool[Tensor, " e"]
) -> tuple[Int64[Tensor, " k"], Int64[Tensor, " k"]]:
    """The proposers that end with what they want, and which of the e proposals it is.

    `proposer` ascends; of each, the proposals stand in the order of its wishes. Of two that want the same the lower
    number gets it, but what is `shared` is given to all.
    """
    numbers, counts = proposer.unique_consecutive(return_counts=True)
    end = counts.cumsum(0)
    turn = end - counts  # the proposal at which each stands
    nobody = len(numbers)
    holder = torch.full((int(wanted.max()) + 1 if nobody else 0,), nobody, device=wanted.device)
    active = torch.arange(nobody, device=wanted.device)
    while len(active):
        active = active[~shared[turn[active]]]
        target = wanted[turn[active]]
        before = holder[target]
        holder.scatter_reduce_(0, target, active, "amin")
        won = holder[target] == active
        sent_away = before[won]
        active = torch.cat([active[~won], sent_away[sent_away < nobody]])
        turn[active] += 1
        active = active[turn[active] < end[active]]
    found = (turn < end).nonzero()[:, 0]
    return numbers[found], turn[found]
