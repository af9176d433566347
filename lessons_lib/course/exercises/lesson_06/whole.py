"""Lesson 06, exercises 4 and 5: the loss that leaves void out, and where the upsampled scores lie."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.data.sample import VOID
from lessons_lib.models import contract as semantic
from lessons_lib.ops import grid

# 06.4


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
    return [case((1, 2, 3), 2, 0.0), case((2, 5, 4), 4, 0.4), unequal, single, case((2, 3, 3), 3, 1.0)]


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


@LOSS.mistake(
    "This looks like 0/0 on a batch that is all void: the mean of nothing is NaN, and one NaN ends a training. No "
    "pixel, no loss: 0."
)
def divides_nothing_by_nothing(logits, label_maps):
    return F.cross_entropy(logits, label_maps, ignore_index=255)


@LOSS.mistake(
    "This looks like a mean over all pixels, void ones included: the more void, the smaller the loss. Divide by the "
    "pixels that count."
)
def divides_by_all_pixels(logits, label_maps):
    return F.cross_entropy(logits, label_maps, ignore_index=255, reduction="sum") / label_maps.numel()


@LOSS.mistake("This looks like a sum. It grows with the image, and so would every step; here the loss is a mean.")
def sums(logits, label_maps):
    return F.cross_entropy(logits, label_maps, ignore_index=255, reduction="sum")


@LOSS.mistake(
    "This looks like void taken for class 0, as when the border's colour is missing from the colour map. Then every "
    "object learns a frame of ground."
)
def takes_void_for_ground(logits, label_maps):
    return F.cross_entropy(logits, torch.where(label_maps == 255, 0, label_maps))


@LOSS.mistake(
    "This looks like a mean of the images' means. A pixel of an image with much void then counts more than one of "
    "another."
)
def averages_pictures(logits, label_maps):
    return torch.stack([pixel_cross_entropy(x[None], y[None]) for x, y in zip(logits, label_maps, strict=True)]).mean()


@LOSS.mistake(
    "This looks like a softmax before cross_entropy, which makes one itself. Two of them leave hardly any gradient."
)
def softmaxes_twice(logits, label_maps):
    return pixel_cross_entropy(logits.softmax(1), label_maps)


# 06.5


def offset_cases():
    """One layer each, a chain, the network of the lesson, and the released FCN-32s with its 100 pixels of padding."""
    pool = (2, 2, 0)
    vgg = [layer for depth in (2, 2, 3, 3, 3) for layer in [(3, 1, 1)] * depth + [pool]]
    return [
        {"layers": [], "kernel_size": 5},
        {"layers": [(3, 1, 1)], "kernel_size": 1},
        {"layers": [(3, 1, 0)], "kernel_size": 1},
        {"layers": [(3, 2, 1)], "kernel_size": 3},
        {"layers": [pool], "kernel_size": 4},
        {"layers": [(7, 2, 3), (3, 2, 1), (3, 2, 0)], "kernel_size": 15},
        {"layers": [(3, 2, 1), *[pool, (3, 1, 1)] * 4], "kernel_size": 63},
        {"layers": [(3, 1, 100), *vgg[1:], (7, 1, 0)], "kernel_size": 64},
    ]


OFFSET = Exercise(
    "06.5",
    "Where to crop",
    difficulty=3,
    minutes=20,
    oracle=grid.crop_offset,
    cases=offset_cases,
    hints=(
        "Follow cell 0 down: at which position of the map below does the middle of its window lie? A window of k cells "
        "has its middle (k − 1)/2 after its first cell, and padding moves it back.",
        "In pixels: start += stride · ((k − 1)/2 − padding), with the stride of all layers before; then stride *= s.",
        "On the way up the stamp of cell 0 has its middle on output cell (kernel_size − 1)/2, and that is pixel "
        "`start`. So which output cell is pixel 0?",
    ),
)


@OFFSET.model
def crop_offset(layers, kernel_size):
    start, stride = 0, 1
    for k, s, padding in layers:
        start += stride * ((k - 1) / 2 - padding)
        stride *= s
    return (kernel_size - 1) / 2 - start


def _start(layers, middle, jump=True):
    start, stride = 0, 1
    for k, s, padding in layers:
        start += (stride if jump else 1) * middle(k, padding)
        stride *= s
    return start


@OFFSET.mistake(
    "This looks like k/2 for the middle of a window. Three cells have their middle on cell 1, one after the first: "
    "(k − 1)/2."
)
def halves_the_kernel(layers, kernel_size):
    return kernel_size / 2 - _start(layers, lambda k, p: k / 2 - p)


@OFFSET.mistake("This looks like a way down without padding. Padding moves every window back by as many cells.")
def forgets_padding(layers, kernel_size):
    return (kernel_size - 1) / 2 - _start(layers, lambda k, p: (k - 1) / 2)


@OFFSET.mistake(
    "This looks like cells of all layers added as if they were pixels. Behind a stride of 2 a step of one cell is two "
    "pixels."
)
def forgets_the_strides(layers, kernel_size):
    return (kernel_size - 1) / 2 - _start(layers, lambda k, p: (k - 1) / 2 - p, jump=False)


@OFFSET.mistake("This looks like the other sign: the offset counts the cells in front of pixel 0 that are to go.")
def turns_the_sign(layers, kernel_size):
    return -crop_offset(layers, kernel_size)


@OFFSET.mistake(
    "This looks like the middle of the last stamp only. Cell 0 does not lie on pixel 0: follow it down first."
)
def ignores_the_way_down(layers, kernel_size):
    return (kernel_size - 1) / 2


@OFFSET.mistake(
    "This looks like //, which cuts the half off. Windows of an even size have their middle between two cells."
)
def drops_halves(layers, kernel_size):
    return (kernel_size - 1) // 2 - _start(layers, lambda k, p: (k - 1) // 2 - p)
