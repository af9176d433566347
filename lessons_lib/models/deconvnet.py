"""DeconvNet: an encoder whose poolings keep their switches, and its mirror image that unpools by them."""

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.data.sample import Batch
from lessons_lib.models.backbones import TinyBackbone, conv_norm_relu
from lessons_lib.models.backbones.tiny import GROUPS
from lessons_lib.models.semantic import pixel_cross_entropy, predict_label_maps
from lessons_lib.unpooling import corner_switches, max_unpool


class TinyDeconvNet(nn.Module):
    """DeconvNet for lessons: the tiny trunk with its switches kept, and a decoder that mirrors it.

    The trunk is run stage by stage here, so a trained one can be loaded into `backbone`. It pools four times; its first
    halving is a convolution of stride 2, which has no switches, and a transposed convolution mirrors it. There are no
    fully connected layers in the middle, so any picture size goes. With `switches=False` each value goes to the
    top-left corner of its window instead, and nothing else changes.
    """

    def __init__(self, num_classes: int, switches: bool = True) -> None:
        super().__init__()
        self.switches = switches
        self.backbone = TinyBackbone()
        *deep, last = reversed(self.backbone.channels.values())  # c5, c4, c3, c2; c1
        self.bottom = conv_norm_relu(deep[0], deep[1])
        self.blocks = nn.ModuleList(
            nn.Sequential(conv_norm_relu(here, here), conv_norm_relu(here, after))
            for here, after in pairwise([*deep[1:], last, last])
        )
        up = nn.ConvTranspose2d(last, last, 4, stride=2, padding=1, bias=False)
        self.up = nn.Sequential(up, nn.GroupNorm(GROUPS, last), nn.ReLU())
        self.score = nn.Conv2d(last, num_classes, 1)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss, {"cross_entropy": mean over the pixels that are not void}."""
        return {"cross_entropy": pixel_cross_entropy(self.logits(batch.images), batch.label_maps)}

    def logits(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """Class scores of every pixel of pictures in [0, 1], any H and W."""
        x, kept = self.encode(images)
        x = self.bottom(x)
        for (size, switches), block in zip(reversed(kept), self.blocks, strict=True):
            x = block(max_unpool(x, switches if self.switches else corner_switches(size).to(x.device), size))
        return self.score(self.up(x)[:, :, : images.shape[2], : images.shape[3]])

    def encode(
        self, images: Float[Tensor, "B 3 H W"]
    ) -> tuple[Float[Tensor, "B C h w"], list[tuple[tuple[int, int], Int64[Tensor, "B _ _ _"]]]]:
        """The trunk's map c5, and for each pooling on the way the size before it and its switches."""
        x = self.backbone.stages[0](self.backbone.normalise(images))
        kept = []
        for _, *convolutions in self.backbone.stages[1:]:
            size = tuple(x.shape[2:])
            x, switches = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
            kept.append((size, switches))
            for convolution in convolutions:
                x = convolution(x)
        return x, kept

    def predict(self, images: Sequence[Float[Tensor, "3 _ _"]]) -> list[Int64[Tensor, "_ _"]]:
        """The likeliest class of each pixel, each picture at its own size."""
        return predict_label_maps(self, images)


def deconvnet(num_classes: int, backbone: str = "tiny") -> nn.Module:
    """The model of that name: "tiny" on the tiny trunk."""
    if backbone != "tiny":
        raise ValueError(f"backbone must be 'tiny', got {backbone!r}")
    return TinyDeconvNet(num_classes)
