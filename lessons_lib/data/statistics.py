"""Statistics of a set: how much of each class, how large the objects are, how many an image has."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from lessons_lib.data.sample import VOID, Sample
from lessons_lib.ops.boxes import box_areas

SMALL, LARGE = 32**2, 96**2
"""COCO's limits: an object is small below 32² pixels, large from 96² on, and medium between."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """What was counted over some samples.

    pixels (K,): pixels of each class; void: pixels that never count. objects (K,): objects of each class, without
    crowds. areas (N,): visible pixels of every object, or the pixels of its box where there are no masks, crowds left
    out. counts (S,): objects of each image, without crowds. crowds: regions of many objects annotated as one.
    """

    pixels: Int64[Tensor, " K"]
    void: int
    objects: Int64[Tensor, " K"]
    areas: Int64[Tensor, " N"]
    counts: Int64[Tensor, " S"]
    crowds: int

    @property
    def void_share(self) -> float:
        """Void pixels over all pixels; 0 without pixels."""
        return self.void / max(1, self.void + int(self.pixels.sum()))

    @property
    def shares(self) -> Float64[Tensor, " K"]:
        """Each class's part of the pixels that count."""
        return self.pixels.double() / max(1, int(self.pixels.sum()))

    def sizes(self) -> dict[str, int]:
        """How many objects are small, medium and large by COCO's limits, which are meant for images of ~640 × 480."""
        small, large = int((self.areas < SMALL).sum()), int((self.areas >= LARGE).sum())
        return {"small": small, "medium": len(self.areas) - small - large, "large": large}


def count(samples: Iterable[Sample], num_classes: int) -> Statistics:
    """Count what samples hold; labels are 0 to num_classes − 1, or void.

    An object with an empty mask counts as an object of area 0. ValueError for a label beyond num_classes.
    """
    pixels = torch.zeros(256, dtype=torch.int64)
    objects = torch.zeros(num_classes, dtype=torch.int64)
    areas, counts, crowds = [], [], 0
    for sample in samples:
        labels = sample.label_map.flatten()
        wrong = (labels != VOID) & ((labels < 0) | (labels >= num_classes))
        if wrong.any():
            raise ValueError(f"label_map must be in [0, {num_classes - 1}] or 255, got {labels[wrong][0].item()}")
        pixels += torch.bincount(labels, minlength=256)
        crowd = sample.instances.is_crowd
        single = torch.ones(len(sample.instances), dtype=torch.bool) if crowd is None else ~crowd
        objects += torch.bincount(sample.instances.labels[single], minlength=num_classes)
        masks = sample.instances.masks
        if masks is None:
            areas.append(box_areas(sample.instances.boxes[single]).round().long())
        else:
            areas.append(masks[single].flatten(1).sum(1))
        counts.append(int(single.sum()))
        crowds += int((~single).sum())
    return Statistics(
        pixels=pixels[:num_classes],
        void=int(pixels[VOID]),
        objects=objects,
        areas=torch.cat(areas) if areas else torch.zeros(0, dtype=torch.int64),
        counts=torch.tensor(counts, dtype=torch.int64),
        crowds=crowds,
    )
