"""Evaluation of a finished or stopped run, on the images that it was meant for or on others of the same classes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from lessons_lib.data.cached import Cached
from lessons_lib.data.open import open_dataset, require_truth
from lessons_lib.training.checkpoint import open_checkpoint
from lessons_lib.training.machine import start_machine
from lessons_lib.training.run import CHECKPOINT, fresh_model, meaning_of, require_same_meaning
from lessons_lib.training.scoring import Scored, score
from lessons_lib.training.seen import shared_images
from lessons_lib.training.settings import Settings
from lessons_lib.training.tasks import TASKS, Task


def evaluate(
    run: Path, *, data: str | None = None, root: str | None = None, split: str = "val", preset: str | None = None,
    size: int | None = None, count: int | None = None, device: str = "auto", on_error: str = "raise",
) -> tuple[Task, Scored, list[str], str | None]:  # fmt: skip
    """The task of the checkpoint in a run's folder, its scores, its classes, and whether it has seen the images before.

    An argument that is None is taken from the run. With several processes each returns the same. Raises ValueError for
    data whose classes, or a program whose models, give the weights another meaning.
    """
    checkpoint = open_checkpoint(checkpoint_of(run))
    kept = checkpoint.notes["meaning"]
    trained = Settings(**checkpoint.notes["settings"])
    s = replace(
        trained, data=data or trained.data, root=root or trained.root, split=split, preset=preset or trained.preset,
        size=trained.size if size is None else size,
    )  # fmt: skip
    samples: Any = open_dataset(s.data, s.root, s.split, size=s.size, preset=s.preset)
    task = TASKS[kept["task"]]
    require_truth(samples, *task.needs)
    classes = list(samples.classes)
    if classes != kept["classes"]:
        require_same_meaning(kept, {"classes": classes}, "as the model was trained")
    machine = start_machine(device)
    model = fresh_model(replace(trained, pretrained=False), classes)
    require_same_meaning(kept, meaning_of(trained, model, classes), "as the model was trained")
    checkpoint.restore(model)
    found = score(model.to(machine.device), task, samples, classes, s.size, machine, count, on_error)
    return task, found, classes, _seen(trained, s, samples)


def checkpoint_of(run: Path) -> Path:
    """The checkpoint's file, of a run's folder or of the file itself."""
    return run / CHECKPOINT if run.is_dir() else run


def _seen(trained: Settings, judged: Settings, samples: Any) -> str | None:
    """In words, how many of the images the run has learned from; None if none, or if its images are not there."""
    if trained.data != judged.data:
        return None
    try:
        learned: Any = open_dataset(trained.data, trained.root, trained.split, size=trained.size, preset=trained.preset)
    except (ValueError, OSError):
        return None
    if trained.count is not None:
        learned = Cached(learned, trained.count)
    return shared_images(learned, samples, trained.data, trained.split, judged.split)
