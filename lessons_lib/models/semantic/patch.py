"""The patch classifier: a network that names the middle pixel of a patch, slid over an image or run on it once.

Sliding repeats most of its work, since neighbouring patches share almost all their pixels. The same weights run once
give the same scores: fully connected layers are convolutions as large as their input, and where the network strides,
either all shifts of the image are run and interleaved (shift-and-stitch) or the strides become dilations. Long,
Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation" (arXiv:1411.4038), sections 3.1, 3.2.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.data.sample import Batch
from lessons_lib.models.backbones import Normalisation
from lessons_lib.models.contract import SemanticModel, pixel_cross_entropy

PATCHES_AT_ONCE = 4096
"""Patches that `slide` cuts out before it classifies them: a few tens of MB."""


class PatchClassifier(SemanticModel):
    """Two rounds of 3 × 3 convolution and 3 × 3 pooling of stride 2, one more convolution, two fully connected layers.

    It sees 29 × 29 pixels and pads nothing inside; `logits` pads the image by 14 pixels of mean colour, so that every
    pixel has its patch. There is no normalisation: a statistic of the whole image would not be one of the patch.
    """

    patch_size, stride = 29, 4

    def __init__(self, num_classes: int, channels: int = 16, hidden: int = 32) -> None:
        super().__init__()
        self.normalise = Normalisation()
        self.net = nn.Sequential(
            *(nn.Conv2d(3, channels, 3), nn.ReLU(), nn.MaxPool2d(3, 2)),  # 29 → 27 → 13
            *(nn.Conv2d(channels, channels, 3), nn.ReLU(), nn.MaxPool2d(3, 2)),  # 13 → 11 → 5
            *(nn.Conv2d(channels, channels, 3), nn.ReLU()),  # 5 → 3
            *(nn.Flatten(), nn.Linear(9 * channels, hidden), nn.ReLU(), nn.Linear(hidden, num_classes)),
        )

    def padded(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 pH pW"]:
        """The images as the network takes them: normalised, and wide enough for a patch around every pixel."""
        return F.pad(self.normalise(images), (self.patch_size // 2,) * 4)

    def logits(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """A score for each class at each pixel: the network run once, its strides turned into dilations."""
        return run_once(self.net, self.padded(images), dense=True)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss {"cross_entropy": …}, the mean over the pixels that are not void.

        In training mode only every fourth pixel along each axis counts, from a corner drawn anew each time: the network
        run once with its strides, a sixteenth of the work. It is a random sample of the same loss.
        """
        if not self.training:
            return {"cross_entropy": pixel_cross_entropy(self.logits(batch.images), batch.label_maps)}
        height, width = (min(self.stride, side) for side in batch.label_maps.shape[1:])
        i, j = (int(torch.randint(side, (), device="cpu")) for side in (height, width))
        logits = run_once(self.net, self.padded(batch.images)[:, :, i:, j:])
        return {"cross_entropy": pixel_cross_entropy(logits, batch.label_maps[:, i :: self.stride, j :: self.stride])}


