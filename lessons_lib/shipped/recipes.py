"""Recipes: how each shipped checkpoint is trained, as data. `python -m lessons_lib train --recipe NAME` follows one.

The same recipe and seed give the same bytes on one machine. The shipped semantic weights and their JSON were made by
an earlier program with the same steps, rates and scenes, whose order of scenes was another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import nn

from lessons_lib.data.cached import Memory
from lessons_lib.data.sample import Sample
from lessons_lib.data.scenes.config import CLASSES
from lessons_lib.data.scenes.mixed import MixedScenes, mixed_configs
from lessons_lib.data.scenes.rosettes import ROSETTES
from lessons_lib.shipped import FOLDER
from lessons_lib.shipped.detector import begin_with_detector
from lessons_lib.shipped.files import notes_of, write_weights
from lessons_lib.shipped.scores import UNSEEN_SEED, classes_of, judge
from lessons_lib.shipped.trunk import PATCH, Patches, accuracy, train_trunk
from lessons_lib.training.checkpoint import open_checkpoint
from lessons_lib.training.journal import read_journal
from lessons_lib.training.machine import is_main_process
from lessons_lib.training.run import CHECKPOINT, JOURNAL, fresh_model
from lessons_lib.training.settings import Settings
from lessons_lib.training.train import train

SIZE, COUNT = 128, 6000
"""From how large scenes, and how many, the shipped models learn."""


@dataclass(frozen=True)
class Recipe:
    """The settings of one shipped checkpoint, and the presets of scenes on which it is judged.

    `trunk`: the model's backbone begins as the shipped trunk, where it has a backbone. `detector`: instead, the
    detector that the model holds begins as the shipped Faster R-CNN.
    """

    settings: Settings
    judged: tuple[str, ...]
    trunk: bool = True
    detector: bool = False


@dataclass(frozen=True)
class TrunkRecipe:
    """How the trunk itself is trained: on patches from scenes of these presets in turn."""

    kinds: tuple[str, ...] = ("easy", "islands", "context")
    steps: int = 3000
    batch: int = 64
    rate: float = 3e-3
    scenes: int = COUNT


def semantic_recipe(model: str, kinds: Sequence[str] = ("islands",), steps: int = 3000) -> Recipe:
    """AdamW under one cycle of the learning rate, on scenes of these presets in turn, half of them mirrored."""
    settings = Settings(
        model, preset=f"mixed:{','.join(kinds)}", steps=steps, lr=5e-3, schedule="one-cycle", weight_decay=1e-4,
        recipe=model, size=SIZE, count=COUNT,
    )  # fmt: skip
    return Recipe(settings, tuple(kinds))


def detection_recipe(model: str, steps: int, scenes: int = 8000) -> Recipe:
    """AdamW on scenes without void, half of them mirrored, warmed up and then slowed down along a cosine."""
    settings = Settings(
        model, preset="clear", count=scenes, size=96, steps=steps, lr=3e-3, schedule="warm-up-cosine",
        weight_decay=1e-4, clip=10.0, recipe=model,
    )  # fmt: skip
    return Recipe(settings, judged=("clear",))


def cascade_recipe(model: str, steps: int) -> Recipe:
    """The same on top of the shipped Faster R-CNN, more slowly, since much of it has learned already."""
    recipe = detection_recipe(model, steps)
    return replace(recipe, settings=replace(recipe.settings, lr=2e-3), detector=True)


RECURRENT = Recipe(
    Settings(
        "recurrent", preset=ROSETTES, count=12_000, size=64, steps=5400, lr=3e-3, schedule="warm-up-cosine",
        weight_decay=1e-4, clip=5.0, recipe="recurrent", options={"grow_every": 100},
    ),
    judged=(ROSETTES,),
)  # fmt: skip
"""One leaf after the other; a training step draws three masks at first, and one more after every 100 steps."""

TRUNK = TrunkRecipe()
RECIPES = {
    **{name: semantic_recipe(name) for name in ("fcn8s", "fcn16s", "fcn32s", "unet")},
    "hypercolumns": semantic_recipe("hypercolumns", steps=1500),
    "deconvnet": semantic_recipe("deconvnet", ("easy", "islands"), steps=2500),
    **{name: semantic_recipe(name, ("context",)) for name in ("plain", "dilated")},
    "faster_rcnn": detection_recipe("faster_rcnn", steps=16_500, scenes=12_000),
    "mask_rcnn": detection_recipe("mask_rcnn", steps=13_000),
    "sds": detection_recipe("sds", steps=1500, scenes=1200),
    "mnc": cascade_recipe("mnc", steps=1200),
    "fcis": cascade_recipe("fcis", steps=3000),
    "recurrent": RECURRENT,
}
"""The recipe of each shipped model by its name; "trunk" is made by `TRUNK`."""


def follow(name: str, folder: Path, *, seed: int = 0, **how: Any) -> int | None:
    """Trains a shipped checkpoint anew, into FOLDER/NAME.safetensors and .json; returns what `train` returns.

    `how` are `train`'s own arguments, such as `resume`. Raises ValueError for an unknown recipe.
    """
    if name == "trunk":
        make_trunk(folder, seed)
        return None
    recipe = find_recipe(name)
    settings = replace(recipe.settings, seed=seed)
    start = begin_with_detector if recipe.detector else begin_with_trunk if recipe.trunk else None
    signal = train(settings, folder, start_from=start, **how)
    if signal is None and is_main_process():
        classes = classes_of(settings.preset)
        model = fresh_model(settings, classes)
        open_checkpoint(folder / CHECKPOINT).restore(model)
        notes = notes_of(name, settings, model, read_journal(folder / JOURNAL), classes)
        notes["scores"] = {kind: judge(model, settings.model, kind) for kind in recipe.judged}
        write_weights(folder / f"{name}.safetensors", model, notes)
    return signal


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises ValueError for another name, naming those that exist."""
    if name not in RECIPES:
        raise ValueError(f"recipe must be one of trunk, {', '.join(RECIPES)}, got {name!r}")
    return RECIPES[name]


