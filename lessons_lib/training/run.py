"""A run that is set up: data, model, optimiser and folder, fresh or as its checkpoint left them."""

import hashlib
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn
from torch.optim import AdamW, Optimizer

from lessons_lib.atomic import writable_folder
from lessons_lib.data.cached import Cached
from lessons_lib.data.exports.reader import remarks
from lessons_lib.data.open import open_dataset, require_truth
from lessons_lib.models.backbones import Normalisation
from lessons_lib.models.zoo import build_model, find_model
from lessons_lib.training.augment import BY_NAME
from lessons_lib.training.checkpoint import Checkpoint, open_checkpoint, save_checkpoint
from lessons_lib.training.machine import inner_model, start_machine
from lessons_lib.training.sampling import Draws, Indexed, Loader, seed_for, step_draws
from lessons_lib.training.settings import Settings
from lessons_lib.training.tasks import TASKS, Task

CHECKPOINT, JOURNAL, SCORES = "checkpoint.safetensors", "metrics.jsonl", "scores.json"
CURVE, PREDICTIONS = "losses.png", "predictions.png"
"""The files of a run's folder."""

Start = Callable[[nn.Module, Sequence[str]], str]
"""Gives a fresh model for these classes other weights than its own, and says which: see `begin_with_weights`."""


@dataclass
class Run:
    """A training run that is set up: what its steps need, and its folder. `meaning` is what its weights stand for;
    `begun` says with which trained weights it began, "" for none. `recorded`: a GPU repeats a step that it recorded."""

    settings: Settings
    folder: Path
    machine: Accelerator
    task: Task
    samples: Any
    draws: Draws
    meaning: dict[str, Any]
    model: nn.Module
    optimizer: Optimizer
    start: int
    begun: str = ""
    recorded: bool = False

    @property
    def inner(self) -> nn.Module:
        """The model itself, without what several processes put around it."""
        return inner_model(self.machine, self.model)

    @property
    def is_main(self) -> bool:
        """Whether this process prints and writes files."""
        return self.machine.is_main_process

    def loader(self, workers: int) -> Loader:
        """This process's share of the batches that are still to come."""
        machine, s = self.machine, self.settings
        plan = step_draws(self.start, s.steps, s.batch, machine.process_index, machine.num_processes)
        return Loader(self.draws, plan, workers, pin_memory=machine.device.type == "cuda")

    def seed_step(self, step: int) -> None:
        """The random numbers of a step, for dropout: a function of its number, whatever happened before."""
        torch.manual_seed(seed_for(self.settings.seed, "step", step, self.machine.process_index))

    def save(self, step: int) -> None:
        """Writes the checkpoint of a step."""
        notes = {
            "step": step,
            "settings": asdict(self.settings),
            "meaning": self.meaning,
            "device": str(self.machine.device),
            "versions": {"torch": torch.__version__, "python": platform.python_version()},
        }
        save_checkpoint(self.folder / CHECKPOINT, self.inner, self.optimizer, notes)


