"""The ground truth of a batch as tensors of one shape: lists of objects, padded, with a mask that says what counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lessons_lib.data.sample import Instances


@dataclass(frozen=True, eq=False)
class Truth:
    """The objects of B images, padded to G ≥ 1 each.

    boxes (B, G, 4), labels (B, G). `single` (B, G): here is one object; `crowd` (B, G): here is a region of many.
    Where neither is true there is only padding.
    """

    boxes: Float[Tensor, "B G 4"]
    labels: Int64[Tensor, "B G"]
    single: Bool[Tensor, "B G"]
    crowd: Bool[Tensor, "B G"]


def pad_truth(instances: Sequence[Instances], num_classes: int | None = None) -> Truth:
    """The objects of a batch's images in one table, after a look at them.

    ValueError names the image where a label is no class (0 is the background) or a box is empty, inverted or no number:
    such truth gives losses that are NaN, or trains the wrong thing without a word. On a GPU, which nobody waits for,
    the same is found by an assertion on the device.
    """
    crowds = [torch.zeros_like(o.labels, dtype=torch.bool) if o.is_crowd is None else o.is_crowd for o in instances]
    crowd = _padded(crowds)
    there = _padded([torch.ones_like(o.labels, dtype=torch.bool) for o in instances])
    boxes, labels = _padded([o.boxes for o in instances]), _padded([o.labels for o in instances])
    _check(boxes, labels, there, num_classes)
    return Truth(boxes, labels, there & ~crowd, crowd)


def _padded(rows: Sequence[Tensor]) -> Tensor:
    """The rows of all images as (B, G, …), G at least 1, so that there is always something to compare with."""
    table = pad_sequence(list(rows), batch_first=True)
    if table.shape[1]:
        return table
    return table.new_zeros(table.shape[0], 1, *table.shape[2:])


def _check(
    boxes: Float[Tensor, "B G 4"], labels: Int64[Tensor, "B G"], there: Bool[Tensor, "B G"], num_classes: int | None
) -> None:
    """Looks at the whole batch at once, and only where something is wrong for the image."""
    low = labels < 1
    high = labels >= num_classes if num_classes is not None else torch.zeros_like(low)
    unsound = ~(boxes.isfinite().all(-1) & (boxes[..., 2:] > boxes[..., :2]).all(-1))
    wrong = (low | high | unsound) & there
    if boxes.device.type == "cuda":
        for number, some in enumerate(wrong):
            text = f"image {number} of the batch: labels must be classes, boxes finite with x1 > x0 and y1 > y0"
            torch._assert_async(~some.any(), text)
        return
    if not bool(wrong.any()):
        return
    number = int(wrong.any(1).nonzero()[0])
    low, high, unsound = (kind[number] & there[number] for kind in (low, high, unsound))
    if low.any():
        got = labels[number][low][0].item()
        raise ValueError(f"image {number} of the batch: labels must be ≥ 1, as 0 is the background, got {got}")
    if high.any():
        above = labels[number][high][0].item()
        raise ValueError(
            f"image {number} of the batch: labels must be < {num_classes}, the model's classes, got {above}"
        )
    odd = [round(value, 3) for value in boxes[number][unsound][0].tolist()]
    raise ValueError(f"image {number} of the batch: boxes must be finite with x1 > x0 and y1 > y0, got {odd}")
