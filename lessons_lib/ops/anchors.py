"""Anchors: the boxes that a region proposal network begins with, a few shapes around every cell of a map.

Boxes are xyxy in pixels with exclusive ends; an aspect ratio is height / width, so 2 stands upright.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from lessons_lib.checks import checked_ints
from lessons_lib.ops.grid import Grid


def anchor_shapes(sizes: Sequence[int | float], ratios: Sequence[int | float]) -> Float[Tensor, "A 4"]:
    """One box around (0, 0) for each size and ratio: area size², height / width = ratio.

    Their order is size-major: all ratios of the first size come first. Ren et al., "Faster R-CNN" (arXiv:1506.01497),
    section 3.1.1. Raises ValueError for a size or ratio that is not > 0.

    >>> anchor_shapes([32], [1.0, 4.0]).tolist()
    [[-16.0, -16.0, 16.0, 16.0], [-8.0, -32.0, 8.0, 32.0]]
    """
    for name, values in (("sizes", sizes), ("ratios", ratios)):
        if len(values) == 0 or not all(0 < value < math.inf for value in values):
            raise ValueError(f"{name} must be numbers > 0, at least one, got {tuple(values)}")
    halves = [(size / math.sqrt(ratio) / 2, size * math.sqrt(ratio) / 2) for size in sizes for ratio in ratios]
    return torch.tensor([[-x, -y, x, y] for x, y in halves])


def cell_centres(grid: Grid, count: int, device: torch.device | str = "cpu") -> Float[Tensor, " count"]:
    """Where the middles of a map's cells lie along one axis, in coordinates in which pixel 0 covers [0, 1).

    A `Grid` counts from the middle of pixel 0, boxes from its edge: hence the half pixel that is added.

    >>> cell_centres(Grid(8, 3.5), 3)
    tensor([ 4., 12., 20.])
    """
    return torch.arange(count, dtype=torch.float32, device=device) * grid.stride + (grid.start + 0.5)


def place_anchors(
    shapes: Float[Tensor, "A 4"], size: Sequence[int], grid: Grid | tuple[Grid, Grid]
) -> Float[Tensor, "N 4"]:
    """All shapes around every cell of a map with `size` (H, W) cells: N = H · W · A, row by row, cell by cell.

    A head that returns (B, A, H, W) must therefore be permuted to (B, H, W, A) before it is flattened. `grid` says
    where the cells lie in the image, or two do, for rows and for columns. Anchors may reach beyond the image.

    >>> place_anchors(anchor_shapes([4], [1.0]), (1, 2), Grid(8, 3.5)).tolist()
    [[2.0, 2.0, 6.0, 6.0], [10.0, 2.0, 14.0, 6.0]]
    """
    height, width = checked_ints("size", size, 1, count=2)
    down, across = (grid, grid) if isinstance(grid, Grid) else grid
    y, x = cell_centres(down, height, shapes.device), cell_centres(across, width, shapes.device)
    y, x = torch.meshgrid(y, x, indexing="ij")
    centres = torch.stack([x, y, x, y], 2)  # (H, W, 4)
    return (centres[:, :, None] + shapes).reshape(-1, 4)
