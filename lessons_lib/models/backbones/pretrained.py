"""Pretrained weights: torchvision's for ImageNet, downloaded once, checked by hash, and read as numbers only."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor

WEIGHTS = {
    "vgg16": "VGG16_Weights.IMAGENET1K_V1",
    "resnet18": "ResNet18_Weights.IMAGENET1K_V1",
    "resnet50": "ResNet50_Weights.IMAGENET1K_V1",
    "resnet101": "ResNet101_Weights.IMAGENET1K_V1",
    "resnext101": "ResNeXt101_32X8D_Weights.IMAGENET1K_V1",
}
"""The backbone's name → torchvision's name for its weights: the first recipe, with which its FCN was trained."""


PUBLISHED = {
    "fasterrcnn_resnet50_fpn_coco": "FasterRCNN_ResNet50_FPN_Weights.COCO_V1",
    "fasterrcnn_resnet50_fpn_v2_coco": "FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1",
    "maskrcnn_resnet50_fpn_coco": "MaskRCNN_ResNet50_FPN_Weights.COCO_V1",
    "maskrcnn_resnet50_fpn_v2_coco": "MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1",
    "fcn_resnet50_coco": "FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1",
}
"""Whole models that torchvision trained: our name of the weights → torchvision's."""

INSTEAD = "begin with random weights: without weights=True, or --pretrained"
"""What one can do without ImageNet's weights."""


def imagenet_weights(name: str) -> dict[str, Tensor]:
    """The state dict of torchvision's classifier of that name, from torch's cache, or downloaded into it.

    The file's name carries the first eight digits of its SHA-256; a file that was put into the cache by hand is
    compared with them too. Raises OSError, with what to do, where the download fails or the digits differ.
    """
    return _state(WEIGHTS[name], f"the ImageNet weights of {name}", INSTEAD)[0]


def published_weights(name: str) -> tuple[dict[str, Tensor], list[str]]:
    """The state dict of one of torchvision's `PUBLISHED` models, as `imagenet_weights` finds it, and its classes.

    Classes are named by label, 0 being the background; a label that COCO has given up is called "N/A". Raises
    ValueError for another name, OSError as `imagenet_weights` does.
    """
    if name not in PUBLISHED:
        raise ValueError(f"name must be one of {', '.join(PUBLISHED)}, got {name!r}")
    return _state(PUBLISHED[name], f"the weights {name}", "take weights that come with the course")


def _state(weights_name: str, what: str, instead: str) -> tuple[dict[str, Tensor], list[str]]:
    """Weights by torchvision's name, and their classes; `what` and `instead` are for the error where there are none."""
    from torchvision.models import get_weight  # here, because importing torchvision takes a second

    weights = get_weight(weights_name)
    path = Path(torch.hub.get_dir(), "checkpoints", weights.url.rpartition("/")[2])
    if path.exists():
        check_file(path)
    try:
        state = weights.get_state_dict(map_location="cpu", check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"{what} could not be downloaded ({error}). Download {weights.url} on a machine "
            f"with a network and put it at {path}, or {instead}"
        ) from error
    return state, list(weights.meta.get("categories", ()))


def check_file(path: Path) -> None:
    """Raises OSError unless the SHA-256 begins with the digits that end the name, as in resnet18-f37072fd.pth."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    digits = path.stem.rpartition("-")[2]
    if not found.startswith(digits):
        raise OSError(f"{path} is damaged: its SHA-256 must begin with {digits}, got {found[:8]}. Delete the file")
