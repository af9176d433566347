"""Lesson 15, exercises 2 and 3: the stage that draws one mask a region, and features seen through a mask."""

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.building import built
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.instance import cascade
from lessons_lib.models.instance.mnc_config import MNCConfig

# 15.2


class LibraryMaskStage(cascade.MaskStage):
    """The library's stage, made of four numbers."""

    def __init__(self, channels, side, width, m):
        super().__init__(channels, side, replace(MNCConfig(), mask_width=width, mask_size=m))


def stage_cases():
    """One region; several, with other numbers everywhere; and no region."""
    draw = torch.Generator().manual_seed(2)
    cases = []
    for regions, channels, side, width, m in ((1, 2, 3, 5, 4), (3, 3, 4, 6, 2), (0, 2, 4, 3, 5)):
        made = {"channels": channels, "side": side, "width": width, "m": m}
        cases.append(made | {"features": torch.randn(regions, channels, side, side, generator=draw)})
    return cases


def distance_from_one(logits):
    """A loss that any stage can learn."""
    return (logits - 1).square().mean()


BUILD = Exercise(
    "15.2",
    "Build stage 2",
    oracle=LibraryMaskStage,
    cases=stage_cases,
    trial=built(LibraryMaskStage, distance_from_one),
    difficulty=2,
    minutes=20,
    hints=(
        "Two linear layers: self.fc from channels · side · side numbers to width, self.predictor from width to m · m.",
        "In forward: flatten all but the regions with features.flatten(1), apply fc, ReLU, predictor.",
        "return self.predictor(F.relu(self.fc(features.flatten(1)))).unflatten(1, (self.m, self.m)). No sigmoid.",
    ),
)


@BUILD.model
class MaskStage(nn.Module):
    def __init__(self, channels, side, width, m):
        super().__init__()
        self.m = m
        self.fc = nn.Linear(channels * side * side, width)
        self.predictor = nn.Linear(width, m * m)

    def forward(self, features):
        hidden = F.relu(self.fc(features.flatten(1)))
        return self.predictor(hidden).unflatten(1, (self.m, self.m))


@BUILD.flags(
    no_relu="This looks like two linear layers without a ReLU between them: together they are one.",
    sigmoid="This looks like a sigmoid in the stage. The loss works on logits and applies its own.",
    turned="This looks like masks with rows and columns exchanged: cell (row, column) is number row · m + column.",
    relu_at_the_end="This looks like a ReLU after the last layer: a logit must be negative where there is no object.",
    pooled="This looks like a mean over the region's cells before the layer. Then it no longer knows where anything "
    "is, and has too few weights.",
)
class WrongMaskStage(nn.Module):
    """The stage with some of its parts exchanged."""

    def __init__(
        self, channels, side, width, m, *, no_relu=False, sigmoid=False, turned=False, relu_at_the_end=False,
        pooled=False,
    ):  # fmt: skip
        super().__init__()
        self.m, self.turned, self.pooled = m, turned, pooled
        self.fc = nn.Linear(channels if pooled else channels * side * side, width)
        self.predictor = nn.Linear(width, m * m)
        self.between = nn.Identity() if no_relu else nn.ReLU()
        self.last = nn.Sequential(*([nn.ReLU()] if relu_at_the_end else []), *([nn.Sigmoid()] if sigmoid else []))

    def forward(self, features):
        x = features.mean((2, 3)) if self.pooled else features.flatten(1)
        x = self.last(self.predictor(self.between(self.fc(x)))).unflatten(1, (self.m, self.m))
        return x.mT if self.turned else x


@BUILD.mistake(
    "This looks like one mask for each class, or each channel. Stage 2 does not know the class: it draws one mask of "
    "m × m cells for a region."
)
class DrawsOneMaskForEachChannel(nn.Module):
    """As the head of Mask R-CNN does."""

    def __init__(self, channels, side, width, m):
        super().__init__()
        self.shape = (channels, m, m)
        self.fc = nn.Linear(channels * side * side, width)
        self.predictor = nn.Linear(width, channels * m * m)

    def forward(self, features):
        return self.predictor(F.relu(self.fc(features.flatten(1)))).unflatten(1, self.shape)[:, 0]


# 15.3


def masking_cases():
    """Cells by hand, two regions of two channels, a mask as large as the features, and no region."""
    draw = torch.Generator().manual_seed(3)
    features = torch.tensor([[[[2.0, 4.0], [6.0, 8.0]]]])
    logits = torch.tensor([[[9.0, 9.0, -9.0, -9.0]] * 2 + [[9.0, -9.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    cases = [{"features": features, "logits": logits}]
    for regions, channels, side, m in ((2, 2, 3, 6), (3, 1, 4, 4), (1, 2, 2, 6), (0, 2, 2, 4)):
        shapes = ((regions, channels, side, side), (regions, m, m))
        drawn = [torch.randn(shape, generator=draw) * 2 for shape in shapes]
        cases.append({"features": drawn[0], "logits": drawn[1]})
    return cases


def library_masking(features, logits):
    """The library's function, on probabilities."""
    return cascade.masked(features, logits.sigmoid())


MASKING = Exercise(
    "15.3",
    "Look through the mask",
    oracle=library_masking,
    cases=masking_cases,
    gradients=True,
    difficulty=1,
    minutes=10,
    hints=(
        "Three steps: probabilities with sigmoid, as many cells as the features have, one product for all channels.",
        "F.adaptive_avg_pool2d(x, side) averages to side × side cells; it wants (R, channels, m, m), so give the mask "
        "one channel with [:, None].",
        "return features * F.adaptive_avg_pool2d(logits.sigmoid()[:, None], features.shape[-1])",
    ),
)


@MASKING.model
def look_through(features, logits):
    probs = logits.sigmoid()[:, None]
    return features * F.adaptive_avg_pool2d(probs, features.shape[-1])


@MASKING.flags(
    no_sigmoid="This looks like features multiplied by logits. A cell that is not the object's must become 0, not "
    "negative: probabilities first.",
    binary="This looks like a mask cut at ½ before it is used. Then no gradient reaches stage 2 through the mask, and "
    "a cell that is half sure counts fully.",
    detached="This looks like a mask without its gradient: the loss of stage 3 is to train stage 2 as well.",
    corner="This looks like one cell of the mask taken for each cell of the features. All of them are averaged.",
    sharpened="This looks like the logits averaged before the sigmoid. The mean of probabilities is another number.",
    added="This looks like the mask added to the features. The product makes 0 of what is not the object.",
)
def wrong_masking(
    features, logits, *, no_sigmoid=False, binary=False, detached=False, corner=False, sharpened=False, added=False
):
    side = features.shape[-1]
    step = logits.shape[-1] // side
    x = logits.detach() + 0 * logits if detached else logits
    x = x if no_sigmoid or sharpened else x.sigmoid()
    x = (x > (0 if no_sigmoid or sharpened else 0.5)).float() + 0 * x if binary else x
    x = x[:, ::step, ::step] if corner else F.adaptive_avg_pool2d(x[:, None], side)[:, 0]
    x = x.sigmoid() if sharpened and not no_sigmoid else x
    return features + x[:, None] if added else features * x[:, None]
