"""U-Net: a decoder that climbs back level by level and joins each level's own map, as published and on any backbone.

Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation" (arXiv:1505.04597).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from lessons_lib.checks import check_ints
from lessons_lib.models.backbones import TINY_BACKBONES, Backbone, conv_norm_relu, make_backbone
from lessons_lib.models.contract import SemanticModel

LEVELS = 4
"""Poolings of the published network."""
BORDER = 92
"""Pixels that its convolutions without padding take off each side: 572 becomes 388."""


class UNet(SemanticModel):
    """U-Net as published: 23 convolutions without padding, 64 to 1024 channels, no normalisation.

    Each level has two 3 × 3 convolutions with ReLU, then a 2 × 2 max pooling on the way down. On the way up a 2 × 2
    "up-convolution" halves the channels, and the level's own map, its border cut off, is put before them. Weights start
    with variance 2 / (incoming nodes). `logits` mirrors the image beyond its border, as the paper does, so that the
    output covers it whole; any height and width will do. The paper's weighted loss, its elastic deformations and its
    dropout are left out.
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        check_ints(1, in_channels=in_channels, num_classes=num_classes)
        channels = [64 * 2**level for level in range(LEVELS + 1)]
        self.downs = nn.ModuleList(
            _two_convolutions(before, after)
            for before, after in zip([in_channels, *channels[:-1]], channels, strict=True)
        )
        self.pool = nn.MaxPool2d(2)
        upwards = list(reversed(channels[:-1]))
        self.levels = nn.ModuleList(UpLevel(c) for c in upwards)
        self.score = nn.Conv2d(channels[0], num_classes, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.get_parameter("bias"))

    def logits(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K H W"]:
        """Class scores of every pixel of images in [0, 1], any H and W."""
        height, width = images.shape[2:]
        rows, columns = (_mirrored(n, valid_input_size(n)).to(images.device) for n in (height, width))
        return self.valid_logits(images[:, :, rows][:, :, :, columns])[:, :, :height, :width]

    def valid_logits(self, tiles: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K oH oW"]:
        """Class scores of the inner pixels, 92 from each border, of tiles of a valid size (see `unet_sizes`)."""
        for n in tiles.shape[2:]:
            unet_sizes(n)
        x, kept = tiles - 0.5, []
        *shallow, deepest = self.downs
        for down in shallow:
            kept.append(down(x))
            x = self.pool(kept[-1])
        x = deepest(x)
        for level, skip in zip(self.levels, reversed(kept), strict=True):
            x = level(x, skip)
        return self.score(x)


class UpLevel(nn.Module):
    """One level of the published way up: double the map, put the level's own map before it, convolve twice.

    `channels` is what the level's own map has, and the result; the map from below has twice as many.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        check_ints(1, channels=channels)
        self.up = nn.ConvTranspose2d(2 * channels, channels, 2, stride=2)
        self.join = _two_convolutions(2 * channels, channels)

    def forward(self, deep: Float[Tensor, "B C2 h w"], skip: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C oh ow"]:
        """The level's map, 2h − 4 by 2w − 4: the middle of `skip` is joined with the doubled `deep`.

        Raises ValueError where `skip` is smaller than 2h × 2w, or larger by an odd number of pixels.
        """
        higher = self.up(deep)
        return self.join(torch.cat([centre_crop(skip, higher.shape[2:]), higher], dim=1))


class TrunkUNet(SemanticModel):
    """U-Net's decoder on a backbone with maps c1 to c5: up, join, convolve twice, five times, to full resolution.

    After a level is joined it has as many channels as the backbone's map there, but no more than `widest`. At the
    image's own resolution, for which the backbone has no map, a `stem` of that many channels sees the image. Going up
    is a 2 × 2 transposed convolution of stride 2; what stands over on a level with odd sides is cut off. GroupNorm,
    and zeros around each convolution, so no border is lost.
    """

    def __init__(self, backbone: Backbone, num_classes: int, widest: int = 48, stem: int = 16) -> None:
        super().__init__()
        check_ints(1, num_classes=num_classes, widest=widest, stem=stem)
        self.backbone = backbone
        self.stem = conv_norm_relu(3, stem)
        deepest, *skips = [*reversed(backbone.channels.values()), stem]  # c5; c4, …, c1, stem
        widths = [min(skip, widest) for skip in skips]
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(before, skip, 2, stride=2)
            for before, skip in zip([deepest, *widths[:-1]], skips, strict=True)
        )
        self.joins = nn.ModuleList(
            nn.Sequential(conv_norm_relu(2 * skip, width), conv_norm_relu(width, width))
            for skip, width in zip(skips, widths, strict=True)
        )
        self.score = nn.Conv2d(widths[-1], num_classes, 1)

    def logits(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """Class scores of every pixel of images in [0, 1], any H and W."""
        maps = list(self.backbone(images).values())
        x = maps.pop()
        skips = [*reversed(maps), self.stem(images - 0.5)]
        for up, join, skip in zip(self.ups, self.joins, skips, strict=True):
            higher = up(x)[:, :, : skip.shape[2], : skip.shape[3]]
            x = join(torch.cat([skip, higher], dim=1))
        return self.score(x)


def unet(num_classes: int, backbone: str) -> nn.Module:
    """ "none" is the published network, for images of 3 channels; a backbone's name puts the decoder on it."""
    if backbone == "none":
        return UNet(3, num_classes)
    return TrunkUNet(make_backbone(backbone), num_classes, widest=48 if backbone in TINY_BACKBONES else 256)


def unet_sizes(size: int) -> tuple[int, ...]:
    """Sides of a tile of `size` pixels on its way through the published U-Net, after each pair of convolutions.

    572 gives (568, 280, 136, 64, 28, 52, 100, 196, 388): five going down, four coming back. A side must be even at
    every pooling and something must be left, which holds for 188, 204, 220, … : 140 + 16m from m = 3 on. Raises
    ValueError for others, naming the next valid sizes.
    """
    check_ints(1, size=size)
    if size < 188 or (size - 140) % 16:
        least = max(188, size - (size - 140) % 16)
        raise ValueError(f"size must be 140 + 16m, at least 188: {least} or {least + 16}, say, got {size}")
    sides = [size - 4]
    for _ in range(LEVELS):
        sides.append(sides[-1] // 2 - 4)
    for _ in range(LEVELS):
        sides.append(2 * sides[-1] - 4)
    return tuple(sides)


def valid_input_size(output: int) -> int:
    """The smallest valid side whose output has at least `output` pixels: 388 and all from 373 on need 572."""
    check_ints(1, output=output)
    return max(188, 140 + 16 * -(-(output + 2 * BORDER - 140) // 16))


def centre_crop(x: Float[Tensor, "*B H W"], size: Sequence[int]) -> Float[Tensor, "*B h w"]:
    """The middle of a map; what is cut off must be even, and half of it goes on each side.

    Raises ValueError for a size that is larger, or that has no middle.
    """
    cuts = [have - want for have, want in zip(x.shape[-2:], size, strict=True)]
    if min(cuts) < 0 or any(cut % 2 for cut in cuts):
        raise ValueError(f"size must be an even number of pixels below {tuple(x.shape[-2:])}, got {tuple(size)}")
    top, left = cuts[0] // 2, cuts[1] // 2
    return x[..., top : top + size[0], left : left + size[1]]


def _mirrored(pixels: int, size: int) -> Int64[Tensor, " n"]:
    """Which pixel of a row stands at each position of a longer one that begins 92 positions before it.

    At each end the row is mirrored, without its last pixel twice, as often as needed; a row of one is repeated.
    """
    place = torch.arange(size, device="cpu") - BORDER
    turn = max(1, 2 * (pixels - 1))
    place = place % turn
    return torch.where(place < pixels, place, turn - place)


def _two_convolutions(c_in: int, c_out: int) -> nn.Sequential:
    """Two 3 × 3 convolutions without padding, each with ReLU."""
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3), nn.ReLU(), nn.Conv2d(c_out, c_out, 3), nn.ReLU())
