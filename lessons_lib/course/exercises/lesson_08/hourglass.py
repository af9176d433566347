"""Exercise 08.6: unpooling with switches as a module, to be built."""

import torch
from torch import nn
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.building import built
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import unpooling


class HourglassByLibrary(nn.Module):
    """The library's pooling and unpooling around a convolution, then the scores."""

    def __init__(self, channels, classes):
        super().__init__()
        self.inner = nn.Conv2d(channels, channels, 3, padding=1)
        self.score = nn.Conv2d(channels, classes, 3, padding=1)

    def forward(self, x):
        pooled, switches = unpooling.max_pool(x)
        inner = self.inner(pooled).relu()
        return self.score(unpooling.max_unpool(inner, switches, x.shape[2:]))


def hourglass_cases():
    """Two images with an odd side; images of one window; one image of an odd side, to be learned."""
    generator = torch.Generator().manual_seed(86)

    def rand(*shape):
        return torch.randn(*shape, generator=generator)

    return [
        {"channels": 2, "classes": 4, "x": rand(2, 2, 4, 5)},
        {"channels": 1, "classes": 1, "x": rand(2, 1, 2, 2)},
        {"channels": 3, "classes": 2, "x": rand(1, 3, 7, 6)},
    ]


HOURGLASS = Exercise(
    "08.6",
    "Build an hourglass",
    difficulty=2,
    minutes=20,
    oracle=HourglassByLibrary,
    cases=hourglass_cases,
    trial=built(HourglassByLibrary, loss=lambda output: (output - 1).square().mean()),
    hints=(
        "In __init__: super().__init__(), then self.inner = nn.Conv2d(channels, channels, 3, padding=1) and "
        "self.score = nn.Conv2d(channels, classes, 3, padding=1).",
        "In forward: unpooling.max_pool(x) gives the pooled map and its switches. Which size has the map that the "
        "switches were counted on?",
        "inner = F.relu(self.inner(pooled)), then unpooling.max_unpool(inner, switches, x.shape[2:]), then self.score.",
    ),
)


@HOURGLASS.model
class Hourglass(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.inner = nn.Conv2d(channels, channels, 3, padding=1)
        self.score = nn.Conv2d(channels, classes, 3, padding=1)

    def forward(self, x):
        pooled, switches = unpooling.max_pool(x)
        inner = F.relu(self.inner(pooled))
        return self.score(unpooling.max_unpool(inner, switches, x.shape[2:]))


@HOURGLASS.flags(
    corner="This looks like unpooling into the corners. Give the switches of the pooling to the unpooling.",
    nearest="This looks like upsampling in place of unpooling: each value is repeated. Unpooling writes it once, at "
    "its switch.",
    early="This looks like a map that is unpooled before the inner convolution. The convolution works on the small "
    "map; unpool what it returns.",
    drops="This looks like pooling that drops the last row or column where a side is odd. The course's pooling keeps "
    "it, as ceil_mode=True does.",
    average="This looks like average pooling. Only the maximum has a position, and so a switch.",
    no_relu="This looks like an inner convolution without its ReLU.",
    relu_after="This looks like scores through a ReLU. Scores may be negative: nothing comes after them.",
    no_padding="This looks like convolutions without padding: the map shrinks, and the switches no longer fit.",
    detached="This looks like a path that was cut: the inner convolution gets no gradient. No detach, no no_grad.",
    small_kernel="This looks like another kernel. Both convolutions are 3 × 3.",
)
class WrongHourglass(nn.Module):
    """An hourglass with mistakes."""

    def __init__(
        self,
        channels,
        classes,
        *,
        corner=False,
        nearest=False,
        early=False,
        drops=False,
        average=False,
        no_relu=False,
        relu_after=False,
        no_padding=False,
        detached=False,
        small_kernel=False,
    ):
        super().__init__()
        k, p = (1, 0) if small_kernel else (3, 1)
        self.inner = nn.Conv2d(channels, channels, k, padding=p)
        self.score = nn.Conv2d(channels, classes, k, padding=0 if no_padding else p)
        self.corner, self.nearest, self.early, self.drops, self.average = corner, nearest, early, drops, average
        self.no_relu, self.relu_after, self.detached = no_relu, relu_after, detached

    def forward(self, x):
        pooled, switches = F.max_pool2d(x, 2, ceil_mode=not self.drops, return_indices=True)
        if self.average:
            pooled = F.avg_pool2d(x, 2, ceil_mode=not self.drops)
        inner = pooled if self.early else self.inner(pooled) if self.no_relu else self.inner(pooled).relu()
        inner = inner.detach() if self.detached else inner
        if self.nearest:
            wide = F.interpolate(inner, tuple(x.shape[2:]), mode="nearest")
        else:
            rows, columns = (2 * torch.arange(n) for n in inner.shape[2:])
            corners = (rows[:, None] * x.shape[3] + columns).expand_as(inner)
            wide = unpooling.max_unpool(inner, corners if self.corner else switches, x.shape[2:])
        if self.early:
            wide = self.inner(wide) if self.no_relu else self.inner(wide).relu()
        scores = self.score(wide)
        return scores.relu() if self.relu_after else scores
