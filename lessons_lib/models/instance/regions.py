"""Regions: which proposals a step learns from, what they stand for, and their features, read from the right map."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.rpn import Proposals
from lessons_lib.models.instance.truth import Truth
from lessons_lib.ops.assembling import assemble
from lessons_lib.ops.grid import Grid
from lessons_lib.ops.levels import assign_levels, multilevel_roi_align
from lessons_lib.ops.matching import IGNORED, POSITIVE, ignore_crowds, match, overlaps
from lessons_lib.ops.nms import nms
from lessons_lib.ops.roi import ps_roi_pool, roi_pool
from lessons_lib.ops.sampling import sample, sample_hardest


@dataclass(frozen=True, eq=False)
class Regions:
    """R regions of each of B images, with what they are to learn.

    boxes (B, R, 4). labels (B, R): the class of the region's object, 0 for background. matched (B, R): which of the
    image's objects it is. valid (B, R): false for a seat that nobody took, whose other fields mean nothing.
    """

    boxes: Float[Tensor, "B R 4"]
    labels: Int64[Tensor, "B R"]
    matched: Int64[Tensor, "B R"]
    valid: Bool[Tensor, "B R"]

    @property
    def objects(self) -> Bool[Tensor, "B R"]:
        """Where a region is an example of an object: only there are boxes and masks learned."""
        return self.valid & (self.labels > 0)


def label_proposals(proposals: Proposals, truth: Truth, config: DetectorConfig) -> tuple[Regions, Int64[Tensor, "B P"]]:
    """Every proposal as a region with its class, and its label POSITIVE, NEGATIVE or IGNORED for the sampler.

    The true boxes come first where the configuration adds them, so that a head that has just begun sees objects.
    """
    boxes, valid = proposals.boxes, proposals.valid
    if config.add_truth:
        boxes, valid = torch.cat([truth.boxes, boxes], 1), torch.cat([truth.single, valid], 1)
    iou, covered = overlaps(boxes, truth.boxes)
    matched, found = match(iou, config.region_iou, valid=truth.single)
    found = ignore_crowds(found, covered * truth.crowd[:, None])
    found = torch.where(valid, found, IGNORED)
    labels = torch.where(found == POSITIVE, truth.labels.gather(1, matched), 0)
    return Regions(boxes, labels, matched, valid), found


def sample_regions(proposals: Proposals, truth: Truth, random: Float[Tensor, "B P"], config: DetectorConfig) -> Regions:
    """The `config.regions` regions of each image that the head learns from, drawn by `random` (see `sample`).

    `random` has one number for each proposal, and for each true box before them where those are added.
    """
    everything, found = label_proposals(proposals, truth, config)
    return take(everything, *sample(found, random, config.regions, config.region_share))


def hardest_regions(
    everything: Regions, found: Int64[Tensor, "B P"], losses: Float[Tensor, "B P"], config: DetectorConfig
) -> Regions:
    """OHEM: the `config.regions` regions with the largest losses, after NMS at 0.7 with the losses as confidences.

    Shrivastava et al. (arXiv:1604.03540), section 4.2.
    """
    stays = nms(everything.boxes, losses, 0.7, valid=everything.valid)
    return take(everything, *sample_hardest(torch.where(stays, found, IGNORED), losses, config.regions))


def take(regions: Regions, chosen: Int64[Tensor, "B n"], valid: Bool[Tensor, "B n"]) -> Regions:
    """Some regions of each image, by position."""
    boxes = regions.boxes.gather(1, chosen[..., None].expand(-1, -1, 4))
    return Regions(boxes, regions.labels.gather(1, chosen), regions.matched.gather(1, chosen), valid)


def read_regions(
    maps: Mapping[str, Float[Tensor, "B _ _ _"]],
    grids: Mapping[str, Grid],
    boxes: Float[Tensor, "B R 4"],
    valid: Bool[Tensor, "B R"],
    config: DetectorConfig,
    size: int | None = None,
) -> Float[Tensor, "B R C P P"]:
    """The features of each region, `size` bins a side (None: the configuration's), from the map that fits its size.

    `operator` "align" is RoIAlign; "pool" is RoIPool, run on every map, of which each region takes its own; with
    `group_size` each is position-sensitive. Where `valid` is false the features are 0.
    """
    names, size = config.region_levels, size or config.region_size
    if config.group_size is not None:
        return read_parts(maps[names[0]], grids[names[0]], boxes, valid, config, size)
    level, canonical = config.canonical
    own_maps, own_grids = [maps[name] for name in names], [grids[name] for name in names]
    if config.operator == "align":
        return multilevel_roi_align(
            own_maps, own_grids, boxes, size, config.sampling, valid, None if config.half_pixel else False,
            canonical, level,
        )  # fmt: skip
    lowest = own_grids[0].stride.bit_length() - 1
    chosen = assign_levels(boxes, lowest, lowest + len(names) - 1, canonical, level) - lowest
    out = torch.zeros((), device=boxes.device)
    for k, (x, grid) in enumerate(zip(own_maps, own_grids, strict=True)):
        here = (chosen == k) & valid
        own = torch.where(here[..., None], boxes, 0)
        pooled = roi_pool(x, list(own), size, 1 / grid.stride).unflatten(0, boxes.shape[:2])
        out = out + torch.where(here[..., None, None, None], pooled, 0)
    return out


def read_parts(
    scores: Float[Tensor, "B C H W"], grid: Grid, boxes: Float[Tensor, "B R 4"], valid: Bool[Tensor, "B R"],
    config: DetectorConfig, size: int,
) -> Float[Tensor, "B R K P P"]:  # fmt: skip
    """The values of each region, each of its parts read from channels of its own: `assemble`, or `ps_roi_pool`."""
    group = config.group_size
    assert group is not None
    if config.operator == "align":
        return assemble(scores, grid, boxes, size, group, config.sampling, valid)
    own = torch.where(valid[..., None], boxes, 0)
    pooled = ps_roi_pool(scores, list(own), size, 1 / grid.stride, group).unflatten(0, boxes.shape[:2])
    return torch.where(valid[..., None, None, None], pooled, 0)
