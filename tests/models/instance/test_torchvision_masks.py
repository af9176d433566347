"""torchvision's Mask R-CNN as ours: its weights under our names, and its loss."""

import os
from functools import cache
from pathlib import Path

import pytest
import torch
from torchvision.models import detection
from torchvision.models.detection.roi_heads import maskrcnn_inference, maskrcnn_loss

from benchmarks.torchvision_parity import Compared, compared, differences, pair, their_detections
from lessons_lib.data.files import read_photo
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.instance.mask_config import MaskConfig
from lessons_lib.models.instance.mask_head import mask_loss, own_masks
from lessons_lib.models.instance.torchvision_weights import MASK_MODELS, load_torchvision, torchvision_mask_rcnn
from lessons_lib.ops.mask_targets import mask_targets

PHOTOS = Path(os.environ.get("LESSONS_REAL_DATA", "nowhere"), "coco2017_ccby136")


@pytest.mark.parametrize(("name", "parameters"), [(MASK_MODELS[0], 44_401_393), (MASK_MODELS[1], 46_359_409)])
def test_every_weight_has_its_place_and_parameters_are_as_published(name, parameters):
    """44,401,393 leave out the first model's BatchNorm, which is frozen; the second's is trained."""
    with torch.device("meta"):
        theirs = getattr(detection, name)(weights=None, weights_backbone=None)
        ours = torchvision_mask_rcnn(name)
    load_torchvision(ours, theirs.state_dict())
    count = sum(p.numel() for p in ours.parameters())
    norms = sum(p.numel() for layer in ours.features._norms() for p in layer.parameters())
    assert (count if ours.config.norm else count - norms) == parameters


def test_names_of_before_are_known():
    with torch.device("meta"):
        state = detection.maskrcnn_resnet50_fpn(weights=None, weights_backbone=None).state_dict()
        ours = torchvision_mask_rcnn(MASK_MODELS[0])
    old = {}
    for name, tensor in state.items():
        for number in range(4):
            name = name.replace(f"mask_head.{number}.0.", f"mask_head.mask_fcn{number + 1}.")
        old[name] = tensor
    assert "roi_heads.mask_head.mask_fcn4.weight" in old
    load_torchvision(ours, old)


def test_the_loss_is_torchvisions():
    """Regions of up to 28 pixels, of which torchvision takes one sample a bin, and its half pixel in the targets."""
    torch.manual_seed(0)
    logits, masks = torch.randn(6, 5, 28, 28), torch.rand(3, 40, 50) > 0.5
    start = torch.rand(6, 2) * 20
    boxes, matched = torch.cat([start, start + 2 + torch.rand(6, 2) * 26], 1), torch.tensor([0, 2, 1, 1, 0, 2])
    labels = torch.tensor([1, 2, 4])
    want = maskrcnn_loss(logits, [boxes], [masks.float()], [labels], [matched])
    valid = torch.ones(6, dtype=torch.bool)
    targets = mask_targets([masks], boxes[None], matched[None], valid[None], 28, 1, aligned=False)[0]
    own = logits[torch.arange(6), labels[matched]]
    torch.testing.assert_close(mask_loss(own, targets, valid), want)


def test_the_chosen_masks_are_torchvisions():
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 5, 28, 28), torch.tensor([1, 4, 2, 2, 3, 1])
    (want,) = maskrcnn_inference(logits, [labels])
    torch.testing.assert_close(own_masks(logits, labels, MaskConfig()), want[:, 0])


@cache
def exact_pair(name):
    """Small images and few objects, as float64 is slow."""
    return pair(name, size=128, proposals=40, most=12)


def assert_same(found, count):
    """Not one detection differs, and masks only where 0.5 is met to the last digit."""
    assert sum(one.count for one in found) >= count and sum(one.alone for one in found) == 0
    assert max(one.pixels for one in found) < 1e-2 and max(one.confidence for one in found) < 1e-4
    assert max(one.probability for one in found) < 1e-4
    unlike, every = (sum(getattr(one, name) for one in found) for name in ("unlike", "of_pixels"))
    assert every > 0 and unlike <= 0.001 * every


@pytest.mark.parametrize("name", MASK_MODELS)
def test_same_detections_and_masks_on_a_scene(name):
    """In float64, where rounding decides nothing."""
    theirs, ours = exact_pair(name)
    image = draw_scenes([1], PRESETS["clear"])[0].image[:, :90].double()
    assert_same([differences(theirs, ours, image)], 10)
    found = their_detections(theirs, image)
    assert found["probs"].std() > 0.1 and 0.01 < found["masks"].float().mean() < 0.9  # or equal masks say nothing


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs coco2017_ccby136 in the folder that LESSONS_REAL_DATA names")
@pytest.mark.parametrize("name", MASK_MODELS)
def test_same_detections_and_masks_on_photographs(name):
    """Three; `python -m benchmarks.torchvision_parity --model …` compares all."""
    theirs, ours = exact_pair(name)
    found = [differences(theirs, ours, read_photo(path).double()) for path in sorted(PHOTOS.rglob("*.jpg"))[:3]]
    assert_same(found, 20)


def test_a_different_mask_is_seen():
    """One cell before pasting, one pixel after it, of two objects in an image of 4 × 5."""
    boxes = torch.tensor([[0.0, 0, 3, 3], [1, 1, 4, 4]])
    first = {"boxes": boxes, "labels": torch.tensor([1, 2]), "scores": torch.tensor([0.9, 0.8])}
    first |= {"probs": torch.zeros(2, 28, 28), "masks": torch.zeros(2, 4, 5, dtype=torch.bool)}
    assert compared(first, first) == Compared(2, 0, 0.0, 0.0, 0.0, 0, 40)
    probs, masks = first["probs"].clone(), first["masks"].clone()
    probs[1, 3, 3], masks[0, 2, 2] = 0.25, True
    assert compared(first, first | {"probs": probs, "masks": masks}) == Compared(2, 0, 0.0, 0.0, 0.25, 1, 40)
