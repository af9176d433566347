"""Winograd's convolution: 3 × 3 kernels with a quarter of the multiplications, for a CPU.

Four outputs of a kernel of three taps, computed one by one, are 12 multiplications. Six suffice: six sums of the six
inputs, times six sums of the three taps, and the four outputs are sums of these six products. In both directions that
is 36 products instead of 144 for a tile of 4 × 4 outputs. The sums cost little where there are many channels, because
they are made once for each, while the products are a matrix product over all of them. The price is about one digit.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from lessons_lib.checks import check_tensor
from lessons_lib.ops.roi.regions import describe

INPUTS = ((4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0), (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0),
          (0, 4, 0, -5, 0, 1))  # fmt: skip
TAPS = ((1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6), (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6), (0, 0, 1))  # fmt: skip
OUTPUTS = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))
"""The sums of inputs, of taps and of products: Bᵀ, G and Aᵀ of Lavin and Gray."""

TILE, SEEN = 4, 6
AT_ONCE = 256
"""Tiles that are computed together, so that they stay in a processor's cache."""


def winograd_conv3x3(
    x: Float[Tensor, "B C H W"], weight: Float[Tensor, "D C 3 3"], bias: Float[Tensor, " D"] | None = None
) -> Float[Tensor, "B D H W"]:
    """`torch.nn.functional.conv2d(x, weight, bias, padding=1)`, with the channels of a cell side by side in memory.

    Differentiable, once. Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv:1509.09308),
    F(4 × 4, 3 × 3). Raises ValueError naming the argument.

    >>> x, weight = torch.arange(4.0).view(1, 1, 2, 2), torch.ones(1, 1, 3, 3)
    >>> winograd_conv3x3(x, weight).round().tolist()
    [[[[6.0, 6.0], [6.0, 6.0]]]]
    """
    check_tensor("x", x, 4)
    if x.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"x must be float32 or float64, got {x.dtype}")
    if not isinstance(weight, Tensor) or weight.shape[1:] != (x.shape[1], 3, 3) or weight.dtype != x.dtype:
        raise ValueError(f"weight must be {x.dtype} (D, {x.shape[1]}, 3, 3), as x says, got {describe(weight)}")
    if bias is not None and (bias.shape != weight.shape[:1] or bias.dtype != x.dtype):
        raise ValueError(f"bias must be {x.dtype} ({len(weight)},), as weight says, got {describe(bias)}")
    return _Convolution.apply(x, weight, bias)


class _Convolution(torch.autograd.Function):
    """Keeps what `conv2d` keeps, input and weight: the sums of the input are made again for the weight's gradient."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _convolved(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        to_x = _convolved(gradient, weight.flip(2, 3).transpose(0, 1), None) if ctx.needs_input_grad[0] else None
        to_weight = _to_weight(x, gradient) if ctx.needs_input_grad[1] else None
        return to_x, to_weight, gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None


def _convolved(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The convolution, some tiles after the other."""
    (count, channels, height, width), maps = x.shape, len(weight)
    taps = weight.permute(2, 3, 1, 0).reshape(3, 3, -1)
    filters = _sums(TAPS, taps).view(SEEN**2, channels, maps)
    out = torch.empty((count, maps, height, width), dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    cells = out.permute(0, 2, 3, 1)
    for images, rows, inputs in _inputs(x):
        products = torch.bmm(inputs.flatten(2, 4).flatten(0, 1), filters)  # (36, tiles, D)
        tiles = _sums(OUTPUTS, products.view(SEEN, SEEN, -1)).view(TILE, TILE, *inputs.shape[2:5], maps)
        here = cells[images, rows.start * TILE : rows.stop * TILE]
        plane = tiles.permute(2, 3, 0, 4, 1, 5).reshape(len(here), -1, inputs.shape[4] * TILE, maps)
        plane = plane[:, : here.shape[1], :width]
        here.copy_(plane) if bias is None else torch.add(plane, bias, out=here)
    return out


def _to_weight(x: Tensor, gradient: Tensor) -> Tensor:
    """The gradient of the weight: every step of the convolution turned round."""
    channels, maps, (height, width) = x.shape[1], gradient.shape[1], x.shape[2:]
    total = x.new_zeros(SEEN**2, channels, maps)
    turned = tuple(zip(*OUTPUTS, strict=True))
    padded = F.pad(gradient.permute(0, 2, 3, 1), (0, 0, 0, -width % TILE, 0, -height % TILE))
    for images, rows, inputs in _inputs(x):
        plane = padded[images, rows.start * TILE : rows.stop * TILE]
        tiles = plane.unflatten(2, (-1, TILE)).unflatten(1, (-1, TILE)).permute(2, 4, 0, 1, 3, 5)
        products = _sums(turned, tiles.reshape(TILE, TILE, -1)).view(SEEN**2, -1, maps)
        total.baddbmm_(inputs.flatten(2, 4).flatten(0, 1).transpose(1, 2), products)
    taps = _sums(tuple(zip(*TAPS, strict=True)), total.view(SEEN, SEEN, -1))
    return taps.view(3, 3, channels, maps).permute(3, 2, 0, 1)


def _inputs(x: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
    """(images, rows of tiles, the sums of what each of these tiles sees: (6, 6, images, rows, columns, C))."""
    count, channels, height, width = x.shape
    down, across = -(-height // TILE), -(-width // TILE)
    some, few = max(1, AT_ONCE // max(down * across, 1)), max(1, AT_ONCE // max(across, 1))
    for first in range(0, count, some):
        cells = x[first : first + some].permute(0, 2, 3, 1)
        padded = F.pad(cells, (0, 0, 1, 1 + -width % TILE, 1, 1 + -height % TILE))
        for row in range(0, down, few):
            rows = slice(row, min(row + few, down))
            plane = padded[:, row * TILE : rows.stop * TILE + 2]
            seen = plane.unfold(1, SEEN, TILE).unfold(2, SEEN, TILE).permute(4, 5, 0, 1, 2, 3)
            sums = _sums(INPUTS, seen.reshape(SEEN, SEEN, -1))
            yield slice(first, first + some), rows, sums.view(SEEN, SEEN, *seen.shape[2:5], channels)


def _sums(matrix: tuple[tuple[int | float, ...], ...], values: Float[Tensor, "a b n"]) -> Float[Tensor, "c d n"]:
    """The same weighted sums along the first two axes: matrix · values · matrixᵀ, for each of the n."""
    weights = torch.tensor(matrix, dtype=values.dtype, device=values.device)
    rows = (weights @ values.flatten(1)).unflatten(1, values.shape[1:])
    return torch.matmul(weights, rows)
