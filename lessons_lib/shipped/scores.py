"""What a semantic model scores on scenes that it has not seen."""

import torch
from torch import Tensor, nn

from lessons_lib.data.scenes import draw_scenes
from lessons_lib.data.scenes.config import CLASSES, SceneConfig
from lessons_lib.metrics.boundary import BoundaryScores, ThinRecall
from lessons_lib.metrics.semantic import SemanticScores

THIN = (CLASSES.index("ring"), CLASSES.index("pole"))
UNSEEN_SEED = 1
"""Models learn from scenes of other seeds."""


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
        "miou": semantic.compute()["iou"][occurs].mean().item(),
        "boundary_f": boundary.compute()["boundary_f"],
        "thin_recall": thin.compute()["thin_recall"],
        "pixel_accuracy": semantic.compute()["pixel_accuracy"],
    }


def _label_maps(model: nn.Module, images: Tensor) -> Tensor:
    """The likeliest classes, a whole batch at once."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return model.logits(images).argmax(1)
    finally:
        model.train(training)
