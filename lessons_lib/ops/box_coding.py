"""Box coding: a box as four numbers relative to an anchor or proposal, which a network can predict, and back.

t = (Δx / w, Δy / h, log w'/w, log h'/h), each times its weight: the shift of the middle in units of the anchor's size,
and the logarithm of the growth. Girshick et al., "R-CNN" (arXiv:1311.2524), appendix C.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lessons_lib.ops.boxes import in_full_precision

LARGEST_GROWTH = math.log(1000 / 16)
"""The most that a decoded log-size may be: an anchor of 16 pixels can become 1000 long, and exp never overflows."""

ONES = (1.0, 1.0, 1.0, 1.0)


def encode_boxes(
    boxes: Float[Tensor, "*n 4"], anchors: Float[Tensor, "*n 4"], weights: Sequence[int | float] = ONES
) -> Float[Tensor, "*n 4"]:
    """What has to be added to each anchor to make it the box: (x, y, log width, log height), times the weights.

    Both are xyxy. Fast and Mask R-CNN's heads use weights 10, 10, 5, 5, so that targets have about unit variance. A box
    or anchor without area has no code: where the box has none the result is finite but meaningless, so mask it. Half
    precision is computed and returned in float32.

    >>> encode_boxes(torch.tensor([[2.0, 0.0, 6.0, 4.0]]), torch.tensor([[0.0, 0.0, 4.0, 4.0]])).tolist()
    [[0.5, 0.0, 0.0, 0.0]]
    """
    boxes, anchors = in_full_precision(boxes, anchors)
    middle, size = _middle_and_size(boxes)
    anchor_middle, anchor_size = _middle_and_size(anchors)
    anchor_size, size = anchor_size.clamp(min=1e-6), size.clamp(min=1e-6)
    codes = torch.cat([(middle - anchor_middle) / anchor_size, torch.log(size / anchor_size)], -1)
    # number by number, not times a new tensor: copying that to a GPU would make the CPU wait
    return torch.stack([code * weight for code, weight in zip(codes.unbind(-1), _checked(weights), strict=True)], -1)


def decode_boxes(
    codes: Float[Tensor, "*n 4"], anchors: Float[Tensor, "*n 4"], weights: Sequence[int | float] = ONES
) -> Float[Tensor, "*n 4"]:
    """The boxes that the codes make of their anchors: the inverse of `encode_boxes`.

    A box grows at most by `LARGEST_GROWTH`; nothing is clipped to the image (`clip_boxes` does that). Half precision is
    computed and returned in float32.

    >>> decode_boxes(torch.tensor([[0.5, 0.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 4.0, 4.0]])).tolist()
    [[2.0, 0.0, 6.0, 4.0]]
    """
    codes, anchors = in_full_precision(codes, anchors)
    middle, size = _middle_and_size(anchors)
    plain = [code / weight for code, weight in zip(codes.unbind(-1), _checked(weights), strict=True)]
    shift, growth = torch.stack(plain, -1).split(2, -1)
    middle = middle + shift * size
    half = torch.exp(growth.clamp(max=LARGEST_GROWTH)) * size / 2
    return torch.cat([middle - half, middle + half], -1)


def clip_boxes(boxes: Float[Tensor, "B *n 4"], sizes: Int64[Tensor, "B 2"]) -> Float[Tensor, "B *n 4"]:
    """The part of each box that lies in its image, whose height and width are a row of `sizes`.

    A box that lies outside altogether becomes one without area, on the border.

    >>> clip_boxes(torch.tensor([[[-3.0, 1.0, 9.0, 9.0]]]), torch.tensor([[5, 8]])).tolist()
    [[[0.0, 1.0, 8.0, 5.0]]]
    """
    ends = sizes.flip(1).repeat(1, 2).to(boxes.dtype)  # (B, 4): width, height, width, height
    ends = ends.view(len(sizes), *(1,) * (boxes.dim() - 2), 4)
    return torch.minimum(boxes.clamp(min=0), ends)


def _middle_and_size(boxes: Float[Tensor, "*n 4"]) -> tuple[Float[Tensor, "*n 2"], Float[Tensor, "*n 2"]]:
    start, end = boxes.split(2, -1)
    size = end - start
    return start + size / 2, size


def _checked(weights: Sequence[int | float]) -> Sequence[int | float]:
    if len(weights) != 4 or not all(weight > 0 for weight in weights):
        raise ValueError(f"weights must be four numbers > 0, for x, y, width and height, got {tuple(weights)}")
    return weights
