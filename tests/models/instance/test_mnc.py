"""MNC whole: gradients to the boxes, shared weights, three and five stages, images without and with many objects."""

from dataclasses import replace

import pytest
import torch

from lessons_lib.data.sample import collate
from lessons_lib.models.instance.build import usual_config
from lessons_lib.models.instance.build_mnc import cascade, mnc, usual_cascade
from lessons_lib.models.instance.cascade import cascade_losses, mask_truth
from lessons_lib.models.instance.regions import Regions
from lessons_lib.models.instance.truth import pad_truth
from tests.models.instance.test_mask_rcnn import sample, scenes

AGAIN = ["mask", "classification", "box_classification", "box"]
THREE = ["rpn_objectness", "rpn_box", "mask_2", "classification_3", "box_classification_3", "box_3"]
FIVE = [*THREE, "mask_4", "classification_5", "box_classification_5", "box_5"]


def fresh(seed=0, **options):
    torch.manual_seed(seed)
    return mnc(options.pop("classes", 4), **options)


def learn(model, batch, names=FIVE):
    losses = model(batch)
    sum(losses.values()).backward()
    assert list(losses) == names and all(loss.isfinite() for loss in losses.values())
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    return losses


@pytest.mark.parametrize("neck", ["fpn", "tdm", "c4"])
@pytest.mark.parametrize(("backbone", "size"), [("tiny", 96), ("resnet18", 64)])
@pytest.mark.parametrize("operator", ["align", "pool"])
def test_every_kind_makes_a_step_and_draws(backbone, size, neck, operator):
    torch.manual_seed(0)
    config = replace(usual_config(backbone, neck), regions=8, after_nms=(40, 10), operator=operator)
    model = cascade(4, backbone, neck, config, replace(usual_cascade(backbone, neck), mask_width=16))
    batch = collate([sample([5, 5, 40, 50], size=size), sample(size=size)])
    learn(model, batch)
    found = model.predict([batch.images[0], batch.images[1, :, :50]])
    shapes = [objects.masks.shape for objects in found]
    assert model.training and shapes == [(len(found[0]), size, size), (len(found[1]), 50, size)]


