"""What a detector sees an image with: a backbone with a neck, or a backbone cut off at c4."""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from lessons_lib.models.backbones import Backbone, ResNet
from lessons_lib.models.instance.score_maps import ScoreMaps
from lessons_lib.models.necks import FPN, TDM, FineMap
from lessons_lib.ops.grid import Grid


class Features(nn.Module):
    """Images to the maps of the neck, or of the backbone where there is none; `grids` and `channels` describe them."""

    def __init__(self, backbone: "Backbone | UpToC4", neck: FPN | TDM | FineMap | ScoreMaps | None = None) -> None:
        super().__init__()
        self.backbone, self.neck = backbone, neck
        last: Any = backbone if neck is None else neck
        self.grids: dict[str, Grid] = last.grids
        self.channels: dict[str, int] = last.channels
        self.frozen = False

    def freeze_pretrained(self) -> None:
        """From now on leave as ImageNet made it what detectors leave: BatchNorm, and a ResNet's conv1 and layer1.

        A step has too few images for statistics of its own, and edges and textures are the same everywhere.
        """
        self.freeze_norms()
        trunk = self.backbone.resnet if isinstance(self.backbone, UpToC4) else self.backbone
        for layer in (trunk.conv1, trunk.layer1) if isinstance(trunk, ResNet) else ():
            layer.requires_grad_(False)

    def freeze_norms(self) -> None:
        """From now on leave BatchNorm's statistics and weights in the backbone as they are."""
        self.frozen = True
        for layer in self._norms():
            layer.requires_grad_(False)
        self.train(self.training)

    def _norms(self) -> list[nn.Module]:
        return [layer for layer in self.backbone.modules() if isinstance(layer, nn.BatchNorm2d)]

    def train(self, mode: bool = True) -> "Features":
        """As for every module, but frozen BatchNorm layers keep their statistics."""
        super().train(mode)
        if self.frozen:
            for layer in self._norms():
                layer.eval()
        return self

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> dict[str, Float[Tensor, "B _ _ _"]]:
        """The maps of images in [0, 1], by name."""
        maps = self.backbone(images)
        return maps if self.neck is None else self.neck(maps)


class UpToC4(nn.Module):
    """A ResNet's maps c1 to c4; its last stage waits for the regions (`Res5Trunk`)."""

    def __init__(self, resnet: ResNet) -> None:
        super().__init__()
        self.resnet = resnet
        self.grids = {name: grid for name, grid in resnet.grids.items() if name != "c5"}
        self.channels = {name: count for name, count in resnet.channels.items() if name != "c5"}

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> dict[str, Float[Tensor, "B _ _ _"]]:
        """{"c1": …, …, "c4": …}"""
        net = self.resnet
        c1 = net.relu(net.bn1(net.conv1(net.normalise(images))))
        c2 = net.layer1(net.maxpool(c1))
        c3 = net.layer2(c2)
        return {"c1": c1, "c2": c2, "c3": c3, "c4": net.layer3(c3)}
