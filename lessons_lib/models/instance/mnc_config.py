"""The settings of a multi-task network cascade, with the paper's numbers, and the small ones of the lessons."""

from dataclasses import dataclass

POOLS = ("max", "mean")
"""How 2 × 2 bins become one."""


@dataclass(frozen=True)
class MNCConfig:
    """What MNC adds to a detector (Dai, He and Sun, arXiv:1512.04412). Numbers are the paper's or its released code's.

    stages: 3 (boxes, masks, classes) or 5 (then masks and classes once more, in the boxes that stage 3 has moved, with
        the same weights), in training and in testing. A network may be trained with one and tested with the other.
    through_boxes: the losses of a stage have a gradient to the boxes that it reads, and so to the stages before it.
    box_gradient: the most that this gradient may be for each coordinate of each box, in loss per pixel; None: as it is.
        Targets do not move with the boxes, so it is not the whole truth, and where it outweighs the boxes' own losses
        it spoils them. (The released code: 1/512, at 600 pixels.)
    region_size: bins a side of a region's features, from `samples` × `samples` bilinear samples each, pooled as `pool`
        says. (The paper: 28 × 28 samples, by 2 × 2 to 14 × 14.) Before a vector is made of them they are pooled once
        more, to the bins that the detector's box head expects.
    mask_levels: the maps from which stage 2 reads; None: those of the detector's regions, as in the paper. "m1" is a
        `FineMap` of `fine_width` channels.
    mask_size, mask_width: cells a side of a mask, the paper's m, and units of the layer before it. shrink: a 3 × 3
        convolution of stride 2 comes first, so that this layer has a quarter of the weights.
    target_threshold: a cell of a mask's target is the object's from this share on.
    mask_iou: stage 3 learns the object's class where box and mask reach this IoU with it, otherwise background.
    nms, vote_iou, threshold: in testing, NMS within each class; predictions whose boxes have at least this IoU vote;
        cells and then votes count from this share on.
    """

    stages: int = 5
    through_boxes: bool = True
    box_gradient: float | None = 1 / 512
    region_size: int = 14
    samples: int = 2
    pool: str = "max"
    mask_levels: tuple[str, ...] | None = None
    fine_width: int = 24
    mask_size: int = 28
    mask_width: int = 256
    shrink: bool = False
    target_threshold: float = 0.4
    mask_iou: float = 0.5
    nms: float = 0.3
    vote_iou: float = 0.5
    threshold: float = 0.4

    def __post_init__(self) -> None:
        for name, allowed in (("stages", (3, 5)), ("pool", POOLS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be {' or '.join(map(repr, allowed))}, got {getattr(self, name)!r}")


TINY_MNC = MNCConfig(box_gradient=1 / 2048, samples=1, pool="mean", mask_levels=("m1",), mask_width=64, shrink=True)
"""What learns scenes of 96 pixels: one sample a bin, and stage 2 reads a map of stride 2. Two bins by two, averaged,
are RoIAlign with two samples a side, so the box head of the tiny Faster R-CNN fits as it is."""
