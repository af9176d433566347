"""The semantic models by name, as the command line, the checkpoints and the lessons call them."""

from collections.abc import Callable

from torch import nn

from lessons_lib.models.backbones import TinyBackbone
from lessons_lib.models.fcn import FCN

BACKBONES: dict[str, Callable[[], nn.Module]] = {"tiny": TinyBackbone}
"""Name → a function that makes the backbone with fresh weights."""

MODELS: dict[str, Callable[..., nn.Module]] = {
    "fcn32s": lambda classes, backbone: FCN(BACKBONES[backbone](), classes, ("c5",)),
    "fcn16s": lambda classes, backbone: FCN(BACKBONES[backbone](), classes, ("c5", "c4")),
    "fcn8s": lambda classes, backbone: FCN(BACKBONES[backbone](), classes, ("c5", "c4", "c3")),
}
"""Name → a function of (num_classes, backbone's name) that makes the model with fresh weights."""


def build_model(name: str, num_classes: int, backbone: str = "tiny") -> nn.Module:
    """A model with fresh weights. Raises ValueError for another name, naming those that exist."""
    if name not in MODELS:
        raise ValueError(f"name must be one of {', '.join(MODELS)}, got {name!r}")
    return MODELS[name](num_classes, backbone)
