"""The plain FCN of today's libraries: dilated backbone, one head, one enlargement, as torchvision's fcn_resnet50."""

from collections.abc import Callable, Sequence
from functools import partial

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.data.sample import Batch
from lessons_lib.models.backbones import TINY_BACKBONES, Backbone, make_backbone
from lessons_lib.models.backbones.tiny import GROUPS
from lessons_lib.models.contract import SemanticModel, pixel_cross_entropy

AUXILIARY_WEIGHT = 0.5
"""What the auxiliary head's loss counts for in torchvision's recipe."""


class PlainFCN(SemanticModel):
    """Scores of c5 alone, eight times enlarged: no skips, because a backbone of output stride 8 keeps its places.

    With `make_backbone("resnet50", 8)` the layers and their names are those of torchvision's `fcn_resnet50`, so its
    state dicts fit, and the logits are equal. `auxiliary` adds a second head on c4, which helps a deep backbone to
    learn and is not used afterwards (Zhao et al., "Pyramid Scene Parsing Network", 2017, use it so); published weights
    have it. `norm` makes the head's normalisation of so many channels.

    The enlargement stretches the map to the image's corners, as torchvision's does. The cells of a ResNet lie at
    pixels 0, 8, 16, …, and that puts them 3.5 pixels further to the right and down; the head has to learn it.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        auxiliary: bool = False,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = fcn_head(backbone.channels["c5"], num_classes, norm)
        self.aux_classifier = fcn_head(backbone.channels["c4"], num_classes, norm) if auxiliary else None

    def logits(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """Class scores of every pixel of images in [0, 1], any H and W."""
        return enlarge(self.classifier(self.backbone(images)["c5"]), images.shape[2:])

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss {"cross_entropy": …}, the mean over the pixels that are not void; half of it for the second head,
        as "auxiliary", where there is one."""
        maps, size = self.backbone(batch.images), batch.images.shape[2:]
        losses = {"cross_entropy": pixel_cross_entropy(enlarge(self.classifier(maps["c5"]), size), batch.label_maps)}
        if self.aux_classifier is not None:
            scores = enlarge(self.aux_classifier(maps["c4"]), size)
            losses["auxiliary"] = AUXILIARY_WEIGHT * pixel_cross_entropy(scores, batch.label_maps)
        return losses

    def expected_losses(self) -> dict[str, float]:
        """ln K, and half of it for the second head."""
        losses = super().expected_losses()
        if self.aux_classifier is not None:
            losses["auxiliary"] = AUXILIARY_WEIGHT * losses["cross_entropy"]
        return losses


def fcn_head(c_in: int, num_classes: int, norm: Callable[[int], nn.Module] = nn.BatchNorm2d) -> nn.Sequential:
    """A 3 × 3 convolution to a quarter of the channels, normalisation, ReLU, dropout, and a score for each class."""
    inner = c_in // 4
    convolution = nn.Conv2d(c_in, inner, 3, padding=1, bias=False)
    return nn.Sequential(convolution, norm(inner), nn.ReLU(), nn.Dropout(0.1), nn.Conv2d(inner, num_classes, 1))


def enlarge(scores: Float[Tensor, "B K h w"], size: Sequence[int]) -> Float[Tensor, "B K H W"]:
    """Bilinear interpolation that stretches a map over an image of `size` (H, W), corner to corner."""
    return F.interpolate(scores, size=tuple(size), mode="bilinear", align_corners=False)


def plain_fcn(num_classes: int, backbone: str = "tiny") -> PlainFCN:
    """The model of that name on any backbone, at output stride 8; its head has GroupNorm where the backbone does."""
    norm = partial(nn.GroupNorm, GROUPS) if backbone in TINY_BACKBONES else nn.BatchNorm2d
    return PlainFCN(make_backbone(backbone, output_stride=8), num_classes, norm=norm)
