"""The mask head: of each region's features, K masks of m × m cells, one for each class; and what it loses.

He et al., "Mask R-CNN" (arXiv:1703.06870), section 3 and figure 4. Three steps that can be called alone: a head
(features to logits), `own_masks` (the mask of the class that the box head names), and the loss.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.models.backbones.convolutions import Conv3x3
from lessons_lib.models.instance.mask_config import MaskConfig
from lessons_lib.models.instance.rpn import at_least_float32


class FCNMaskHead(nn.Module):
    """Convolutions, a transposed convolution of stride 2 with ReLU, and a 1 × 1 convolution that draws `masks` masks.

    `trunk` makes `channels` maps of a region's, of any size P; the masks have 2P cells a side.
    """

    def __init__(self, trunk: nn.Module, channels: int, masks: int, width: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.upsample = nn.ConvTranspose2d(channels, width, 2, stride=2)
        self.predictor = nn.Conv2d(width, masks, 1)
        begin(self.upsample)
        begin(self.predictor, std=0.001)  # so that every pixel starts undecided

    def forward(self, features: Float[Tensor, "R C P P"]) -> Float[Tensor, "R K m m"]:
        """The logits of every class's mask."""
        weight, bias = self._predictor()
        return at_least_float32(_woven(F.linear(self.quarters(features), weight, bias)))

    def of_channel(self, features: Float[Tensor, "R C P P"], channel: Int64[Tensor, " R"]) -> Float[Tensor, "R m m"]:
        """One mask for each region, `forward(features)[r, channel[r]]`; the others lose nothing."""
        quarters = self.quarters(features)
        weight, bias = (own[channel] for own in self._predictor())  # (R, D), (R,)
        drawn = weight[:, None].to(quarters.dtype) @ quarters.flatten(1, 3).transpose(1, 2)  # (R, 1, P·P·4)
        drawn = drawn.transpose(1, 2) + bias[:, None, None]
        return at_least_float32(_woven(drawn.unflatten(1, quarters.shape[1:4])))[:, 0]

    def quarters(self, features: Float[Tensor, "R C P P"]) -> Float[Tensor, "R p p 4 D"]:
        """What all masks are drawn from: the four cells that each of the region's cells is enlarged to, row by row.

        The stamps of a 2 × 2 kernel with stride 2 do not overlap, so `upsample` is one linear layer on every cell, as
        in a sub-pixel convolution. ReLU and `predictor` work on single cells as well: the quarters move to their places
        only when a mask is drawn, which has fewer numbers by far.
        """
        cells = self.trunk(features).permute(0, 2, 3, 1)  # (R, P, P, C)
        weight = self.upsample.weight.permute(2, 3, 1, 0).flatten(0, 2)  # (4·D, C)
        made = F.linear(cells.flatten(0, 2), weight, self.upsample.get_parameter("bias").repeat(4))
        return F.relu(made, inplace=True).view(*cells.shape[:3], 4, self.predictor.in_channels)

    def _predictor(self) -> tuple[Float[Tensor, "K D"], Float[Tensor, " K"]]:
        """Its weights and biases, as those of a linear layer."""
        return self.predictor.weight[:, :, 0, 0], self.predictor.get_parameter("bias")


def _woven(quarters: Float[Tensor, "R p p 4 K"]) -> Float[Tensor, "R K m m"]:
    """The quarters of every cell in their places, in an image twice as high and as wide."""
    apart = quarters.unflatten(3, (2, 2)).permute(0, 5, 1, 3, 2, 4)  # (R, K, P, row, P, column)
    return apart.flatten(4, 5).flatten(2, 3)


