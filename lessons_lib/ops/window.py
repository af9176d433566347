"""A sliding window along one axis: its positions, and the pixels it sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from lessons_lib.checks import Ints, checked_ints

Padding = int | Sequence[int] | str
MODES = ("valid", "same")


@dataclass(frozen=True)
class Axis:
    """One axis of a sliding window: how many positions it has, and which pixels it sees from each.

    >>> Axis(size=5, kernel_size=3, stride=2, dilation=1, before=1, after=1).places
    3
    """

    size: int
    kernel_size: int
    stride: int
    dilation: int
    before: int  # zeros in front of the first pixel
    after: int  # zeros after the last

    @property
    def reach(self) -> int:
        """Pixels from the first tap to the last, both counted: d(k − 1) + 1."""
        return self.dilation * (self.kernel_size - 1) + 1

    @property
    def padded(self) -> int:
        """Pixels with the zeros at both ends."""
        return self.before + self.size + self.after

    @property
    def places(self) -> int:
        """Positions where the window fits along the padded pixels."""
        return (self.padded - self.reach) // self.stride + 1

    def window(self, place: int) -> slice:
        """Padded pixels that the taps see from one position."""
        start = place * self.stride
        return slice(start, start + self.reach, self.dilation)

    def seen_by(self, tap: int) -> slice:
        """Padded pixels that one tap sees from all positions."""
        start = tap * self.dilation
        return slice(start, start + (self.places - 1) * self.stride + 1, self.stride)

    def contacts(self) -> tuple[Int64[Tensor, " n"], Int64[Tensor, " n"], Int64[Tensor, " n"]]:
        """(position, tap, pixel) of every meeting of a tap with a real pixel; meetings with padding are left out."""
        place = torch.arange(self.places, device="cpu").repeat_interleave(self.kernel_size)
        tap = torch.arange(self.kernel_size, device="cpu").repeat(self.places)
        pixel = place * self.stride + tap * self.dilation - self.before
        real = (pixel >= 0) & (pixel < self.size)
        return place[real], tap[real], pixel[real]


def sliding_axes(
    size: Ints, kernel_size: Ints, stride: Ints, padding: Padding, dilation: Ints, count: int, overhang: int = 0
) -> tuple[Axis, ...]:
    """The `count` axes of a sliding window, checked; `overhang` is how far the last window may stand out at the end."""
    sizes, kernels = checked_ints("size", size, 1, count), checked_ints("kernel_size", kernel_size, 1, count)
    strides, dilations = checked_ints("stride", stride, 1, count), checked_ints("dilation", dilation, 1, count)
    if isinstance(padding, str):
        if padding not in MODES:
            raise ValueError(f"padding must be 'valid', 'same' or ints ≥ 0, got {padding!r}")
        if padding == "same" and set(strides) != {1}:
            raise ValueError(f"padding='same' must go with stride 1, got stride {stride}")
        totals = [d * (k - 1) * (padding == "same") for k, d in zip(kernels, dilations, strict=True)]
        ends = [(total // 2, total - total // 2) for total in totals]
    else:
        ends = [(p, p + overhang) for p in checked_ints("padding", padding, 0, count)]
    axes = tuple(Axis(n, k, s, d, *e) for n, k, s, d, e in zip(sizes, kernels, strides, dilations, ends, strict=True))
    for axis in axes:
        if axis.reach > axis.padded:
            raise ValueError(
                f"kernel_size {axis.kernel_size} with dilation {axis.dilation} must reach over at most the "
                f"{axis.padded} padded pixels, got a reach of {axis.reach}"
            )
    return axes
