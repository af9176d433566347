"""The settings of a detector, with the paper's names and numbers, and the small ones of the lessons."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class DetectorConfig:
    """Faster R-CNN (Ren et al., arXiv:1506.01497) with FPN (Lin et al., arXiv:1612.03144), as it is trained today.

    Defaults are those of torchvision's `fasterrcnn_resnet50_fpn`, which follow the FPN paper; where Ren et al. differ,
    it is said. All lengths are pixels of the image that the network sees.

    rpn_levels, anchor_sizes, anchor_ratios: on which maps the RPN runs, and for each the sizes √(w·h) of its anchors;
        every size comes in every ratio h / w. (Ren et al.: one map of stride 16; 128, 256, 512.) round_anchors: to
        whole pixels, as torchvision does.
    rpn_depth: 3 × 3 convolutions before the RPN's two outputs.
    rpn_high, rpn_low: an anchor is an object from this IoU on, or where it is the best of an object; background below
        the other; neither between.
    rpn_samples, rpn_share: anchors of an image that a step learns from, and the largest share of objects in them.
    before_nms, after_nms: how many proposals are kept in each level before NMS, and in all after it: (in training, in
        testing). (Ren et al.: 12,000 and 2,000; 6,000 and 300.) rpn_nms: its IoU threshold.
    regions, region_share, region_iou: proposals of an image that the head learns from, the largest share of objects in
        them, and the IoU from which a proposal is one. (Ren et al.: 128.) add_truth: the true boxes are proposals too.
    hard_examples: the regions are those with the largest losses (OHEM) instead of random ones.
    region_levels, operator, region_size, sampling: maps that regions are read from, by "align" or "pool", into so many
        bins a side, with so many samples a bin and side. canonical: FPN's equation 1: (level k0, size in pixels).
    group_size: each of so many parts a side of a region has channels of its own, position-sensitive as in R-FCN
        (arXiv:1605.06409) and FCIS; None: all bins read all channels.
    class_agnostic: one box for a region instead of one for each class. box_weights: of the head's box coding.
    rpn_beta, box_beta: where the smooth L1 loss turns from a parabola into a line. (Fast R-CNN's code: 1/9 and 1.)
    divide_by: "samples": both box losses are sums over the objects divided by all samples; "objects": by four times
        the objects, which is the same where a quarter of the samples are objects and larger where there are few.
    least_confidence, nms, most: detections have more than this confidence; NMS within each class; so many an image.
    short_side, long_side: an image is resized until its shorter side is the first or its longer side the second;
        None: never. pad_to: then it is padded to a multiple of this.
    half_pixel: cells lie where the backbone's grids say. False is torchvision's convention: cell i of a map of stride
        s lies at s·i, half a pixel to a whole cell off.
    """

    rpn_levels: tuple[str, ...] = ("p2", "p3", "p4", "p5", "p6")
    anchor_sizes: tuple[tuple[int | float, ...], ...] = ((32,), (64,), (128,), (256,), (512,))
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    round_anchors: bool = False
    rpn_depth: int = 1
    rpn_high: float = 0.7
    rpn_low: float = 0.3
    rpn_samples: int = 256
    rpn_share: float = 0.5
    before_nms: tuple[int, int] = (2000, 1000)
    after_nms: tuple[int, int] = (2000, 1000)
    rpn_nms: float = 0.7
    regions: int = 512
    region_share: float = 0.25
    region_iou: float = 0.5
    add_truth: bool = True
    hard_examples: bool = False
    region_levels: tuple[str, ...] = ("p2", "p3", "p4", "p5")
    operator: str = "align"
    region_size: int = 7
    sampling: int = 2
    canonical: tuple[int, int | float] = (4, 224.0)
    group_size: int | None = None
    class_agnostic: bool = False
    box_weights: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0)
    rpn_beta: float = 1 / 9
    box_beta: float = 1 / 9
    divide_by: str = "samples"
    least_confidence: float = 0.05
    nms: float = 0.5
    most: int = 100
    short_side: int | None = None
    long_side: int | None = None
    pad_to: int = 1
    half_pixel: bool = True

    def __post_init__(self) -> None:
        if len(self.anchor_sizes) != len(self.rpn_levels):
            got = len(self.anchor_sizes)
            raise ValueError(f"anchor_sizes must hold one tuple for each of {len(self.rpn_levels)} levels, got {got}")
        if self.group_size is not None and len(self.region_levels) != 1:
            raise ValueError(f"region_levels must be one map where there are parts, got {self.region_levels}")
        for name, allowed in (("operator", ("align", "pool")), ("divide_by", ("samples", "objects"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be {' or '.join(map(repr, allowed))}, got {getattr(self, name)!r}")


C4_CONFIG = DetectorConfig(
    rpn_levels=("c4",), anchor_sizes=((32, 64, 128, 256, 512),), before_nms=(12000, 6000), after_nms=(2000, 300),
    regions=128, region_levels=("c4",), region_size=14, sampling=2, canonical=(4, 224.0),
)  # fmt: skip
"""One map of stride 16 and no neck: Faster R-CNN as He et al. train it on ResNets (arXiv:1512.03385, appendix A)."""

TINY = DetectorConfig(
    rpn_levels=("p3",), anchor_sizes=((9, 18, 34),), anchor_ratios=(0.4, 1.0, 2.2), rpn_high=0.6, rpn_low=0.3,
    rpn_samples=64, before_nms=(64, 128), after_nms=(32, 64), regions=16, region_share=0.5, region_levels=("p2",),
    class_agnostic=True, divide_by="objects", sampling=2, least_confidence=0.01,
)  # fmt: skip
"""What learns scenes of 96 pixels in a minute on one CPU thread: few anchors, few regions, one map for each task."""

TDM_CONFIG = DetectorConfig(
    rpn_levels=("t2",), region_levels=("t2",), anchor_sizes=((32, 64, 128, 256, 512),), before_nms=(12000, 6000)
)
"""One fine map of stride 4 for everything (Shrivastava et al., arXiv:1612.06851)."""

TINY_C4 = replace(TINY, rpn_levels=("c3",), region_levels=("c3",))
"""The same without a neck: one map of stride 8."""

TINY_TDM = replace(TINY, rpn_levels=("t2",), region_levels=("t2",))
"""The same with TDM: one map of stride 4."""
