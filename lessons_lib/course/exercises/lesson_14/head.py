"""Lesson 14, exercises 1 and 2: how large the mask head is, and the head itself."""

import torch
from torch import nn
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.building import built
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.instance.mask_head import FCNMaskHead, convolutions


class LibraryMaskHead(FCNMaskHead):
    """The library's head with FPN's trunk, made of four numbers."""

    def __init__(self, channels, width, depth, masks):
        super().__init__(convolutions(channels, depth, width), width, masks, width)


# 14.1


def count_cases():
    """One small convolution, the lesson's head, four different numbers, and the paper's head with 91 masks."""
    sizes = ((1, 1, 1, 1), (24, 24, 2, 11), (8, 5, 3, 4), (256, 256, 4, 91))
    return [dict(zip(("channels", "width", "depth", "masks"), size, strict=True)) for size in sizes]


def library_count(channels, width, depth, masks):
    """The numbers of the library's module, without their memory."""
    with torch.device("meta"):
        return sum(weight.numel() for weight in LibraryMaskHead(channels, width, depth, masks).parameters())


COUNT = Exercise(
    "14.1",
    "How large is the mask head?",
    oracle=library_count,
    cases=count_cases,
    difficulty=1,
    minutes=10,
    hints=(
        "A convolution from a to b channels with a k × k kernel has k · k · a · b weights and b biases. A transposed "
        "one has as many.",
        "depth 3 × 3 convolutions: the first from channels to width, the others from width to width. Then a 2 × 2 "
        "transposed convolution from width to width, then a 1 × 1 convolution from width to masks.",
        "first = 9 * channels * width + width; others = (depth - 1) * (9 * width * width + width); "
        "up = 4 * width * width + width; last = width * masks + masks.",
    ),
)


@COUNT.model
def head_size(channels, width, depth, masks):
    first = 9 * channels * width + width
    others = (depth - 1) * (9 * width * width + width)
    up = 4 * width * width + width
    return first + others + up + width * masks + masks


@COUNT.flags(
    no_biases="This looks like a head without biases: every output channel of every layer has one.",
    up_3x3="This looks like a transposed convolution of 3 × 3. Stride 2 without overlap needs 2 × 2 (lesson 04).",
    first_as_the_others="This looks like convolutions that all read `width` channels. The first one reads `channels`.",
    one_too_many="This looks like one convolution too many: `depth` counts the first one too.",
    background="This looks like one mask more for the background. `masks` is how many there are.",
    no_up="This looks like the transposed convolution left out.",
)
def wrong_size(
    channels, width, depth, masks, *, no_biases=False, up_3x3=False, first_as_the_others=False, one_too_many=False,
    background=False, no_up=False,
):  # fmt: skip
    one = 0 if no_biases else 1
    masks = masks + 1 if background else masks
    first = 9 * (width if first_as_the_others else channels) * width + one * width
    others = (depth if one_too_many else depth - 1) * (9 * width * width + one * width)
    up = 0 if no_up else (9 if up_3x3 else 4) * width * width + one * width
    return first + others + up + width * masks + one * masks


@COUNT.mistake(
    "This looks like a fully connected last layer. It is a 1 × 1 convolution: the same weights in every cell, "
    "whatever m is."
)
def connects_everything(channels, width, depth, masks):
    return head_size(channels, width, depth, masks) + (width * masks + masks) * (28 * 28 - 1)


# 14.2


def mask_head_cases():
    """One region, one convolution; several regions, three convolutions; no region."""
    generator = torch.Generator().manual_seed(2)
    cases = []
    for regions, channels, width, depth, masks, side in ((1, 2, 3, 1, 2, 4), (2, 3, 2, 3, 4, 7), (0, 2, 2, 1, 3, 4)):
        made = {"channels": channels, "width": width, "depth": depth, "masks": masks}
        cases.append(made | {"features": torch.randn(regions, channels, side, side, generator=generator)})
    return cases


def distance_from_one(logits):
    """A loss that any head can learn."""
    return (logits - 1).square().mean()


