"""Segments as regions of a training step: what each stands for, which are drawn, and what the network sees of them."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.models.instance.regions import Regions
from lessons_lib.models.instance.sds_config import SDSConfig
from lessons_lib.models.instance.truth import Truth
from lessons_lib.ops.mask_targets import mask_targets
from lessons_lib.ops.matching import IGNORED, POSITIVE, ignore_crowds, match, overlaps
from lessons_lib.ops.roi import roi_align
from lessons_lib.ops.segments import Segments


def padded_masks(masks: Sequence[Bool[Tensor, "_ _ _"]], size: Sequence[int], count: int) -> Bool[Tensor, "B G H W"]:
    """The masks of each image as one table for images of `size` (H, W): at the upper left, `count` of each image."""
    rows = [F.pad(own, (0, size[1] - own.shape[2], 0, size[0] - own.shape[1], 0, count - len(own))) for own in masks]
    return torch.stack(rows)


def label_segments(
    segments: Sequence[Segments], truth: Truth, masks: Bool[Tensor, "B G H W"], config: SDSConfig
) -> tuple[Regions, Int64[Tensor, "B N"]]:
    """Every object, then every segment, as a region with its class, and POSITIVE, NEGATIVE or IGNORED for the sampler.

    Each image has G objects and `config.proposals` segments, the seats that nobody took being invalid. What a segment
    stands for is decided by the IoU of the pixels; with `config.rectangles` by that of the boxes.
    """
    count, objects = config.proposals, truth.boxes.shape[1]
    boxes = torch.stack([F.pad(own.boxes[:count], (0, 0, 0, count - len(own[:count]))) for own in segments])
    there = (
        torch.arange(count, device=boxes.device)
        < torch.tensor([len(s) for s in segments], device=boxes.device)[:, None]
    )
    if config.rectangles:
        iou, covered = overlaps(boxes, truth.boxes)
    else:
        pairs = [own.overlaps_with(mask) for own, mask in zip(segments, masks, strict=True)]
        iou, covered = (
            torch.stack([F.pad(pair[k][:count], (0, 0, 0, count - len(pair[k][:count]))) for pair in pairs]).float()
            for k in (0, 1)
        )
    itself = torch.eye(objects, device=boxes.device).expand(len(boxes), -1, -1)  # an object is its own best region
    iou, covered = torch.cat([itself, iou], 1), torch.cat([itself, covered], 1)
    boxes, valid = torch.cat([truth.boxes, boxes], 1), torch.cat([truth.single, there], 1)
    matched, found = match(iou, config.region_iou, valid=truth.single)
    found = ignore_crowds(found, covered * truth.crowd[:, None])
    found = torch.where(valid, found, IGNORED)
    labels = torch.where(found == POSITIVE, truth.labels.gather(1, matched), 0)
    return Regions(boxes, labels, matched, valid), found


def masks_of_regions(
    segments: Sequence[Segments], masks: Bool[Tensor, "B G H W"], chosen: Int64[Tensor, "B R"], boxes: Tensor,
    config: SDSConfig,
) -> Bool[Tensor, "B R H W"]:  # fmt: skip
    """The pixels of the chosen rows of `label_segments`; with `config.rectangles` those of their boxes."""
    if config.rectangles:
        return rectangles(boxes, masks.shape[2:])
    objects = masks.shape[1]
    rows = []
    for own, mask, which in zip(segments, masks, chosen, strict=True):
        place = (which - objects).clamp(min=0, max=max(0, len(own) - 1))
        drawn = own[place].masks if len(own) else mask.new_zeros(len(which), *mask.shape[1:])
        drawn = F.pad(drawn, (0, mask.shape[2] - drawn.shape[2], 0, mask.shape[1] - drawn.shape[1]))
        rows.append(torch.where((which < objects)[:, None, None], mask[which.clamp(max=objects - 1)], drawn))
    return torch.stack(rows)


def rectangles(boxes: Float[Tensor, "*batch 4"], size: Sequence[int]) -> Bool[Tensor, "*batch H W"]:
    """Each box, filled: the pixels whose middles lie in it, in images of `size` (H, W).

    >>> rectangles(torch.tensor([1.0, 0, 3, 1]), (2, 4)).int().tolist()
    [[0, 1, 1, 0], [0, 0, 0, 0]]
    """
    y, x = (torch.arange(n, device=boxes.device) + 0.5 for n in size)
    x0, y0, x1, y1 = (side[..., None] for side in boxes.unbind(-1))
    return ((y >= y0) & (y < y1))[..., :, None] & ((x >= x0) & (x < x1))[..., None, :]


def with_context(boxes: Float[Tensor, "*batch 4"], config: SDSConfig) -> Float[Tensor, "*batch 4"]:
    """The windows that crops show: the boxes and, on each side, as much more as makes `config.context` of the crop."""
    sides = (boxes[..., 2:] - boxes[..., :2]) * config.context / (1 - 2 * config.context)
    return torch.cat([boxes[..., :2] - sides, boxes[..., 2:] + sides], -1)


def two_crops(
    images: Float[Tensor, "B 3 H W"], windows: Float[Tensor, "B R 4"], masks: Bool[Tensor, "B R H W"],
    mean: Float[Tensor, "3 1 1"], config: SDSConfig,
) -> tuple[Float[Tensor, "B R 3 c c"], Float[Tensor, "B R 3 c c"], Float[Tensor, "B R c c"]]:  # fmt: skip
    """(box crop, region crop, the region's share of each pixel): every window warped to `config.crop` pixels a side.

    The region crop is the box crop with the background replaced by the mean colour, in the proportion in which a pixel
    is background. Beyond the image, too, there is the mean.
    """
    size, sides = config.crop, images.shape[2:]
    with torch.no_grad():
        shown = roi_align(images - mean, list(windows), size, 1.0, config.sampling, aligned=True)
        shown = shown.unflatten(0, windows.shape[:2])
        own = torch.arange(windows.shape[1], device=windows.device).expand(windows.shape[:2])
        flat = [row.reshape(-1, *sides) for row in masks]
        share = mask_targets(flat, windows, own, torch.ones_like(own, dtype=torch.bool), size, config.sampling)
        return shown + mean, shown * share[:, :, None] + mean, share
