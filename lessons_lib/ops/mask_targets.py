"""Mask targets: what a mask head should say of a region, cut out of the object's mask by RoIAlign."""

from collections.abc import Sequence
from itertools import accumulate

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.checks import Ints, check_ints, checked_ints
from lessons_lib.ops.masks import check_masks
from lessons_lib.ops.roi.align import axis_reads, sample_points
from lessons_lib.ops.roi.regions import describe


def mask_targets(
    masks: Sequence[Bool[Tensor, "_ _ _"]],
    boxes: Float[Tensor, "B R 4"],
    matched: Int64[Tensor, "B R"],
    valid: Bool[Tensor, "B R"],
    output_size: Ints,
    sampling_ratio: int = 2,
    aligned: bool = True,
) -> Float[Tensor, "B R P Q"]:
    """The share of its object's mask in every bin of each region: what lies outside the region is not seen.

    Args:
        masks: for each image (N, H, W), of any number and size.
        boxes: the regions (the proposals, never the objects' own boxes), xyxy in pixels of the masks.
        matched: which of its image's masks each region stands for.
        valid: where it is false the target is 0, whatever stands beside it.
        sampling_ratio: samples a side of each bin, each of them bilinear.
        aligned: pixel i has its middle at i + 0.5. False is torchvision's convention: at i, so that targets lie half a
            pixel too far to the lower right, and a box is one pixel large at least.

    Values are from 0 to 1 and not rounded; a sample beyond the image's border counts as 0, as in RoIAlign. Every shape
    depends on the arguments' shapes alone. No gradient. He et al., "Mask R-CNN" (arXiv:1703.06870), section 3: "the
    intersection between an RoI and its associated ground-truth mask". Raises ValueError or TypeError naming the
    argument.

    >>> left = torch.tensor([[[True, True, False, False]] * 4])  # one object: the left half of 4 × 4 pixels
    >>> region, first, valid = torch.tensor([[[1.0, 0, 3, 4]]]), torch.tensor([[0]]), torch.tensor([[True]])
    >>> mask_targets([left], region, first, valid, output_size=2)
    tensor([[[[0.8750, 0.1250],
              [0.8750, 0.1250]]]])
    """
    bins = checked_ints("output_size", output_size, 1, count=2)
    check_ints(1, sampling_ratio=sampling_ratio)
    _check(masks, boxes, matched, valid)
    dtype = torch.promote_types(boxes.dtype, torch.float32)
    if not boxes.numel() or not any(mask.numel() for mask in masks):
        return torch.zeros(*boxes.shape[:2], *bins, dtype=dtype, device=boxes.device)
    masks = [own.new_zeros(len(own), 1, 1) if 0 in own.shape[1:] else own for own in masks]  # no pixels show as zeros
    with torch.no_grad():
        flat = torch.where(valid[..., None], boxes, 0).flatten(0, 1).to(dtype) - (0.5 if aligned else 0)
        table, before = _rows_of(masks, dtype)
        start, height, width = (
            torch.cat([matched.new_full((boxes.shape[1],), value) for value in values])  # a GPU does not wait for these
            for values in (before, [own.shape[1] for own in masks], [own.shape[2] for own in masks])
        )
        first = torch.where(valid.flatten(), start + height * matched.flatten(), 0)
        corner, extent = flat[:, :2], flat[:, 2:] - flat[:, :2]
        if not aligned:
            extent = extent.clamp(min=1)
        y, x = (sample_points(corner[:, a], extent[:, a], n, sampling_ratio) for a, n in zip((1, 0), bins, strict=True))
        rows, columns = axis_reads(y, height), axis_reads(x, width)
        own_rows = torch.where(valid.flatten()[:, None, None], first[:, None, None] + rows.cell, 0).flatten(0, 1)
        across = F.embedding_bag(own_rows, table, mode="sum", per_sample_weights=rows.weight.flatten(0, 1))
        across = across.view(len(flat), bins[0], -1)  # (B*R, P, W): whole rows of the mask, then columns of these
        shown = across.gather(2, columns.cell.flatten(1)[:, None].expand(-1, bins[0], -1))
        shown = (shown.unflatten(2, columns.cell.shape[1:]) * columns.weight[:, None]).sum(-1)
        return torch.where(valid.flatten()[:, None, None], shown, 0).view(*boxes.shape[:2], *bins)


def _rows_of(masks: Sequence[Bool[Tensor, "_ _ _"]], dtype: torch.dtype) -> tuple[Float[Tensor, "rows W"], list[int]]:
    """The rows of all masks, one after the other and as long as the longest, and where those of each image begin."""
    counts = [len(mask) * mask.shape[1] for mask in masks]
    table = torch.zeros(sum(counts), max(mask.shape[2] for mask in masks), dtype=dtype, device=masks[0].device)
    before = list(accumulate(counts, initial=0))
    for mask, start, end in zip(masks, before, before[1:], strict=False):
        table[start:end, : mask.shape[2]] = mask.flatten(0, 1)
    return table, before[:-1]


def _check(masks: Sequence[Tensor], boxes: Tensor, matched: Tensor, valid: Tensor) -> None:
    if not isinstance(boxes, Tensor) or boxes.dim() != 3 or boxes.shape[2] != 4 or not boxes.is_floating_point():
        raise ValueError(f"boxes must be a float tensor (B, R, 4), got {describe(boxes)}")
    if len(masks) != len(boxes):
        raise ValueError(f"masks must be {len(boxes)} tensors, one for each image, got {len(masks)}")
    for number, own in enumerate(masks):
        check_masks(f"masks[{number}]", own)
    for name, table, dtype in (("matched", matched, torch.int64), ("valid", valid, torch.bool)):
        if not isinstance(table, Tensor) or table.dtype != dtype or table.shape != boxes.shape[:2]:
            raise ValueError(f"{name} must be {dtype} {tuple(boxes.shape[:2])}, got {describe(table)}")
    if boxes.device.type != "cuda":  # which nobody waits for
        counts = torch.tensor([len(own) for own in masks], device=boxes.device)[:, None]  # (B, 1)
        outside = valid & ((matched < 0) | (matched >= counts))
        if outside.any():
            image = int(outside.any(1).nonzero()[0])
            got, most = matched[image][outside[image]][0].item(), len(masks[image]) - 1
            raise ValueError(f"matched must be the number of a mask, 0 to {most} in image {image}, got {got}")
