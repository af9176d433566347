"""Hypercolumns: each pixel is classified by the column of features above it, from the finest map to the coarsest."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.data.sample import Batch
from lessons_lib.grid import Grid
from lessons_lib.models.semantic import pixel_cross_entropy, predict_label_maps


class Hypercolumns(nn.Module):
    """A classifier of two layers on the column of features above each pixel of a whole picture.

    Its first layer is linear and is run on every map of the trunk where the map is, as a 1 × 1 convolution to `hidden`
    channels; the answers, not the features, are upsampled to the picture and added up. Then GroupNorm, ReLU and the
    scores.
    """

    def __init__(self, backbone: nn.Module, num_classes: int, hidden: int = 32) -> None:
        super().__init__()
        self.backbone = backbone
        self.columns = nn.ModuleDict({name: nn.Conv2d(c, hidden, 1) for name, c in backbone.channels.items()})
        self.norm = nn.GroupNorm(8, hidden)
        self.score = nn.Conv2d(hidden, num_classes, 1)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss, {"cross_entropy": mean over the pixels that are not void}."""
        return {"cross_entropy": pixel_cross_entropy(self.logits(batch.images), batch.label_maps)}

    def logits(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """Class scores of every pixel of pictures in [0, 1], any H and W."""
        maps, grids, size = self.backbone(images), self.backbone.grids, images.shape[2:]
        answers = [upsample(column(maps[name]), grids[name], size) for name, column in self.columns.items()]
        return self.score(F.relu(self.norm(torch.stack(answers).sum(0))))

    def predict(self, images: Sequence[Float[Tensor, "3 _ _"]]) -> list[Int64[Tensor, "_ _"]]:
        """The likeliest class of each pixel, each picture at its own size."""
        return predict_label_maps(self, images)


def upsample(x: Float[Tensor, "B C h w"], grid: Grid, size: Sequence[int]) -> Float[Tensor, "B C H W"]:
    """Bilinear interpolation of a map at every pixel of a picture of `size` (H, W), by where `grid` says its cells lie.

    Beyond the outermost cells the map goes on unchanged. On a grid whose cells cover the picture, start (s − 1)/2 and
    H = s·h, it is `F.interpolate` with align_corners=False; on others that would shift the map.
    """
    rows, columns = (_hats(grid, cells, pixels).to(x) for cells, pixels in zip(x.shape[2:], size, strict=True))
    return rows @ x @ columns.T


def _hats(grid: Grid, cells: int, pixels: int) -> Float[Tensor, "P n"]:
    """The weight of each cell at each pixel along one axis: 1 at its middle, falling to 0 at its neighbours'."""
    place = ((torch.arange(pixels) - grid.start) / grid.stride).clamp(0, cells - 1)
    return (1 - (place[:, None] - torch.arange(cells)).abs()).clamp(min=0)
