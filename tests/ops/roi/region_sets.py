"""Random feature maps with random regions on them: ordinary ones, and every kind that goes wrong in practice."""

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor

KINDS = ("inside", "whole pixels", "empty", "a line", "inverted", "one pixel", "across the border", "far outside")


@dataclass
class RegionSet:
    """One call: the map, the boxes as rows (image, x0, y0, x1, y1), the bins, and the map's stride."""

    features: Tensor
    boxes: Tensor
    output_size: tuple[int, int]
    stride: int

    @property
    def arguments(self):
        return self.output_size, 1 / self.stride


def box_of(kind: str, width: float, height: float, generator: torch.Generator) -> list[float]:
    """xyxy of one box on a picture of this size, in pixels."""
    size = torch.tensor([width, height], dtype=torch.float64)
    one, other = (torch.rand(2, generator=generator, dtype=torch.float64) * size for _ in range(2))
    low, high = torch.minimum(one, other), torch.maximum(one, other)
    if kind == "whole pixels":
        low, high = low.round(), high.round()
    elif kind == "empty":
        high = low
    elif kind == "a line":
        high = torch.stack([low[0], high[1]])
    elif kind == "inverted":
        low, high = high, low
    elif kind == "one pixel":
        low = low.floor()
        high = low + 1
    elif kind == "across the border":
        low, high = low - 0.7 * size, high + 0.3 * size
    elif kind == "far outside":
        low, high = low - 3 * size, high - 3 * size
    return [*low.tolist(), *high.tolist()]


@st.composite
def region_sets(draw, dtype=torch.float64, kinds=KINDS, most=4):
    """A map of 1 to 9 cells a side, up to three images, none to `most` regions, 1 to 4 bins a side."""
    batch, channels, height, width = (draw(st.integers(1, top)) for top in (3, 3, 9, 9))
    stride = draw(st.sampled_from((1, 2, 3, 8, 16)))
    chosen = draw(st.lists(st.sampled_from(kinds), max_size=most))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    features = torch.randn(batch, channels, height, width, generator=generator, dtype=dtype)
    if draw(st.booleans()):
        features = features.relu()  # many equal cells
    if draw(st.booleans()):
        features = features.transpose(2, 3).contiguous().transpose(2, 3)
    rows = [
        [draw(st.integers(0, batch - 1)), *box_of(kind, width * stride, height * stride, generator)] for kind in chosen
    ]
    boxes = torch.tensor(rows, dtype=dtype).view(-1, 5)
    return RegionSet(features, boxes, (draw(st.integers(1, 4)), draw(st.integers(1, 4))), stride)


def value_and_gradient(function, features, *arguments):
    """What the operator gives, and the gradient of its weighted sum to the features."""
    leaf = features.clone().requires_grad_()
    out = function(leaf, *arguments)
    direction = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)
    (out * direction).sum().backward()
    return out.detach(), leaf.grad
