"""Output stride: which stages of a backbone still halve their map, and how dilated the others are."""

from typing import NamedTuple

NAMES = ("c1", "c2", "c3", "c4", "c5")
"""The maps that every backbone gives, from the finest to the coarsest."""


class Stage(NamedTuple):
    """One stage of a backbone: how it strides, and the dilation of the layers before and after that stride."""

    stride: int
    total: int
    """Image pixels between two cells of the stage's map."""
    dilation_before: int
    dilation: int


def plan_stages(output_stride: int = 32) -> dict[str, Stage]:
    """The five stages of a backbone whose last map has a cell every `output_stride` pixels: 8, 16 or 32.

    Stages halve until the output stride is reached. A stage that may not halve any more keeps its map, and every
    layer after the position of its stride doubles its dilation, so that it sees the same pixels of the image as it did
    before. Raises ValueError for another output stride.
    """
    if output_stride not in (8, 16, 32):
        raise ValueError(f"output_stride must be 8, 16 or 32, got {output_stride!r}")
    plan, total, dilation = {}, 1, 1
    for name in NAMES:
        stride = 2 if total < output_stride else 1
        before, total, dilation = dilation, total * stride, dilation * 2 // stride
        plan[name] = Stage(stride, total, before, dilation)
    return plan