def slide(
    net: Callable[[Tensor], Tensor], picture: Float[Tensor, "B C H W"], patch_size: int
) -> Float[Tensor, "B K oH oW"]:
    """Cut out every patch of the image and classify it by itself; the scores of patch (i, j) stand at (i, j).

    `net` takes (N, C, patch_size, patch_size) to (N, K). Nothing is padded: a side of n pixels has n − patch_size + 1
    patches. Raises ValueError for an image that is smaller than a patch.
    """
    _check_fits(picture, patch_size)
    patches = picture.unfold(2, patch_size, 1).unfold(3, patch_size, 1)  # (B, C, oH, oW, k, k), a view
    rows = patches.permute(0, 2, 3, 1, 4, 5).flatten(0, 1)  # (B*oH, oW, C, k, k), still a view
    at_once = max(1, PATCHES_AT_ONCE // rows.shape[1])
    scores = [net(some.flatten(0, 1)).unflatten(0, some.shape[:2]) for some in rows.split(at_once)]
    return torch.cat(scores).unflatten(0, (len(picture), -1)).permute(0, 3, 1, 2)


def run_once(net: nn.Sequential, picture: Float[Tensor, "B C H W"], dense: bool = False) -> Float[Tensor, "B K oH oW"]:
    """The patch classifier run over a whole image: each `Linear` is a convolution with the same weights.

    With its strides it scores every stride-th patch. `dense` scores every patch: the stride of a layer
    becomes 1, and the taps of all layers behind it stand so many times further apart. `net` holds Conv2d and MaxPool2d
    without padding, Flatten, Linear, and layers that treat each number by itself, such as ReLU. Raises ValueError for
    padding, which a patch would have elsewhere than the image.
    """
    x, apart = picture, 1
    for layer in net:
        if isinstance(layer, nn.Linear):
            x = F.conv2d(x, linear_as_conv_weight(layer.weight, x.shape[1]), layer.bias, dilation=apart)
        elif isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            (padding, _), (stride, _), (dilation, _) = (
                _pair(layer, name) for name in ("padding", "stride", "dilation")
            )
            if padding:
                raise ValueError(f"net must hold no padding, got {layer}")
            step, taps = (1, dilation * apart) if dense else (stride, dilation)
            if isinstance(layer, nn.Conv2d):
                x = F.conv2d(x, layer.weight, layer.bias, step, dilation=taps)
            else:
                x = F.max_pool2d(x, layer.kernel_size, step, dilation=taps)
            apart *= stride if dense else 1
        elif not isinstance(layer, nn.Flatten):
            x = layer(x)
    return x


def shift_and_stitch(
    net: nn.Sequential, picture: Float[Tensor, "B C H W"], patch_size: int, stride: int
) -> Float[Tensor, "B K oH oW"]:
    """The network run with its strides on stride² shifts of the image, and the scores stitched together.

    `patch_size` and `stride` are the network's: the pixels that one score sees, and from one score to the next.
    Raises ValueError for an image that is smaller than a patch.
    """
    _check_fits(picture, patch_size)
    height, width = (side - patch_size + 1 for side in picture.shape[2:])
    rows, columns = (-(-side // stride) * stride + patch_size - stride for side in (height, width))  # one shift's share
    wide = F.pad(picture, (0, columns + stride - 1 - picture.shape[3], 0, rows + stride - 1 - picture.shape[2]))
    shifts = [[run_once(net, wide[:, :, i:, j:][:, :, :rows, :columns]) for j in range(stride)] for i in range(stride)]
    return stitch(torch.stack([torch.stack(row) for row in shifts]))[:, :, :height, :width]


def stitch(shifted: Float[Tensor, "s s B K h w"]) -> Float[Tensor, "B K s*h s*w"]:
    """The scores for all shifts as one map: shifted[i, j, :, :, y, x] comes to row s·y + i and column s·x + j."""
    return shifted.permute(2, 3, 4, 0, 5, 1).flatten(4, 5).flatten(2, 3)  # (B, K, h, s, w, s) → (B, K, s*h, s*w)


def linear_as_conv_weight(weight: Float[Tensor, "K N"], channels: int) -> Float[Tensor, "K C k k"]:
    """The weight of a fully connected layer behind (C, k, k) numbers, as that of a convolution that sees them all.

    It shares memory with `weight`. Raises ValueError where the inputs are not `channels` squares.
    """
    side = math.isqrt(weight.shape[1] // channels)
    if channels * side * side != weight.shape[1]:
        raise ValueError(f"weight must have {channels} · k² columns for some k, got {weight.shape[1]}")
    return weight.view(len(weight), channels, side, side)


def _pair(layer: nn.Module, name: str) -> tuple[int, int]:
    value = getattr(layer, name)
    return (value, value) if isinstance(value, int) else value


def _check_fits(picture: Tensor, patch_size: int) -> None:
    if min(picture.shape[2:]) < patch_size:
        raise ValueError(f"picture must have at least {patch_size} pixels per side, got {tuple(picture.shape[2:])}")
