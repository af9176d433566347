"""The region proposal network: for every anchor whether it shows an object, and how to move it onto the object.

Ren et al., "Faster R-CNN" (arXiv:1506.01497), section 3.1. The pieces can be called one by one: `RPNHead` (maps to
answers), `propose` (answers to boxes), `rpn_labels` and `rpn_losses` (what it learns).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.models.backbones.convolutions import Conv3x3
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.truth import Truth
from lessons_lib.ops.box_coding import clip_boxes, decode_boxes, encode_boxes
from lessons_lib.ops.matching import POSITIVE, ignore_crowds, match, overlaps
from lessons_lib.ops.nms import nms
from lessons_lib.ops.sampling import sample

SMALLEST = 1e-3
"""Pixels: a proposal with a shorter side is none."""

ROUNDS = 32
"""Rounds of NMS in a training step on a GPU, which nobody waits for: longer chains of boxes hardly occur."""


@dataclass(frozen=True, eq=False)
class Proposals:
    """Boxes of B images that may show an object, best first: boxes (B, P, 4), scores (B, P) in [0, 1], valid (B, P)."""

    boxes: Float[Tensor, "B P 4"]
    scores: Float[Tensor, "B P"]
    valid: Bool[Tensor, "B P"]


class RPNHead(nn.Module):
    """One small network for every cell of every map: `depth` 3 × 3 convolutions, then two 1 × 1 convolutions.

    `anchors` is how many lie around a cell. Weights begin as N(0, 0.01), so that every anchor starts near 0.5.
    """

    def __init__(self, channels: int, anchors: int, depth: int = 1) -> None:
        super().__init__()
        layers = []
        for _ in range(depth):
            layers += [Conv3x3(channels, channels), nn.ReLU(inplace=True)]
        self.convs = nn.Sequential(*layers)
        self.objectness = nn.Conv2d(channels, anchors, 1)
        self.deltas = nn.Conv2d(channels, anchors * 4, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(
        self, maps: Sequence[Float[Tensor, "B C _ _"]]
    ) -> tuple[list[Float[Tensor, "B _"]], list[Float[Tensor, "B _ 4"]]]:
        """(objectness, deltas) of each map, in the order of `place_anchors`: row, column, anchor."""
        objectness, deltas = [], []
        for x in maps:
            x = self.convs(x)
            # (B, A, H, W) to (B, H, W, A) before it is flattened: anchors are ordered so
            objectness.append(at_least_float32(self.objectness(x)).permute(0, 2, 3, 1).flatten(1))
            moved = at_least_float32(self.deltas(x)).permute(0, 2, 3, 1)  # (B, H, W, 4A)
            deltas.append(moved.reshape(len(x), -1, 4))
        return objectness, deltas


def propose(
    anchors: Sequence[Float[Tensor, "_ 4"]],
    objectness: Sequence[Float[Tensor, "B _"]],
    deltas: Sequence[Float[Tensor, "B _ 4"]],
    sizes: Int64[Tensor, "B 2"],
    config: DetectorConfig,
    training: bool,
    moving: bool = False,
) -> tuple[Proposals, Proposals]:
    """The proposals (before NMS, after NMS) of each image. With `moving` their boxes carry the gradient to `deltas`, as
    a cascade needs it; which anchors are chosen, and how likely they are, never has one.

    Of each level the `before_nms` likeliest anchors are moved and clipped to their image; those without area count no
    more. Scores are probabilities; where rounding makes two equal, the finer level goes first, as in torchvision. NMS
    runs within each level; the `after_nms` likeliest of what stays are the proposals.
    """
    before, after = (pair[not training] for pair in (config.before_nms, config.after_nms))
    with torch.set_grad_enabled(moving and torch.is_grad_enabled()):
        found = []
        for own, logits, moves in zip(anchors, objectness, deltas, strict=True):
            best, chosen = logits.detach().topk(min(before, logits.shape[1]))  # (B, k), of each image by itself
            boxes, scores = clip_boxes(decode_boxes(_pick(moves, chosen), own[chosen]), sizes), best.sigmoid()
            valid = ((boxes[..., 2:] - boxes[..., :2]) >= SMALLEST).all(-1)
            keep = nms(boxes, scores, config.rpn_nms, valid=valid, rounds=ROUNDS if training else None)
            found.append((boxes, scores, valid, keep))
        boxes, scores, valid, keep = (torch.cat(parts, 1) for parts in zip(*found, strict=True))
        order = scores.argsort(dim=1, descending=True, stable=True)
        boxes = _pick(boxes, order)
        scores, valid, keep = (table.gather(1, order) for table in (scores, valid, keep))
        all_of_them = Proposals(boxes, scores, valid)
        rank = torch.where(keep, -torch.arange(keep.shape[1], device=keep.device), -keep.shape[1])
        value, first = rank.topk(min(after, rank.shape[1]))  # those that stay, in their order
        kept = Proposals(_pick(boxes, first), all_of_them.scores.gather(1, first), value > -keep.shape[1])
    return all_of_them, kept


def rpn_labels(
    anchors: Float[Tensor, "N 4"], truth: Truth, config: DetectorConfig
) -> tuple[Int64[Tensor, "B N"], Int64[Tensor, "B N"]]:
    """(object, label) of each anchor in each image: POSITIVE, NEGATIVE, or IGNORED: between, and in crowds."""
    iou, covered = overlaps(anchors.expand(len(truth.labels), -1, -1), truth.boxes)
    matched, labels = match(iou, config.rpn_high, config.rpn_low, force_best=True, valid=truth.single)
    return matched, ignore_crowds(labels, covered * truth.crowd[:, None])


def rpn_losses(
    anchors: Float[Tensor, "N 4"],
    objectness: Float[Tensor, "B N"],
    deltas: Float[Tensor, "B N 4"],
    truth: Truth,
    random: Float[Tensor, "B N"],
    config: DetectorConfig,
) -> dict[str, Float[Tensor, ""]]:
    """{"rpn_objectness", "rpn_box"}: binary cross-entropy and smooth L1 over the sampled anchors of all images.

    `random` chooses them (see `sample`). The second is summed over the positive anchors; both are divided as
    `divide_by` says. Without objects the second is exactly 0.
    """
    matched, labels = rpn_labels(anchors, truth, config)
    chosen, valid = sample(labels, random, config.rpn_samples, config.rpn_share)  # (B, S)
    is_object = (labels.gather(1, chosen) == POSITIVE) & valid
    logits = rows_of(objectness, chosen)
    costs = F.binary_cross_entropy_with_logits(logits, is_object.to(logits.dtype), reduction="none")
    count = valid.sum().clamp(min=1)
    own, target = anchors[chosen], _pick(truth.boxes, matched.gather(1, chosen))
    codes = encode_boxes(target, own)
    total = box_loss(rows_of(deltas, chosen), codes, is_object, config.rpn_beta)
    divisor = 4 * is_object.sum().clamp(min=1) if config.divide_by == "objects" else count
    return {"rpn_objectness": (costs * valid).sum() / count, "rpn_box": total / divisor}


def box_loss(
    deltas: Float[Tensor, "*n 4"], codes: Float[Tensor, "*n 4"], counts: Bool[Tensor, "*n"], beta: float
) -> Float[Tensor, ""]:
    """The sum of the smooth L1 losses of the boxes that count; exactly 0, with gradient 0, where none does."""
    codes = torch.where(counts[..., None], codes, deltas.detach())
    return F.smooth_l1_loss(deltas, codes, beta=beta, reduction="sum")


def at_least_float32(x: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Half precision, as a network computes under autocast, as float32: boxes and losses need the digits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def rows_of(table: Float[Tensor, "B N *k"], chosen: Int64[Tensor, "B n"]) -> Float[Tensor, "B n *k"]:
    """Rows of each image's own table, as `gather` finds them, but without keeping the table for backward."""
    count = table.shape[1]
    flat = chosen + torch.arange(len(table), device=chosen.device)[:, None] * count
    return table.flatten(0, 1).index_select(0, flat.flatten()).unflatten(0, chosen.shape)


def _pick(table: Float[Tensor, "B N 4"], chosen: Int64[Tensor, "B n"]) -> Float[Tensor, "B n 4"]:
    """Rows of each image's own table."""
    return table.gather(1, chosen[..., None].expand(-1, -1, 4))
