"""What a shipped model scores on scenes that it has not seen."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from lessons_lib.data.sample import Sample
from lessons_lib.data.scenes import draw_scenes
from lessons_lib.data.scenes.config import CLASSES, PRESETS, SceneConfig
from lessons_lib.data.scenes.rosettes import CLASSES as LEAF_CLASSES
from lessons_lib.data.scenes.rosettes import ROSETTES, RosetteConfig, draw_rosettes
from lessons_lib.metrics.boundary import BoundaryScores, ThinRecall
from lessons_lib.metrics.semantic import SemanticScores, class_iou, pixel_accuracy
from lessons_lib.models.zoo import find_model
from lessons_lib.training.tasks import TASKS

THIN = (CLASSES.index("ring"), CLASSES.index("pole"))
UNSEEN_SEED = 1
"""Models learn from scenes of other seeds."""

JUDGED_AT, JUDGED_ON = 96, 500
"""The size of the scenes on which models are judged, where they have none of their own, and how many of each preset."""


def judged_config(kind: str) -> SceneConfig:
    """The scenes of a preset on which models are judged: without void, so that every boundary counts."""
    return replace(PRESETS[kind], size=JUDGED_AT, void_border=False)


def unseen(kind: str, indices: Sequence[int]) -> list[Sample]:
    """The images of a preset on which models are judged."""
    if kind == ROSETTES:
        return draw_rosettes(indices, RosetteConfig(), UNSEEN_SEED)
    return draw_scenes(indices, judged_config(kind), UNSEEN_SEED)


def classes_of(preset: str) -> tuple[str, ...]:
    """The names of a preset's classes."""
    return LEAF_CLASSES if preset == ROSETTES else CLASSES


def judge(model: nn.Module, name: str, kind: str, batch: int = 25) -> dict[str, float]:
    """The scores of a model of the zoo on unseen scenes of a preset, without NaN, which JSON does not have.

    Of a semantic model they are those of `scene_scores`; of any other, the numbers of its task, such as mask_ap.
    """
    task, classes = TASKS[find_model(name).task], classes_of(kind)
    if task.name == "semantic":
        scores = scene_scores(model, judged_config(kind), JUDGED_ON)
        return {key: value for key, value in scores.items() if not math.isnan(value)}
    metrics = task.metrics(len(classes))
    for start in range(0, JUDGED_ON, batch):
        samples = unseen(kind, range(start, min(start + batch, JUDGED_ON)))
        for answer, sample in zip(cast(Any, model).predict([sample.image for sample in samples]), samples, strict=True):
            task.count(metrics, answer, sample)
    scores = task.scores(metrics, classes, JUDGED_ON)
    return {key: scores[key] for key in task.numbers if scores[key] is not None}


def scene_scores(model: nn.Module, config: SceneConfig, count: int = 500, batch: int = 25) -> dict[str, float]:
    """mIoU, boundary F (tolerance 1 px), thin-object recall and pixel accuracy on `count` scenes of `config`.

    mIoU is the mean over the classes that occur in these scenes: a model that knows more classes than they hold loses
    by every pixel that it takes for one of them, but not a whole class by a single pixel. Scores of nothing are NaN.
    """
    semantic, boundary, thin = SemanticScores(len(CLASSES)), BoundaryScores(tolerance=1), ThinRecall(THIN)
    for start in range(0, count, batch):
        samples = draw_scenes(range(start, min(start + batch, count)), config, UNSEEN_SEED)
        predicted = _label_maps(model, torch.stack([sample.image for sample in samples]))
        for prediction, sample in zip(predicted, samples, strict=True):
            for metric in (semantic, boundary, thin):
                metric.update(prediction, sample.label_map)
    occurs = semantic.confusion.sum(1) > 0
    return {
        "miou": class_iou(semantic.confusion)[occurs].mean().item(),
        "boundary_f": boundary.compute()["boundary_f"],
        "thin_recall": thin.compute()["thin_recall"],
        "pixel_accuracy": pixel_accuracy(semantic.confusion).item(),
    }


def _label_maps(model: nn.Module, images: Tensor) -> Tensor:
    """The likeliest classes, a whole batch at once."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return cast(Any, model).logits(images).argmax(1)
    finally:
        model.train(training)
