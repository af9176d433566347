"""The settings of FCIS: those of its detector, with the paper's numbers, and the small ones of the lessons."""

from dataclasses import dataclass, replace

from lessons_lib.models.instance.config import TINY, DetectorConfig
from lessons_lib.models.instance.score_maps import SCORES


@dataclass(frozen=True)
class FCISConfig:
    """FCIS (Li et al., arXiv:1611.07709): what of it is no setting of the detector.

    neck: "fpn", or "c5" for none, as in the paper: the backbone's last map has stride 16, by dilation. source: the map
        that the score maps are computed from, by a convolution of `width` channels and `kernel_size`.
    boxes: which boxes of an image are judged in the end: "proposed": the RPN's; "moved": the same, each moved as the
        first round says, and assembled anew; "both", the paper's choice.
    vote: the IoU from which all judged boxes around an object vote on its mask, each as loudly as it is confident of
        the object's class; None: the mask is that of the most confident box alone.
    threshold: a pixel is the object's from this probability on.
    """

    neck: str = "c5"
    source: str = "c5"
    width: int = 1024
    kernel_size: int = 1
    boxes: str = "both"
    vote: float | None = 0.5
    threshold: float = 0.4

    def __post_init__(self) -> None:
        for name, allowed in (("neck", ("fpn", "c5")), ("boxes", ("proposed", "moved", "both"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be {' or '.join(map(repr, allowed))}, got {getattr(self, name)!r}")


FCIS_DETECTOR = DetectorConfig(
    rpn_levels=("c4",), anchor_sizes=((32, 64, 128, 256, 512),), before_nms=(6000, 6000), after_nms=(300, 300),
    regions=128, region_levels=(SCORES,), region_size=21, group_size=7, sampling=1, class_agnostic=True,
    box_weights=(5.0, 5.0, 2.0, 2.0), hard_examples=True, nms=0.3,
)  # fmt: skip
"""7 × 7 parts, 21 × 21 cells, and the 128 hardest of 300 proposals, as in the paper and its released code."""

TINY_FCIS = FCISConfig(neck="fpn", source="p2", width=64, kernel_size=3, boxes="moved")
TINY_FCIS_DETECTOR = replace(TINY, region_levels=(SCORES,), region_size=15, group_size=3, sampling=1)
"""What learns scenes of 96 pixels on one CPU thread: 3 × 3 parts, from a map of stride 4."""
