"""The settings of SDS, and the small ones of the lessons."""

from dataclasses import dataclass

from lessons_lib.checks import check_ints

PATHWAYS = ("both", "box", "region")


@dataclass(frozen=True)
class SDSConfig:
    """Hariharan, Arbeláez, Girshick and Malik, "Simultaneous Detection and Segmentation" (ECCV 2014).

    Defaults are the paper's and those of its released code, unless said otherwise.

    proposals: regions of an image, at most. scale, min_size: of the superpixels (the paper takes MCG's regions).
    regions, region_share, region_iou: a step learns from so many regions of each image, at most this share of objects;
        a region is an example of the object that it overlaps most, from this IoU on. (Code: 128 in all.)
    crop, context: pixels a side of what the network sees of a region, and how much of it on each side is context.
    sampling: bilinear samples a side for each pixel of a crop.
    pathways: "both"; "box" is R-CNN, which sees the box alone; "region" sees the region alone.
    rectangles: every proposal is its whole box: R-CNN on box proposals, whose masks are rectangles.
    levels, cells, width: what is classified are the maps of these names, averaged to cells × cells, of both pathways,
        through one hidden layer. (Paper: fc7 of two AlexNets, then a linear SVM.)
    refine: a hypercolumn draws the mask anew, at one position for every `step` × `step` pixels of the crop; hidden: its
        channels. trust: how much the region says about a position before any training, in logits.
    nms, least_confidence, most: of the same class, a region that overlaps a better one more goes (code: more than 0);
        what is less confident is no object; so many objects of an image stay.
    """

    proposals: int = 2000
    scale: float = 0.6
    min_size: int = 5
    regions: int = 64
    region_share: float = 0.25
    region_iou: float = 0.5
    crop: int = 224
    context: float = 16 / 227
    sampling: int = 1
    pathways: str = "both"
    rectangles: bool = False
    levels: tuple[str, ...] = ("c5",)
    cells: int = 1
    width: int = 1024
    refine: bool = True
    hidden: int = 64
    step: int = 4
    trust: float = 4.0
    nms: float = 0.3
    least_confidence: float = 0.05
    most: int = 100

    def __post_init__(self) -> None:
        numbers = ("proposals", "min_size", "regions", "crop", "sampling", "cells", "width", "hidden", "step", "most")
        check_ints(1, **{name: getattr(self, name) for name in numbers})
        for name in ("region_share", "region_iou", "nms", "least_confidence"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if not 0 <= self.context < 0.5:
            raise ValueError(f"context must be in [0, 0.5), got {self.context}")
        if self.crop % self.step:
            raise ValueError(f"crop must be a multiple of step, {self.step}, got {self.crop}")
        if self.pathways not in PATHWAYS:
            raise ValueError(f"pathways must be {' or '.join(map(repr, PATHWAYS))}, got {self.pathways!r}")

    @property
    def objects(self) -> int:
        """The most examples of objects of one image in a step; they come first."""
        return max(1, int(self.regions * self.region_share + 1e-9))


TINY_SDS = SDSConfig(proposals=200, regions=16, crop=48, levels=("c4", "c5"), cells=2, width=128, hidden=32, step=2)
"""At the scale of the lessons."""
