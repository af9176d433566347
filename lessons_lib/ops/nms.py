"""Non-maximum suppression: of boxes that overlap, only the most confident stays. As a loop, and as a fixpoint.

Boxes are visited from the highest score down. A box stays unless one that stayed before it overlaps it by an IoU above
the threshold. Whether a box stays thus depends on the boxes above it alone, which makes the result the only fixpoint of

    stays[j] = not any(stays[i] and overlaps[i, j] for i above j).

Applying the right-hand side to a first guess again and again reaches it: after t rounds at least the first t boxes are
right, and in practice some ten rounds are enough, each of them one operation on the whole matrix.
"""

import math
from collections.abc import Callable
from numbers import Real

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

Meeting = Callable[[Bool[Tensor, "*batch N"]], Bool[Tensor, "*batch M"]]

BLOCK = 192
"""Boxes that a CPU settles at once: their IoU matrix stays in its cache."""


def nms_loop(
    boxes: Float[Tensor, "N 4"], scores: Float[Tensor, " N"], iou_threshold: float = 0.5
) -> Bool[Tensor, " N"]:
    """Which boxes stay, box by box: slow, to be read. `nms` says what the arguments mean.

    >>> nms_loop(torch.tensor([[0.0, 0, 4, 4], [0.0, 0, 4, 3]]), torch.tensor([0.8, 0.9])).tolist()
    [False, True]
    """
    _check(boxes, scores, iou_threshold)
    if boxes.dim() != 2:
        raise ValueError(f"boxes must be a float tensor (N, 4), got {boxes.dtype} {tuple(boxes.shape)}")
    keep = torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    for j in scores.argsort(descending=True, stable=True).tolist():
        kept = boxes[keep]
        ious = _ious(_planes(kept), _planes(boxes[j, None]))  # (kept, 1)
        keep[j] = not (ious > _not_above(iou_threshold, ious.dtype)).any()
    return keep


def nms(
    boxes: Float[Tensor, "*batch N 4"],
    scores: Float[Tensor, "*batch N"],
    iou_threshold: float = 0.5,
    groups: Int64[Tensor, "*batch N"] | None = None,
    valid: Bool[Tensor, "*batch N"] | None = None,
    rounds: int | None = None,
) -> Bool[Tensor, "*batch N"]:
    """Which boxes stay when each suppresses the less confident ones that it overlaps by more than `iou_threshold`.

    Leading dimensions are images (or any sets) that do not meet. `groups`, for example classes or levels, keeps boxes
    of different groups apart too, without moving them. Where `valid` is false, a box neither stays nor suppresses.

    Boxes are xyxy. Of equal scores the first box goes first; NaN scores go before all others. An IoU of exactly the
    threshold suppresses nothing, nor does a box that is empty, inverted or NaN. The same boxes stay as with
    `torchvision.ops.nms` on a CPU. No gradient. `rounds`, for a training step on a GPU, is how often the fixpoint is
    sought without a look whether it is found, so that nothing waits: a chain of more boxes, each of which suppresses
    the next, may then end wrongly. A CPU looks. It works through sorted blocks and gathers what stays; elsewhere
    every shape depends on the arguments' shapes alone, and the memory grows with N². Raises ValueError naming the
    argument.

    >>> boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]])
    >>> nms(boxes, torch.tensor([0.8, 0.9, 0.7])).tolist()
    [False, True, True]
    """
    _check(boxes, scores, iou_threshold)
    for name, extra, dtype in (("groups", groups, torch.int64), ("valid", valid, torch.bool)):
        if extra is not None and (extra.dtype != dtype or extra.shape != scores.shape or extra.device != scores.device):
            want = f"{dtype} {tuple(scores.shape)} on {scores.device}, one value for each box"
            raise ValueError(f"{name} must be {want}, got {extra.dtype} {tuple(extra.shape)} on {extra.device}")
    with torch.no_grad():
        if boxes.device.type == "cpu" and scores.shape[-1] <= BLOCK:  # a line of blocks would not get shorter
            return nms_by_mask(boxes, scores, iou_threshold, groups, valid)
        if boxes.device.type == "cpu":
            return nms_in_blocks(boxes, scores, iou_threshold, groups, valid)
        return nms_by_mask(boxes, scores, iou_threshold, groups, valid, rounds)


