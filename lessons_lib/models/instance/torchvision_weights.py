"""torchvision's detectors as ours: the same network and conventions, and its weights under our names.

So a model that others trained for days on COCO finds real things with this library's code, box for box.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from jaxtyping import Float
from torch import Tensor, nn

from lessons_lib.models.backbones import Normalisation, make_backbone
from lessons_lib.models.instance.box_head import BoxHead, ConvolutionalTrunk, FullyConnectedTrunk, Trunk
from lessons_lib.models.instance.build_masks import make_mask_head
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.faster_rcnn import FasterRCNN
from lessons_lib.models.instance.features import Features
from lessons_lib.models.instance.mask_config import MaskConfig
from lessons_lib.models.instance.mask_rcnn import MaskRCNN
from lessons_lib.models.instance.rpn import RPNHead
from lessons_lib.models.necks import FPN

CONVENTIONS = DetectorConfig(round_anchors=True, short_side=800, long_side=1333, pad_to=32, half_pixel=False)
"""What torchvision's detectors do with an image, and where they take cells to lie."""

MASK_MODELS = ("maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2")
"""torchvision's names of the models that `torchvision_mask_rcnn` makes."""

DETECTORS = ("fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2")
"""torchvision's names of the detectors that `torchvision_detector` makes."""

NAMES: tuple[tuple[str, Callable[[re.Match], str]], ...] = (
    (r"backbone\.body\.", lambda m: "features.backbone."),
    (r"backbone\.fpn\.inner_blocks\.(\d)\.", lambda m: f"features.neck.laterals.c{int(m[1]) + 2}."),
    (r"backbone\.fpn\.layer_blocks\.(\d)\.", lambda m: f"features.neck.smoothings.c{int(m[1]) + 2}."),
    (r"rpn\.head\.conv\.(\d)\.0\.", lambda m: f"rpn.convs.{2 * int(m[1])}."),
    (r"rpn\.head\.conv\.", lambda m: "rpn.convs.0."),  # as it was called before torchvision 0.13
    (r"rpn\.head\.cls_logits\.", lambda m: "rpn.objectness."),
    (r"rpn\.head\.bbox_pred\.", lambda m: "rpn.deltas."),
    (r"roi_heads\.box_head\.(fc\d)\.", lambda m: f"box_head.trunk.{m[1]}."),
    (r"roi_heads\.box_head\.5\.", lambda m: "box_head.trunk.fc."),
    (r"roi_heads\.box_head\.(\d)\.(\d)\.", lambda m: f"box_head.trunk.convs.{3 * int(m[1]) + int(m[2])}."),
    (r"roi_heads\.box_predictor\.cls_score\.", lambda m: "box_head.predictor.classes."),
    (r"roi_heads\.box_predictor\.bbox_pred\.", lambda m: "box_head.predictor.deltas."),
    (r"roi_heads\.mask_head\.mask_fcn(\d)\.", lambda m: f"mask_head.trunk.{2 * int(m[1]) - 2}."),  # before 0.13
    (r"roi_heads\.mask_head\.(\d)\.(\d)\.", lambda m: f"mask_head.trunk.block{m[1]}.{m[2]}."),
    (r"roi_heads\.mask_predictor\.conv5_mask\.", lambda m: "mask_head.upsample."),
    (r"roi_heads\.mask_predictor\.mask_fcn_logits\.", lambda m: "mask_head.predictor."),
)
"""How torchvision's names begin, and ours: levels count from c2 here, and layers one by one instead of in blocks."""


class Done(Normalisation):
    """Instead of a backbone's normalisation: torchvision normalises an image before it resizes it.

    The other order gives the same numbers but for the last digit, and that already turns a few detections around.
    """

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
        return images


def torchvision_detector(name: str, num_classes: int = 91) -> FasterRCNN:
    """The detector that torchvision calls `name`, with fresh weights and its conventions; 91 classes with background.

    Raises ValueError for another name.
    """
    if name not in DETECTORS:
        raise ValueError(f"name must be one of {', '.join(DETECTORS)}, got {name!r}")
    second = name.endswith("_v2")
    backbone = make_backbone("resnet50")
    neck = FPN(backbone, norm=second)
    config = replace(CONVENTIONS, rpn_depth=2 if second else 1)
    kind = ConvolutionalTrunk if second else FullyConnectedTrunk
    trunk: Trunk = kind(256, config.region_size)
    head = BoxHead(trunk, num_classes)
    model = FasterRCNN(Features(backbone, neck), RPNHead(256, 3, config.rpn_depth), head, config)
    model.first, backbone.normalise = backbone.normalise, Done()
    return model


def torchvision_mask_rcnn(name: str, num_classes: int = 91, pasting: str = "exact") -> MaskRCNN:
    """The model with masks that torchvision calls `name`, with fresh weights and its conventions, but for the pasting.

    pasting: "exact", or "torchvision" for its own, which lies up to a pixel off. Raises ValueError for another name.
    """
    if name not in MASK_MODELS:
        raise ValueError(f"name must be one of {', '.join(MASK_MODELS)}, got {name!r}")
    detector = torchvision_detector(name.replace("mask", "faster"), num_classes)
    config = MaskConfig(norm=name.endswith("_v2"), pasting=pasting)
    return MaskRCNN(detector, make_mask_head(detector.features, 256, num_classes, config), config)


def load_torchvision(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Gives a model of the functions above the weights of torchvision's own, whose state dict `state` is.

    Both ways of naming that torchvision has had are known. Raises ValueError, naming it, for a weight that is missing,
    that the model does not have, or whose shape is another.
    """
    own = model.state_dict()
    renamed = {our_name(name): tensor for name, tensor in state.items()}
    if isinstance(model, MaskRCNN):
        layers = 3 if model.config.norm else 2  # of a block, ReLU included
        renamed = {_in_mask_rcnn(name, layers): tensor for name, tensor in renamed.items()}
    if not any(
        "neck.laterals.c2.0." in name for name in own
    ):  # without BatchNorm a level's convolution is not in a block here
        renamed = {re.sub(r"(neck\.\w+\.c\d)\.0\.", r"\1.", name): tensor for name, tensor in renamed.items()}
    counters = {name: value for name, value in own.items() if name.endswith("num_batches_tracked")}
    found = counters | renamed  # frozen BatchNorm layers have no counter
    for name, tensor in own.items():
        if name not in found:
            raise ValueError(f"state must hold every weight of the model, got none for {name}")
        if found[name].shape != tensor.shape:
            got, allowed = tuple(found[name].shape), tuple(tensor.shape)
            raise ValueError(f"state must fit the model: {name} must have shape {allowed}, got {got}")
    for name in found:
        if name not in own:
            raise ValueError(f"state must hold only weights of the model, got {name}")
    model.load_state_dict(found)


def _in_mask_rcnn(name: str, layers: int) -> str:
    """A weight's name where masks are: the detector is a part, and blocks of `layers` layers are counted through."""
    if not name.startswith("mask_head."):
        return f"detector.{name}"
    return re.sub(r"block(\d)\.(\d)", lambda m: str(layers * int(m[1]) + int(m[2])), name)


def our_name(name: str) -> str:
    """Our name of the weight that torchvision calls `name`; what is not renamed stays as it is."""
    for pattern, ours in NAMES:
        begin = re.match(pattern, name)
        if begin:
            return ours(begin) + name[begin.end() :]
    return name
