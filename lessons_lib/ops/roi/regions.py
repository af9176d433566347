"""The regions that all RoI operators read: boxes of a batch in one table, and whole cells."""

import math
from collections.abc import Sequence
from numbers import Real

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lessons_lib.checks import Ints, checked_ints

Boxes = Float[Tensor, "R 5"] | Sequence[Float[Tensor, "_ 4"]]


def checked_call(
    features: Tensor, boxes: Boxes, output_size: Ints, spatial_scale: float
) -> tuple[Int64[Tensor, " R"], Float[Tensor, "R 4"], tuple[int, int]]:
    """(image of each box, box in pixels, (rows, columns)) of a call, or an error that names the argument."""
    if not isinstance(features, Tensor) or features.dim() != 4 or not features.is_floating_point():
        raise ValueError(f"features must be a float tensor with 4 dimensions, got {describe(features)}")
    if 0 in features.shape[2:]:
        raise ValueError(f"features must have at least one cell, got {tuple(features.shape)}")
    if isinstance(spatial_scale, bool) or not isinstance(spatial_scale, Real):
        raise TypeError(f"spatial_scale must be a number, got {spatial_scale!r}")
    if not (math.isfinite(spatial_scale) and spatial_scale > 0):
        raise ValueError(f"spatial_scale must be > 0, feature cells for each pixel, got {spatial_scale}")
    image, xyxy = _table(features, boxes)
    xyxy = xyxy.to(torch.promote_types(xyxy.dtype, torch.float32))  # half precision cannot tell neighbouring pixels
    return image, xyxy, checked_ints("output_size", output_size, 1, count=2)


def round_half_away(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Rounding as C does it, halves away from zero: 2.5 → 3 and −2.5 → −3, where torch.round gives 2 and −2.

    >>> round_half_away(torch.tensor([2.5, -2.5, 2.4]))
    tensor([ 3., -3.,  2.])
    """
    whole = x.trunc()
    return whole + x.sign() * ((x - whole).abs() >= 0.5)


def whole_bins(
    start: Float[Tensor, " R"], length: Float[Tensor, " R"], bins: int, size: int
) -> tuple[Int64[Tensor, "R bins"], Int64[Tensor, "R bins"]]:
    """First cell and end (exclusive) of each bin along one axis, in whole cells.

    Each of the `bins` equal parts of [start, start + length) grows outwards to whole cells, so neighbours may share
    one; then it is cut off at the map's `size` cells. A bin whose end is not after its first cell is empty.
    """
    whole = start.floor()[:, None]
    # divided by a tensor: by a number, a GPU multiplies with 1 / bins, and 7 · (1/7) may be more than 1
    fraction, step = start[:, None] - whole, (length / torch.full_like(length[:1], bins))[:, None]
    edges = fraction + torch.arange(bins + 1, device=start.device) * step
    first, end = edges[:, :-1].floor() + whole, edges[:, 1:].ceil() + whole
    return first.clamp(0, size).long(), end.clamp(0, size).long()


def _table(features: Tensor, boxes: Boxes) -> tuple[Int64[Tensor, " R"], Float[Tensor, "R 4"]]:
    """Image and xyxy of every box, whichever of the two ways they came in."""
    count = features.shape[0]
    if isinstance(boxes, Tensor):
        _check_boxes("boxes", boxes, features.device, 5)
        image, xyxy = boxes[:, 0].detach(), boxes[:, 1:]
        wrong = (image != image.floor()) | (image < 0) | (image >= count)
        if wrong.any():
            odd = image[wrong][0].item()
            raise ValueError(f"boxes[:, 0] must be the number of an image, 0 to {count - 1}, got {odd:g}")
        return image.long(), xyxy
    if not isinstance(boxes, Sequence) or isinstance(boxes, str) or len(boxes) != count:
        got = f"{len(boxes)} of them" if isinstance(boxes, Sequence) else repr(boxes)
        raise ValueError(f"boxes must be a tensor (R, 5), or one tensor for each of the {count} images, got {got}")
    for number, some in enumerate(boxes):
        _check_boxes(f"boxes[{number}]", some, features.device, 4)
    if count == 0:
        return torch.zeros(0, dtype=torch.long, device=features.device), features.new_zeros(0, 4)
    image = torch.arange(count, device=features.device)
    return image.repeat_interleave(torch.tensor([len(some) for some in boxes], device=image.device)), torch.cat(
        [*boxes]
    )


def _check_boxes(name: str, boxes: Tensor, device: torch.device, columns: int) -> None:
    fits = isinstance(boxes, Tensor) and boxes.dim() == 2 and boxes.shape[1] == columns and boxes.is_floating_point()
    if not fits:
        raise ValueError(f"{name} must be a float tensor (R, {columns}), got {describe(boxes)}")
    if boxes.device != device:
        raise ValueError(f"{name} must be on {device}, as features are, got {boxes.device}")
    if not boxes.isfinite().all():
        raise ValueError(f"{name} must be finite, got {boxes[~boxes.isfinite()][0].item()}")


def describe(value: object) -> str:
    """A tensor by its dtype and shape, anything else as it prints: for error messages."""
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
