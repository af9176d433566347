"""Scoring: predicts many images and counts what the model's task counts, in one process or in several."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn
from tqdm import tqdm

from lessons_lib.data.crop import resize_short_side
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.sample import Sample
from lessons_lib.metrics.proposal_recall import COUNTS, ProposalRecall
from lessons_lib.models.contract import InstanceModel
from lessons_lib.training.proposal_table import proposal_scores
from lessons_lib.training.sampling import Indexed, read_together
from lessons_lib.training.tasks import Answer, Task, to_cpu

TOGETHER = 8
"""Images that are read and predicted in one go."""

EXAMPLES = 6
"""Images of which the prediction is kept, to be drawn beside the truth."""


@dataclass(frozen=True)
class Scored:
    """`scores`, ready for JSON; the first images with their predictions; and what was skipped, a line per image."""

    scores: dict[str, Any]
    examples: list[tuple[Sample, Answer]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def score(
    model: nn.Module, task: Task, samples: Indexed, classes: Sequence[str], size: int, machine: Accelerator,
    count: int | None = None, on_error: str = "raise",
) -> Scored:  # fmt: skip
    """The scores of a model on the first `count` images (None: all), their shorter side resized to `size` pixels.

    Each process predicts a share; what they counted is then joined in order, so that all return the same, and as one
    process would. With `on_error` "skip", an image whose files are damaged is left out and reported; with "raise",
    DamagedFile is raised.
    """
    if count is not None and count < 1:
        raise ValueError(f"count must be ≥ 1, got {count}")
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error must be 'raise' or 'skip', got {on_error!r}")
    total = len(samples) if count is None else min(count, len(samples))
    first, end = (total * (machine.process_index + more) // machine.num_processes for more in (0, 1))
    metrics, recall = task.metrics(len(classes)), ProposalRecall()
    skipped: list[str] = []
    examples: list[tuple[Sample, Answer]] = []
    quiet = not (machine.is_main_process and sys.stderr.isatty())
    with tqdm(total=end - first, desc="evaluating", unit="image", disable=quiet, leave=False) as bar:
        for start in range(first, end, TOGETHER):
            indices = list(range(start, min(start + TOGETHER, end)))
            found = [resize_short_side(sample, size) for sample in _read(samples, indices, on_error, skipped)]
            predicted = _predict(model, [sample.image.to(machine.device) for sample in found])
            for sample, (answer, proposals) in zip(found, predicted, strict=True):
                task.count(metrics, answer, sample)
                if proposals is not None:
                    recall.update(proposals, sample.instances)
                if len(examples) < EXAMPLES:
                    examples.append((sample, answer))
            bar.update(len(indices))
    (*metrics, recall), skipped = _joined([*metrics, recall], skipped, machine)
    scores = task.scores(metrics, classes, total - len(skipped)) | proposal_scores(recall)
    return Scored(scores, examples, skipped)


def _predict(model: nn.Module, images: list[Tensor]) -> list[tuple[Answer, Tensor | None]]:
    """For each image what the model predicts, and the boxes that it proposed on the way, where it proposes any."""
    if isinstance(model, InstanceModel):
        both = model.predict_with_proposals(images, COUNTS[-1])
        return [(to_cpu(found), proposals) for found, proposals in both]
    return [(to_cpu(answer), None) for answer in cast(Any, model).predict(images)]


def _read(samples: Indexed, indices: list[int], on_error: str, skipped: list[str]) -> list[Sample]:
    """The samples of these indices; damaged ones are left out, with a line in `skipped`, where that is wanted."""
    if on_error == "raise":
        return read_together(samples, indices)
    found = []
    for index in indices:
        try:
            found += read_together(samples, [index])
        except DamagedFile as error:
            skipped.append(f"image {index}: {error}")
    return found


def _joined(metrics: list[Any], skipped: list[str], machine: Accelerator) -> tuple[list[Any], list[str]]:
    """What all processes counted and skipped, in the order of the images."""
    if machine.num_processes == 1:
        return metrics, skipped
    everyone = gather_object([(metrics, skipped)])
    (first, _), *others = everyone
    for other, _ in others:
        for metric, more in zip(first, other, strict=True):
            metric.merge(more)
    return first, [line for _, lines in everyone for line in lines]
