"""Backbones: convolutional networks that turn images into maps c1 to c5, each half as large as the one before."""

from torch import nn

from lessons_lib.models.backbones.backbone import Backbone
from lessons_lib.models.backbones.normalisation import Normalisation
from lessons_lib.models.backbones.pretrained import PUBLISHED, imagenet_weights, published_weights
from lessons_lib.models.backbones.resnet import DESIGNS, ResNet
from lessons_lib.models.backbones.tiny import CHANNELS, WIDE_CHANNELS, TinyBackbone, conv_norm_relu, conv_relu
from lessons_lib.models.backbones.vgg import VGG16, load_vgg16, vgg16_classifier, vgg16_stages

TINY_BACKBONES = ("tiny", "tiny_wide")
"""The backbones of the lessons: the same layers, with 16, 24, 48, 80 and 96 channels or about half as many again."""

BACKBONES = (*TINY_BACKBONES, "vgg16", *DESIGNS)
"""The names that `make_backbone` knows."""

__all__ = [
    "BACKBONES",
    "PUBLISHED",
    "TINY_BACKBONES",
    "VGG16",
    "Backbone",
    "Normalisation",
    "ResNet",
    "TinyBackbone",
    "conv_norm_relu",
    "conv_relu",
    "imagenet_weights",
    "load_imagenet",
    "load_vgg16",
    "make_backbone",
    "published_weights",
    "vgg16_classifier",
    "vgg16_stages",
]


def make_backbone(name: str, output_stride: int = 32, weights: bool = False) -> Backbone:
    """The backbone of that name: it gives {"c1": …, …, "c5": …}, which its `strides`, `channels` and `grids` describe.

    `output_stride`, 8, 16 or 32, is the distance of two cells of c5 in image pixels; below 32, dilation stands in for
    the strides that are left out. The weights are random, or with `weights` those that torchvision trained on ImageNet,
    downloaded once. Raises ValueError for another name or output stride, and for weights that do not exist.
    """
    if name not in BACKBONES:
        raise ValueError(f"backbone must be one of {', '.join(BACKBONES)}, got {name!r}")
    if name in TINY_BACKBONES:
        channels = CHANNELS if name == "tiny" else WIDE_CHANNELS
        trunk: Backbone = TinyBackbone(channels, output_stride)
    else:
        trunk = VGG16(output_stride) if name == "vgg16" else ResNet(name, output_stride)
    if weights:
        load_imagenet(name, trunk)
    return trunk


def load_imagenet(name: str, trunk: nn.Module) -> None:
    """Fills a backbone that `make_backbone(name)` made with torchvision's ImageNet weights, downloaded the first time.

    Raises ValueError for a tiny backbone, which has none, and OSError where the download fails.
    """
    published = [known for known in BACKBONES if known not in TINY_BACKBONES]
    if name not in published:
        raise ValueError(f"ImageNet weights exist for {', '.join(published)}, got {name!r}")
    state = imagenet_weights(name)
    if name == "vgg16":
        load_vgg16(state, trunk)
    else:
        trunk.load_state_dict({key: value for key, value in state.items() if not key.startswith("fc.")})
