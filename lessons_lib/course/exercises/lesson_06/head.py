"""Exercise 06.7: the head that turns the cells of a trunk into scores of pixels.

`score`, then `up`, then a cut. Cell i of the trunk lies on pixel stride // 2 - 1 + i * stride, for an even stride. No
class is preferred at first, and `up` starts as bilinear upsampling of each class by itself.
"""

import torch
from torch import nn

from lessons_lib.course.exercises.engine.building import built
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import transposed


class FCNHead(nn.Module):
    def __init__(self, channels, num_classes, stride):
        super().__init__()
        k, self.cut = 2 * stride - 1, stride // 2
        self.score = nn.Conv2d(channels, num_classes, 1)
        self.up = nn.ConvTranspose2d(num_classes, num_classes, k, stride, groups=num_classes, bias=False)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)
        with torch.no_grad():
            self.up.weight.copy_(transposed.bilinear_kernel(k))

    def forward(self, cells, height, width):
        fine = self.up(self.score(cells))
        return fine[:, :, self.cut : self.cut + height, self.cut : self.cut + width]


def head_cases():
    """One image, not square, and batches with other strides."""
    generator = torch.Generator().manual_seed(67)
    rows = (((1, 3, 2, 3), 2, 4, 7, 11), ((2, 2, 2, 2), 3, 2, 4, 4), ((2, 1, 2, 1), 2, 8, 16, 8))
    return [
        {"channels": shape[1], "num_classes": classes, "stride": stride}
        | {"cells": torch.randn(shape, generator=generator), "height": height, "width": width}
        for shape, classes, stride, height, width in rows
    ]


def head_loss(scores):
    """The distance from 1 everywhere: what 30 steps can halve."""
    return (scores - 1).square().mean()


HEAD = Exercise(
    "06.7",
    "Build the head of an FCN",
    difficulty=3,
    minutes=25,
    oracle=FCNHead,
    cases=head_cases,
    trial=built(FCNHead, head_loss, start_values=("score.weight", "score.bias", "up.weight")),
    hints=(
        "Two layers in __init__, as in section 6: self.score, a 1 × 1 convolution, and self.up, a transposed "
        "convolution "
        "for every class by itself (groups). Which kernel has its middle on a cell? An odd one, 2 · stride − 1.",
        "FCN starts score at zero, weight and bias, and up as transposed.bilinear_kernel(2 * stride - 1), inside "
        "torch.no_grad(); both must be free to learn. up has no bias.",
        "In forward, the stamp's middle is its cell stride − 1 and must land on pixel stride // 2 − 1: cut stride // "
        "2 at "
        "the start of both axes, then keep height and width.",
    ),
)
HEAD.model(FCNHead)


@HEAD.flags(
    random_score="This looks like a score layer that starts at random. FCN starts it at zero, so that no class is "
    "preferred: zero weight and zero bias.",
    random_up="This looks like an upsampling that starts at random. Copy transposed.bilinear_kernel(2 * stride - 1) "
    "into "
    "up.weight.",
    all_to_all="This looks like an upsampling in which every class reaches every other: groups=num_classes.",
    up_bias="This looks like a bias in the upsampling: bias=False, the score layer has one already.",
    no_bias="This looks like a score layer without its bias.",
    even_kernel="This looks like a stamp of 2 · stride cells. Its middle would lie between two cells; here a cell "
    "lies on a "
    "pixel, so the size is odd: 2 · stride − 1.",
    frozen="This looks like an upsampling that cannot learn: leave requires_grad as it is.",
    uncut="This looks like an output that was not cut at the start: the first stride // 2 rows and columns lie "
    "outside the "
    "image.",
    equal_cut="This looks like the same margin cut at both ends. The stamp's middle, its cell stride − 1, must land on "
    "pixel stride // 2 − 1: cut stride // 2.",
    sides_exchanged="This looks like height and width exchanged in the cut: rows first.",
    short="This looks like a cut that ends too early: keep height and width pixels after those that were cut off.",
)
class WrongHead(FCNHead):
    """The head with mistakes."""

    def __init__(
        self,
        channels,
        num_classes,
        stride,
        *,
        random_score=False,
        random_up=False,
        all_to_all=False,
        up_bias=False,
        no_bias=False,
        even_kernel=False,
        frozen=False,
        uncut=False,
        equal_cut=False,
        sides_exchanged=False,
        short=False,
    ):
        nn.Module.__init__(self)
        k = 2 * stride - (not even_kernel)
        groups = 1 if all_to_all else num_classes
        self.score = nn.Conv2d(channels, num_classes, 1, bias=not no_bias)
        self.up = nn.ConvTranspose2d(num_classes, num_classes, k, stride, groups=groups, bias=up_bias)
        if not random_score:
            for parameter in self.score.parameters():
                nn.init.zeros_(parameter)
        if not random_up:
            with torch.no_grad():
                self.up.weight.copy_(transposed.bilinear_kernel(k))
        self.up.weight.requires_grad_(not frozen)
        self.cut = 0 if uncut else (k - stride) // 2 if equal_cut else stride // 2
        self.exchanged, self.short = sides_exchanged, short

    def forward(self, cells, height, width):
        height, width = (width, height) if self.exchanged else (height, width)
        fine = self.up(self.score(cells))
        last = 0 if self.short else self.cut
        return fine[:, :, self.cut : last + height, self.cut : last + width]
