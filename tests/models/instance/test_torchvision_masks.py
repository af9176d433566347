"""torchvision's Mask R-CNN as ours: its weights under our names, and its loss."""

from dataclasses import replace

import pytest
import torch
from torchvision.models import detection
from torchvision.models.detection.roi_heads import maskrcnn_inference, maskrcnn_loss

from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.instance.mask_config import MaskConfig
from lessons_lib.models.instance.mask_head import mask_loss, own_masks
from lessons_lib.models.instance.torchvision_weights import MASK_MODELS, load_torchvision, torchvision_mask_rcnn
from lessons_lib.ops.mask_targets import mask_targets

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


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


def spread_pair(name):
    """torchvision's model and ours with the same random weights in float64, scaled so that outputs spread."""
    torch.manual_seed(0)
    theirs = getattr(detection, name)(weights=None, weights_backbone=None, min_size=96, num_classes=7).double().eval()
    theirs.rpn._post_nms_top_n["testing"] = 30
    heads = theirs.roi_heads
    with torch.no_grad():
        heads.box_predictor.cls_score.weight.mul_(60)
        heads.mask_predictor.mask_fcn_logits.weight.mul_(20)
    ours = torchvision_mask_rcnn(name, 7, pasting="torchvision").double().eval()
    load_torchvision(ours, theirs.state_dict())
    ours.detector.config = replace(ours.detector.config, short_side=96, after_nms=(2000, 30))
    for own, exact in zip((ours.detector.first.mean, ours.detector.first.std), (MEAN, STD), strict=True):
        own.copy_(torch.tensor(exact, dtype=torch.float64).view_as(own))  # ours had been rounded to float32
    return theirs, ours


@pytest.mark.parametrize("name", MASK_MODELS)
def test_same_detections_and_masks_on_a_scene(name):
    """In float64, where rounding decides nothing: boxes, confidences, probabilities, and pixels after its pasting."""
    theirs, ours = spread_pair(name)
    image = draw_scenes([1], PRESETS["clear"])[0].image[:, :90].double()
    heads, kept = theirs.roi_heads, []
    heads.mask_predictor.register_forward_hook(lambda module, inputs, output: kept.append(output))
    with torch.inference_mode():
        (want,), stages = theirs([image]), dict(ours.stages(image))
    found = stages["detections"]["instances"]
    assert len(found) == len(want["boxes"]) >= 10 and torch.equal(found.labels, want["labels"])
    torch.testing.assert_close(found.boxes, want["boxes"].float(), rtol=0, atol=1e-2)
    torch.testing.assert_close(found.scores, want["scores"].float(), rtol=0, atol=1e-4)
    torch.testing.assert_close(stages["mask_logits"]["logits"], kept[0], rtol=0, atol=1e-6)
    assert kept[0].sigmoid().std() > 0.05  # or equal masks would say nothing
    same = found.masks == (want["masks"][:, 0] > 0.5)
    assert same.float().mean() >= 0.999 and 0.01 < found.masks.float().mean() < 0.99
