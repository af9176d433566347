"""What every semantic model shares: the loss of a label map, and predictions at each picture's own size."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.data.sample import VOID


def pixel_cross_entropy(logits: Float[Tensor, "B K H W"], label_maps: Int64[Tensor, "B H W"]) -> Float[Tensor, ""]:
    """The mean over all pixels of −log p(true class); void pixels (255) do not count.

    A batch of nothing but void gives exactly 0, still attached to the logits, so that every parameter takes part.
    Raises ValueError for a label that is neither a class of the logits nor void.
    """
    classes = logits.shape[1]
    counted = label_maps != VOID
    wrong = counted & ((label_maps < 0) | (label_maps >= classes))
    if wrong.any():
        raise ValueError(f"label_maps must hold 0 to {classes - 1} or 255, got {label_maps[wrong][0].item()}")
    total = F.cross_entropy(logits, label_maps, ignore_index=VOID, reduction="sum")
    return total / counted.sum().clamp(min=1)


def predict_label_maps(model: nn.Module, images: Sequence[Float[Tensor, "3 _ _"]]) -> list[Int64[Tensor, "_ _"]]:
    """The likeliest class of each pixel, for each picture at its own size; `model` has `logits(images)`.

    Runs in eval mode and without gradient, one picture after the other, and leaves the model in the mode it was in.
    """
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return [model.logits(image[None]).argmax(1)[0] for image in images]
    finally:
        model.train(training)
