"""Recurrent instance segmentation: its losses, its order, where it stops, and what no training step may mind."""

import itertools
import math
from dataclasses import replace

import pytest
import torch

from lessons_lib.data.sample import Instances, Sample, collate
from lessons_lib.data.scenes.rosettes import RosetteConfig, draw_rosettes
from lessons_lib.models.instance.recurrent import recurrent, recurrent_model
from lessons_lib.models.instance.recurrent_config import RecurrentConfig
from lessons_lib.models.instance.recurrent_losses import kept_steps, matched, monotone_logits, sequence_losses
from lessons_lib.models.instance.sequence import linear_weights, through_masks
from lessons_lib.ops.coverage import best_assignment, coverage_loss, score_loss, score_loss_with_logits
from lessons_lib.ops.grid import Grid

SMALL = RecurrentConfig(steps=5, width=8, fine_width=8)
PLANTS = draw_rosettes(range(3), RosetteConfig(size=32, leaves=(2, 4), min_visible=8))
VARIANTS = [
    {}, {"loss_variant": "rectangular"}, {"skips": False}, {"classes": True}, {"one_minus_iou": True},
    {"monotone": True}, {"inhibition": False}, {"coordinates": False}, {"matching": "greedy"},
    {"matching": "order", "classes": True},
    {"grow_every": 2, "start_steps": 1},
]  # fmt: skip


def small(**change):
    torch.manual_seed(0)
    model = recurrent_model(2, "tiny", replace(SMALL, **change))
    with torch.no_grad():  # a fresh stop head says ½ whatever it sees
        for parameter in (*model.decoder.stop.parameters(), *model.decoder.draw.parameters()):
            parameter += 0.3 * torch.randn_like(parameter)
    return model


def with_objects(sample, order):
    return replace(sample, instances=sample.instances[torch.tensor(order, dtype=torch.int64)])


@pytest.mark.parametrize("change", VARIANTS)
def test_every_parameter_takes_part_with_objects_and_without(change):
    for samples in (PLANTS, [with_objects(sample, []) for sample in PLANTS]):
        model = small(**change)
        losses = model(collate(samples))
        assert set(losses) == {"coverage", "score"} | ({"class"} if model.config.classes else set())
        assert all(loss.shape == () and loss.isfinite() for loss in losses.values())
        sum(losses.values()).backward()
        assert [name for name, p in model.named_parameters() if p.grad is None] == []
    assert losses["coverage"] == 0 and not model.decoder.draw.weight.grad.any()  # nothing to draw


def test_its_losses_are_those_of_the_operator_as_it_is():
    model, batch = small(), collate(PLANTS)
    made = model.unroll(batch.images)
    expected = coverage_loss(made.masks, [o.masks for o in batch.instances], made.score_logits, variant="square")
    assert model(batch) == expected


@pytest.mark.parametrize("change", [{}, {"loss_variant": "rectangular"}, {"classes": True}, {"skips": False}])
def test_the_order_of_the_truth_changes_nothing(change):
    model = small(**change)
    expected = model(collate(PLANTS[:1]))
    for order in itertools.islice(itertools.permutations(range(len(PLANTS[0].instances))), 8):
        found = model(collate([with_objects(PLANTS[0], order)]))
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=0, atol=1e-6)


def test_whoever_orders_the_truth_is_found_out():
    """The control: with mask t bound to object t the order does change the loss."""
    model = small(matching="order")
    count = len(PLANTS[0].instances)
    losses = [model(collate([with_objects(PLANTS[0], order)]))["coverage"].item() for order in
              itertools.permutations(range(count))]  # fmt: skip
    assert max(losses) - min(losses) > 1e-4


def test_the_best_matching_is_not_beaten():
    model, batch = small(), collate(PLANTS)
    truth = [objects.masks for objects in batch.instances]
    made = model.unroll(batch.images)
    found = {
        kind: sequence_losses(made, truth, [], replace(SMALL, matching=kind))["coverage"].item()
        for kind in ("best", "greedy", "order")
    }
    assert found["best"] <= found["greedy"] and found["best"] <= found["order"]


@pytest.mark.parametrize("variant", ["rectangular", "square"])
def test_more_objects_than_steps_and_fewer(variant):
    for steps in (1, 2, 9):
        model = small(steps=steps, loss_variant=variant)
        losses = model(collate(PLANTS))
        assert -min(steps, 4) <= losses["coverage"] <= 0 and losses["score"].isfinite()
    iou = torch.rand(2, 5)
    assert [len(part) for part in matched(iou, replace(SMALL, matching="order"))] == [2, 2]


