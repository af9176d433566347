"""Grids: where the cells of a feature map lie in the image, through convolution, pooling and upsampling.

Along one axis, the middle of cell i lies at `start + stride · i`, in pixels, where pixel 0 has its middle at 0. Padding
moves the start to the left, so it can be negative; it is a whole number of pixels or a half. What a convolution's cell
i sees has its middle at cell s·i + (k' − 1)/2 − p of the map below, k' = d(k − 1) + 1; a transposed convolution goes
the other way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lessons_lib.checks import check_ints


@dataclass(frozen=True)
class Grid:
    """Where the cells of a map lie along one axis of the image: cell i at start + stride · i.

    >>> Grid(1, 0.0).down(kernel_size=2, stride=2)  # cell 0 sees pixels 0 and 1: its middle is between them
    Grid(stride=2, start=0.5)
    """

    stride: int
    start: float

    def down(self, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> "Grid":
        """The grid after a convolution or pooling."""
        check_ints(1, kernel_size=kernel_size, stride=stride, dilation=dilation)
        check_ints(0, padding=padding)
        middle = dilation * (kernel_size - 1) / 2 - padding
        return Grid(self.stride * stride, self.start + self.stride * middle)

    def up(self, kernel_size: int, stride: int, padding: int = 0) -> "Grid":
        """The grid after a transposed convolution. Raises ValueError where `stride` does not divide this one's."""
        check_ints(1, kernel_size=kernel_size, stride=stride)
        check_ints(0, padding=padding)
        if self.stride % stride:
            raise ValueError(f"stride must divide {self.stride}, the stride of the map, got {stride}")
        fine = self.stride // stride
        return Grid(fine, self.start - fine * ((kernel_size - 1) / 2 - padding))

    def cells_before(self, other: "Grid") -> float:
        """How many cells this grid begins before the other, whose stride is the same: cell i of the other lies on cell
        i + this number of this one. It is whole where the two can be added cell by cell."""
        if self.stride != other.stride:
            raise ValueError(f"other must have stride {self.stride}, got {other.stride}")
        return (other.start - self.start) / self.stride


PIXELS = Grid(1, 0.0)
"""The image itself."""


def crop_offset(layers: Sequence[tuple[int, int, int]], kernel_size: int) -> float:
    """How many cells to cut off the start of a score map that was brought back to pixels: then it lies on the image.

    layers: (kernel_size, stride, padding) of each convolution and pooling on the way down. kernel_size: that of the one
    transposed convolution on the way up, whose stride is all of theirs together and which pads nothing. A whole number
    where cells come to lie on pixels, and a half more where they come between two. Negative where cells are missing.

    >>> crop_offset([(2, 2, 0)], kernel_size=2)  # pooling by 2 and the way back: already in line
    0.0
    """
    grid = PIXELS
    for layer in layers:
        grid = grid.down(*layer)
    return grid.up(kernel_size, grid.stride).cells_before(PIXELS)
