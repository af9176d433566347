"""DeconvNet: an encoder whose poolings keep their switches, and its mirror image that unpools by them.

Noh, Hong and Han, "Learning Deconvolution Network for Semantic Segmentation" (arXiv:1505.04366), ICCV 2015.
"""

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.checks import check_ints
from lessons_lib.models.backbones import VGG16, TinyBackbone, conv_norm_relu
from lessons_lib.models.backbones.vgg import CHANNELS, DEPTHS
from lessons_lib.models.contract import SemanticModel
from lessons_lib.ops.unpooling import corner_switches, max_unpool

Kept = list[tuple[tuple[int, int], Int64[Tensor, "B _ _ _"]]]
"""For each pooling, in order: the size (H, W) of the map before it, and its switches."""

SIDE = 224
"""Side of the images that the published network takes: after five poolings, 7 cells, which fc6 makes one."""


class DeconvNet(SemanticModel):
    """DeconvNet as published: VGG-16, its dense layers, and both mirrored; BatchNorm after every layer, no dropout.

    The encoder keeps the switches of its five poolings. fc6 and fc7 are convolutions, 7 × 7 and 1 × 1; a 7 × 7
    transposed convolution mirrors fc6. Then five times: unpool by the switches, and transposed convolutions, 3 × 3 with
    stride 1, the last of which brings the channels down to those of the next switches. Decoder weights start
    from N(0, 0.01²), as the released training does, and BatchNorm with scale 1 and shift 0.001.

    The paper crops 224 × 224 pixels around objects or proposals, and takes the maximum of their scores pasted into
    the image. Here the network runs over the whole image as it is; smaller ones are filled up with zeros to 224.
    BatchNorm needs at least two images per batch in training.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        check_ints(1, num_classes=num_classes)
        self.backbone = VGG16(batch_norm=True)
        self.dense = nn.Sequential(*_norm_relu(nn.Conv2d(512, 4096, 7)), *_norm_relu(nn.Conv2d(4096, 4096, 1)))
        self.bottom = nn.Sequential(*_norm_relu(nn.ConvTranspose2d(4096, 512, 7)))
        stages = [(channels,) * depth for channels, depth in zip(CHANNELS, DEPTHS, strict=True)]
        blocks = zip(reversed(stages), mirrored_channels(stages), strict=True)
        self.blocks = nn.ModuleList(nn.Sequential(*_deconvolutions((stage[-1], *after))) for stage, after in blocks)
        self.score = nn.Conv2d(64, num_classes, 1)
        for name, layer in self.named_modules():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.constant_(layer.bias, 0.001)
            elif isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and not name.startswith("backbone."):
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.zeros_(layer.get_parameter("bias"))

    def logits(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """Class scores of every pixel of images in [0, 1], any H and W."""
        height, width = images.shape[2:]
        x, kept = self.encode(F.pad(images, (0, max(0, SIDE - width), 0, max(0, SIDE - height))))
        x = self.bottom(self.dense(x))
        for (size, switches), block in zip(reversed(kept), self.blocks, strict=True):
            x = block(max_unpool(x, switches, size))
        return self.score(x)[:, :, :height, :width]

    def encode(self, images: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B 512 h w"], Kept]:
        """The map after the fifth pooling, and what the five poolings kept."""
        x = self.backbone.normalise(images)
        kept: Kept = []
        for stage in self.backbone.stages:
            x = _pool(stage(x), kept)
        return x, kept


class TinyDeconvNet(SemanticModel):
    """DeconvNet for lessons: the tiny backbone with its switches kept, and a decoder that mirrors it.

    The backbone is run stage by stage here, so a trained one can be loaded into `backbone`. It pools four times; its
    first halving is a convolution of stride 2, which has no switches, and a transposed convolution mirrors it. There
    are no dense layers in the middle. With `switches=False` each value goes to the top-left corner of its window
    instead, and nothing else changes.
    """

    def __init__(self, num_classes: int, switches: bool = True) -> None:
        super().__init__()
        check_ints(1, num_classes=num_classes)
        self.switches = switches
        self.backbone = TinyBackbone()
        *deep, last = reversed(self.backbone.channels.values())  # c5, c4, c3, c2; c1
        self.bottom = conv_norm_relu(deep[0], deep[1])
        self.blocks = nn.ModuleList(
            nn.Sequential(conv_norm_relu(here, here), conv_norm_relu(here, after))
            for here, after in pairwise([*deep[1:], last, last])
        )
        up = nn.ConvTranspose2d(last, last, 4, stride=2, padding=1, bias=False)
        self.up = nn.Sequential(up, nn.GroupNorm(8, last), nn.ReLU())
        self.score = nn.Conv2d(last, num_classes, 1)

    def logits(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """Class scores of every pixel of images in [0, 1], any H and W."""
        x, kept = self.encode(images)
        x = self.bottom(x)
        for (size, switches), block in zip(reversed(kept), self.blocks, strict=True):
            x = block(max_unpool(x, switches if self.switches else corner_switches(size).to(x.device), size))
        return self.score(self.up(x)[:, :, : images.shape[2], : images.shape[3]])

    def encode(self, images: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], Kept]:
        """The backbone's map c5, and what the four poolings on the way kept."""
        first, *stages = self.backbone.stages
        x = first(self.backbone.normalise(images))
        kept: Kept = []
        for stage in stages:
            _, convolution = stage.children()  # the backbone's own pooling comes first, and keeps nothing
            x = convolution(_pool(x, kept))
        return x, kept


def deconvnet(num_classes: int, backbone: str) -> nn.Module:
    """ "tiny" is the form for lessons, "vgg16" the published network. Raises ValueError for another backbone."""
    forms = {"tiny": TinyDeconvNet, "vgg16": DeconvNet}
    if backbone not in forms:
        raise ValueError(f"backbone must be one of {', '.join(forms)} for deconvnet, got {backbone!r}")
    return forms[backbone](num_classes)


def mirrored_channels(stages: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Channels after each layer of a decoder that mirrors an encoder, block by block, from the deepest stage up.

    `stages` holds the channels after each layer of the encoder's stages. A mirrored layer goes from its original's
    output to its input, so the last layer of a block has the channels of the stage above, whose switches come next.
    The first layer's input is the image; its mirror keeps the first stage's channels. Raises ValueError for an empty
    stage, or none.
    """
    if len(stages) == 0 or not all(len(stage) for stage in stages):
        raise ValueError(f"stages must hold at least 1 stage with at least 1 layer each, got {list(stages)}")
    layers = [channels for stage in stages for channels in stage]
    inputs = iter(reversed([layers[0], *layers[:-1]]))
    return [tuple(next(inputs) for _ in stage) for stage in reversed(stages)]


def _pool(x: Float[Tensor, "B C H W"], kept: Kept) -> Float[Tensor, "B C h w"]:
    """The map pooled 2 × 2 by torch, for speed; its size and the switches are put at the end of `kept`."""
    pooled, switches = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    height, width = x.shape[2:]
    kept.append(((height, width), switches))
    return pooled


def _norm_relu(layer: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, ...]:
    return layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU(inplace=True)


def _deconvolutions(channels: Sequence[int]) -> list[nn.Module]:
    """3 × 3 transposed convolutions of stride 1 that keep the size, each with BatchNorm and ReLU."""
    return [part for a, b in pairwise(channels) for part in _norm_relu(nn.ConvTranspose2d(a, b, 3, padding=1))]
