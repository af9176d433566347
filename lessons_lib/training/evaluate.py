"""Evaluation of a semantic model: mIoU, its relatives and boundary F, counted by one process or by several."""

import json
import math
import sys
from pathlib import Path

from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn
from torch.utils.data import Dataset
from tqdm import tqdm

from lessons_lib.data.crop import resize_short_side
from lessons_lib.data.open import open_dataset, require_truth
from lessons_lib.metrics.boundary import BoundaryScores
from lessons_lib.metrics.semantic import SemanticScores
from lessons_lib.models.zoo import build_model
from lessons_lib.training.atomic import write_whole
from lessons_lib.training.checkpoint import open_checkpoint
from lessons_lib.training.machine import start_machine
from lessons_lib.training.order import read_together
from lessons_lib.training.run import CHECKPOINT, SCORES
from lessons_lib.training.settings import Settings

TOGETHER = 8
"""Pictures read and predicted in one go."""


def score(
    model: nn.Module,
    samples: Dataset,
    classes: tuple[str, ...],
    size: int,
    machine: Accelerator,
    count: int | None = None,
) -> dict:
    """The scores of a model on the first `count` pictures (None: all), their shorter side resized to `size`.

    Each process predicts a share; what they counted is then added up, so that all answer alike, and as one would.
    The answer is ready for JSON: numbers by name, "iou" by class, null where nothing was there to count.
    """
    if count is not None and count < 1:
        raise ValueError(f"count must be ≥ 1, got {count}")
    total = len(samples) if count is None else min(count, len(samples))
    share = list(range(machine.process_index, total, machine.num_processes))
    metrics = [SemanticScores(len(classes)), BoundaryScores()]
    quiet = not (machine.is_main_process and sys.stderr.isatty())
    with tqdm(total=len(share), desc="evaluating", unit="picture", disable=quiet, leave=False) as bar:
        for group in (share[i : i + TOGETHER] for i in range(0, len(share), TOGETHER)):
            found = [resize_short_side(sample, size) for sample in read_together(samples, group)]
            predicted = model.predict([sample.image.to(machine.device) for sample in found])
            for sample, label_map in zip(found, predicted, strict=True):
                for metric in metrics:
                    metric.update(label_map.cpu(), sample.label_map)
            bar.update(len(group))
    return _answer(_added_up(metrics, machine), classes, total)


def _added_up(metrics: list, machine: Accelerator) -> dict:
    """What all processes counted together, computed."""
    everyone = gather_object([metrics]) if machine.num_processes > 1 else [metrics]
    first, *others = everyone
    for other in others:
        for metric, more in zip(first, other, strict=True):
            metric.merge(more)
    return {name: value for metric in first for name, value in metric.compute().items()}


def _answer(values: dict, classes: tuple[str, ...], pictures: int) -> dict:
    def number(value: float) -> float | None:
        return None if math.isnan(value) else value

    iou = dict(zip(classes, map(number, values.pop("iou").tolist()), strict=True))
    return {"pictures": pictures, **{name: number(float(value)) for name, value in values.items()}, "iou": iou}


def table(scores: dict) -> str:
    """The scores as text, a line each; classes that no picture had are left out."""
    names = {
        "pixel_accuracy": "pixel accuracy",
        "mean_accuracy": "mean accuracy",
        "miou": "mIoU",
        "fwiou": "fwIoU",
        "boundary_f": "boundary F",
        "boundary_precision": "boundary precision",
        "boundary_recall": "boundary recall",
    }
    rows = [(text, scores[name]) for name, text in names.items()]
    rows += [(f"IoU {name}", value) for name, value in scores["iou"].items() if value is not None]
    width = max(len(text) for text, _ in rows)
    lines = [f"{text:<{width}}  {'–' if value is None else f'{value:.4f}'}" for text, value in rows]
    return "\n".join([f"{scores['pictures']} pictures", *lines])


def evaluate(
    run: Path, *, data: str | None = None, root: str | None = None, split: str = "val", preset: str | None = None,
    size: int | None = None, count: int | None = None, device: str = "auto",
) -> tuple[dict, Path]:  # fmt: skip
    """Scores of the checkpoint in a run's folder, and the JSON file that they were written to, beside it.

    What is None is as the run was trained. ValueError for data whose classes are not the model's.
    """
    file = run / CHECKPOINT if run.is_dir() else run
    checkpoint = open_checkpoint(file)
    settings = Settings(**checkpoint.notes["settings"])
    size = settings.size if size is None else size
    samples = open_dataset(
        data or settings.data, root or settings.root, split, size=size, preset=preset or settings.preset
    )
    require_truth(samples, "label maps")
    classes = samples.classes
    known = checkpoint.notes["classes"]
    if list(classes) != known:
        raise ValueError(f"data must have the model's {len(known)} classes, {known[0]} to {known[-1]}, got {classes}")
    machine = start_machine(device)
    model = build_model(settings.model, len(classes), settings.backbone)
    checkpoint.restore(model)
    scores = score(model.to(machine.device), samples, classes, size, machine, count)
    path = file.parent / SCORES
    if machine.is_main_process:
        write_whole(path, json.dumps(scores, indent=2, ensure_ascii=False) + "\n")
    return scores, path