def test_the_curriculum_counts_training_steps_alone():
    model, batch = small(grow_every=2, start_steps=1), collate(PLANTS)
    drawn = []
    for _ in range(12):
        drawn.append(model.config.steps_after(int(model.steps_made)))
        model(batch)
        model.eval()(batch)
        model.train()
    assert drawn == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5]
    assert int(model.steps_made) == 8  # and stays, so that half precision holds it
    assert int(small().steps_made) == 0 and model.unroll(batch.images).masks.shape[1] == 5


def test_a_bias_bounds_every_mask_that_the_model_draws():
    model = small()
    with torch.no_grad():
        model.decoder.inhibition.bias.fill_(3.0)
        model.decoder.draw.weight.mul_(20)
    masks = model.unroll(collate(PLANTS).images).masks
    assert (masks > 0.5).flatten(2).sum(2).max() <= 20


def test_it_stops_before_the_first_low_score_and_its_confidence_never_rises():
    scores = torch.tensor([0.9, 0.6, 0.8, 0.4, 0.9])
    masks = torch.zeros(5, 4, 6)
    masks[0, 0, :2], masks[1, 1, 3], masks[2, 2, 2:4] = 1, 0.4, 0.7  # the second is empty at ½
    found = small().read(masks, scores, None)
    assert found["step"].tolist() == [0, 2] and found["instances"].scores.tolist() == pytest.approx([0.9, 0.6])
    assert found["instances"].boxes.tolist() == [[0, 0, 2, 1], [2, 2, 4, 3]]
    assert kept_steps(torch.tensor([[0.5, 0.5], [0.4, 1.0], [1.0, 1.0]])).tolist() == [2, 0, 2]
    assert kept_steps(torch.zeros(2, 0)).tolist() == [0, 0]


def test_predictions_come_in_the_order_of_the_steps():
    model = small(threshold=0.0)
    (found,) = model.predict([PLANTS[0].image])
    with torch.inference_mode():
        stages = dict(model.eval().stages(PLANTS[0].image))
    assert stages["steps"]["masks"].shape == (5, 32, 32) and stages["steps"]["hidden"].shape == (5, 8, 8, 8)
    assert found.masks.equal(stages["detections"]["instances"].masks)
    assert found.masks.equal((stages["steps"]["masks"] > 0.5)[stages["detections"]["step"]])


def test_a_class_for_each_mask():
    model = recurrent_model(4, "tiny", replace(SMALL, classes=True, threshold=0.0))
    with torch.no_grad():
        model.decoder.classify.bias.copy_(torch.tensor([9.0, 0, 5, 1]))  # the background is no answer
    found = model.read(torch.ones(2, 3, 3), torch.ones(2), model.decoder.classify.bias.expand(2, 4))
    assert found["instances"].labels.tolist() == [2, 2]
    assert model.expected_losses()["class"] == pytest.approx(0.5 * math.log(4))


def test_the_features_under_each_mask_are_averaged():
    """By loops, on masks of 6 × 8 pixels over maps of 3 × 4 cells; an empty mask shows nothing."""
    random = torch.Generator().manual_seed(5)
    features, masks = torch.rand(2, 5, 3, 4, generator=random), torch.rand(2, 3, 6, 8, generator=random)
    masks[1, 2] = 0
    shown = through_masks(features, masks)
    assert not shown[1, 2].any()
    for image, step in itertools.product(range(2), range(3)):
        weights = [
            [masks[image, step, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean() for x in range(4)] for y in range(3)
        ]
        weights = torch.tensor(weights)
        if weights.any():
            wanted = (features[image] * weights).sum((1, 2)) / weights.sum()
            torch.testing.assert_close(shown[image, step], wanted)


def test_a_class_is_that_of_what_the_mask_shows():
    """With the states switched off, the class of a step is read off the features under its mask."""
    model = small(classes=True)
    seen = model.decoder.classify.in_features - model.features.channels["p2"]
    with torch.no_grad():
        model.decoder.classify.weight[:, :seen] = 0
        model.decoder.classify.weight[:, seen:] = torch.randn(model.decoder.classify.weight[:, seen:].shape)
    made = model.unroll(collate(PLANTS).images)
    maps = model.features(collate(PLANTS).images)
    wanted = through_masks(maps["p2"], made.masks) @ model.decoder.classify.weight[:, seen:].T
    torch.testing.assert_close(made.class_logits, wanted + model.decoder.classify.bias)


def test_a_batch_with_padding_is_its_images_alone():
    """The padded image's masks: no pixel of the padding takes part, and the sum stays bounded by the bias."""
    model = small()
    samples = [PLANTS[0], Sample(torch.rand(3, 20, 28), torch.zeros(20, 28, dtype=torch.int64), _nothing(20, 28))]
    batch = collate(samples)
    made = model.unroll(batch.images, sizes=batch.sizes)
    assert not made.masks[1, :, 20:].any() and not made.masks[1, :, :, 28:].any()
    assert made.masks[1, :, :20, :28].flatten(1).sum(1).min() > 0
    torch.testing.assert_close(made.masks[:1], model.unroll(batch.images[:1]).masks)


def _nothing(height, width):
    return Instances(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, height, width).bool())


