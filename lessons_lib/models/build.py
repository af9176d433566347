"""The semantic models by name, as the command line, the checkpoints and the lessons call them."""

from collections.abc import Callable

from torch import nn

from lessons_lib.models.backbones import make_backbone
from lessons_lib.models.deconvnet import deconvnet
from lessons_lib.models.dilated import dilated, plain
from lessons_lib.models.fcn import FCN, fcn_trunk
from lessons_lib.models.hypercolumns import Hypercolumns
from lessons_lib.models.patch import PatchClassifier
from lessons_lib.models.plain_fcn import plain_fcn
from lessons_lib.models.unet import unet

MODELS: dict[str, Callable[..., nn.Module]] = {
    "patch": lambda classes, backbone: PatchClassifier(classes),  # a net of its own, whatever the backbone
    "fcn32s": lambda classes, backbone: FCN(fcn_trunk(backbone), classes, ("c5",)),
    "fcn16s": lambda classes, backbone: FCN(fcn_trunk(backbone), classes, ("c5", "c4")),
    "fcn8s": lambda classes, backbone: FCN(fcn_trunk(backbone), classes, ("c5", "c4", "c3")),
    "unet": unet,
    "hypercolumns": lambda classes, backbone: Hypercolumns(make_backbone(backbone), classes),
    "deconvnet": deconvnet,
    "plain_fcn": plain_fcn,
    "plain": plain,
    "dilated": dilated,
}
"""Name → a function of (num_classes, backbone's name) that makes the model with fresh weights."""


def build_model(name: str, num_classes: int, backbone: str = "tiny") -> nn.Module:
    """A model with fresh weights. Raises ValueError for another name, naming those that exist."""
    if name not in MODELS:
        raise ValueError(f"name must be one of {', '.join(MODELS)}, got {name!r}")
    return MODELS[name](num_classes, backbone)