def many(count=50, size=96):
    """Small squares, as many as there is room for."""
    return sample(
        *[[12 * (i % 8), 12 * (i // 8), 12 * (i % 8) + 9, 12 * (i // 8) + 9] for i in range(count)], size=size
    )


@pytest.mark.parametrize("stages", [3, 5])
@pytest.mark.parametrize("through_boxes", [True, False])
def test_no_objects_one_and_fifty(stages, through_boxes):
    model, names = fresh(stages=stages, through_boxes=through_boxes), THREE if stages == 3 else FIVE
    losses = learn(model, collate([sample(), sample(size=64)]), names)
    assert all(losses[name] == 0 for name in names if name.startswith(("mask", "box_3", "box_5", "rpn_box")))
    learn(model, collate([sample([5, 5, 40, 50])]), names)
    learn(model, collate([many(), sample()]), names)
    learn(model, collate([sample([0, 0, 90, 90], crowd=[True])]), names)
    found = model.predict([many().image, torch.zeros(3, 7, 5)])
    assert [objects.masks.shape[1:] for objects in found] == [(96, 96), (7, 5)]


def loss_of_boxes(model, batch, boxes):
    """What the losses of stages 2 to 5 are as a function of the boxes that stage 2 reads, targets held."""
    truth, masks = pad_truth(batch.instances), [objects.masks for objects in batch.instances]
    maps = {name: x.detach() for name, x in model.features(batch.images.double()).items()}
    count = boxes.shape[1]
    matched = torch.zeros(len(boxes), count, dtype=torch.int64)
    own = Regions(boxes, torch.ones_like(matched), matched, matched == 0)
    held = own

    def total(boxes):
        loss = torch.zeros((), dtype=torch.float64)
        for _ in model.passes:
            look = model.look(maps, boxes, own.valid)
            seen = mask_truth(masks, held, model.config)
            found = cascade_losses(look, held, truth, seen, model.config, model.detector.config)
            loss = loss + sum(found.values())
            boxes = model.moved(look, boxes, batch.sizes)
        return loss

    return total


@pytest.mark.parametrize("stages", [3, 5])
def test_the_gradient_to_the_boxes_is_that_of_finite_differences(stages):
    """In float64, to 1e-6, for every coordinate of every box: warping, masking, and the box that moves."""
    batch = collate([sample([20, 25, 60, 70])])
    model = fresh(stages=stages).double()
    with torch.no_grad():
        for layer in (model.mask_stage.predictor, model.classes, model.detector.box_head.predictor.deltas):
            layer.weight.mul_(20)  # so that the loss feels what it reads
    boxes = torch.tensor([[[18.3, 22.1, 61.7, 66.4], [25.2, 30.7, 70.9, 75.5]]], dtype=torch.float64)
    total = loss_of_boxes(model, batch, boxes)
    moving = boxes.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(total(moving), moving)
    step, by_difference = 1e-6, torch.zeros_like(boxes)
    with torch.no_grad():
        for index in range(boxes.numel()):
            ahead, behind = boxes.flatten().clone(), boxes.flatten().clone()
            ahead[index] += step
            behind[index] -= step
            change = total(ahead.view_as(boxes)) - total(behind.view_as(boxes))
            by_difference.view(-1)[index] = change / (2 * step)
    assert gradient.abs().min() > 1e-5
    torch.testing.assert_close(gradient, by_difference, rtol=0, atol=1e-6)


def gradient_of(model, names, batch, parameter):
    torch.manual_seed(1)
    losses = model(batch)
    (found,) = torch.autograd.grad(sum(losses[name] for name in names), parameter, allow_unused=True)
    return found


def test_the_boxes_carry_the_gradient_back_and_do_not_where_detached():
    batch = scenes(2)
    later = ["mask_4", "classification_5"]
    for through in (True, False):
        model = fresh(classes=11, through_boxes=through)
        deltas = model.detector.box_head.predictor.deltas.weight
        moves, anchors = gradient_of(model, later, batch, deltas), model.detector.rpn.deltas.weight
        first = gradient_of(model, ["mask_2", "classification_3"], batch, anchors)
        assert (moves is not None and bool(moves.any())) == through
        assert (first is not None and bool(first.any())) == through
        assert gradient_of(model, ["rpn_box"], batch, anchors).any()


def test_stages_4_and_5_have_the_weights_of_2_and_3():
    """As many parameters with three stages as with five, and each gets the sum of what both passes say."""
    three, five = fresh(stages=3, classes=11), fresh(stages=5, classes=11)
    assert [(k, v.shape) for k, v in three.state_dict().items()] == [(k, v.shape) for k, v in five.state_dict().items()]
    weight, batch = five.mask_stage.predictor.weight, scenes(2)
    first, second = (gradient_of(five, [name], batch, weight) for name in ("mask_2", "mask_4"))
    assert all(found is not None and bool(found.any()) for found in (first, second)) and not torch.equal(first, second)
    torch.testing.assert_close(gradient_of(five, ["mask_2", "mask_4"], batch, weight), first + second)


def test_the_same_boxes_look_the_same_in_every_stage():
    """Stage 4 in boxes that have not moved draws what stage 2 drew."""
    model, image = fresh(classes=11).eval(), scenes(1).images[0]
    torch.nn.init.zeros_(model.detector.box_head.predictor.deltas.weight)
    with torch.inference_mode():
        seen = dict(model.stages(image))
    assert torch.equal(seen["stage_3"]["boxes"], seen["stage_4"]["boxes"])
    torch.testing.assert_close(seen["stage_4"]["boxes"], seen["stage_2"]["boxes"])
    torch.testing.assert_close(seen["stage_4"]["masks"], seen["stage_2"]["masks"])
    torch.testing.assert_close(seen["stage_5"]["probs"], seen["stage_3"]["probs"])


def test_three_stages_are_the_first_three_of_five():
    model, batch = fresh(classes=11), scenes(2)
    torch.manual_seed(1)
    five = model.learn(batch)
    model.config = replace(model.config, stages=3)
    torch.manual_seed(1)
    three = model.learn(batch)
    assert list(three.losses) == THREE and len(five.looks) == 2 and len(three.looks) == 1
    assert all(torch.equal(three.losses[name], five.losses[name]) for name in THREE)


def test_the_gradient_to_the_boxes_has_its_bound():
    """Of every box, for every coordinate: no more than `box_gradient`, and what is less stays as it is."""
    batch, found = scenes(2), {}
    for most in (None, 1e-4):
        model = fresh(classes=11)
        torch.nn.init.normal_(model.classes.weight)  # so that the loss pulls
        model.config = replace(model.config, stages=3, box_gradient=most)
        torch.manual_seed(1)
        made = model.learn(batch)
        boxes, seen = made.regions[0].boxes, []
        boxes.register_hook(seen.append)  # after the model's own hook
        sum(made.losses.values()).backward()
        found[most] = seen[0]
    assert found[None].abs().max() > 1e-3
    torch.testing.assert_close(found[1e-4], found[None].clamp(-1e-4, 1e-4))
