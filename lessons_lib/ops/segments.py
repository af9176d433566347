"""Segment proposals: regions that may be objects, found by joining superpixels that are alike, two by two.

Uijlings et al., "Selective Search for Object Recognition" (IJCV 2013), section 3: whatever two neighbouring regions
become when they are joined is one more proposal, up to the whole image. A proposal is a set of superpixels, so a table
of bools says all of them, and IoU with a mask needs no pixels: only how many of each superpixel the mask covers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.checks import check_ints
from lessons_lib.ops.grouping import ALL, describe, grow, neighbours
from lessons_lib.ops.superpixels import check_image, few_superpixels

STRATEGIES = (ALL, ("size", "fill"))
"""By which similarities the superpixels are grouped: once by all four, and once blind to what they look like."""

LEAST, SHARE = 12, 0.9
"""A proposal has at least so many pixels, and at most this share of the image."""

LONGEST = 128
"""Pixels a side: larger images are averaged down for their proposals, by a whole number."""


@dataclass(frozen=True, eq=False)
class Segments:
    """P regions of one image, each a set of its S superpixels.

    label_map (H, W): the superpixel of each pixel; a number ≥ S, as padding has, is in no region. members (P, S): which
    superpixels a region is made of.
    """

    label_map: Int64[Tensor, "H W"]
    members: Bool[Tensor, "P S"]

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, chosen: Tensor | slice) -> "Segments":
        """Some of the regions, by position or where a mask over them is true."""
        return Segments(self.label_map, self.members[chosen])

    @property
    def masks(self) -> Bool[Tensor, "P H W"]:
        """The pixels of each region."""
        by_piece = F.pad(self.members, (0, 1)).T.contiguous()  # looked up row by row, which is fastest
        return by_piece[self.label_map.clamp(max=self.members.shape[1])].permute(2, 0, 1).contiguous()

    @property
    def areas(self) -> Int64[Tensor, " P"]:
        """Pixels of each region."""
        return (self.members * self._sizes()).sum(1)

    @property
    def boxes(self) -> Float[Tensor, "P 4"]:
        """The tight box of each region: xyxy in pixels, exclusive ends; of an empty one 0, 0, 0, 0."""
        sides = []
        for axis in (1, 0):
            length = self.label_map.shape[axis]
            place = torch.arange(length, device=self.label_map.device)
            place = place.expand_as(self.label_map) if axis else place[:, None].expand_as(self.label_map)
            ends = self.label_map.new_full((2, self.members.shape[1] + 1), length)
            index = self.label_map.clamp(max=self.members.shape[1]).flatten()
            for row, values in zip(ends, (place, length - 1 - place), strict=True):
                row.scatter_reduce_(0, index, values.flatten(), "amin")
            low = torch.where(self.members[:, None], ends[:, :-1], length)  # (P, 2, S)
            low = low.amin(2) if low.shape[2] else low.new_full((len(low), 2), length)
            sides.append((low[:, 0], length - low[:, 1]))
        (x0, x1), (y0, y1) = sides
        boxes = torch.stack([x0, y0, x1, y1], 1)
        return torch.where((x1 > x0)[:, None], boxes, 0).float()

    def iou(self, masks: Bool[Tensor, "G H W"]) -> Float64[Tensor, "P G"]:
        """`pairwise_mask_iou(self.masks, masks)`, from the counts of the superpixels; two empty ones score 0."""
        return self.overlaps_with(masks)[0]

    def overlaps_with(self, masks: Bool[Tensor, "G _ _"]) -> tuple[Float64[Tensor, "P G"], Float64[Tensor, "P G"]]:
        """(IoU, share of the region that the mask covers) of every region with every mask.

        Masks may be larger than the label map, at the right and at the bottom, where images are padded.
        """
        height, width = self.label_map.shape
        intersection, areas = self._sums(masks[:, :height, :width]), self.areas[:, None]
        union = areas + masks.flatten(1).sum(1) - intersection
        return intersection / union.clamp(min=1), intersection / areas.clamp(min=1)

    def overlaps(self) -> Float64[Tensor, "P P"]:
        """The IoU of every region with every other, from the sizes of the superpixels they share."""
        members = self.members.double()
        shared = members * self._sizes().double() @ members.T
        areas = shared.diagonal()
        return shared / (areas[:, None] + areas - shared).clamp(min=1)

    def _sizes(self) -> Int64[Tensor, " S"]:
        """Pixels of each superpixel."""
        count = self.members.shape[1]
        return torch.bincount(self.label_map.clamp(max=count).flatten(), minlength=count + 1)[:-1]

    def _sums(self, masks: Tensor) -> Float64[Tensor, "P G"]:
        """How many pixels of each mask lie in each region."""
        count = self.members.shape[1]
        index = self.label_map.clamp(max=count).flatten().expand(len(masks), -1)
        table = torch.zeros(len(masks), count + 1, dtype=torch.float64, device=masks.device)
        table.scatter_add_(1, index, masks.flatten(1).double())
        return self.members.double() @ table[:, :-1].T


def segment_proposals(
    image: Float[Tensor, "3 H W"],
    most: int = 200,
    scale: float = 0.6,
    min_size: int = 5,
    strategies: Sequence[Sequence[str]] = STRATEGIES,
) -> Segments:
    """At most `most` regions of an image in [0, 1] that may be objects, best first, none of them twice.

    scale, min_size: of the superpixels. strategies: each groups the superpixels by other similarities (`group`), so
    that an object that one of them joins with its surroundings is found by another. First come regions that were made
    and swallowed late, for they stood out, and that do not lie along the image's border, as ground does: their worth is
    (born + died) / (1 + pixels on the border / √area). Raises ValueError for an image that is not (3, H, W) and for
    similarities that do not exist.

    >>> image = torch.zeros(3, 8, 8)
    >>> image[:, 2:6, 2:6] = 1
    >>> segment_proposals(image).boxes.tolist()  # the square, then what is around it
    [[2.0, 2.0, 6.0, 6.0], [0.0, 0.0, 8.0, 8.0]]
    """
    check_image(image)
    check_ints(1, most=most)
    height, width = image.shape[1:]
    if not height or not width:
        nothing = torch.zeros(0, 0, dtype=torch.bool, device=image.device)
        return Segments(image.new_zeros(height, width, dtype=torch.int64), nothing)
    factor = -(-max(height, width) // LONGEST)
    small = F.avg_pool2d(image[None].float(), factor, ceil_mode=True, count_include_pad=False)[0]
    label_map = few_superpixels(small, scale, min_size)
    members, worth = _ranked(small, label_map, strategies)
    full = label_map.repeat_interleave(factor, 0).repeat_interleave(factor, 1)[:height, :width]
    chosen = members[(-worth).argsort(kind="stable")][:most]
    return Segments(full, torch.from_numpy(chosen).to(image.device))


def _ranked(
    image: Float[Tensor, "3 H W"], label_map: Int64[Tensor, "H W"], strategies: Sequence[Sequence[str]]
) -> tuple[Bool[np.ndarray, "P S"], Float64[np.ndarray, " P"]]:
    """The different regions of all strategies that are neither too small nor too large, and what each is worth."""
    labels = label_map.cpu().numpy()
    stored, near = describe(image, labels), neighbours(labels)
    trees = [grow(stored, near, labels.size, names) for names in strategies]
    members = np.concatenate([tree.members for tree in trees])
    age = np.concatenate([tree.born + tree.died for tree in trees])
    count, border = members.shape[1], np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    area, outside = (members @ np.bincount(pixels, minlength=count) for pixels in (labels.ravel(), border))
    worth = age / (1 + outside / np.sqrt(area))
    order = (-worth).argsort(kind="stable")  # of equal regions the one that is worth more comes first
    _, first = np.unique(np.packbits(members[order], axis=1), axis=0, return_index=True)
    kept = order[np.sort(first)]
    kept = kept[(area[kept] >= LEAST) & (area[kept] <= SHARE * label_map.numel())]
    return members[kept], worth[kept]
