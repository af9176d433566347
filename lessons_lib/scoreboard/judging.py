"""How good a system is: the twelve numbers, its mistakes by kind, its time, and what it found in the first images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lessons_lib.data.sample import Instances, Sample
from lessons_lib.metrics.detection import DetectionScores
from lessons_lib.metrics.error_kinds import ErrorKinds
from lessons_lib.ops.masks import encode_rle
from lessons_lib.scoreboard.pace import clock_of
from lessons_lib.training.tasks import DETECTION, INSTANCE

TOGETHER = 8
"""Images that are predicted in one call."""


@dataclass(frozen=True)
class Judged:
    """scores: as scores.json has them. errors: shares of `ErrorKinds`. predict_ms: milliseconds an image, of the
    processor on a CPU. found: the detections of each image."""

    scores: dict[str, Any]
    errors: dict[str, float]
    predict_ms: float
    found: list[Instances]


def judge(
    model: nn.Module, has_masks: bool, samples: Sequence[Sample], classes: Sequence[str], sizes: tuple[float, float]
) -> Judged:
    """Predicts all samples and counts; errors are those of masks where there are some, otherwise of boxes.

    `sizes` part small, medium and large objects, as in `DetectionScores`.
    """
    task, measured = (INSTANCE, ("mask", "box")) if has_masks else (DETECTION, ("box",))
    metrics, kinds = [DetectionScores(kind, sizes) for kind in measured], ErrorKinds(measured[0])
    device = next(model.parameters()).device
    now, seconds = clock_of(device.type), 0.0
    found: list[Instances] = []
    for start in range(0, len(samples), TOGETHER):
        images = [sample.image.to(device) for sample in samples[start : start + TOGETHER]]
        begun = now()
        predicted = model.predict(images)  # type: ignore[operator]
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds += now() - begun
        found += [answer.to(torch.device("cpu")) for answer in predicted]
    for sample, answer in zip(samples, found, strict=True):
        task.count(metrics, answer, sample)
        kinds.update(answer, sample.instances)
    scores = task.scores(metrics, classes, len(samples))
    return Judged(scores, kinds.compute(), round(1000 * seconds / len(samples), 2), found)


def as_json(found: Instances, least: float = 0.3) -> dict[str, Any]:
    """Detections of at least this confidence, short enough for a file: boxes in tenths, masks as run lengths."""
    assert found.scores is not None
    kept = found[found.scores >= least]
    assert kept.scores is not None
    return {
        "boxes": [[round(side, 1) for side in box] for box in kept.boxes.tolist()],
        "labels": kept.labels.tolist(),
        "scores": [round(score, 3) for score in kept.scores.tolist()],
        "masks": None if kept.masks is None else [rle["counts"] for rle in encode_rle(kept.masks)],
    }