def test_crowds_are_no_objects():
    model, sample = small(), PLANTS[0]
    crowd = torch.zeros(len(sample.instances), dtype=torch.bool)
    crowd[0] = True
    marked = replace(sample, instances=replace(sample.instances, is_crowd=crowd))
    without = with_objects(sample, range(1, len(crowd)))
    assert model(collate([marked])) == model(collate([without]))


def test_a_prediction_that_is_no_number_gives_losses_that_are_none():
    model = small(classes=True)
    with torch.no_grad():
        model.decoder.draw.weight[0, 0, 0, 0] = math.nan
    losses = model(collate(PLANTS))
    assert set(losses) == {"coverage", "score", "class"} and all(loss.isnan() for loss in losses.values())


def test_the_monotone_score_loss_is_ren_and_zemels():
    """Written out: −s*·log min_{t' ≤ t} s_t' − (1 − s*)·log(1 − max_{t' ≥ t} s_t'), one step after the other."""
    torch.manual_seed(0)
    logits, counts = torch.randn(2, 5, dtype=torch.float64), torch.tensor([2, 5])
    scores, expected = logits.sigmoid(), []
    for row, n in zip(scores, counts.tolist(), strict=True):
        kept = [-math.log(row[: t + 1].min()) for t in range(n)]
        expected.append(sum(kept + [-math.log(1 - row[t:].max()) for t in range(n, 5)]))
    found = score_loss_with_logits(monotone_logits(logits, counts), counts)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)
    falling = torch.tensor([[3.0, 1, -1, -2]])
    assert monotone_logits(falling, torch.tensor([2])).equal(falling)  # nothing to punish
    assert torch.allclose(score_loss(falling.sigmoid(), 2), score_loss_with_logits(falling, 2))


def test_one_minus_iou_is_another_number_and_the_same_gradient():
    gradients, values = [], []
    for change in ({}, {"one_minus_iou": True}):
        model = small(**change)
        losses = model(collate(PLANTS))
        sum(losses.values()).backward()
        values.append(losses["coverage"])
        gradients.append([p.grad for p in model.parameters()])
    shift = sum(len(sample.instances) for sample in PLANTS) / len(PLANTS)
    torch.testing.assert_close(values[1], values[0] + shift)
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


@pytest.mark.parametrize(
    ("grid", "cells", "pixels"), [(Grid(2, 0.0), 5, 9), (Grid(4, 1.5), 4, 16), (Grid(1, 0.0), 3, 3)]
)
def test_cells_are_interpolated_where_they_lie(grid, cells, pixels):
    """A straight line stays one between the first and the last cell, and beyond them it stays what it was."""
    weights = linear_weights(grid, cells, pixels, torch.zeros((), dtype=torch.float64))
    places = grid.start + grid.stride * torch.arange(cells, dtype=torch.float64)
    expected = torch.arange(pixels, dtype=torch.float64).clamp(places[0], places[-1])
    torch.testing.assert_close(weights @ places, expected)
    torch.testing.assert_close(weights.sum(1), torch.ones(pixels, dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_cells_lie_where_they_lie_in_half_precision_too(dtype):
    """bfloat16 counts without gaps to 256 only, float16 to 2048: the places of pixels further on need more digits."""
    weights = linear_weights(Grid(4, 1.5), 800, 3200, torch.zeros((), dtype=dtype))
    assert weights.dtype == dtype
    torch.testing.assert_close(weights.double(), linear_weights(Grid(4, 1.5), 800, 3200, torch.zeros(()).double()))


def test_a_faint_mask_of_half_precision_shows_its_mean():
    features, masks = torch.full((1, 1, 2, 2), 3.0).half(), torch.full((1, 1, 4, 4), 1e-5).half()
    assert through_masks(features, masks).tolist() == [[[3]]]


def test_large_backbones_by_their_names():
    with torch.device("meta"):
        model = recurrent(2, "resnet18")
    assert model.config.width == 100 and model.decoder.fine == "m1"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_assignment_and_the_losses_are_the_same():
    values = torch.rand(6, 4)
    for one, other in zip(best_assignment(values), best_assignment(values.cuda()), strict=True):
        assert other.is_cuda and one.equal(other.cpu())
    here, there = small()(collate(PLANTS)), small().cuda()(collate(PLANTS).to("cuda"))
    for name, value in here.items():
        torch.testing.assert_close(there[name].cpu(), value, rtol=1e-3, atol=1e-3)
