"""Backbones: convolutional trunks that turn pictures into maps c1 to c5, each half as large as the one before."""

from torch import nn

from lessons_lib.models.backbones.normalisation import Normalisation
from lessons_lib.models.backbones.pretrained import imagenet_weights
from lessons_lib.models.backbones.tiny import TinyBackbone, conv_norm_relu
from lessons_lib.models.backbones.vgg import VGG16, load_vgg16, vgg16_classifier, vgg16_stages

BACKBONES = ("tiny", "vgg16")
"""The names that `make_backbone` knows."""

__all__ = [
    "BACKBONES",
    "VGG16",
    "Normalisation",
    "TinyBackbone",
    "conv_norm_relu",
    "imagenet_weights",
    "load_vgg16",
    "make_backbone",
    "vgg16_classifier",
    "vgg16_stages",
]


def make_backbone(name: str, output_stride: int = 32, weights: bool = False) -> nn.Module:
    """The trunk of that name: `trunk(images)` gives {"c1": …, "c5": …}, with `.strides` and `.channels` to match.

    `output_stride`, 8, 16 or 32, is the distance of two cells of c5 in image pixels; below 32, dilation stands in for
    the strides that are left out. `weights` are random, or those of torchvision that were trained on ImageNet,
    downloaded once. Raises ValueError for another name, and for weights that do not exist.
    """
    if name not in BACKBONES:
        raise ValueError(f"backbone must be one of {', '.join(BACKBONES)}, got {name!r}")
    if name == "tiny":
        if weights:
            raise ValueError("weights must be False for the backbone tiny, which was never trained on ImageNet")
        return TinyBackbone(output_stride=output_stride)
    trunk = VGG16(output_stride)
    if weights:
        load_vgg16(imagenet_weights(name), trunk)
    return trunk
