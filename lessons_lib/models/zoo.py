"""The semantic models by name, as the command line, the checkpoints and the lessons call them."""

from collections.abc import Callable

from torch import nn

from lessons_lib.models.backbones import load_imagenet, make_backbone
from lessons_lib.models.semantic.deconvnet import deconvnet
from lessons_lib.models.semantic.dilated import dilated, plain
from lessons_lib.models.semantic.fcn import FCN, fcn_trunk
from lessons_lib.models.semantic.hypercolumns import Hypercolumns
from lessons_lib.models.semantic.patch import PatchClassifier
from lessons_lib.models.semantic.plain_fcn import plain_fcn
from lessons_lib.models.semantic.unet import unet


def patch(num_classes: int, backbone: str) -> nn.Module:
    """The patch classifier, whose small network is its own. Raises ValueError for a larger backbone than "tiny"."""
    if backbone != "tiny":
        raise ValueError(f"backbone must be tiny for patch, whose network is its own, got {backbone!r}")
    return PatchClassifier(num_classes)


MODELS: dict[str, Callable[..., nn.Module]] = {
    "patch": patch,
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


def build_model(name: str, num_classes: int, backbone: str = "tiny", pretrained: bool = False) -> nn.Module:
    """A model with fresh weights, or with a backbone that torchvision trained on ImageNet.

    Raises ValueError for another name, naming those that exist, for a backbone that the model cannot take, and for
    `pretrained` where there are no such weights; OSError where they cannot be downloaded.
    """
    if name not in MODELS:
        raise ValueError(f"name must be one of {', '.join(MODELS)}, got {name!r}")
    model = MODELS[name](num_classes, backbone)
    if pretrained:
        if not hasattr(model, "backbone"):
            raise ValueError(f"pretrained must be False for {name}, whose network is its own")
        load_imagenet(backbone, model.backbone)
    return model
