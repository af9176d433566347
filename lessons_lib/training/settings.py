"""Settings of a run: all that decides its weights, and therefore what may not change when it is taken up again."""

import math
from dataclasses import asdict, dataclass

PRECISIONS = ("fp32", "bf16")
MAY_CHANGE = ("steps", "root")
"""A run may be made longer, and its pictures may have moved."""


@dataclass(frozen=True)
class Settings:
    """What is trained, on what, and how; two runs of equal settings on a CPU end with the same weights, bit by bit.

    model, backbone: names that `build_model` knows. pretrained: begin with the backbone that ImageNet trained.
    data, root, split, preset: what `open_dataset` opens to learn from; `preset` is one of the scenes'.
    size: height and width of the pictures in a step, ≥ 32.
    steps, batch: how many steps, with how many pictures in each, over all processes together.
    lr: AdamW's learning rate at the first step; it falls to 0 as (1 − step / steps) to the power of 0.9.
    seed: of the fresh weights, the order of the pictures, their cropping, and dropout.
    precision: "fp32", or "bf16" for a forward pass under autocast, which pays on a GPU.
    """

    model: str
    data: str = "scenes"
    root: str | None = None
    split: str = "train"
    preset: str = "easy"
    size: int = 96
    backbone: str = "tiny"
    pretrained: bool = False
    steps: int = 1000
    batch: int = 8
    lr: float = 1e-3
    seed: int = 0
    precision: str = "fp32"

    def __post_init__(self) -> None:
        for name, least in (("size", 32), ("steps", 1), ("batch", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be ≥ {least}, got {getattr(self, name)}")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr must be a number > 0, got {self.lr}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}")

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 1: a function of the step alone, so that nothing need be kept."""
        return self.lr * (1 - (step - 1) / self.steps) ** 0.9

    def require_same(self, kept: dict) -> None:
        """Refuse to take up a run that was begun with other settings; ValueError names the first that differs."""
        for name, value in asdict(self).items():
            if name not in MAY_CHANGE and kept.get(name) != value:
                raise ValueError(f"{name} must be as the run began, {kept.get(name)!r}, got {value!r}")
