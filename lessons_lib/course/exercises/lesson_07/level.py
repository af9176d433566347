"""Exercise 07.6: one level of U-Net's way up, to be built."""

import torch
from torch import nn
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.building import built
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.semantic import unet


def level_cases():
    """Two images with sides that differ; a skip that needs no crop; one image, to be learned."""
    generator = torch.Generator().manual_seed(76)

    def rand(*shape):
        return torch.rand(*shape, generator=generator)

    return [
        {"channels": 3, "deep": rand(2, 6, 4, 3), "skip": rand(2, 3, 10, 12)},
        {"channels": 1, "deep": rand(2, 2, 3, 3), "skip": rand(2, 1, 6, 6)},
        {"channels": 2, "deep": rand(1, 4, 4, 5), "skip": rand(1, 2, 12, 12)},
    ]


LEVEL = Exercise(
    "07.6",
    "Build a level of U-Net",
    difficulty=3,
    minutes=25,
    oracle=unet.UpLevel,
    cases=level_cases,
    trial=built(unet.UpLevel, loss=lambda output: (output - 1).square().mean()),
    hints=(
        "In __init__: self.up = torch.nn.ConvTranspose2d(2 * channels, channels, 2, stride=2), and self.join, a "
        "torch.nn.Sequential of convolution, ReLU, convolution, ReLU. How many channels go into the first one?",
        "The skip has `channels` and the doubled map has `channels`: side by side they are 2 · channels.",
        "In forward: higher = self.up(deep); middle = unet.centre_crop(skip, higher.shape[2:]); "
        "self.join(torch.cat([middle, higher], 1)).",
    ),
)


@LEVEL.model
class UpLevel(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.up = torch.nn.ConvTranspose2d(2 * channels, channels, 2, stride=2)
        first = torch.nn.Conv2d(2 * channels, channels, 3)
        second = torch.nn.Conv2d(channels, channels, 3)
        self.join = torch.nn.Sequential(first, torch.nn.ReLU(), second, torch.nn.ReLU())

    def forward(self, deep, skip):
        higher = self.up(deep)
        middle = unet.centre_crop(skip, higher.shape[2:])
        return self.join(torch.cat([middle, higher], 1))


@LEVEL.flags(
    adds="This looks like a skip that is added. FCN adds scores; U-Net puts the features side by side, so the first "
    "convolution reads 2 · channels.",
    deep_first="This looks like the map from below put first. The level's own map comes before it: torch.cat([skip, "
    "higher], 1).",
    one_convolution="This looks like one convolution. Each level has two, with a ReLU after each.",
    pads="This looks like padded convolutions. The published network pads nowhere: each of the two takes a pixel from "
    "every side.",
    no_relu="This looks like convolutions without ReLU: two of them in a row are one linear map.",
    no_last_relu="This looks like a last convolution without its ReLU. There is one after each.",
    corner="This looks like the upper left corner of the skip. What both have seen is the middle.",
    resizes="This looks like a skip that was made smaller. It must be cropped: resized, its cells lie beside those "
    "that they are joined with.",
    no_skip="This looks like a skip that is never read: the map from below twice.",
    cut_skip="This looks like a skip without a gradient. The encoder learns through it too: no detach.",
    three="This looks like an up-convolution of 3 × 3. U-Net's is 2 × 2 with stride 2: exactly twice the size.",
    interpolates="This looks like bilinear upsampling. The up-convolution has weights: ConvTranspose2d(2 · channels, "
    "channels, 2, stride=2).",
)
class WrongLevel(nn.Module):
    """One level with mistakes."""

    def __init__(
        self,
        channels,
        *,
        adds=False,
        deep_first=False,
        one_convolution=False,
        pads=False,
        no_relu=False,
        no_last_relu=False,
        corner=False,
        resizes=False,
        no_skip=False,
        cut_skip=False,
        three=False,
        interpolates=False,
    ):
        super().__init__()
        c = channels
        if interpolates:
            self.up = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(2 * c, c, 1))
        else:
            self.up = nn.ConvTranspose2d(2 * c, c, 3 if three else 2, stride=2, padding=0)
        relu = nn.Identity if no_relu else nn.ReLU
        layers = [nn.Conv2d(c if adds else 2 * c, c, 3, padding=int(pads)), relu()]
        layers += [] if one_convolution else [nn.Conv2d(c, c, 3, padding=int(pads)), relu()]
        self.join = nn.Sequential(*layers[:-1] if no_last_relu else layers)
        self.adds, self.deep_first, self.corner, self.resizes = adds, deep_first, corner, resizes
        self.no_skip, self.cut_skip, self.three = no_skip, cut_skip, three

    def forward(self, deep, skip):
        higher = self.up(deep)
        height, width = higher.shape[2:]
        if self.three:
            higher = higher[:, :, : height - 1, : width - 1]
        size = higher.shape[2:]
        skip = skip.detach() if self.cut_skip else skip
        if self.resizes:
            skip = F.interpolate(skip, tuple(size), mode="bilinear")
        elif self.corner:
            skip = skip[:, :, : size[0], : size[1]]
        else:
            skip = unet.centre_crop(skip, size)
        skip = higher if self.no_skip else skip
        if self.adds:
            return self.join(skip + higher)
        return self.join(torch.cat([higher, skip] if self.deep_first else [skip, higher], 1))
