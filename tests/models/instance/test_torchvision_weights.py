"""torchvision's detectors and ours, with the same weights: the same detections, on drawn scenes and on photographs."""

import os
from functools import cache
from pathlib import Path

import pytest
import torch
from torchvision.models import detection
from torchvision.models.detection.image_list import ImageList

from benchmarks.torchvision_parity import Compared, compared, differences, pair
from lessons_lib.data.files import read_photo
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.instance.torchvision_weights import DETECTORS, load_torchvision, torchvision_detector
from lessons_lib.ops.anchors import anchor_shapes

PHOTOS = Path(os.environ.get("LESSONS_REAL_DATA", "nowhere"), "coco2017_ccby136")


@cache
def exact_pair(name):
    """Small images and few proposals, as float64 is slow."""
    return pair(name, size=128, proposals=40)


@pytest.mark.parametrize("name", DETECTORS)
def test_same_detections_on_a_scene(name):
    """In float64, where rounding decides nothing: then not one may differ."""
    theirs, ours = exact_pair(name)
    scene = draw_scenes([1], PRESETS["easy"])[0].image[:, :90]
    found = differences(theirs, ours, scene.double())
    assert found.count >= 10 and found.alone == 0
    assert found.pixels < 1e-3 and found.confidence < 1e-6


def test_same_detections_in_float32():
    theirs, ours = pair(DETECTORS[0], size=128, dtype=torch.float32, proposals=300)
    found = differences(theirs, ours, draw_scenes([1], PRESETS["easy"])[0].image[:, :90])
    assert found.count >= 10 and found.alone <= found.count / 20  # rounding may break a tie the other way


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs coco2017_ccby136 in the folder that LESSONS_REAL_DATA names")
@pytest.mark.parametrize("name", DETECTORS)
def test_same_detections_on_photographs(name):
    """Three; `python -m benchmarks.torchvision_parity` compares all."""
    theirs, ours = exact_pair(name)
    found = [differences(theirs, ours, read_photo(path).double()) for path in sorted(PHOTOS.rglob("*.jpg"))[:3]]
    assert sum(one.count for one in found) > 30 and sum(one.alone for one in found) == 0


def test_a_difference_is_seen():
    """A box that is moved, a label that is another, a confidence that is lower, one box more: each counts once."""
    boxes = torch.tensor([[0.0, 0, 9, 9], [20, 20, 40, 40], [50, 5, 60, 9]])
    first = {"boxes": boxes, "labels": torch.tensor([1, 2, 3]), "scores": torch.tensor([0.9, 0.8, 0.7])}
    assert compared(first, first) == Compared(3, 0, 0.0, 0.0)
    for name, change in (("boxes", 0.02), ("labels", 1), ("scores", 2e-4)):
        second = {key: value.clone() for key, value in first.items()}
        second[name][1] += change
        assert compared(first, second).alone == 1
    longer = {key: torch.cat([value, value[:1] + 5]) for key, value in first.items()}
    assert compared(first, longer).alone == compared(longer, first).alone == 1


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
