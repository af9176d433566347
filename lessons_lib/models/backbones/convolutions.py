"""The 3 × 3 convolution of necks and heads: torch's own layer, its weights and results, computed faster on a CPU."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

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
