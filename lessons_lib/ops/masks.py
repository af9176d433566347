"""Masks: the IoU of all pairs, with the rule for crowds, and run lengths through pycocotools.

Run lengths are COCO's: {"size": [height, width], "counts": text}, the lengths of runs of 0 and 1 in turn, down the
columns one after the other, written in pycocotools' compressed letters.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float64
from pycocotools import mask as coco_mask
from torch import Tensor

from lessons_lib.ops.boxes import iou_of


def pairwise_mask_iou(
    pred_masks: Bool[Tensor, "P H W"], gt_masks: Bool[Tensor, "G H W"], is_crowd: Bool[Tensor, " G"] | None = None
) -> Float64[Tensor, "P G"]:
    """IoU of every predicted mask with every ground-truth mask, in one matrix product; exact, in float64.

    Two empty masks score 0, so that an empty prediction never counts as a match. With a crowd the value is
    intersection / predicted area, as COCO counts. ValueError for masks that are not bool (N, H, W) of one size, or
    `is_crowd` that is not one bool a ground-truth mask.
    """
    check_masks("pred_masks", pred_masks)
    check_masks("gt_masks", gt_masks)
    if pred_masks.shape[1:] != gt_masks.shape[1:]:
        got, want = tuple(pred_masks.shape[1:]), tuple(gt_masks.shape[1:])
        raise ValueError(f"pred_masks must be as large as gt_masks, {want}, got {got}")
    counts_fit = pred_masks[:1].numel() <= 2**24  # a float32 counts so far without gaps
    dtype = torch.float32 if counts_fit else torch.float64
    pred, gt = pred_masks.flatten(1), gt_masks.flatten(1)
    intersection = pred.to(dtype) @ gt.to(dtype).T  # (P, G)
    return iou_of(intersection.double(), pred.sum(1).double(), gt.sum(1).double(), is_crowd)


def encode_rle(masks: Bool[Tensor, "N H W"]) -> list[dict]:
    """Run lengths of each mask, ready for JSON; `decode_rle` gives the masks back."""
    check_masks("masks", masks)
    columns = np.asfortranarray(masks.cpu().numpy().astype(np.uint8).transpose(1, 2, 0))  # (H, W, N)
    return [{**entry, "counts": entry["counts"].decode("ascii")} for entry in coco_mask.encode(columns)]


def decode_rle(rles: Sequence[dict], size: tuple[int, int]) -> Bool[Tensor, "N H W"]:
    """Masks (N, H, W) of run lengths; `size` is (height, width), as (0, H, W) has to have one too.

    ValueError for run lengths of another size.
    """
    for rle in rles:
        if tuple(rle["size"]) != tuple(size):
            raise ValueError(f"rles must be of size {tuple(size)}, got {tuple(rle['size'])}")
    if not rles:
        return torch.zeros(0, *size, dtype=torch.bool)
    return torch.from_numpy(coco_mask.decode(list(rles)).transpose(2, 0, 1).astype(bool))


def pairwise_rle_iou(
    pred_rles: Sequence[dict], gt_rles: Sequence[dict], is_crowd: Bool[Tensor, " G"] | None = None
) -> Float64[Tensor, "P G"]:
    """`pairwise_mask_iou` of masks that stay run lengths, by pycocotools: what large pictures need."""
    if not pred_rles or not gt_rles:
        return torch.zeros(len(pred_rles), len(gt_rles), dtype=torch.float64)
    crowd = [False] * len(gt_rles) if is_crowd is None else is_crowd.tolist()
    return torch.from_numpy(coco_mask.iou(list(pred_rles), list(gt_rles), crowd))


def check_masks(name: str, masks: Tensor) -> None:
    """`masks` is a bool tensor (N, H, W), or ValueError says what it is."""
    if not isinstance(masks, Tensor) or masks.dtype != torch.bool or masks.dim() != 3:
        got = f"{masks.dtype} {tuple(masks.shape)}" if isinstance(masks, Tensor) else repr(masks)
        raise ValueError(f"{name} must be a bool tensor (N, H, W), got {got}")
