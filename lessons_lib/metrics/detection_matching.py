"""Matching for AP of many images at once: every IoU threshold and every area range in one pass down the ranks.

It is `average_precision.match_in_order` for whole sets. Outside the area range an object is ignored as a crowd is: a
detection may take it, but only when no counted object is free, and then does not count itself. A detection that takes
nothing counts as wrong only if its own area is inside the range.
"""

from dataclasses import dataclass
from itertools import accumulate

import torch
from jaxtyping import Bool, Float64, Int32, Int64
from torch import Tensor

from lessons_lib.metrics.average_precision import IOU_THRESHOLDS

AREA_RANGES = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""Areas in pixels, both ends inside: an object of exactly 32² pixels is small and medium."""

_CHUNK = 2**18
"""Numbers in the largest table at once, so that it stays in a processor's cache."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What AP needs to know of one image: P detections from the highest score down, G objects.

    iou (P, G): −1 where the classes differ. areas in pixels; is_crowd (G,).
    """

    iou: Float64[Tensor, "P G"]
    scores: Float64[Tensor, " P"]
    labels: Int64[Tensor, " P"]
    areas: Float64[Tensor, " P"]
    gt_labels: Int64[Tensor, " G"]
    gt_areas: Float64[Tensor, " G"]
    is_crowd: Bool[Tensor, " G"]


def in_ranges(areas: Float64[Tensor, " N"]) -> Bool[Tensor, "A N"]:
    """Which of the area ranges each area lies in."""
    ends = torch.tensor(list(AREA_RANGES.values()), dtype=torch.float64, device=areas.device)
    return (areas >= ends[:, :1]) & (areas <= ends[:, 1:])


def match_pictures(pictures: list[Picture]) -> tuple[Bool[Tensor, "A T n"], Bool[Tensor, "A T n"]]:
    """Which detections are hits, and which count at all, for each area range and threshold.

    The n detections of all images stand one after the other, those of an image in its own order.
    """
    total = sum(len(picture.scores) for picture in pictures)
    matched = torch.zeros(len(AREA_RANGES), len(IOU_THRESHOLDS), total, dtype=torch.bool, device="cpu")
    on_ignored = torch.zeros_like(matched)
    if total == 0:
        return matched, matched
    starts = [0, *accumulate(len(picture.scores) for picture in pictures[:-1])]
    order = [i for i, picture in enumerate(pictures) if picture.iou.numel()]
    order.sort(key=lambda i: pictures[i].iou.shape[1])  # so that little is filled up
    while order:
        most = pictures[order[-1]].iou.shape[1]
        size = max(1, _CHUNK // (matched[..., 0].numel() * most))
        chunk, order = order[-size:], order[:-size]
        places = [torch.arange(starts[i], starts[i] + len(pictures[i].scores), device="cpu") for i in chunk]
        for out, values in zip((matched, on_ignored), _match([pictures[i] for i in chunk]), strict=True):
            real = torch.cat([values[n, :, :, : len(place)] for n, place in enumerate(places)], -1)
            out[..., torch.cat(places)] = real
    inside = in_ranges(torch.cat([picture.areas for picture in pictures]))[:, None]
    counted = (matched & ~on_ignored) | (~matched & inside)
    return matched & counted, counted


def _match(pictures: list[Picture]) -> tuple[Bool[Tensor, "N A T D"], Bool[Tensor, "N A T D"]]:
    """Which detections took an object, and which of them an ignored one, with the images filled up to one size."""
    deep, most = (max(picture.iou.shape[axis] for picture in pictures) for axis in (0, 1))
    iou = torch.full((len(pictures), deep, most), -1.0, dtype=torch.float64, device="cpu")
    crowd, ignored = torch.zeros(len(pictures), 1, 1, most, dtype=torch.bool, device="cpu"), []
    for n, picture in enumerate(pictures):
        p, g = picture.iou.shape
        iou[n, :p, :g], crowd[n, 0, 0, :g] = picture.iou, picture.is_crowd
        ignored.append(torch.nn.functional.pad(~in_ranges(picture.gt_areas) | picture.is_crowd, (0, most - g)))
    wish = _wishes(iou)[:, None] + most * ~torch.stack(ignored)[:, :, None]  # (N, A, D, G), an ignored one comes last
    reached = iou[:, None, :, None] >= IOU_THRESHOLDS[:, None]  # (N, 1, D, T, G)
    free = torch.ones(len(pictures), wish.shape[1], len(IOU_THRESHOLDS), most, dtype=torch.bool, device="cpu")
    taken, on_ignored = [], []
    for d in range(deep):
        best, which = torch.where(reached[:, :, d] & free, wish[:, :, d, None], -1).max(
            -1, keepdim=True
        )  # (N, A, T, 1)
        took = best >= 0
        stays = torch.where(took, crowd.expand_as(free).gather(-1, which), free.gather(-1, which))
        free.scatter_(-1, which, stays)
        taken.append(took)
        on_ignored.append(took & (best < most))
    return torch.cat(taken, -1), torch.cat(on_ignored, -1)


def _wishes(iou: Float64[Tensor, "N D G"]) -> Int32[Tensor, "N D G"]:
    """Each object's rank in a detection's order of preference: 0 for the lowest IoU; of equal ones the last is best."""
    order = iou.argsort(dim=-1, stable=True)
    places = torch.arange(iou.shape[-1], dtype=torch.int32, device=iou.device).expand(iou.shape)
    return torch.empty_like(iou, dtype=torch.int32).scatter_(-1, order, places)
