"""What is the same for every system: the images, the budget, the beginning, and how a step is made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import nn

from lessons_lib.data.crop import resize_short_side, tiles
from lessons_lib.data.open import open_dataset
from lessons_lib.data.sample import Sample
from lessons_lib.data.splits import FOLDS, unseen_by
from lessons_lib.models.backbones import TinyBackbone
from lessons_lib.models.backbones.widening import widen
from lessons_lib.scoreboard.systems import System
from lessons_lib.shipped.recipes import begin_with_trunk
from lessons_lib.training.settings import Settings


@dataclass(frozen=True)
class Protocol:
    """One budget for all.

    data, root: what is learned from, and judged on, as `train` takes it. Scenes are those of the preset "clear".
    folds: each seed learns from another split of a set that has none of its own, "train", "train2", …, up to five.
    count: learn from the first so many images, or all if they are fewer; they are kept in memory.
    size: height and width of the images in a step. own_scale: squares of that size out of larger images, which are
        judged square by square, instead of whole images resized to it.
    most: the most objects that an image is expected to hold; the recurrent model draws one more.
    budget: seconds of training: of the processor on a CPU, of the clock on a GPU.
    unseen: on how many images the finished models are judged, at most; looks: after which shares of the steps a model
        is looked at on the way, on a quarter as many.
    """

    data: str = "scenes"
    root: str | None = None
    folds: bool = False
    count: int = 2000
    size: int = 96
    own_scale: bool = False
    most: int = 5
    backbone: str = "tiny"
    budget: float = 300.0
    unseen: int = 200
    looks: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75)
    batch: int = 8
    rate: float = 3e-3
    weight_decay: float = 1e-4
    clip: float = 10.0

    @property
    def sizes(self) -> tuple[float, float]:
        """The sides that part small, medium and large objects: about a seventh and a quarter of the image's side.

        In scenes they lie between the three ranges that objects are drawn from.
        """
        return 14 / 96 * self.size, 25 / 96 * self.size

    def settings(self, system: System, steps: int, seed: int) -> Settings:
        """The settings of a run. ValueError for a seed that has no split."""
        if self.folds and not 0 <= seed < FOLDS:
            raise ValueError(f"seeds must be 0 to {FOLDS - 1}, a split each, got {seed}")
        options = system.options
        if system.model == "recurrent":  # it must know how many objects there are at most, and how large
            options = {**options, "steps": self.most + 1, "start_area": float(self.size**2 // 6)}
        return Settings(
            system.model, data=self.data, root=self.root, split=f"train{seed + 1}" if self.folds and seed else "train",
            preset="clear", count=self.count, size=self.size, augment="window" if self.own_scale else "flip",
            backbone=system.backbone(self.backbone), options=options, steps=steps, batch=self.batch, lr=self.rate,
            schedule="warm-up-cosine", weight_decay=self.weight_decay, clip=self.clip, seed=seed,
        )  # fmt: skip

    def judged_on(self, settings: Settings) -> tuple[list[Sample], tuple[str, ...]]:
        """The images that a run is judged on, and the names of the classes."""
        split = unseen_by(settings.split)
        opened: Any = open_dataset(self.data, self.root, split, size=self.size, preset=settings.preset)
        found: list[Sample] = []
        for index in range(len(opened)):
            sample = opened[index]
            found += tiles(sample, self.size) if self.own_scale else [resize_short_side(sample, self.size)]
            if len(found) >= self.unseen:
                break
        return found[: self.unseen], tuple(opened.classes)


def read_once(settings: Settings) -> Settings:
    """The settings with no more images than there are: all are kept in memory, so that a step costs all systems the
    same, however slowly a file is read."""
    there: Any = open_dataset(settings.data, settings.root, settings.split, size=settings.size, preset=settings.preset)
    return replace(settings, count=min(settings.count or len(there), len(there)))


def begin(model: nn.Module, classes: Sequence[str] = ()) -> str:
    """Gives a tiny backbone the weights of the shipped trunk, a wide one the same function; others stay fresh."""
    backbone = cast(nn.Module, model.backbone)
    if not isinstance(backbone, TinyBackbone):
        return ""
    narrow = nn.Module()
    narrow.backbone = TinyBackbone()
    begin_with_trunk(narrow)
    with torch.no_grad():
        widen(narrow.backbone, backbone)
    return "begins with trunk"
