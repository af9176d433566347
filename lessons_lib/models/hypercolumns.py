"""Hypercolumns: each pixel is classified by the column of features above it, from the finest map to the coarsest."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.data.sample import Batch
from lessons_lib.models.backbones import GROUPS, TinyBackbone
from lessons_lib.models.semantic import pixel_cross_entropy, predict_label_maps


class Hypercolumns(nn.Module):
    """A classifier of two layers on the column of features above each pixel of a whole picture.

    Its first layer is linear and is run on every map of the trunk where the map is, as a 1 × 1 convolution to `hidden`
    channels; the answers, not the features, are upsampled to the picture and added up. Then GroupNorm, ReLU and the
    scores.
    """

    def __init__(self, num_classes: int, backbone: nn.Module, hidden: int = 32) -> None:
        super().__init__()
        self.backbone = backbone
        self.columns = nn.ModuleDict({name: nn.Conv2d(c, hidden, 1) for name, c in backbone.channels.items()})
        self.norm = nn.GroupNorm(GROUPS, hidden)
        self.score = nn.Conv2d(hidden, num_classes, 1)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss, {"cross_entropy": mean over the pixels that are not void}."""
        return {"cross_entropy": pixel_cross_entropy(self.logits(batch.images), batch.label_maps)}

    def logits(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """Class scores of every pixel of pictures in [0, 1], any H and W."""
        maps, size = self.backbone(images), images.shape[2:]
        answers = [F.interpolate(column(maps[name]), size, mode="bilinear") for name, column in self.columns.items()]
        return self.score(F.relu(self.norm(torch.stack(answers).sum(0))))

    def predict(self, images: Sequence[Float[Tensor, "3 _ _"]]) -> list[Int64[Tensor, "_ _"]]:
        """The likeliest class of each pixel, each picture at its own size."""
        return predict_label_maps(self, images)


def hypercolumns(num_classes: int, backbone: str = "tiny") -> nn.Module:
    """The model of that name: "tiny" on the tiny trunk."""
    if backbone != "tiny":
        raise ValueError(f"backbone must be 'tiny', got {backbone!r}")
    return Hypercolumns(num_classes, TinyBackbone())
