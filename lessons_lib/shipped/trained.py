"""Trained weights by name: those that come with the course, torchvision's published ones, and those of a run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from lessons_lib.models.backbones import PUBLISHED, published_weights
from lessons_lib.models.contract import InstanceModel, SemanticModel
from lessons_lib.models.instance.torchvision_weights import (
    load_torchvision,
    torchvision_detector,
    torchvision_mask_rcnn,
)
from lessons_lib.models.semantic.plain_fcn import plain_fcn
from lessons_lib.models.zoo import build_model
from lessons_lib.shipped import FOLDER, load_checkpoint, shipped
from lessons_lib.training.checkpoint import open_checkpoint
from lessons_lib.training.evaluate import checkpoint_of
from lessons_lib.training.run import fresh_model
from lessons_lib.training.settings import Settings

OURS = {
    "fasterrcnn_resnet50_fpn_coco": "faster_rcnn",
    "maskrcnn_resnet50_fpn_coco": "mask_rcnn",
    "fcn_resnet50_coco": "plain_fcn",
}
"""The model of the zoo that each set of published weights fits; those of torchvision's second recipe fit none."""

PUBLISHED_SIZES = {"fcn_resnet50_coco": 520}
"""The shorter side of the images that torchvision trained on; its detectors resize an image themselves."""


@dataclass(frozen=True)
class Trained:
    """A model with its weights.

    classes: by label. size: the shorter side of the images it learned from, in pixels; None where the model resizes
    images itself. name: of the model in the zoo, or torchvision's where the zoo has none. backbone, options: what the
    zoo built it with. frozen: whether the backbone's BatchNorm was left as ImageNet made it.
    """

    model: SemanticModel | InstanceModel
    classes: list[str]
    size: int | None
    name: str
    backbone: str = "tiny"
    options: dict[str, Any] = field(default_factory=dict)
    frozen: bool = False


def open_weights(name: str) -> Trained:
    """A model with weights that torchvision published, downloaded the first time, or that come with the course.

    Raises ValueError for another name, and OSError where a download fails, which says what to put where.
    """
    models = [known for known in shipped() if known != "trunk"]
    if name in models:
        notes = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
        model = _of_a_contract(build_model(name, len(notes["classes"])))
        load_checkpoint(name, model)
        return Trained(model, notes["classes"], notes["size"], name)
    if name not in PUBLISHED:
        raise ValueError(f"weights must be one of {', '.join((*PUBLISHED, *models))}, got {name!r}")
    state, classes = published_weights(name)
    return published_model(name, state, classes)


def published_model(name: str, state: dict[str, Tensor], classes: Sequence[str]) -> Trained:
    """torchvision's model of that name as ours."""
    about: dict[str, Any] = {
        "classes": list(classes), "size": PUBLISHED_SIZES.get(name), "name": OURS.get(name, name),
        "backbone": "resnet50", "frozen": True,
    }  # fmt: skip
    if name.startswith("fcn"):
        fcn = plain_fcn(len(classes), "resnet50")
        fcn.load_state_dict({key: value for key, value in state.items() if not key.startswith("aux_")})
        return Trained(fcn, **about)
    build = torchvision_mask_rcnn if name.startswith("mask") else torchvision_detector
    detector = build(name.removesuffix("_coco"), len(classes))
    load_torchvision(detector, state)
    if not any("num_batches_tracked" in key for key in state):  # trained with frozen BatchNorm, which had no epsilon
        for layer in detector.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = 0.0
    return Trained(detector, **about)


def open_run(folder: Path) -> Trained:
    """The model of a training run, as far as it has come; `folder` is the run's, or its checkpoint.

    Raises FileNotFoundError where there is none, ValueError for a file that is no checkpoint.
    """
    checkpoint = open_checkpoint(checkpoint_of(folder))
    classes = checkpoint.notes["meaning"]["classes"]
    kept = Settings(**checkpoint.notes["settings"])
    settings = Settings(**{**checkpoint.notes["settings"], "pretrained": False})
    model = _of_a_contract(fresh_model(settings, classes))
    checkpoint.restore(model)
    return Trained(model, classes, kept.size, kept.model, kept.backbone, kept.options, kept.pretrained)


def _of_a_contract(model: nn.Module) -> SemanticModel | InstanceModel:
    """The model, which says what it finds."""
    if not isinstance(model, SemanticModel | InstanceModel):
        raise ValueError(f"weights must be of a model that predicts, got those of {type(model).__name__}")
    return model
