"""The shipped detector as a beginning: a system that holds a Faster R-CNN need not learn proposals and boxes again."""

from collections.abc import Sequence
from typing import cast

from safetensors.torch import load_file
from torch import nn

from lessons_lib.models.instance.faster_rcnn import FasterRCNN
from lessons_lib.models.necks import FineMap
from lessons_lib.shipped import FOLDER


def load_detector(detector: FasterRCNN) -> None:
    """Give a detector the weights of the shipped Faster R-CNN: backbone, neck, RPN, box head.

    Where its neck has one map more (`FineMap`), the layers that make this map stay as they are. Raises ValueError for a
    detector of another shape.
    """
    inner = isinstance(detector.features.neck, FineMap)
    own = {}
    for key, weight in load_file(FOLDER / "faster_rcnn.safetensors").items():
        own[key.replace("features.neck.", "features.neck.neck.") if inner else key] = weight.float()
    fresh = {key for key in detector.state_dict() if inner and key.split(".")[2] in ("lateral", "top_down")}
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
