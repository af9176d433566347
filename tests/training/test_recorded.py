"""A recorded step: lists of objects filled up to one length change no number; on a CPU it is the step itself."""

from dataclasses import replace

import pytest
import torch

from lessons_lib.data.sample import Instances, collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.instance.build_masks import mask_rcnn
from lessons_lib.models.zoo import build_model
from lessons_lib.training.loop import fit
from lessons_lib.training.recorded import RecordedStep, fill_up, tensors_of

EASY = replace(PRESETS["easy"], size=64)


def batch_of(*numbers):
    return collate(draw_scenes(list(numbers), EASY))


def even(*shape, device):
    """Dice of which every number is the same: all seats are taken, so none decides."""
    return torch.full(shape, 0.5, device=device)


def seated(model):
    """The model with a seat for every anchor and region, so that which of them learn is no matter of dice."""
    for part in (model, getattr(model, "detector", None)):
        if hasattr(getattr(part, "config", None), "regions"):
            part.config = replace(part.config, rpn_samples=4000, rpn_share=1.0, regions=4000, region_share=1.0)
    return model


def test_lists_are_filled_up_with_crowds_that_nothing_meets():
    batch = batch_of(0, 1)
    full = fill_up(batch, 16)
    for before, after in zip(batch.instances, full.instances, strict=True):
        assert len(after) == 16 > len(before) > 0
        for name in ("boxes", "labels", "masks"):
            assert torch.equal(getattr(after, name)[: len(before)], getattr(before, name))
        assert after.is_crowd.tolist() == [False] * len(before) + [True] * (16 - len(before))
        assert not after.masks[len(before) :].any()
        assert (after.boxes[len(before) :, 2:] < 0).all()
    assert full.images is batch.images


def test_crowds_stay_crowds_and_boxes_alone_stay_alone():
    objects = Instances(torch.tensor([[0.0, 0, 5, 5]]), torch.tensor([3]), None, None, torch.tensor([True]))
    batch = replace(batch_of(0), instances=[objects])
    (full,) = fill_up(batch, 2).instances
    assert (full.masks, full.labels.tolist(), full.is_crowd.tolist()) == (None, [3, 1], [True, True])


@pytest.mark.parametrize(("counts", "expected"), [((0, 0), 4), ((4, 1), 4), ((5, 0), 8)])
def test_the_length_is_a_multiple_that_holds_the_fullest_image(counts, expected):
    objects = [Instances(torch.rand(n, 4), torch.ones(n, dtype=torch.int64), None) for n in counts]
    assert [len(full) for full in fill_up(replace(batch_of(0, 1), instances=objects), 4).instances] == [expected] * 2


@pytest.mark.parametrize("name", ["faster_rcnn", "mask_rcnn", "mnc", "fcis"])
def test_filled_lists_change_no_loss(name):
    torch.manual_seed(0)
    model, batch = seated(build_model(name, 11)), batch_of(0, 1)
    plain, full = (model.learn(some, even).losses for some in (batch, fill_up(batch, 16)))
    assert plain.keys() == full.keys()
    torch.testing.assert_close(full, plain)


@pytest.mark.parametrize("name", ["fcn8s", "mask_rcnn"])
def test_on_a_cpu_it_is_the_step_itself(name):
    torch.manual_seed(0)
    model, batch = build_model(name, 11), fill_up(batch_of(0, 1), 16)
    torch.manual_seed(1)
    losses = model(batch)
    torch.stack([*losses.values()]).sum().backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    step = RecordedStep(model)
    for _ in range(2):  # the second overwrites what the first left
        for module in model.modules():
            if hasattr(module, "reset_running_stats"):
                module.reset_running_stats()
        torch.manual_seed(1)
        found = step(batch)
        torch.testing.assert_close(found, {name: loss.detach() for name, loss in losses.items()})
        torch.testing.assert_close([p.grad for p in model.parameters()], gradients)
    assert step.recordings == {}


def test_frozen_parameters_get_no_gradient():
    model = mask_rcnn(11)
    model.features.requires_grad_(False)
    RecordedStep(model)(batch_of(0))
    assert all(p.grad is None for p in model.features.parameters())
    assert any(p.grad.any() for p in model.mask_head.parameters())


def test_a_training_of_recorded_steps_goes_as_any():
    ends = []
    for recorded in (False, True):
        torch.manual_seed(0)
        model = build_model("fcn8s", 11)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        losses = [r.loss for r in fit(model, [batch_of(0, 1), batch_of(2, 3)], optimizer, 4, recorded=recorded)]
        ends.append((losses, torch.nn.utils.parameters_to_vector(model.parameters()).detach()))
    assert ends[0][0] == pytest.approx(ends[1][0], rel=1e-5)
    torch.testing.assert_close(ends[0][1], ends[1][1])


def test_the_tensors_of_a_batch_come_in_one_order():
    batch = batch_of(0)
    objects = batch.instances[0]
    own = [objects.boxes, objects.labels, objects.masks, objects.is_crowd]
    assert list(map(id, tensors_of(batch))) == list(map(id, [batch.images, batch.label_maps, *own, batch.sizes]))
