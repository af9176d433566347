"""A run that is set up: model, optimiser, data and folder, fresh or as its checkpoint left them."""

import platform
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn
from torch.optim import AdamW, Optimizer

from lessons_lib.data.crop import random_square
from lessons_lib.data.open import open_dataset, require_truth
from lessons_lib.models.zoo import build_model
from lessons_lib.training.checkpoint import open_checkpoint, save_checkpoint
from lessons_lib.training.machine import inner_model, start_machine
from lessons_lib.training.order import Draws, seed_for
from lessons_lib.training.settings import Settings

CHECKPOINT, JOURNAL, CURVE, SCORES = "checkpoint.safetensors", "metrics.jsonl", "losses.png", "scores.json"
"""The files of a run's folder."""


@dataclass
class Run:
    """A training run that is set up: what its steps need, and its folder."""

    settings: Settings
    folder: Path
    machine: Accelerator
    draws: Draws
    classes: tuple[str, ...]
    model: nn.Module
    optimizer: Optimizer
    start: int

    def get_ready_for(self, step: int) -> None:
        """The rate and the random numbers of a step: functions of its number, whatever happened before."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate(step)
        torch.manual_seed(seed_for(self.settings.seed, "step", step, self.machine.process_index))

    def save(self, step: int) -> None:
        """Writes the checkpoint of a step."""
        notes = {
            "step": step,
            "settings": asdict(self.settings),
            "classes": self.classes,
            "device": str(self.machine.device),
            "versions": {"torch": torch.__version__, "python": platform.python_version()},
        }
        save_checkpoint(self.folder / CHECKPOINT, inner_model(self.machine, self.model), self.optimizer, notes)


def set_up(settings: Settings, folder: Path, device: str, resume: bool) -> Run:
    """Everything that a step needs, in the state of the folder's checkpoint if there is one.

    Errors come before anything is written, and before the data set, which can be large, is opened where they can.
    """
    machine = start_machine(device, settings.precision)
    file = folder / CHECKPOINT
    if file.exists() and not resume:
        raise FileExistsError(f"out must be a new folder, and {folder} holds a run: add --resume to go on with it")
    checkpoint = open_checkpoint(file) if file.exists() else None
    start = checkpoint.notes["step"] if checkpoint else 0
    if checkpoint:
        settings.require_same(checkpoint.notes["settings"])
    if start > settings.steps:
        raise ValueError(f"steps must be ≥ {start}, which are made already, got {settings.steps}")
    samples = open_dataset(settings.data, settings.root, settings.split, size=settings.size, preset=settings.preset)
    require_truth(samples, "label maps")
    classes = samples.classes
    draws = Draws(samples, settings.seed, partial(random_square, size=settings.size))
    torch.manual_seed(seed_for(settings.seed, "weights"))
    model = machine.prepare_model(build_model(settings.model, len(classes), settings.backbone))
    optimizer = AdamW(model.parameters(), lr=settings.lr)
    if checkpoint:
        checkpoint.restore(inner_model(machine, model), optimizer)
    folder.mkdir(parents=True, exist_ok=True)
    machine.wait_for_everyone()  # nobody writes before all have looked
    return Run(settings, folder, machine, draws, classes, model, optimizer, start)