def set_up(
    settings: Settings,
    folder: Path,
    device: str,
    resume: bool,
    on_error: str = "raise",
    start_from: Start | None = None,
    recorded: bool = False,
) -> Run:
    """Everything that a step needs, in the state of the folder's checkpoint if there is one.

    Errors come before anything is written, and before the dataset, which can be large, is opened where they can.
    """
    task = TASKS[find_model(settings.model).task]
    machine = start_machine(device, settings.precision)
    if recorded and (machine.device.type != "cuda" or machine.num_processes > 1):
        got = f"{machine.device.type}, {machine.num_processes} process{'es' * (machine.num_processes > 1)}"
        raise ValueError(f"recorded must be asked on a GPU, of one process alone, got {got}")
    checkpoint = _checkpoint(settings, folder, resume)
    samples: Any = open_dataset(
        settings.data, settings.root, settings.split, on_error, size=settings.size, preset=settings.preset
    )
    require_truth(samples, *task.needs)
    for line in remarks(samples) if machine.is_main_process else ():
        print(line, flush=True)
    if settings.count is not None:
        samples = Cached(samples, settings.count)
    prepare = BY_NAME[settings.augment]
    draws = Draws(samples, settings.seed, partial(prepare, size=settings.size))
    torch.manual_seed(seed_for(settings.seed, "weights"))
    model = fresh_model(settings, samples.classes)
    meaning = meaning_of(settings, model, samples.classes) | {"images": identity_of(samples)}
    begun = "" if start_from is None else start_from(model, samples.classes)
    model = machine.prepare_model(model)
    optimizer = AdamW(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    if checkpoint:
        require_same_meaning(checkpoint.notes["meaning"], meaning, "as the run began")
        checkpoint.restore(inner_model(machine, model), optimizer)
    writable_folder(folder)
    machine.wait_for_everyone()  # nobody writes before all have looked
    start = checkpoint.notes["step"] if checkpoint else 0
    return Run(settings, folder, machine, task, samples, draws, meaning, model, optimizer, start, begun, recorded)


def _checkpoint(settings: Settings, folder: Path, resume: bool) -> Checkpoint | None:
    """The checkpoint to continue from, or None to begin."""
    file = folder / CHECKPOINT
    if not file.exists():
        return None
    if not resume:
        raise FileExistsError(f"out must be a new folder, and {folder} holds a run: add --resume to continue it")
    checkpoint = open_checkpoint(file)
    settings.require_same(checkpoint.notes["settings"])
    step = checkpoint.notes["step"]
    if step > settings.steps:
        raise ValueError(f"steps must be ≥ {step}, which are made already, got {settings.steps}")
    return checkpoint


def fresh_model(settings: Settings, classes: Sequence[str]) -> nn.Module:
    """The settings' model for so many classes, before its first step."""
    s = settings
    return build_model(s.model, len(classes), s.backbone, s.pretrained, **s.options)


def meaning_of(settings: Settings, model: nn.Module, classes: Sequence[str]) -> dict[str, Any]:
    """What gives weights their meaning, ready for JSON: two models of which any of it differs are not the same."""
    found = [module for module in model.modules() if isinstance(module, Normalisation)]
    numbers = sorted({(*m.mean.flatten().tolist(), *m.std.flatten().tolist()) for m in found})
    entry = find_model(settings.model)
    return {
        "classes": list(classes),
        "task": entry.task,
        "model": settings.model,
        "backbone": settings.backbone,
        "options": entry.options | settings.options,
        "normalisation": [list(row) for row in numbers],
        "size": settings.size,
    }


def identity_of(samples: Indexed) -> list[Any]:
    """How many images there are, and a checksum of their names where they have names."""
    names = getattr(samples, "names", None)
    if names is None:
        return [len(samples), None]
    return [len(samples), hashlib.sha256("\n".join(map(str, names)).encode(errors="surrogatepass")).hexdigest()[:16]]


def require_same_meaning(kept: dict[str, Any], found: dict[str, Any], words: str) -> None:
    """Refuse weights that would mean something else now; ValueError names what differs."""
    for name, value in found.items():
        if kept.get(name) != value:
            raise ValueError(f"{name} must be {words}, {_short(name, kept.get(name), value)}")


def _short(name: str, kept: Any, found: Any) -> str:
    """The two values, of long lists of classes only where they begin to differ."""
    if name != "classes" or kept is None:
        return f"{kept!r}, got {found!r}"
    if len(kept) != len(found):
        return f"{len(kept)} classes, {kept[0]} to {kept[-1]}, got {len(found)}, {found[0]} to {found[-1]}"
    label = next(n for n, (old, new) in enumerate(zip(kept, found, strict=True)) if old != new)
    return f"{kept[label]!r} for label {label}, got {found[label]!r}"
