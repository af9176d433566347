"""Position-sensitive score maps: what FCIS computes once for a whole image, in place of a network for every region."""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from lessons_lib.checks import check_ints
from lessons_lib.models.backbones import Backbone
from lessons_lib.models.backbones.convolutions import Conv3x3
from lessons_lib.models.instance.mask_head import begin
from lessons_lib.models.necks import FPN, TDM, FineMap

SCORES = "scores"
"""The map's name among those of the features."""


class ScoreMaps(nn.Module):
    """A neck with one more map, "scores": (2·K + 4)·k² channels over the cells of one of the maps below, `source`.

    A convolution of `width` channels with ReLU, `kernel_size` 1 or 3, and a 1 × 1 convolution. For every part (row,
    column) of k × k there are, of each of K classes, a score for "in this part, but outside of the object" (2c) and
    "in this part, and inside" (2c + 1), and four deltas of the box (2K to 2K + 3). Output o of part (row, column) is
    channel (o·k + row)·k + column, as `assemble` reads it. `inner` is the neck below; None: the backbone's own maps. Li
    et al., "Fully Convolutional Instance-aware Semantic Segmentation" (arXiv:1611.07709), section 3.2.
    """

    def __init__(
        self,
        backbone: Backbone,
        inner: FPN | TDM | FineMap | None,
        source: str,
        num_classes: int,
        group_size: int,
        width: int,
        kernel_size: int = 3,
    ) -> None:
        super().__init__()
        check_ints(1, group_size=group_size, width=width)
        below = backbone if inner is None else inner
        if source not in below.grids:
            raise ValueError(f"source must be one of {', '.join(below.grids)}, got {source!r}")
        self.inner, self.source = inner, source
        channels = below.channels[source]
        self.hidden = Conv3x3(channels, width) if kernel_size == 3 else nn.Conv2d(channels, width, 1)
        self.predictor = nn.Conv2d(width, (2 * num_classes + 4) * group_size**2, 1)
        begin(self.hidden)
        begin(self.predictor, std=0.001)  # so that every cell starts undecided
        self.grids = {**below.grids, SCORES: below.grids[source]}
        self.strides = {name: grid.stride for name, grid in self.grids.items()}
        self.channels = {**below.channels, SCORES: self.predictor.out_channels}

    def forward(self, maps: Mapping[str, Float[Tensor, "B _ _ _"]]) -> dict[str, Float[Tensor, "B _ _ _"]]:
        """The maps of the neck below, and {"scores": …}."""
        own = dict(maps) if self.inner is None else self.inner(maps)
        return {**own, SCORES: self.predictor(self.hidden(own[self.source]).relu())}
