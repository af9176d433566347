"""Sampling: which anchors or proposals a training step learns from, with a fixed number of seats and its own dice.

The random numbers are an argument, so a fixed case is a fixed test; and no shape depends on the labels, so a GPU does
not wait for the CPU.
"""

import math

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lessons_lib.checks import check_ints
from lessons_lib.ops.matching import NEGATIVE, POSITIVE


def sample(
    labels: Int64[Tensor, "*batch N"], random: Float[Tensor, "*batch N"], count: int, positive_share: float
) -> tuple[Int64[Tensor, "*batch count"], Bool[Tensor, "*batch count"]]:
    """(positions, valid): `count` of the N boxes, at most `positive_share` of them positive, filled with negatives.

    The positives are those with the largest `random` numbers (in [0, 1), one per box); then come the negatives with the
    largest, as many as seats are left. IGNORED boxes never come. Where there are fewer boxes than seats, `valid` is
    False at the end, and the position there must not be used. The share is rounded down, as in every codebase.
    Girshick, "Fast R-CNN" (arXiv:1504.08083), section 2.3. Raises ValueError for a count < 1 or a share outside [0, 1].

    >>> sample(torch.tensor([1, 0, 1, -1, 0]), torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5]), 4, 0.25)[0].tolist()[:3]
    [2, 4, 1]
    """
    check_ints(1, count=count)
    if not 0 <= positive_share <= 1:
        raise ValueError(f"positive_share must be in [0, 1], got {positive_share}")
    quota = min(math.floor(count * positive_share + 1e-9), labels.shape[-1])
    value, best = torch.where(labels == POSITIVE, random, -1.0).topk(quota)
    key = torch.where(labels == NEGATIVE, random, -1.0)  # a seat that is left goes to a negative
    key = key.scatter(-1, best, torch.where(value >= 0, value + 2, key.gather(-1, best)))
    return _first(key, count)


def sample_hardest(
    labels: Int64[Tensor, "*batch N"], losses: Float[Tensor, "*batch N"], count: int
) -> tuple[Int64[Tensor, "*batch count"], Bool[Tensor, "*batch count"]]:
    """(positions, valid): the `count` boxes with the largest losses, positive or negative alike; never an IGNORED one.

    Online hard example mining: no share of positives, no dice. Neighbours that lie over each other have the same loss,
    so the paper suppresses them first (NMS at 0.7 with the losses as confidences); the caller marks those IGNORED.
    Shrivastava et al. (arXiv:1604.03540), section 4.

    >>> sample_hardest(torch.tensor([1, 0, -1]), torch.tensor([0.2, 0.9, 5.0]), count=1)
    (tensor([1]), tensor([True]))
    """
    check_ints(1, count=count)
    return _first(torch.where((labels == POSITIVE) | (labels == NEGATIVE), losses.clamp(min=0), -1.0), count)


def _first(
    key: Float[Tensor, "*batch N"], count: int
) -> tuple[Int64[Tensor, "*batch count"], Bool[Tensor, "*batch count"]]:
    """The positions of the largest keys, and which of them are ≥ 0; padded with position 0 where N < count."""
    value, position = key.topk(min(count, key.shape[-1]))
    missing = count - value.shape[-1]
    if missing:
        value = torch.nn.functional.pad(value, (0, missing), value=-1.0)
        position = torch.nn.functional.pad(position, (0, missing))
    return position, value >= 0