def begin_with_trunk(model: nn.Module, classes: Sequence[str] = ()) -> str:
    """Gives the backbone of a fresh model, if it has one, the weights of the shipped trunk; returns no words."""
    if hasattr(model, "backbone"):
        weights = load_file(FOLDER / "trunk.safetensors")
        cast(nn.Module, model.backbone).load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return ""


def make_trunk(folder: Path, seed: int = 0) -> None:
    """Trains the classification trunk into FOLDER/trunk.safetensors and .json."""
    torch.set_num_threads(1)
    patches, labels = Memory(_scenes(TRUNK.scenes, 0)).patches(PATCH, seed)
    model = train_trunk(Patches(patches, labels), len(CLASSES), TRUNK.steps, seed, TRUNK.batch, TRUNK.rate)
    unseen = Memory(_scenes(max(1, TRUNK.scenes // 10), UNSEEN_SEED)).patches(PATCH, seed=1)
    preset = f"mixed:{','.join(TRUNK.kinds)}"
    settings = Settings(
        "trunk", preset=preset, steps=TRUNK.steps, batch=TRUNK.batch, lr=TRUNK.rate, schedule="one-cycle", seed=seed,
        weight_decay=1e-3, clip=1.0, recipe="trunk", size=SIZE, count=TRUNK.scenes,
    )  # fmt: skip
    notes = notes_of("trunk", settings, model.backbone, [])
    notes |= {"patch": PATCH, "patches": len(patches), "accuracy": accuracy(model, *unseen)}
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(folder / "trunk.safetensors", model.backbone, notes)


def _scenes(count: int, seed: int) -> Iterator[Sample]:
    scenes = MixedScenes(mixed_configs(SIZE, TRUNK.kinds), count, seed)
    for start in range(0, count, 100):  # a few at a time: with their masks they would not fit into memory
        yield from scenes.__getitems__(list(range(start, min(start + 100, count))))
