"""Backbones: convolutional trunks that turn pictures into maps c1 to c5, each half as large as the one before."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lessons_lib.grid import PIXELS

GROUPS = 8
"""Groups of channels that a GroupNorm layer of a tiny network normalises together."""


class TinyBackbone(nn.Module):
    """A trunk for lessons: five maps at strides 2, 4, 8, 16 and 32, GroupNorm, about a quarter of a million parameters.

    The first map comes from one convolution of stride 2. Every later stage pools 2 × 2 and convolves `depth` times.
    Nothing is cut off at the borders: where a side is odd, its last pooling window is a smaller one. `channels` are
    multiples of 8. `grids` says where the cells of each map lie in the picture.
    """

    def __init__(self, channels: tuple[int, int, int, int, int] = (16, 24, 40, 64, 96), depth: int = 2) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))
        names = ("c1", "c2", "c3", "c4", "c5")
        self.channels = dict(zip(names, channels, strict=True))
        self.strides = {name: 2 ** (i + 1) for i, name in enumerate(names)}
        self.grids = {"c1": PIXELS.down(3, stride=2, padding=1)}
        for before, after in pairwise(names):
            self.grids[after] = self.grids[before].down(2, stride=2)
        self.stages = nn.ModuleList([conv_norm_relu(3, channels[0], stride=2)])
        for before, after in pairwise(channels):
            convolutions = [conv_norm_relu(before if i == 0 else after, after) for i in range(depth)]
            self.stages.append(nn.Sequential(nn.MaxPool2d(2, ceil_mode=True), *convolutions))

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> dict[str, Float[Tensor, "B _ _ _"]]:
        """Maps c1 to c5 of pictures in [0, 1]; map i has ⌈H / 2ⁱ⌉ × ⌈W / 2ⁱ⌉ cells."""
        x = (images - self.mean) / self.std
        maps = {}
        for name, stage in zip(self.channels, self.stages, strict=True):
            maps[name] = x = stage(x)
        return maps


def conv_norm_relu(c_in: int, c_out: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A 3 × 3 convolution that keeps the size (or halves it), GroupNorm and ReLU."""
    convolution = nn.Conv2d(c_in, c_out, 3, stride, padding=dilation, dilation=dilation, bias=False)
    return nn.Sequential(convolution, nn.GroupNorm(GROUPS, c_out), nn.ReLU())
