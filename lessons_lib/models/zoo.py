"""The models by name, as the command line, the checkpoints and the lessons call them: each with its task and builder.

A new model is one row of `MODELS`. The options of a model are the keyword-only arguments of its builder.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from torch import nn

from lessons_lib.models.backbones import load_imagenet, make_backbone
from lessons_lib.models.instance.build import faster_rcnn
from lessons_lib.models.instance.build_fcis import fcis
from lessons_lib.models.instance.build_masks import mask_rcnn
from lessons_lib.models.instance.build_mnc import mnc
from lessons_lib.models.instance.features import Features
from lessons_lib.models.instance.pieces import pieces
from lessons_lib.models.instance.recurrent import recurrent
from lessons_lib.models.instance.sds import sds
from lessons_lib.models.names import require_model
from lessons_lib.models.semantic.deconvnet import deconvnet
from lessons_lib.models.semantic.dilated import dilated, plain
from lessons_lib.models.semantic.fcn import FCN, fcn_trunk
from lessons_lib.models.semantic.hypercolumns import Hypercolumns
from lessons_lib.models.semantic.patch import PatchClassifier
from lessons_lib.models.semantic.plain_fcn import plain_fcn
from lessons_lib.models.semantic.unet import unet

TASKS = ("semantic", "instance", "detection", "sequence")
"""What a model predicts: a class for each pixel; a mask, box and class for each object; a box and class alone; or one
mask after the other, as many as there are objects."""


@dataclass(frozen=True)
class Entry:
    """A model of the zoo: its task, and what builds it with fresh weights from (num_classes, backbone's name)."""

    task: str
    build: Callable[..., nn.Module]

    @property
    def options(self) -> dict[str, Any]:
        """The model's own options with their defaults: the keyword-only arguments of its builder."""
        parameters = inspect.signature(self.build).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def patch(num_classes: int, backbone: str) -> nn.Module:
    """The patch classifier, whose small network is its own. Raises ValueError for a larger backbone than "tiny"."""
    if backbone != "tiny":
        raise ValueError(f"backbone must be tiny for patch, whose network is its own, got {backbone!r}")
    return PatchClassifier(num_classes)


MODELS: dict[str, Entry] = {
    "patch": Entry("semantic", patch),
    "fcn32s": Entry("semantic", lambda classes, backbone: FCN(fcn_trunk(backbone), classes, ("c5",))),
    "fcn16s": Entry("semantic", lambda classes, backbone: FCN(fcn_trunk(backbone), classes, ("c5", "c4"))),
    "fcn8s": Entry("semantic", lambda classes, backbone: FCN(fcn_trunk(backbone), classes, ("c5", "c4", "c3"))),
    "unet": Entry("semantic", unet),
    "hypercolumns": Entry("semantic", lambda classes, backbone: Hypercolumns(make_backbone(backbone), classes)),
    "deconvnet": Entry("semantic", deconvnet),
    "plain_fcn": Entry("semantic", plain_fcn),
    "plain": Entry("semantic", plain),
    "dilated": Entry("semantic", dilated),
    "pieces": Entry("instance", pieces),
    "sds": Entry("instance", sds),
    "faster_rcnn": Entry("detection", faster_rcnn),
    "mask_rcnn": Entry("instance", mask_rcnn),
    "mnc": Entry("instance", mnc),
    "fcis": Entry("instance", fcis),
    "recurrent": Entry("sequence", recurrent),
}
"""Every model by its name."""


def find_model(name: str) -> Entry:
    """The entry of that name. Raises ValueError for another name, naming those that exist.

    >>> find_model("faster_rcnn").task
    'detection'
    """
    require_model(name)
    return MODELS[name]


def build_model(
    name: str, num_classes: int, backbone: str = "tiny", pretrained: bool = False, **options: Any
) -> nn.Module:
    """A model with fresh weights, or with a backbone that torchvision trained on ImageNet.

    `num_classes` counts the background, class 0, too. Raises ValueError for another name, naming those that exist, for
    a backbone or an option that the model cannot take, and for `pretrained` where there are no such weights; OSError
    where they cannot be downloaded.

    >>> build_model("unet", num_classes=2).expected_losses()  # ln 2
    {'cross_entropy': 0.6931471805599453}
    """
    entry = find_model(name)
    for option in options:
        if option not in entry.options:
            known = ", ".join(entry.options) or "none"
            raise ValueError(f"options of {name} must be among its own ({known}), got {option!r}")
    model = entry.build(num_classes, backbone, **options)
    if pretrained:
        if not isinstance(getattr(model, "backbone", None), nn.Module):
            raise ValueError(f"pretrained must be False for {name}, whose network is its own")
        load_imagenet(backbone, cast(nn.Module, model.backbone))
        if isinstance(features := getattr(model, "features", None), Features):
            features.freeze_pretrained()
    return model
