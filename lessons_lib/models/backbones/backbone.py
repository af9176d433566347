"""What every backbone promises: maps by name, and where their cells lie."""

from jaxtyping import Float
from torch import Tensor, nn

from lessons_lib.models.backbones.normalisation import Normalisation
from lessons_lib.ops.grid import Grid


class Backbone(nn.Module):
    """A convolutional backbone: `forward(images)` returns {"c1": …, …, "c5": …}, from fine to coarse.

    channels, strides: of each map, by name. grids: where the cells of each map lie in the image. normalise: what it
    does to images in [0, 1] before its first layer.
    """

    channels: dict[str, int]
    strides: dict[str, int]
    grids: dict[str, Grid]
    normalise: Normalisation

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> dict[str, Float[Tensor, "B _ _ _"]]:
        """The maps of images in [0, 1]."""
        raise NotImplementedError
