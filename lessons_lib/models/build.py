"""The semantic models by name, as the command line, the checkpoints and the lessons call them."""

from collections.abc import Callable

from torch import nn

from lessons_lib.models.deconvnet import deconvnet
from lessons_lib.models.hypercolumns import hypercolumns
from lessons_lib.models.unet import unet

MODELS: dict[str, Callable[..., nn.Module]] = {
    "unet": unet,
    "hypercolumns": hypercolumns,
    "deconvnet": deconvnet,
}
"""Name → a function of (num_classes, backbone's name) that makes the model with fresh weights."""


def build_model(name: str, num_classes: int, backbone: str = "tiny") -> nn.Module:
    """A model with fresh weights. Raises ValueError for another name, naming those that exist."""
    if name not in MODELS:
        raise ValueError(f"name must be one of {', '.join(MODELS)}, got {name!r}")
    return MODELS[name](num_classes, backbone)
