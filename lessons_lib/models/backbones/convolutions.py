"""Convolutions of necks and heads, torch's own layers with the same weights and results, computed faster on a CPU."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.ops.winograd import TILE, winograd_conv3x3

CHANNELS, TILES = 128, 64
"""From so many channels, in and out, and tiles of 4 × 4 cells on, Winograd's convolution is faster than torch's."""


class Conv3x3(nn.Conv2d):
    """A 3 × 3 convolution that keeps the size: by Winograd's method on a CPU, where the work is large enough."""

    def __init__(self, c_in: int, c_out: int, bias: bool = True) -> None:
        super().__init__(c_in, c_out, 3, padding=1, bias=bias)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        tiles = len(x) * -(-x.shape[2] // TILE) * -(-x.shape[3] // TILE)
        here = x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        if (
            here
            and x.dtype in (torch.float32, torch.float64)
            and tiles >= TILES
            and min(self.weight.shape[:2]) >= CHANNELS
        ):
            return winograd_conv3x3(x, self.weight, self.bias)
        return super().forward(x)


class Doubling(nn.ConvTranspose2d):
    """A transposed convolution of 2 × 2 with stride 2, in which no two outputs meet: so it is one matrix product.

    Its result has the channels of a cell side by side in memory.
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, 2, stride=2)

    def forward(
        self, input: Float[Tensor, "B C H W"], output_size: list[int] | None = None
    ) -> Float[Tensor, "B D _ _"]:
        batch, _, height, width = input.shape
        bias = self.get_parameter("bias")
        weight = self.weight.permute(2, 3, 1, 0).flatten(0, 2)  # (2·2·D, C)
        cells = F.linear(input.permute(0, 2, 3, 1).flatten(0, 2), weight, bias.repeat(4))
        out = cells.view(batch, height, width, 2, 2, len(bias)).permute(0, 1, 3, 2, 4, 5)
        return out.reshape(batch, 2 * height, 2 * width, len(bias)).permute(0, 3, 1, 2)