def nms_by_mask(
    boxes: Float[Tensor, "*batch N 4"],
    scores: Float[Tensor, "*batch N"],
    iou_threshold: float,
    groups: Int64[Tensor, "*batch N"] | None = None,
    valid: Bool[Tensor, "*batch N"] | None = None,
    rounds: int | None = None,
) -> Bool[Tensor, "*batch N"]:
    """`nms` in fixed shapes: the matrix of all overlaps, and its fixpoint; without `rounds` a GPU waits."""
    order = scores.argsort(dim=-1, descending=True, stable=True)
    planes = _planes(boxes.gather(-2, order[..., None].expand(boxes.shape)))  # (5, *batch, N)
    overlaps = _ious(planes, planes) > _not_above(iou_threshold, planes.dtype)
    alive = torch.ones_like(order, dtype=torch.bool) if valid is None else valid.gather(-1, order)
    if groups is not None:
        group = groups.gather(-1, order)
        overlaps &= group[..., :, None] == group[..., None, :]
    keep = fixpoint(overlaps.triu(1), alive, rounds)
    return torch.empty_like(keep).scatter_(-1, order, keep)


def nms_in_blocks(
    boxes: Float[Tensor, "*batch N 4"],
    scores: Float[Tensor, "*batch N"],
    iou_threshold: float,
    groups: Int64[Tensor, "*batch N"] | None = None,
    valid: Bool[Tensor, "*batch N"] | None = None,
) -> Bool[Tensor, "*batch N"]:
    """`nms` in blocks of the sorted boxes: a block settles in itself, then what stays suppresses the boxes after it.

    What is suppressed leaves the line, so the fewer boxes stay, the fewer blocks there are. All images and groups go
    through one line, one group after the other; only the last group of a block goes on behind it.
    """
    order, group = _queue(scores, groups, valid)
    keep = torch.zeros(scores.numel(), dtype=torch.bool, device=scores.device)
    planes = _planes(boxes.reshape(-1, 4).index_select(0, order))  # (5, n)
    limit = _not_above(iou_threshold, planes.dtype)
    while len(order):
        block, own = planes[:, :BLOCK], group[:BLOCK]
        overlaps = _ious(block, block).gt_(limit).triu_(1)  # numbers 0 and 1, sooner made than bools
        if own[0] != own[-1]:
            overlaps *= own[:, None] == own
        stays = fixpoint(overlaps, torch.ones_like(own, dtype=torch.bool))
        keep[order[:BLOCK][stays]] = True
        order, group, planes = order[BLOCK:], group[BLOCK:], planes[:, BLOCK:]
        end = int(torch.searchsorted(group, own[-1:], right=True))  # where the group that goes on ends
        if end:
            last = (stays & (own == own[-1])).nonzero()[:, 0]  # one at least: the first
            alive = torch.ones_like(group, dtype=torch.bool)
            alive[:end] = _ious(block.index_select(1, last), planes[:, :end]).amax(0) <= limit
            alive = alive.nonzero()[:, 0]
            order, group, planes = (line.index_select(-1, alive) for line in (order, group, planes))
    return keep.view(scores.shape)


