"""Receptive fields: which pixels a cell sees, by formula for any chain of layers and by gradient for any network.

Along one axis, through layers of kernel k, stride s, padding p and dilation d, with j the jump before the layer:

    size += (k − 1) · d · j        start −= p · j        jump = j · s

The first holds because the taps at both ends of the window lie (k − 1) · d cells apart, and cells lie j pixels apart
(Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019). The gradient of
one cell with respect to the image is the independent check: it is not zero only where the cell looks.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.checks import check_ints


class Layer(NamedTuple):
    """What a convolution or a pooling does along one axis; the tuple (3, 1, 1, 2) will do as well."""

    kernel_size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1


class Field(NamedTuple):
    """What the cells of a map see along one axis: cell n the pixels from start + jump · n on, `size` of them.

    `start` may be negative: those pixels are padding. `size` counts from the first pixel seen to the last; between
    them a dilated chain may skip some.
    """

    start: int | float = 0
    jump: int | float = 1
    size: int | float = 1

    def after(self, layer: Layer) -> "Field":
        """The field of the next map, behind one more layer."""
        reach = (layer.kernel_size - 1) * layer.dilation
        return Field(self.start - layer.padding * self.jump, self.jump * layer.stride, self.size + reach * self.jump)

    def pixels(self, cell: int) -> range:
        """The pixels between the first and the last that this cell sees, both included."""
        first = int(self.start + self.jump * cell)
        return range(first, first + int(self.size))


def receptive_fields(layers: Iterable[Sequence[int]]) -> list[Field]:
    """The field after each layer of a chain, first to last; that of the image itself, (0, 1, 1), is left out.

    Layers are `Layer`s or tuples (kernel_size, stride, padding, dilation), the last ones optional. ValueError or
    TypeError for numbers that no layer can have.

    >>> receptive_fields([Layer(3), Layer(3, stride=2), Layer(3)])[-1].size  # 1 + 2 + 2 + 2 · 2
    9
    """
    fields, field = [], Field()
    for layer in _checked(layers):
        fields.append(field := field.after(layer))
    return fields


def path_counts(layers: Iterable[Sequence[int]]) -> Float[Tensor, " size"]:
    """In how many ways each pixel of its field reaches a cell after the chain, tap by tap, along one axis.

    0 marks a pixel that lies in the field and is never seen: with dilations that share a factor the taps meet on a
    grid and leave the rest out (Wang et al., "Understanding Convolution for Semantic Segmentation", 2018, call it
    gridding). It is the gradient of the chain with all weights 1. float64: exact up to 2⁵³.

    >>> path_counts([Layer(3), Layer(3)]).tolist()
    [1.0, 2.0, 3.0, 2.0, 1.0]
    """
    counts = torch.ones(1, dtype=torch.float64)
    for layer in reversed(_checked(layers)):
        spread = counts.new_zeros((len(counts) - 1) * layer.stride + 1)
        spread[:: layer.stride] = counts
        taps = counts.new_zeros((layer.kernel_size - 1) * layer.dilation + 1)
        taps[:: layer.dilation] = 1
        counts = F.conv1d(spread[None, None], taps[None, None], padding=len(taps) - 1)[0, 0]  # taps are symmetric
    return counts


def at_output_stride(layers: Iterable[Sequence[int]], output_stride: int) -> list[Layer]:
    """The chain with no more than `output_stride` pixels between cells, dilation instead of the strides beyond.

    A stride that would go beyond is divided until it does not, and every later layer's dilation and padding are
    multiplied by what was taken away. So every layer sees as many pixels as before, at more positions; the old cells
    are among the new ones, and the weights fit. ValueError where `output_stride` does not divide what it cuts.

    >>> [layer.stride for layer in at_output_stride([Layer(3, 2), Layer(3, 2)], 2)]
    [2, 1]
    """
    check_ints(1, output_stride=output_stride)
    chain, jump, factor = [], 1, 1
    for kernel_size, stride, padding, dilation in _checked(layers):
        kept = min(stride, output_stride // jump)
        if stride % kept or (kept < stride and jump * kept != output_stride):
            raise ValueError(
                f"output_stride must divide the strides that it cuts, got {output_stride} at {jump * stride}"
            )
        chain.append(Layer(kernel_size, kept, padding * factor, dilation * factor))
        jump, factor = jump * kept, factor * stride // kept
    return chain


def _checked(layers: Iterable[Sequence[int]]) -> list[Layer]:
    chain = [Layer(*layer) for layer in layers]
    for layer in chain:
        check_ints(1, kernel_size=layer.kernel_size, stride=layer.stride, dilation=layer.dilation)
        check_ints(0, padding=layer.padding)
    return chain


def input_gradient(
    network: Callable[[Tensor], Tensor], images: Float[Tensor, "B C H W"], cell: tuple[int, int] | None = None
) -> Float[Tensor, "H W"]:
    """How strongly each pixel moves one cell of the output: Σ over channels of |∂ output / ∂ pixel|, mean of images.

    `cell` is (row, column) on the map (B, K, h, w) that the network returns, the middle one by default; its K channels
    are summed. With real weights and images this is the effective field of Luo et al. ("Understanding the Effective
    Receptive Field", 2016): largest in the middle, fading long before the border of what the formula allows. ValueError
    for a network that returns no such map, and for a cell that is not on it.
    """
    with torch.enable_grad():  # also where the caller wants none
        images = images.detach().clone().requires_grad_()
        output = network(images)
        if output.dim() != 4:
            raise ValueError(f"network must return a map (B, K, h, w), got {tuple(output.shape)}")
        height, width = output.shape[2:]
        row, column = (height // 2, width // 2) if cell is None else cell
        if not (-height <= row < height and -width <= column < width):
            raise ValueError(f"cell must be on the map of {height} × {width} cells, got {cell}")
        (gradient,) = torch.autograd.grad(output[:, :, row, column].sum(), images)
    return gradient.abs().sum(1).mean(0)


def extent(seen: Bool[Tensor, "H W"]) -> tuple[Field, Field]:
    """The rows and the columns between the first and the last pixel seen, as fields of that one cell (jump 1).

    Raises ValueError where nothing is seen.

    >>> extent(torch.tensor([[False, True, True]]))
    (Field(start=0, jump=1, size=1), Field(start=1, jump=1, size=2))
    """
    if not seen.any():
        raise ValueError("seen must hold at least one pixel, got none")
    places = [seen.any(axis).nonzero()[:, 0] for axis in (1, 0)]
    rows, columns = (Field(int(p[0]), 1, int(p[-1] - p[0]) + 1) for p in places)
    return rows, columns
