"""Mask R-CNN whole: every kind makes a step and draws masks, the detector's losses are its own, every stage is seen."""

from dataclasses import replace

import pytest
import torch

from lessons_lib.data.sample import Instances, Sample, collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.instance.build import usual_config
from lessons_lib.models.instance.build_masks import mask_rcnn, masked_detector, usual_masks
from lessons_lib.models.instance.mask_rcnn import object_regions
from lessons_lib.models.instance.regions import Regions
from lessons_lib.models.instance.rpn import Proposals
from lessons_lib.ops.pasting import paste_masks

CLEAR = PRESETS["clear"]
LOSSES = ["rpn_objectness", "rpn_box", "classification", "box", "mask"]


def scenes(count=2):
    return collate(draw_scenes(range(count), CLEAR))


def sample(*boxes, size=96, crowd=None):
    """An image with rectangles for objects, all of class 1."""
    corners = torch.tensor(boxes, dtype=torch.int64).view(-1, 4)
    masks = torch.zeros(len(boxes), size, size, dtype=torch.bool)
    for mask, (x0, y0, x1, y1) in zip(masks, corners.tolist(), strict=True):
        mask[y0:y1, x0:x1] = True
    image = torch.rand(3, size, size, generator=torch.Generator().manual_seed(0))
    labels = torch.ones(len(boxes), dtype=torch.int64)
    objects = Instances(corners.float(), labels, masks, None, None if crowd is None else torch.tensor(crowd))
    return Sample(image, torch.zeros(size, size, dtype=torch.int64), objects)


def learn(model, batch):
    losses = model(batch)
    sum(losses.values()).backward()
    assert list(losses) == LOSSES and all(loss.isfinite() for loss in losses.values())
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    return losses


KINDS = [{}, {"operator": "pool", "hard_examples": True}]
HEADS = [
    {"mask_head": "mlp"}, {"mask_loss": "softmax"}, {"class_agnostic": True},
    {"mask_head": "mlp", "class_agnostic": True}, {"mask_head": "mlp", "mask_loss": "softmax"},
]  # fmt: skip


@pytest.mark.parametrize("neck", ["fpn", "tdm", "c4"])
@pytest.mark.parametrize(("backbone", "size"), [("tiny", 96), ("resnet18", 64)])
@pytest.mark.parametrize("change", KINDS)
def test_every_kind_makes_a_step_and_draws(backbone, size, neck, change):
    torch.manual_seed(0)
    config = replace(usual_config(backbone, neck), regions=16, after_nms=(50, 20), **change)
    model = masked_detector(4, backbone, neck, config, replace(usual_masks(backbone, neck), depth=2, width=16))
    batch = collate([sample([5, 5, 40, 50], size=size), sample(size=size)])
    learn(model, batch)
    found = model.predict([batch.images[0], batch.images[1, :, :50]])
    assert model.training and [objects.masks.shape for objects in found] == [
        (len(found[0]), size, size),
        (len(found[1]), 50, size),
    ]


@pytest.mark.parametrize("options", HEADS)
def test_every_head_makes_a_step_and_draws(options):
    torch.manual_seed(0)
    model = mask_rcnn(4, **options)
    losses = learn(model, collate([sample([5, 5, 40, 50]), sample()]))
    assert losses["mask"].item() == pytest.approx(model.expected_losses()["mask"], rel=0.1)
    with torch.inference_mode():
        stages = dict(model.eval().stages(sample([5, 5, 40, 50]).image))
    count = 1 if options.get("class_agnostic") else 4
    objects = stages["detections"]["instances"]
    assert stages["mask_logits"]["logits"].shape == (len(objects), count, 28, 28)


def test_the_detectors_losses_are_faster_rcnns_to_the_last_bit():
    """Claim 18: L = L_cls + L_box + L_mask, of which the first two (and the RPN's) know nothing of the third."""
    torch.manual_seed(0)
    model, batch = mask_rcnn(11), scenes()
    torch.manual_seed(1)
    with_masks = model.learn(batch)
    torch.manual_seed(1)
    alone = model.detector.learn(batch)
    assert list(with_masks.losses) == LOSSES
    assert all(torch.equal(with_masks.losses[name], alone.losses[name]) for name in LOSSES[:4])
    assert torch.equal(with_masks.step.regions.boxes, alone.regions.boxes)


