"""Tasks: how a model is judged, by what it predicts: one class for each pixel, objects with masks, boxes alone, or a
sequence of masks that has to end in time.

`train` and `evaluate` ask the task alone; they know no metric.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lessons_lib.data.sample import Instances, Sample
from lessons_lib.metrics.boundary import BoundaryScores
from lessons_lib.metrics.detection import NUMBERS, DetectionScores
from lessons_lib.metrics.leaves import LeafScores
from lessons_lib.metrics.semantic import SemanticScores
from lessons_lib.training.proposal_table import proposal_lines

Answer = Tensor | Instances
"""What a model predicts for one image: a label map, or instances."""


@dataclass(frozen=True)
class Task:
    """How models of one kind are judged.

    needs: what a set must have for it, as `require_truth` calls it.
    metrics: makes empty metrics for so many classes. count: adds one image to them.
    numbers: the scores of a table, by the name in scores.json, each with its words; `gist` are the most telling ones.
    by_class: the score of each class, its name and words, such as ("iou", "IoU").
    learned: the score, and the least value of it, of a model that has learned its training images by heart.
    """

    name: str
    needs: tuple[str, ...]
    metrics: Callable[[int], list[Any]]
    count: Callable[[list[Any], Answer, Sample], None]
    compute: Callable[[list[Any], Sequence[str]], dict[str, Any]]
    numbers: dict[str, str]
    gist: tuple[str, ...]
    by_class: tuple[str, str]
    learned: tuple[str, float]

    def scores(self, metrics: list[Any], classes: Sequence[str], images: int) -> dict[str, Any]:
        """What the metrics have counted, ready for JSON: numbers by name, null where there was nothing to count."""
        return {"task": self.name, "images": images, **_without_nan(self.compute(metrics, classes))}

    def table(self, scores: dict[str, Any]) -> str:
        """The scores as text, one per line; classes that no image had are left out."""
        key, words = self.by_class
        rows = [(text, scores[name]) for name, text in self.numbers.items()]
        rows += [(f"{words} {name}", value) for name, value in scores[key].items() if value is not None]
        width = max(len(text) for text, _ in rows)
        lines = [f"{text:<{width}}  {_number(value, 4)}" for text, value in rows]
        return "\n".join([images_in_words(scores["images"]), *lines, *proposal_lines(scores)])

    def in_one_line(self, scores: dict[str, Any]) -> str:
        """The most telling scores."""
        return "  ".join(f"{self.numbers[name]} {_number(scores[name], 3)}" for name in self.gist)


def images_in_words(count: int) -> str:
    """`1 image`, `2 images`."""
    return f"{count} image{'' if count == 1 else 's'}"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _without_nan(value: Any) -> Any:
    """None, JSON's null, instead of every NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _count_label_map(metrics: list[Any], answer: Answer, sample: Sample) -> None:
    for metric in metrics:
        metric.update(answer, sample.label_map)


def _semantic_scores(metrics: list[Any], classes: Sequence[str]) -> dict[str, Any]:
    semantic, boundary = (metric.compute() for metric in metrics)
    iou = dict(zip(classes, semantic.pop("iou").tolist(), strict=True))
    return {**semantic, **boundary, "iou": iou}


def _count_instances(metrics: list[Any], answer: Answer, sample: Sample) -> None:
    for metric in metrics:
        metric.update(answer, sample.instances)


def _instance_scores(metrics: list[Any], classes: Sequence[str]) -> dict[str, Any]:
    """The twelve numbers of each kind as mask_ap, …, box_ap, …; and ap, of each class, of the first kind."""
    computed = [metric.compute() for metric in metrics]
    numbers = {
        f"{m.kind}_{name}": values[name] for m, values in zip(metrics, computed, strict=True) for name in NUMBERS
    }
    found = computed[0]["class_ap"]
    return {**numbers, "ap": {name: found.get(label, math.nan) for label, name in enumerate(classes) if label}}


def _sequence_scores(metrics: list[Any], classes: Sequence[str]) -> dict[str, Any]:
    """The scores of drawing and counting; by_step by the step's number as text, since JSON has no other names."""
    (leaves,) = metrics
    found = leaves.compute()
    return {**found, "by_step": {str(step): value for step, value in found["by_step"].items()}}


def _words(kind: str) -> dict[str, str]:
    """The twelve numbers of a kind, such as mask_ap_small, each with its words, such as "mask AP small"."""
    return {f"{kind}_{name}": f"{kind} {name[:2].upper()}{name[2:].replace('_', ' ')}" for name in NUMBERS}


SEMANTIC = Task(
    name="semantic",
    needs=("label maps",),
    metrics=lambda classes: [SemanticScores(classes), BoundaryScores()],
    count=_count_label_map,
    compute=_semantic_scores,
    numbers={
        "pixel_accuracy": "pixel accuracy",
        "mean_accuracy": "mean accuracy",
        "miou": "mIoU",
        "fwiou": "fwIoU",
        "boundary_f": "boundary F",
        "boundary_precision": "boundary precision",
        "boundary_recall": "boundary recall",
    },
    gist=("miou", "pixel_accuracy", "boundary_f"),
    by_class=("iou", "IoU"),
    learned=("miou", 0.8),
)
INSTANCE = Task(
    name="instance",
    needs=("masks",),
    metrics=lambda classes: [DetectionScores("mask"), DetectionScores("box")],
    count=_count_instances,
    compute=_instance_scores,
    numbers=_words("mask") | _words("box"),
    gist=("mask_ap", "mask_ap50", "box_ap"),
    by_class=("ap", "mask AP"),
    learned=("mask_ap", 0.9),
)
DETECTION = Task(
    name="detection",
    needs=("boxes",),
    metrics=lambda classes: [DetectionScores("box")],
    count=_count_instances,
    compute=_instance_scores,
    numbers=_words("box"),
    gist=("box_ap", "box_ap50", "box_ap75"),
    by_class=("ap", "box AP"),
    learned=("box_ap", 0.95),
)
SEQUENCE = Task(
    name="sequence",
    needs=("masks",),
    metrics=lambda classes: [LeafScores()],
    count=_count_instances,
    compute=_sequence_scores,
    numbers={
        "best_iou": "best IoU",
        "count_exact": "count exact",
        "abs_dic": "|DiC|",
        "dic": "DiC",
        "sbd": "symmetric best Dice",
    },
    gist=("best_iou", "count_exact", "abs_dic"),
    by_class=("by_step", "best IoU of step"),
    learned=("best_iou", 0.8),
)
TASKS = {task.name: task for task in (SEMANTIC, INSTANCE, DETECTION, SEQUENCE)}
"""Every task by the name that the zoo gives it."""


def to_cpu(answer: Answer) -> Answer:
    """A prediction where metrics count, on the CPU."""
    return answer.to(torch.device("cpu"))
