"""The box head: of each region's features, which class it is and where exactly the object lies.

Three steps that can be called alone: a trunk (features to a vector), `BoxPredictor` (vector to logits and deltas), and
`box_losses`.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.models.backbones.convolutions import Conv3x3
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.regions import Regions
from lessons_lib.models.instance.rpn import at_least_float32, rows_of
from lessons_lib.models.instance.truth import Truth
from lessons_lib.ops.box_coding import encode_boxes


class FullyConnectedTrunk(nn.Module):
    """FPN's: two fully connected layers with ReLU on the flattened 7 × 7 features of a region."""

    def __init__(self, channels: int, size: int, width: int = 1024) -> None:
        super().__init__()
        self.channels = width
        self.fc6 = nn.Linear(channels * size * size, width)
        self.fc7 = nn.Linear(width, width)

    def forward(self, features: Float[Tensor, "R C P P"]) -> Float[Tensor, "R D"]:
        return F.relu(self.fc7(F.relu(self.fc6(features.flatten(1)))))


class ConvolutionalTrunk(nn.Module):
    """Four 3 × 3 convolutions with BatchNorm and ReLU, then one fully connected layer: torchvision's second recipe."""

    def __init__(self, channels: int, size: int, width: int = 1024, convolutions: int = 4) -> None:
        super().__init__()
        self.channels = width
        layers = []
        for _ in range(convolutions):
            layers += [Conv3x3(channels, channels, False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        self.convs = nn.Sequential(*layers)
        self.fc = nn.Linear(channels * size * size, width)

    def forward(self, features: Float[Tensor, "R C P P"]) -> Float[Tensor, "R D"]:
        return F.relu(self.fc(self.convs(features).flatten(1)))


class TinyTrunk(nn.Module):
    """A 3 × 3 convolution of stride 2 and one fully connected layer, with ReLU."""

    def __init__(self, channels: int, size: int, width: int = 96) -> None:
        super().__init__()
        self.channels = width
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        half = (size + 1) // 2
        self.fc = nn.Linear(channels * half * half, width)
        for layer in (self.conv, self.fc):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, features: Float[Tensor, "R C P P"]) -> Float[Tensor, "R D"]:
        return F.relu(self.fc(F.relu(self.conv(features)).flatten(1)))


class Res5Trunk(nn.Module):
    """C4's: the last stage of the ResNet, on each region's 14 × 14 features, and the mean over its cells.

    `stage` gives the stage, which stays part of the backbone, so that its ImageNet weights and its name do too.
    """

    def __init__(self, stage: Callable[[], nn.Module], channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.stage = stage

    def forward(self, features: Float[Tensor, "R C P P"]) -> Float[Tensor, "R D"]:
        return self.stage()(features).mean((2, 3))


Trunk = FullyConnectedTrunk | ConvolutionalTrunk | TinyTrunk | Res5Trunk
"""What makes a vector of `channels` numbers of a region's features."""


class BoxPredictor(nn.Module):
    """Two linear layers: K logits, of which 0 is the background, and four deltas for each class, or for all as one."""

    def __init__(self, channels: int, num_classes: int, class_agnostic: bool = False) -> None:
        super().__init__()
        self.classes = nn.Linear(channels, num_classes)
        self.deltas = nn.Linear(channels, 4 if class_agnostic else 4 * num_classes)
        for layer, std in ((self.classes, 0.01), (self.deltas, 0.001)):  # Fast R-CNN, section 2.3
            nn.init.normal_(layer.weight, std=std)
            nn.init.zeros_(layer.bias)

    def forward(self, vectors: Float[Tensor, "R D"]) -> tuple[Float[Tensor, "R K"], Float[Tensor, "R k 4"]]:
        """(logits, deltas); k is K, the background included, or 1."""
        return at_least_float32(self.classes(vectors)), at_least_float32(self.deltas(vectors)).unflatten(1, (-1, 4))


class BoxHead(nn.Module):
    """A trunk and a predictor, over the regions of a batch."""

    def __init__(self, trunk: Trunk, num_classes: int, class_agnostic: bool = False) -> None:
        super().__init__()
        self.trunk, self.num_classes = trunk, num_classes
        self.predictor = BoxPredictor(trunk.channels, num_classes, class_agnostic)

    def forward(self, features: Float[Tensor, "B R C P P"]) -> tuple[Float[Tensor, "B R K"], Float[Tensor, "B R k 4"]]:
        """(logits, deltas) of each region."""
        logits, deltas = self.predictor(self.trunk(features.flatten(0, 1)))
        return logits.unflatten(0, features.shape[:2]), deltas.unflatten(0, features.shape[:2])


def box_losses(
    logits: Float[Tensor, "B R K"], deltas: Float[Tensor, "B R k 4"], regions: Regions, truth: Truth,
    config: DetectorConfig,
) -> dict[str, Float[Tensor, ""]]:  # fmt: skip
    """{"classification", "box"}: cross-entropy over the valid regions, smooth L1 over those of objects.

    The deltas are those of the true class. The first is a mean; the second is divided as `divide_by` says, by all valid
    regions unless told otherwise, and exactly 0 without objects. Girshick, "Fast R-CNN" (arXiv:1504.08083), section
    2.3.
    """
    costs, moved = region_costs(logits, deltas, regions, truth, config)
    count = regions.valid.sum().clamp(min=1)
    divisor = 4 * regions.objects.sum().clamp(min=1) if config.divide_by == "objects" else count
    return {"classification": (costs * regions.valid).sum() / count, "box": moved.sum() / divisor}


def region_costs(
    logits: Float[Tensor, "B R K"], deltas: Float[Tensor, "B R k 4"], regions: Regions, truth: Truth,
    config: DetectorConfig,
) -> tuple[Float[Tensor, "B R"], Float[Tensor, "B R"]]:  # fmt: skip
    """(cross-entropy, smooth L1) of each region, for OHEM to rank; the second is 0 where there is no object."""
    costs = F.cross_entropy(logits.flatten(0, 1), regions.labels.flatten(), reduction="none")
    own = regions.labels if deltas.shape[2] > 1 else torch.zeros_like(regions.labels)
    moves = rows_of(deltas.flatten(0, 1), own.flatten()[:, None])[:, 0].unflatten(0, own.shape)  # of the true class
    target = truth.boxes.gather(1, regions.matched[..., None].expand(-1, -1, 4))
    codes = encode_boxes(target, regions.boxes, config.box_weights)
    codes = torch.where(regions.objects[..., None], codes, moves.detach())
    moved = F.smooth_l1_loss(moves, codes, beta=config.box_beta, reduction="none").sum(-1)
    return costs.view(regions.labels.shape), moved
