"""U-Net: a decoder that climbs back level by level and joins each level's own map, as published and on any trunk."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from lessons_lib.data.sample import Batch
from lessons_lib.models.backbones import conv_norm_relu
from lessons_lib.models.semantic import pixel_cross_entropy, predict_label_maps


class TrunkUNet(nn.Module):
    """U-Net's decoder on a trunk with maps c1 to c5: up, join, convolve twice, five times, to full resolution.

    `widths` are the channels after each step up, from c4's level to the picture's own, where a small `stem` takes the
    place of the map that the trunk does not have. Going up is a 2 × 2 transposed convolution of stride 2; what stands
    over on a level with odd sides is cut off. GroupNorm; nothing is cut off at the borders.
    """

    def __init__(
        self, backbone: nn.Module, num_classes: int, widths: Sequence[int] = (48, 40, 24, 16, 16), stem: int = 16
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.stem = conv_norm_relu(3, stem)
        skips = [*reversed(list(backbone.channels.values())), stem]  # c5, c4, …, c1, stem
        befores = [skips[0], *widths[:-1]]
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(before, skip, 2, stride=2) for before, skip in zip(befores, skips[1:], strict=True)
        )
        self.joins = nn.ModuleList(
            nn.Sequential(conv_norm_relu(2 * skip, width), conv_norm_relu(width, width))
            for skip, width in zip(skips[1:], widths, strict=True)
        )
        self.score = nn.Conv2d(widths[-1], num_classes, 1)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss, {"cross_entropy": mean over the pixels that are not void}."""
        return {"cross_entropy": pixel_cross_entropy(self.logits(batch.images), batch.label_maps)}

    def logits(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """Class scores of every pixel of pictures in [0, 1], any H and W."""
        maps = list(self.backbone(images).values())
        x = maps.pop()
        skips = [*reversed(maps), self.stem(images - 0.5)]
        for up, join, skip in zip(self.ups, self.joins, skips, strict=True):
            higher = up(x)[:, :, : skip.shape[2], : skip.shape[3]]
            x = join(torch.cat([skip, higher], dim=1))
        return self.score(x)

    def predict(self, images: Sequence[Float[Tensor, "3 _ _"]]) -> list[Int64[Tensor, "_ _"]]:
        """The likeliest class of each pixel, each picture at its own size."""
        return predict_label_maps(self, images)
