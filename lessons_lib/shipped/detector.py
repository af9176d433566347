"""The shipped detector as a beginning: a system that holds a Faster R-CNN need not learn proposals and boxes again."""

from collections.abc import Sequence
from typing import cast

from safetensors.torch import load_file
from torch import nn

from lessons_lib.models.instance.faster_rcnn import FasterRCNN
from lessons_lib.models.instance.joint_head import JointHead
from lessons_lib.models.instance.score_maps import ScoreMaps
from lessons_lib.models.necks import FineMap
from lessons_lib.shipped import FOLDER

NECKS = ((FineMap, "neck.", ("lateral", "top_down")), (ScoreMaps, "inner.", ("hidden", "predictor")))
"""Necks over another one: what they call it, and the layers that are their own."""


def load_detector(detector: FasterRCNN) -> None:
    """Give a detector the weights of the shipped Faster R-CNN: backbone, neck, RPN, and the box head where it has one.

    Where its neck has one map more (`FineMap`, `ScoreMaps`), the layers that make this map stay as they are. Raises
    ValueError for a detector of another shape.
    """
    neck = detector.features.neck
    below, more = next(((name, layers) for kind, name, layers in NECKS if isinstance(neck, kind)), ("", ()))
    headless = isinstance(detector.box_head, JointHead)
    shipped = load_file(FOLDER / "faster_rcnn.safetensors")
    own = {
        key.replace("features.neck.", f"features.neck.{below}"): weight.float()
        for key, weight in shipped.items()
        if not (headless and key.startswith("box_head."))
    }
    fresh = {key for key in detector.state_dict() if key.split(".")[2] in more}
    if own.keys() | fresh != detector.state_dict().keys():
        raise ValueError(f"detector must have the {len(own)} weights of the shipped one, got another shape")
    try:
        detector.load_state_dict(own, strict=False)
    except RuntimeError as error:
        raise ValueError(f"detector must have the shapes of the shipped one: {' '.join(str(error).split())}") from None


def begin_with_detector(model: nn.Module, classes: Sequence[str] = ()) -> str:
    """Gives the detector inside a fresh model the shipped weights; returns no words."""
    load_detector(cast(FasterRCNN, model.detector))
    return ""