class MLPMaskHead(nn.Module):
    """Fully connected layers, which have no idea where a cell lies: the paper's table 2e, two points of AP worse."""

    def __init__(self, channels: int, size: int, masks: int, width: int = 1024) -> None:
        super().__init__()
        self.shape = (masks, 2 * size, 2 * size)
        self.fc1 = nn.Linear(channels * size * size, width)
        self.fc2 = nn.Linear(width, width)
        self.predictor = nn.Linear(width, masks * 4 * size * size)
        for layer in (self.fc1, self.fc2):
            begin(layer)
        begin(self.predictor, std=0.001)

    def forward(self, features: Float[Tensor, "R C P P"]) -> Float[Tensor, "R K m m"]:
        """The logits of every class's mask."""
        vectors = F.relu(self.fc2(F.relu(self.fc1(features.flatten(1)))))
        return at_least_float32(self.predictor(vectors).unflatten(1, self.shape))

    def of_channel(self, features: Float[Tensor, "R C P P"], channel: Int64[Tensor, " R"]) -> Float[Tensor, "R m m"]:
        """One mask for each region, `forward(features)[r, channel[r]]`."""
        return self(features)[torch.arange(len(channel), device=channel.device), channel]


class Res5MaskTrunk(nn.Module):
    """C4's: the last stage of the ResNet, which the box head uses too. `stage` gives it; it stays in the backbone."""

    def __init__(self, stage: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, features: Float[Tensor, "R C P P"]) -> Float[Tensor, "R D p p"]:
        return self.stage()(features)


MaskHead = FCNMaskHead | MLPMaskHead
"""What draws masks of regions' features."""


def convolutions(channels: int, depth: int, width: int, norm: bool = False) -> nn.Sequential:
    """FPN's trunk: `depth` 3 × 3 convolutions of `width` channels, each with ReLU, with BatchNorm where `norm` says."""
    layers: list[nn.Module] = []
    for number in range(depth):
        layer = Conv3x3(channels if number == 0 else width, width, not norm)
        begin(layer)
        layers += [layer, *([nn.BatchNorm2d(width)] if norm else []), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def begin(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear, std: float | None = None) -> None:
    """Fresh weights: those of He et al. for ReLU, or N(0, std); biases 0."""
    if std is None:
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    else:
        nn.init.normal_(layer.weight, std=std)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def channels_of(labels: Int64[Tensor, "*n"], config: MaskConfig) -> Int64[Tensor, "*n"]:
    """Which of the head's masks is that of each label: the label itself, background being mask 0; or the only one."""
    return torch.zeros_like(labels) if config.class_agnostic else labels


def own_masks(
    logits: Float[Tensor, "N K m m"], labels: Int64[Tensor, " N"], config: MaskConfig
) -> Float[Tensor, "N m m"]:
    """The probabilities of each region's own mask: the sigmoid of one logit, or its share in the softmax of all K."""
    channel = channels_of(labels, config)
    every = logits.softmax(1) if config.loss == "softmax" else logits
    own = every[torch.arange(len(labels), device=labels.device), channel]
    return own if config.loss == "softmax" else own.sigmoid()


def mask_loss(
    own: Float[Tensor, "N m m"], targets: Float[Tensor, "N m m"], valid: Bool[Tensor, " N"]
) -> Float[Tensor, ""]:
    """The mean binary cross-entropy over all cells of the valid regions' own masks, given as logits.

    No other class's mask takes part, so none gets a gradient; exactly 0 without a valid region. Section 3, "Mask
    branch".
    """
    costs = F.binary_cross_entropy_with_logits(own, targets.to(own.dtype), reduction="none").mean((1, 2))
    return torch.where(valid, costs, 0).sum() / valid.sum().clamp(min=1)


def softmax_mask_loss(
    logits: Float[Tensor, "N K m m"], targets: Float[Tensor, "N m m"], labels: Int64[Tensor, " N"],
    valid: Bool[Tensor, " N"],
) -> Float[Tensor, ""]:  # fmt: skip
    """The same with a softmax over the classes in every cell: the object's class should win where the object is, class
    0 elsewhere, so that all K masks get a gradient. Table 2b, where it is 5.5 points of AP worse."""
    logs = logits.log_softmax(1)
    own = logs[torch.arange(len(labels), device=labels.device), labels]
    costs = -(targets * own + (1 - targets) * logs[:, 0]).mean((1, 2))
    return torch.where(valid, costs, 0).sum() / valid.sum().clamp(min=1)