def test_the_masks_learn_from_the_objects_regions_alone():
    torch.manual_seed(0)
    model, batch = mask_rcnn(11), scenes()
    made = model.learn(batch)
    assert made.regions.valid.any() and bool((made.regions.labels[made.regions.valid] > 0).all())
    assert made.targets.shape == (*made.regions.labels.shape, 28, 28)
    for b, r in made.regions.valid.nonzero().tolist():
        mask = batch.instances[b].masks[made.regions.matched[b, r]]
        again = paste_masks(made.targets[b, r][None], made.regions.boxes[b, r][None], mask.shape)[0]
        x0, y0, x1, y1 = made.regions.boxes[b, r].round().long().tolist()
        inside = torch.zeros_like(mask)
        inside[y0:y1, x0:x1] = mask[y0:y1, x0:x1]  # what the proposal does not show is not asked for
        assert (again & inside).sum() / (again | inside).sum() > 0.8


def test_gradient_reaches_the_true_class_alone():
    """Claim 19: with sigmoids no other class's mask is touched, with a softmax every one is."""
    for loss, classes in (("sigmoid", {1}), ("softmax", {0, 1, 2, 3})):
        torch.manual_seed(0)
        model = mask_rcnn(4, mask_loss=loss)
        model(collate([sample([5, 5, 40, 50], [50, 50, 90, 90])]))["mask"].backward()
        touched = model.mask_head.predictor.bias.grad.nonzero()[:, 0].tolist()
        assert set(touched) == classes


def test_without_objects_the_mask_loss_is_zero_and_every_weight_takes_part():
    torch.manual_seed(0)
    model = mask_rcnn(4)
    losses = learn(model, collate([sample(), sample(size=64)]))
    assert losses["mask"] == 0 and losses["box"] == 0
    assert not model.mask_head.predictor.weight.grad.any()
    learn(model, collate([sample([0, 0, 90, 90], crowd=[True])]))


def test_object_regions_are_the_first_objects_of_each_image():
    labels = torch.tensor([[0, 3, 0, 2, 1], [0, 0, 0, 5, 0]])
    valid = torch.ones(2, 5, dtype=torch.bool)
    valid[1, 3] = False
    regions = Regions(torch.arange(40.0).view(2, 5, 4), labels, labels, valid)
    taken = object_regions(regions, most=2)
    assert taken.labels[0].tolist() == [3, 2] and taken.valid.tolist() == [[True, True], [False, False]]
    assert taken.boxes[0, 1].tolist() == [12, 13, 14, 15]
    assert object_regions(regions, most=9).labels.shape == (2, 3)


def test_given_proposals_stand_in_for_the_rpns():
    torch.manual_seed(0)
    model = mask_rcnn(4)
    given = Proposals(torch.tensor([[[5.0, 5, 41, 52]]]), torch.ones(1, 1), torch.ones(1, 1, dtype=torch.bool))
    made = model.learn(collate([sample([5, 5, 40, 50])]), proposals=given)
    assert {tuple(box) for box in made.regions.boxes[0].tolist()} == {(5, 5, 41, 52), (5, 5, 40, 50)}


def test_stages_end_with_what_is_predicted():
    torch.manual_seed(0)
    model, (scene,) = mask_rcnn(11).eval(), draw_scenes([3], CLEAR)
    with torch.inference_mode():
        stages = dict(model.stages(scene.image))
    assert list(stages)[-5:] == ["boxes", "mask_regions", "mask_logits", "own_masks", "detections"]
    boxes, objects = stages["boxes"]["instances"], stages["detections"]["instances"]
    assert boxes.masks is None and torch.equal(boxes.boxes, objects.boxes) and len(objects) > 0
    logits, probs = stages["mask_logits"]["logits"], stages["own_masks"]["probs"]
    every = logits.sigmoid()[torch.arange(len(objects)), objects.labels]
    torch.testing.assert_close(probs, every)
    assert torch.equal(objects.masks, paste_masks(probs, objects.boxes, scene.image.shape[1:]))
    (found,) = model.predict([scene.image])
    assert torch.equal(found.masks, objects.masks)
    torch.testing.assert_close(stages["mask_regions"]["boxes"], boxes.boxes)


def test_masks_have_the_images_own_size_also_where_it_is_resized():
    torch.manual_seed(0)
    config = replace(usual_config("tiny", "fpn"), short_side=64, pad_to=32)
    model = masked_detector(11, "tiny", "fpn", config, usual_masks("tiny", "fpn"))
    (found,) = model.predict([draw_scenes([3], CLEAR)[0].image[:, :80]])
    assert found.masks.shape == (len(found), 80, 96) and len(found) > 0
