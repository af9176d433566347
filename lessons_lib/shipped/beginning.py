"""Fine-tuning: a run that begins with trained weights, and with fresh heads where it has classes of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from lessons_lib.models.backbones import PUBLISHED, TinyBackbone
from lessons_lib.models.instance.features import Features
from lessons_lib.models.zoo import build_model, find_model
from lessons_lib.shipped import shipped
from lessons_lib.shipped.recipes import begin_with_trunk
from lessons_lib.shipped.trained import Trained, open_run, open_weights
from lessons_lib.training.evaluate import checkpoint_of
from lessons_lib.training.settings import Settings


def begin_with_weights(settings: Settings, model: nn.Module, classes: Sequence[str]) -> str:
    """Gives a fresh model of these settings the weights that `settings.weights` names; says what it took.

    What depends on the number of classes, a model's heads, is taken only where the classes are the same ones in the
    same order, and otherwise stays fresh. Everything else is taken.

    Raises:
        ValueError: for a name that is neither shipped, nor published, nor a run's folder, and for weights of another
            model, backbone or options.
        OSError: for published weights that cannot be downloaded.
    """
    name = str(settings.weights)
    if name == "trunk":
        return _with_trunk(settings, model, classes)
    source = weights_named(name)
    _require_same_model(name, source, settings)
    own, theirs = model.state_dict(), source.model.state_dict()
    heads = [] if list(classes) == source.classes else class_dependent(settings)
    missing = [key for key in own if key not in heads and (key not in theirs or theirs[key].shape != own[key].shape)]
    if missing:
        raise ValueError(f"from must have every weight but the heads of {settings.model}, got {name} without {missing}")
    model.load_state_dict({key: own[key] if key in heads else theirs[key] for key in own})
    if source.frozen and isinstance(features := getattr(model, "features", None), Features):
        features.freeze_pretrained()
    return _words(name, own, heads, source.classes, classes)


def weights_named(name: str) -> Trained:
    """The trained model of a name: shipped, published, or the folder or checkpoint of a run."""
    models = [known for known in shipped() if known != "trunk"]
    if name in (*models, *PUBLISHED):
        return open_weights(name)
    if not checkpoint_of(Path(name)).is_file():
        known = ", ".join((*models, "trunk", *PUBLISHED))
        raise ValueError(f"from must be one of {known}, or the folder of a run, got {name!r}")
    return open_run(Path(name))


def class_dependent(settings: Settings) -> list[str]:
    """The weights whose shape depends on the number of classes, by name; none of them is computed for that."""
    with torch.device("meta"):
        two, three = (
            build_model(settings.model, count, settings.backbone, **settings.options).state_dict() for count in (2, 3)
        )
    return [key for key in two if two[key].shape != three[key].shape]


def _require_same_model(name: str, source: Trained, settings: Settings) -> None:
    """Refuse weights of another network, with the argument that would have to be another."""
    if source.name != settings.model:
        raise ValueError(f"from must be weights of {settings.model}, got {name}, which are those of {source.name}")
    if source.backbone != settings.backbone:
        wanted = f"backbone must be {source.backbone} for the weights {name} (--backbone {source.backbone})"
        raise ValueError(f"{wanted}, got {settings.backbone!r}")
    usual = find_model(settings.model).options
    for option, value in (usual | source.options).items():
        if (got := (usual | settings.options)[option]) != value:
            raise ValueError(f"option {option} must be {value} for the weights {name}, got {got}")


def _with_trunk(settings: Settings, model: nn.Module, classes: Sequence[str]) -> str:
    """Begin with the shipped classification trunk, which is a backbone and no more."""
    if not isinstance(getattr(model, "backbone", None), TinyBackbone):
        got = f"{settings.model} with the backbone {settings.backbone}"
        raise ValueError(f"from must fit the model: trunk is a tiny backbone, got {got}")
    begin_with_trunk(model, classes)
    taken = len(cast(nn.Module, model.backbone).state_dict())
    return f"begins with trunk: {taken} of {len(model.state_dict())} weights taken, the backbone; all else begun anew"


def _words(name: str, own: dict[str, Tensor], heads: list[str], before: Sequence[str], classes: Sequence[str]) -> str:
    """Which weights were taken, and which heads were begun anew, for how many classes."""
    taken = f"begins with {name}: {len(own) - len(heads)} of {len(own)} weights taken"
    if not heads:
        same = list(before) == list(classes)
        return f"{taken}, " + ("the heads too, since the classes are the same" if same else "since none names a class")
    layers = ", ".join(dict.fromkeys(key.rpartition(".")[0] for key in heads))
    had = f"{len(before) - 1} classes" if len(before) != len(classes) else "other classes"
    return f"{taken}; begun anew for {len(classes) - 1} classes, where it had {had}: {layers}"
