"""The two contracts of the models: one class for every pixel, or one mask, box, class and confidence for every object.

Both are `nn.Module`s whose `forward(batch)` returns the losses by name, already weighted; their sum is the training
loss. `expected_losses()` says what fresh weights lose, so that a mistake is seen before the first step.
`predict(images)` returns a result for each image at its own size, in eval mode and without gradient.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.data.sample import VOID, Batch, Instances

Answer = TypeVar("Answer")


class SemanticModel(nn.Module):
    """A model that gives every pixel a class. A subclass writes `logits`; its loss and its predictions follow."""

    def logits(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """A score for each class at each pixel."""
        raise NotImplementedError

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss {"cross_entropy": …}: the mean over the pixels that are not void."""
        return {"cross_entropy": pixel_cross_entropy(self.logits(batch.images), batch.label_maps)}

    def expected_losses(self) -> dict[str, float]:
        """What fresh weights lose: ln K, since they find each of K classes about equally likely."""
        image = next(self.parameters()).new_zeros(3, 32, 32)
        (classes,) = predict_one_by_one(self, lambda image: self.logits(image[None]).shape[1], [image])
        return {"cross_entropy": math.log(classes)}

    def predict(self, images: Sequence[Float[Tensor, "3 _ _"]]) -> list[Int64[Tensor, "_ _"]]:
        """The likeliest class of each pixel, for each image at its own size."""
        return predict_one_by_one(self, lambda image: self.logits(image[None]).argmax(1)[0], images)


class InstanceModel(nn.Module):
    """A model that finds objects. A subclass writes `forward`, its losses, and `stages`, whose last is the result."""

    max_detections = 100
    """The most objects that `predict` gives for an image."""

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The losses by name, already weighted. Every parameter takes part, also in a batch without objects."""
        raise NotImplementedError

    def expected_losses(self) -> dict[str, float]:
        """What fresh weights lose, by the loss's name, such as ln 2 for a yes-or-no question; without the losses whose
        value is not known beforehand, such as those of boxes."""
        raise NotImplementedError

    def stages(self, image: Float[Tensor, "3 H W"]) -> Iterator[tuple[str, dict[str, Any]]]:
        """What each stage computes for one image, in order, by name; the last is ("detections", {"instances": …})."""
        raise NotImplementedError

    def detect(self, image: Float[Tensor, "3 H W"]) -> Instances:
        """The objects of one image in its own pixels: what the last stage gives."""
        *_, (_, last) = self.stages(image)
        return last["instances"]

    def predict(self, images: Sequence[Float[Tensor, "3 _ _"]]) -> list[Instances]:
        """The objects of each image, in its own pixels, most confident first, at most `max_detections`."""
        return predict_one_by_one(self, lambda image: self.detect(image).best(self.max_detections), images)

    def predict_with_proposals(
        self, images: Sequence[Float[Tensor, "3 _ _"]], count: int
    ) -> list[tuple[Instances, Float[Tensor, "_ 4"] | None]]:
        """What `predict` finds, and of each image the first `count` boxes that were proposed on the way, best first.

        None instead of boxes for a model that proposes none.
        """
        return [(found, None) for found in self.predict(images)]


def predict_one_by_one(
    model: nn.Module, answer: Callable[[Float[Tensor, "3 _ _"]], Answer], images: Sequence[Float[Tensor, "3 _ _"]]
) -> list[Answer]:
    """`answer(image)` for each image, in eval mode and without gradient; leaves the model in the mode it was in."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return [answer(image) for image in images]
    finally:
        model.train(training)


def pixel_cross_entropy(logits: Float[Tensor, "B K H W"], label_maps: Int64[Tensor, "B H W"]) -> Float[Tensor, ""]:
    """The mean over all pixels of −log p(true class); void pixels (255) do not count.

    A batch of nothing but void gives exactly 0, still attached to the logits, so that every parameter takes part.
    Raises ValueError for a label that is neither a class of the logits nor void; on a GPU, which nobody waits for, an
    assertion on the device finds it.
    """
    classes = logits.shape[1]
    counted = label_maps != VOID
    wrong = counted & ((label_maps < 0) | (label_maps >= classes))
    if label_maps.is_cuda:
        torch._assert_async(~wrong.any(), f"label_maps must hold 0 to {classes - 1} or 255")
    elif wrong.any():
        raise ValueError(f"label_maps must hold 0 to {classes - 1} or 255, got {label_maps[wrong][0].item()}")
    total = F.cross_entropy(logits, label_maps, ignore_index=VOID, reduction="sum")
    return total / counted.sum().clamp(min=1)
