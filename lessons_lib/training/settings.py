"""Settings of a run: all that decides its weights, and therefore what may not change when it is taken up again."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from lessons_lib.training.schedule import SCHEDULES, Rate

PRECISIONS = ("fp32", "bf16")
AUGMENTATIONS = ("none", "crop", "flip", "window", "full")
"""How an image is brought to the training's size: augment.py says what each does."""

MAY_CHANGE = ("steps", "root")
"""A run may be made longer, and its images may have moved."""


@dataclass(frozen=True)
class Settings:
    """What is trained, on what, and how; two runs of equal settings on a CPU end with the same weights, bit by bit.

    Args:
        model, backbone: names that `build_model` knows; `options` are the model's own options by name.
        pretrained: begin with the backbone that torchvision trained on ImageNet.
        weights: begin with these, by a shipped or published name or the folder of a run; None is fresh ones.
        data, root, split, preset: what `open_dataset` opens to learn from; `preset` is one of the scenes'.
        count: learn from the first so many images only, which are kept in memory; None is all.
        size: height and width of the images in a step, ≥ 32.
        augment: how an image is brought to that size, a name in `AUGMENTATIONS`.
        steps, batch: how many steps, with how many images in each, over all processes together.
        lr: the highest learning rate of AdamW; `schedule`, a name in `SCHEDULES`, says what becomes of it.
        weight_decay: of AdamW. clip: the largest norm of the gradient, to which longer ones are cut; None cuts none.
        seed: of the fresh weights, the order of the images, their augmentation, and dropout.
        precision: "fp32", or "bf16" for a forward pass under autocast, which pays on a GPU.
        recipe: the name of the shipped recipe that these settings come from, if they do.
    """

    model: str
    data: str = "scenes"
    root: str | None = None
    split: str = "train"
    preset: str = "easy"
    count: int | None = None
    size: int = 96
    augment: str = "flip"
    backbone: str = "tiny"
    pretrained: bool = False
    weights: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    steps: int = 1000
    batch: int = 8
    lr: float = 1e-3
    schedule: str = "polynomial"
    weight_decay: float = 0.01
    clip: float | None = None
    seed: int = 0
    precision: str = "fp32"
    recipe: str | None = None

    def __post_init__(self) -> None:
        for name, least in (("count", 1), ("size", 32), ("steps", 1), ("batch", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} must be ≥ {least}, got {value}")
        for name in ("lr", "clip"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} must be a number > 0, got {value}")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must be a number ≥ 0, got {self.weight_decay}")
        if self.pretrained and self.weights is not None:
            raise ValueError(f"from must go without --pretrained, since {self.weights} brings its own backbone")
        for name, allowed in (("precision", PRECISIONS), ("schedule", SCHEDULES), ("augment", AUGMENTATIONS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")

    def rate(self) -> Rate:
        """The learning rate of each step, counted from 1."""
        return SCHEDULES[self.schedule](self.lr, self.steps)

    def require_same(self, kept: dict[str, Any]) -> None:
        """Refuse to take up a run that was begun with other settings; ValueError names the first that differs."""
        for name, value in asdict(self).items():
            if name not in MAY_CHANGE and kept.get(name) != value:
                what = "from" if name == "weights" else name
                raise ValueError(f"{what} must be as the run began, {kept.get(name)!r}, got {value!r}")
