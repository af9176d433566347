"""torchvision's detectors and ours, with the same weights: the same detections, on drawn scenes and on photographs."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import detection
from torchvision.models.detection.image_list import ImageList

from lessons_lib.data.files import read_photo
from lessons_lib.data.sample import Instances
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.instance.torchvision_weights import DETECTORS, load_torchvision, torchvision_detector
from lessons_lib.ops.anchors import anchor_shapes

PHOTOS = Path(os.environ.get("LESSONS_REAL_DATA", "nowhere"), "coco2017_ccby136")


def pair(name: str, size: int = 800):
    """torchvision's model with random weights that find something, and ours with the same.

    Statistics of BatchNorm are those of a scene; the last layers are scaled so that their answers spread as a trained
    model's do: confidences from 0 to 1, and boxes that move by a part of their size.
    """
    torch.manual_seed(0)
    theirs = getattr(detection, name)(weights=None, weights_backbone=None, min_size=size, max_size=1333)
    for layer in theirs.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # the statistics of all that it has seen
    images = theirs.transform([draw_scenes([0], replace(PRESETS["easy"], size=256))[0].image], None)[0].tensors
    images = nn.functional.interpolate(images, (256, 256))
    start = torch.rand(64, 2) * 150
    boxes = [torch.cat([start, start + 10 + torch.rand(64, 2) * 100], 1)]
    head, predictor = theirs.rpn.head, theirs.roi_heads.box_predictor
    with torch.no_grad():
        for mode in (True, False):
            theirs.train(mode)
            maps = theirs.backbone(images)
            vectors = theirs.roi_heads.box_head(theirs.roi_heads.box_roi_pool(maps, boxes, [(256, 256)]))
        answers = [torch.cat([x.flatten() for x in kind]) for kind in head([*maps.values()])]
        layers = (head.cls_logits, head.bbox_pred, predictor.cls_score, predictor.bbox_pred)
        for layer, answer, spread in zip(layers, (*answers, *predictor(vectors)), (0.7, 0.2, 1.0, 0.7), strict=True):
            layer.weight.mul_(spread / (answer - layer.bias.mean()).std())
            layer.bias.zero_()
    ours = torchvision_detector(name).eval()
    load_torchvision(ours, theirs.eval().state_dict())
    ours.config = replace(ours.config, short_side=size)
    return theirs, ours


def differences(theirs: nn.Module, ours: nn.Module, image: torch.Tensor) -> tuple[int, int, float, float]:
    """(their count, how many have no twin, largest difference of the boxes in pixels, of the confidences)."""
    with torch.inference_mode():
        want = theirs([image])[0]
    (got,) = ours.predict([image])
    return compared(want, got)


def compared(want: dict, got: Instances) -> tuple[int, int, float, float]:
    if len(got) != len(want["boxes"]):
        return len(want["boxes"]), abs(len(got) - len(want["boxes"])), 0.0, 0.0
    same = want["labels"] == got.labels
    boxes, scores = (want["boxes"] - got.boxes).abs().amax(1), (want["scores"] - got.scores).abs()
    if not len(got):
        return 0, 0, 0.0, 0.0
    # neighbours whose confidences differ by a rounding error may have changed their order
    for i in (~same | (boxes > 0.01)).nonzero()[:, 0].tolist():
        twins = (want["labels"] == got.labels[i]) & ((want["scores"] - got.scores[i]).abs() < 1e-4)
        near = (want["boxes"] - got.boxes[i]).abs().amax(1)
        near[~twins] = torch.inf
        boxes[i], same[i] = near.min(), bool(near.min() < 0.01)
    return len(got), int((~same).sum()), boxes[same].max().item(), scores.max().item()


@pytest.mark.parametrize("name", DETECTORS)
def test_same_detections_on_a_scene(name):
    theirs, ours = pair(name, size=128)
    scene = draw_scenes([1], PRESETS["easy"])[0].image[:, :90]
    count, alone, box, score = differences(theirs, ours, scene)
    assert count >= 10 and alone == 0
    assert box < 0.01 and score < 1e-4


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs coco2017_ccby136 in the folder that LESSONS_REAL_DATA names")
def test_same_detections_on_photographs():
    theirs, ours = pair(DETECTORS[0], size=400)
    paths = sorted(PHOTOS.rglob("*.jpg"))[:3]
    found = [differences(theirs, ours, read_photo(path)) for path in paths]
    assert sum(count for count, *_ in found) > 30 and sum(alone for _, alone, *_ in found) == 0
    assert max(box for *_, box, _ in found) < 0.01 and max(score for *_, score in found) < 1e-4


def test_old_names_are_known():
    """The published file of the first detector was written before torchvision 0.13 put convolutions into blocks."""
    with torch.device("meta"):
        state = detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None).state_dict()
        model = torchvision_detector(DETECTORS[0])
    old = {}
    for name, tensor in state.items():
        name = name.replace("head.conv.0.0.", "head.conv.")
        for block in ("inner_blocks", "layer_blocks"):
            name = name.replace(f"{block}.0.0.", f"{block}.0.") if f"{block}.0.0." in name else name
            for level in "123":
                name = name.replace(f"{block}.{level}.0.", f"{block}.{level}.")
        if "num_batches_tracked" not in name:
            old[name] = tensor
    load_torchvision(model, old)


def test_the_conventions_are_torchvisions_to_the_last_anchor():
    """The pyramid's last level has 13 rows where the image has 800 pixels: torchvision takes its stride to be 61."""
    with torch.device("meta"):
        theirs = detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None)
        ours = torchvision_detector(DETECTORS[0])
    ours.to_empty(device="cpu")
    shapes = [(200, 272), (100, 136), (50, 68), (25, 34), (13, 17)]
    maps = {f"p{k}": torch.zeros(1, 1, *shape) for k, shape in enumerate(shapes, start=2)}
    for level, (side,) in zip(ours.config.rpn_levels, ours.config.anchor_sizes, strict=True):
        ours.register_buffer(f"anchors_{level}", anchor_shapes([side], ours.config.anchor_ratios).round(), False)
    (want,) = theirs.rpn.anchor_generator(ImageList(torch.zeros(1, 3, 800, 1088), [(800, 1088)]), list(maps.values()))
    torch.testing.assert_close(torch.cat(ours.anchors(maps, (800, 1088))), want)