BUILD = Exercise(
    "14.2",
    "Build the mask head",
    oracle=LibraryMaskHead,
    cases=mask_head_cases,
    trial=built(LibraryMaskHead, distance_from_one),
    difficulty=3,
    minutes=25,
    hints=(
        "Three attributes: self.trunk, an nn.Sequential of depth convolutions with a ReLU after each; self.upsample; "
        "self.predictor.",
        "nn.Conv2d(channels if i == 0 else width, width, 3, padding=1) keeps the size; nn.ConvTranspose2d(width, "
        "width, 2, stride=2) doubles it; nn.Conv2d(width, masks, 1) draws the masks.",
        "In forward: return self.predictor(F.relu(self.upsample(self.trunk(features)))). No sigmoid: the loss "
        "applies its own.",
    ),
)


@BUILD.model
class MaskHead(nn.Module):
    def __init__(self, channels, width, depth, masks):
        super().__init__()
        layers = []
        for i in range(depth):
            layers += [nn.Conv2d(channels if i == 0 else width, width, 3, padding=1), nn.ReLU()]
        self.trunk = nn.Sequential(*layers)
        self.upsample = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.predictor = nn.Conv2d(width, masks, 1)

    def forward(self, features):
        return self.predictor(F.relu(self.upsample(self.trunk(features))))


@BUILD.flags(
    no_relu_in_trunk="This looks like convolutions without a ReLU between them: two linear layers in a row are one.",
    no_relu_after_up="This looks like a transposed convolution without its ReLU: with the 1 × 1 convolution after "
    "it, it is one linear layer.",
    sigmoid="This looks like a sigmoid in the head. The loss works on logits and applies its own; two in a row "
    "flatten the gradient.",
    no_padding="This looks like 3 × 3 convolutions without padding: each of them cuts a cell off every side.",
    one_more_mask="This looks like one mask too many: `masks` is how many there are, the background's counted already.",
    shared="This looks like one convolution used `depth` times. Each has weights of its own.",
    up_3x3="This looks like a transposed convolution with another kernel: 2 × 2 with stride 2, so that no two stamps "
    "overlap.",
)
class WrongMaskHead(nn.Module):
    """The head with some of its parts exchanged."""

    def __init__(
        self, channels, width, depth, masks, *, no_relu_in_trunk=False, no_relu_after_up=False, sigmoid=False,
        no_padding=False, one_more_mask=False, shared=False, up_3x3=False,
    ):  # fmt: skip
        super().__init__()
        layers = []
        for i in range(depth):
            conv = nn.Conv2d(channels if i == 0 else width, width, 3, padding=0 if no_padding else 1)
            layers += [layers[2] if shared and i > 1 else conv, nn.Identity() if no_relu_in_trunk else nn.ReLU()]
        self.trunk = nn.Sequential(*layers)
        self.upsample = nn.ConvTranspose2d(
            width, width, 3 if up_3x3 else 2, stride=2, padding=int(up_3x3), output_padding=int(up_3x3)
        )
        self.predictor = nn.Conv2d(width, masks + 1 if one_more_mask else masks, 1)
        self.after_up = nn.Identity() if no_relu_after_up else nn.ReLU()
        self.last = nn.Sigmoid() if sigmoid else nn.Identity()

    def forward(self, features):
        return self.last(self.predictor(self.after_up(self.upsample(self.trunk(features)))))


@BUILD.mistake(
    "This looks like an enlargement without weights. `upsample` is a transposed convolution: the network learns how "
    "to enlarge (lesson 03)."
)
class Interpolates(nn.Module):
    """Bilinear instead of learned."""

    def __init__(self, channels, width, depth, masks):
        super().__init__()
        self.trunk = WrongMaskHead(channels, width, depth, masks).trunk
        self.predictor = nn.Conv2d(width, masks, 1)

    def forward(self, features):
        return self.predictor(F.interpolate(self.trunk(features), scale_factor=2, mode="bilinear", align_corners=False))


@BUILD.mistake(
    "This looks like masks that are drawn first and enlarged afterwards: the 1 × 1 convolution comes last, in m × m "
    "cells."
)
class DrawsFirst(nn.Module):
    """The last two layers exchanged."""

    def __init__(self, channels, width, depth, masks):
        super().__init__()
        self.trunk = WrongMaskHead(channels, width, depth, masks).trunk
        self.predictor = nn.Conv2d(width, masks, 1)
        self.upsample = nn.ConvTranspose2d(masks, masks, 2, stride=2)

    def forward(self, features):
        return self.upsample(F.relu(self.predictor(self.trunk(features))))
