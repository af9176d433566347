"""Proposals to be judged: the detector's own come first, in the image's pixels; what is found stays the same."""

from dataclasses import replace

import pytest
import torch

from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.instance.build import detector, usual_config
from lessons_lib.models.zoo import build_model

IMAGE = draw_scenes([4], PRESETS["easy"])[0].image


def small(**changes):
    torch.manual_seed(1)
    return detector(11, "tiny", "fpn", replace(usual_config("tiny", "fpn"), **changes)).eval()


def own_proposals(model, image):
    with torch.inference_mode():
        seen = dict(model.stages(image))
    after = seen["proposals"]["after"]
    return after.boxes[0, after.valid[0]], seen["image"]["size"]


def test_what_is_found_is_what_predict_finds():
    model = small()
    [(found, proposals)] = model.predict_with_proposals([IMAGE], 300)
    (expected,) = model.predict([IMAGE])
    assert torch.equal(found.boxes, expected.boxes) and torch.equal(found.scores, expected.scores)
    assert proposals.shape == (300, 4) and not model.training


def test_the_detectors_own_proposals_are_the_first():
    own, _ = own_proposals(small(), IMAGE)
    [(_, proposals)] = small().predict_with_proposals([IMAGE], 1000)
    assert 10 < len(own) <= 64 and len(proposals) > 500
    assert torch.equal(proposals[: len(own)], own)
    [(_, few)] = small().predict_with_proposals([IMAGE], 5)
    assert torch.equal(few, own[:5])


def test_proposals_of_a_resized_image_lie_in_its_own_pixels():
    model = small(short_side=192)
    own, size = own_proposals(model, IMAGE)
    assert size == (192, 192)
    [(_, proposals)] = model.predict_with_proposals([IMAGE], 10)
    torch.testing.assert_close(proposals, own[:10] / 2)


def test_several_images_keep_their_order_and_the_mode():
    model = small().train()
    images = [IMAGE, IMAGE[:, :64], torch.zeros(3, 40, 50)]
    found = model.predict_with_proposals(images, 20)
    assert model.training and len(found) == 3
    for image, (_, proposals) in zip(images, found, strict=True):
        assert (proposals >= 0).all() and (proposals[:, 2] <= image.shape[2]).all()
        assert (proposals[:, 3] <= image.shape[1]).all()


def test_a_model_that_proposes_nothing_says_so():
    model = build_model("pieces", 11)
    [(found, proposals)] = model.predict_with_proposals([IMAGE], 10)
    assert proposals is None and len(found) == len(model.predict([IMAGE])[0])


def test_with_masks_too_its_own_proposals_are_the_first():
    torch.manual_seed(0)
    model = build_model("mask_rcnn", 11).eval()
    own, _ = own_proposals(model, IMAGE)
    [(found, proposals)] = model.predict_with_proposals([IMAGE], 100)
    assert torch.equal(proposals[: len(own)], own) and found.masks is not None
    assert torch.equal(found.boxes, model.predict([IMAGE])[0].boxes)


@pytest.mark.parametrize("neck", ["fpn", "tdm", "c4"])
def test_every_neck_proposes(neck):
    [(_, proposals)] = build_model("faster_rcnn", 11, neck=neck).predict_with_proposals([IMAGE], 50)
    assert 0 < len(proposals) <= 50