def _queue(
    scores: Float[Tensor, "*batch N"], groups: Int64[Tensor, "*batch N"] | None, valid: Bool[Tensor, "*batch N"] | None
) -> tuple[Int64[Tensor, " n"], Int64[Tensor, " n"]]:
    """The valid boxes of the whole batch by image, then by group, then by score; and a number for each group."""
    order = scores.flatten().argsort(descending=True, stable=True)
    if valid is not None:
        order = order[valid.flatten()[order]]
    keys = [] if groups is None else [groups.flatten()]
    if scores.dim() > 1:
        keys.append(torch.arange(scores.numel(), device=scores.device) // max(scores.shape[-1], 1))
    begins = torch.zeros_like(order, dtype=torch.bool)
    for key in keys:  # stable sorts keep the order by score
        order = order[key[order].argsort(stable=True)]
    for key in keys:
        begins[1:] |= key[order[1:]] != key[order[:-1]]
    return order, begins.cumsum(0)


def _planes(boxes: Float[Tensor, "*batch N 4"]) -> Float[Tensor, "5 *batch N"]:
    """x0, y0, x1, y1 and the area, one after the other; half precision becomes float32.

    A box without a positive, finite area overlaps nothing: its corners become one point, and its area 1.
    """
    x0, y0, x1, y1 = boxes.to(torch.promote_types(boxes.dtype, torch.float32)).unbind(-1)
    area = (x1 - x0) * (y1 - y0)
    none = ((x1 > x0) & (area > 0) & (area < math.inf)).logical_not_()
    corners = torch.stack([x0, y0, x1, y1, area]).masked_fill_(none, 0)
    corners[4].masked_fill_(none, 1)
    return corners


def _ious(first: Float[Tensor, "5 *batch M"], second: Float[Tensor, "5 *batch N"]) -> Float[Tensor, "*batch M N"]:
    """The IoU of each pair, and some number ≤ 0 where two boxes do not meet: never NaN."""
    x0, y0, x1, y1, area = (side[..., None] for side in first)  # (*batch, M, 1)
    u0, v0, u1, v1, other_area = (side[..., None, :] for side in second)  # (*batch, 1, N)
    width = torch.minimum(x1, u1).sub_(torch.maximum(x0, u0)).clamp_(min=0)
    intersection = torch.minimum(y1, v1).sub_(torch.maximum(y0, v0)).mul_(width)
    union = (area + other_area).sub_(intersection)
    return intersection.div_(union)


def _not_above(threshold: float, dtype: torch.dtype) -> float:
    """The largest number of that dtype that is not above the threshold, so that comparing with it rounds nothing."""
    if dtype == torch.float64:
        return threshold
    near = np.float32(threshold)
    return float(np.nextafter(near, np.float32(-1)) if float(near) > threshold else near)


def fixpoint(
    overlaps: Shaped[Tensor, "*batch N N"], alive: Bool[Tensor, "*batch N"], rounds: int | None = None
) -> Bool[Tensor, "*batch N"]:
    """Which of the boxes that are alive stay; `overlaps[i, j]`, or 1 for true, is true only where i goes before j."""
    keep, met = alive, _meeting(overlaps)
    for _ in range(rounds or 0):
        keep = alive & ~met(keep)
    if rounds is not None:
        return keep
    while True:
        before, keep = keep, alive & ~met(keep)
        if torch.equal(before, keep):
            return keep


def _meeting(overlaps: Shaped[Tensor, "*batch N N"]) -> Meeting:
    """Tells which boxes overlap any of some boxes."""
    if overlaps.is_cuda:
        return _meeting_by_product(overlaps)
    matrix = overlaps.float()
    return lambda some: (some.float()[..., None, :] @ matrix)[..., 0, :] > 0


def _meeting_by_product(overlaps: Shaped[Tensor, "*batch N M"]) -> Meeting:
    """The same as a product with the matrix: a GPU goes over it once, and half precision keeps every count above 0."""
    matrix = overlaps.half()

    def met(some: Bool[Tensor, "*batch N"]) -> Bool[Tensor, "*batch M"]:
        with torch.autocast(matrix.device.type, enabled=False):  # which would copy the matrix each time
            return (some.half()[..., None, :] @ matrix)[..., 0, :] > 0

    return met


def _check(boxes: Tensor, scores: Tensor, iou_threshold: float) -> None:
    if not isinstance(boxes, Tensor) or not boxes.is_floating_point() or boxes.dim() < 2 or boxes.shape[-1] != 4:
        got = f"{boxes.dtype} {tuple(boxes.shape)}" if isinstance(boxes, Tensor) else repr(boxes)
        raise ValueError(f"boxes must be a float tensor (…, N, 4), got {got}")
    if not isinstance(scores, Tensor) or not scores.is_floating_point() or scores.shape != boxes.shape[:-1]:
        got = f"{scores.dtype} {tuple(scores.shape)}" if isinstance(scores, Tensor) else repr(scores)
        raise ValueError(f"scores must be a float tensor {tuple(boxes.shape[:-1])}, one for each box, got {got}")
    if scores.device != boxes.device:
        raise ValueError(f"scores must be on {boxes.device}, as boxes are, got {scores.device}")
    if isinstance(iou_threshold, bool) or not isinstance(iou_threshold, Real):
        raise TypeError(f"iou_threshold must be a number, got {iou_threshold!r}")
    if not (math.isfinite(iou_threshold) and 0 <= iou_threshold <= 1):
        raise ValueError(f"iou_threshold must be between 0 and 1, got {iou_threshold}")
