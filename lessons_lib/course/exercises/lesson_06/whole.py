"""Exercise 06.4: the loss that leaves void out."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.data.sample import VOID
from lessons_lib.models import contract as semantic


def loss_cases():
    """No void, some void, pictures with unequal shares of it, one pixel left, nothing but void."""
    generator = torch.Generator().manual_seed(65)

    def case(shape, classes, void):
        logits = 2 * torch.randn(shape[0], classes, *shape[1:], generator=generator, dtype=torch.float64)
        labels = torch.randint(classes, shape, generator=generator)
        return {
            "logits": logits,
            "label_maps": torch.where(torch.rand(shape, generator=generator) < void, VOID, labels),
        }

    unequal = case((2, 4, 4), 3, 0.0)
    unequal["label_maps"][0, 1:] = VOID
    single = case((1, 3, 3), 5, 1.0)
    single["label_maps"][0, 2, 1] = 4
    sure = case((1, 2, 2), 3, 0.0)
    sure["logits"] = 1000 * sure["logits"].sign()  # softmax gives 0 there, whose logarithm is infinite
    return [case((1, 2, 3), 2, 0.0), case((2, 5, 4), 4, 0.4), unequal, single, sure, case((2, 3, 3), 3, 1.0)]


LOSS = Exercise(
    "06.4",
    "The loss without void",
    difficulty=2,
    minutes=15,
    oracle=semantic.pixel_cross_entropy,
    cases=loss_cases,
    hints=(
        "−log p of the true class, at each pixel that is not 255, and then the mean. F.cross_entropy can do it: which "
        "argument leaves a label out, and which mean does it take?",
        "F.cross_entropy(logits, label_maps, ignore_index=255) is right except where everything is void: it says NaN.",
        "Sum first, reduction='sum', and divide by the number of pixels that count, but by at least 1: clamp(min=1).",
    ),
    gradients=True,
)


@LOSS.model
def pixel_cross_entropy(logits, label_maps):
    total = F.cross_entropy(logits, label_maps, ignore_index=255, reduction="sum")
    return total / (label_maps != 255).sum().clamp(min=1)


@LOSS.flags(
    void_is_ground="This looks like void taken for class 0, as when the border's colour is missing from the colour "
    "map. "
    "Then every object learns a frame of ground.",
    void_is_last="This looks like void clamped to the last class. It belongs to no class: leave these pixels out.",
    no_ground="This looks like class 0 left out as well. Ground is a class like the others; only 255 does not count.",
    sign="This looks like log p without its minus sign: the loss must fall when p rises.",
    softmax_twice="This looks like a softmax before cross_entropy, which makes one itself. Two of them leave hardly "
    "any "
    "gradient.",
    log_by_hand="This looks like the logarithm of a softmax. Where p rounds to 0 the logarithm is infinite: "
    "log_softmax, "
    "or cross_entropy, never forms p.",
    epsilon="This looks like a small number added to p before the logarithm. It changes the loss and stops the "
    "gradient "
    "where p is small: use log_softmax, or cross_entropy.",
    summed="This looks like a sum. It grows with the image, and so would every step; here the loss is a mean.",
    all_pixels="This looks like a mean over all pixels, void ones included: the more void, the smaller the loss. "
    "Divide by "
    "the pixels that count.",
    by_images="This looks like a sum divided by the number of images. Divide by the number of pixels that count.",
    nan="This looks like 0/0 on a batch that is all void: the mean of nothing is NaN, and one NaN ends a training. No "
    "pixel, no loss: 0.",
    image_means="This looks like a mean of the images' means. A pixel of an image with much void then counts more "
    "than one "
    "of another.",
    new_zero="This looks like a new zero for a batch that is all void. It hangs on nothing, so backward() would fail: "
    "let "
    "the 0 come from the logits, as the sum of no pixels.",
)
def wrong_loss(
    logits,
    label_maps,
    *,
    void_is_ground=False,
    void_is_last=False,
    no_ground=False,
    sign=False,
    softmax_twice=False,
    log_by_hand=False,
    epsilon=False,
    summed=False,
    all_pixels=False,
    by_images=False,
    nan=False,
    image_means=False,
    new_zero=False,
):
    void = label_maps == 255
    counted = torch.ones_like(void) if void_is_ground or void_is_last else ~void
    counted = counted & (label_maps != 0) if no_ground else counted
    labels = torch.where(void, logits.shape[1] - 1 if void_is_last else 0, label_maps)
    p = logits.softmax(1)
    log_p = (p + 1e-8).log() if epsilon else p.log() if log_by_hand else (p if softmax_twice else logits).log_softmax(1)
    each = log_p.gather(1, labels[:, None])[:, 0] * (1 if sign else -1)

    def mean(each, counted):
        if new_zero and not counted.any():
            return torch.zeros(())
        number = len(each) if by_images else counted.numel() if all_pixels else counted.sum()
        number = 1 if summed else number if nan or by_images or all_pixels else number.clamp(min=1)
        return each[counted].sum() / number

    if image_means:
        return sum(mean(each[i], counted[i]) for i in range(len(each))) / len(each)
    return mean(each, counted)
