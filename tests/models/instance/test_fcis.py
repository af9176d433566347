"""FCIS whole: it makes a step and draws masks, with 0, 1 or 50 objects; its masks are assembled from the score maps."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from lessons_lib.data.sample import Instances, Sample, collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.instance.build_fcis import fcis, position_sensitive
from lessons_lib.models.instance.fcis_config import FCIS_DETECTOR, TINY_FCIS, TINY_FCIS_DETECTOR, FCISConfig
from lessons_lib.models.instance.rpn import Proposals
from lessons_lib.ops.pasting import paste_masks

CLEAR = PRESETS["clear"]
LOSSES = ["rpn_objectness", "rpn_box", "classification", "box", "mask"]


def sample(*boxes, size=96, crowd=None):
    """An image with discs for objects, all of class 1."""
    corners = torch.tensor(boxes, dtype=torch.int64).view(-1, 4)
    y, x = torch.arange(size)[:, None] + 0.5, torch.arange(size) + 0.5
    masks = torch.zeros(len(boxes), size, size, dtype=torch.bool)
    for mask, (x0, y0, x1, y1) in zip(masks, corners.tolist(), strict=True):
        mask |= ((2 * x - x0 - x1) / (x1 - x0)) ** 2 + ((2 * y - y0 - y1) / (y1 - y0)) ** 2 < 1
    image = torch.rand(3, size, size, generator=torch.Generator().manual_seed(0))
    labels = torch.ones(len(boxes), dtype=torch.int64)
    objects = Instances(corners.float(), labels, masks, None, None if crowd is None else torch.tensor(crowd))
    return Sample(image, torch.zeros(size, size, dtype=torch.int64), objects)


def made(classes=4, **options):
    torch.manual_seed(0)
    return fcis(classes, **options)


def learn(model, batch):
    losses = model(batch)
    sum(losses.values()).backward()
    assert list(losses) == LOSSES and all(loss.isfinite() for loss in losses.values())
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    return losses


@pytest.mark.parametrize("options", [{}, {"operator": "pool", "hard_examples": True}, {"parts": 1}, {"parts": 5}])
def test_every_kind_makes_a_step_and_draws(options):
    model = made(**options)
    batch = collate([sample([5, 5, 40, 50]), sample()])
    losses = learn(model, batch)
    for name, value in model.expected_losses().items():
        assert losses[name].item() == pytest.approx(value, rel=0.1)
    found = model.predict([batch.images[0], batch.images[1, :, :50]])
    assert model.training
    assert [o.masks.shape[1:] for o in found] == [(96, 96), (50, 96)] and min(len(o) for o in found) > 0


@pytest.mark.parametrize("source", ["m1", "p2"])
def test_score_maps_of_other_maps(source):
    torch.manual_seed(0)
    model = position_sensitive(4, "tiny", TINY_FCIS_DETECTOR, replace(TINY_FCIS, source=source))
    learn(model, collate([sample([5, 5, 40, 50])]))
    assert model.features.grids["scores"] == model.features.grids[source]


def test_a_large_backbone_is_the_papers():
    """conv5 dilated: stride 16, RPN on c4, 2·(C + 1)·k² maps and 4·k² of the box, k = 7, 21 × 21 cells."""
    torch.manual_seed(0)
    config = replace(FCIS_DETECTOR, after_nms=(20, 20), regions=8, before_nms=(50, 50))
    model = position_sensitive(3, "resnet18", config, FCISConfig(width=32))
    maps = model.features(torch.rand(1, 3, 64, 64))
    assert maps["scores"].shape == (1, (2 * 3 + 4) * 49, 4, 4) and model.features.grids["scores"].stride == 16
    step = model.learn(collate([sample([5, 5, 40, 50], size=64)]))
    assert step.targets.shape == (1, 8, 21, 21) and step.features.shape == (1, 8, 10, 21, 21)
    learn(model, collate([sample([5, 5, 40, 50], size=64)]))


@pytest.mark.parametrize("count", [0, 1, 50])
def test_images_with_no_one_and_fifty_objects(count):
    model = made()
    boxes = [[8 * (i % 10), 16 * (i // 10), 8 * (i % 10) + 9, 16 * (i // 10) + 17] for i in range(count)]
    losses = learn(model, collate([sample(*boxes)]))
    assert (losses["mask"] > 0) == (losses["box"] > 0) == (count > 0)
    assert len(model.predict([sample(*boxes).image])) <= 100


def test_a_crowd_is_no_object():
    assert learn(made(), collate([sample([0, 0, 90, 90], crowd=[True])]))["mask"] == 0


def test_the_mask_loss_is_the_cross_entropy_of_the_pair_of_the_true_class():
    model = made()
    step = model.learn(collate([sample([5, 5, 40, 50], [50, 50, 90, 90])]))
    costs = []
    for b, r in step.step.regions.objects.nonzero().tolist():
        label = step.step.regions.labels[b, r]
        pair = step.features[b, r, 2 * label : 2 * label + 2][None]  # outside, inside
        soft = torch.stack([1 - step.targets[b, r], step.targets[b, r]])[None]  # target 1 is inside, the second
        costs.append(F.cross_entropy(pair, soft))
    torch.testing.assert_close(step.losses["mask"], torch.stack(costs).mean())


def test_the_masks_learn_from_the_true_class_alone():
    model = made()
    model(collate([sample([5, 5, 40, 50])]))["mask"].backward()
    touched = model.features.neck.predictor.bias.grad.view(-1, 9).any(1).nonzero()[:, 0].tolist()
    assert touched == [2, 3]  # class 1: outside, inside


def test_the_targets_are_the_masks_seen_through_the_regions():
    model, batch = made(11), collate(draw_scenes(range(2), CLEAR))
    step = model.learn(batch)
    regions = step.step.regions
    assert regions.objects.any() and not step.targets[~regions.objects].any()
    for b, r in regions.objects.nonzero().tolist():
        mask = batch.instances[b].masks[regions.matched[b, r]]
        again = paste_masks(step.targets[b, r][None], regions.boxes[b, r][None], mask.shape)[0]
        x0, y0, x1, y1 = regions.boxes[b, r].round().long().tolist()
        inside = torch.zeros_like(mask)
        inside[y0:y1, x0:x1] = mask[y0:y1, x0:x1]
        assert (again & inside).sum() / (again | inside).sum() > 0.7


def test_given_proposals_stand_in_for_the_rpns():
    given = Proposals(torch.tensor([[[5.0, 5, 41, 52]]]), torch.ones(1, 1), torch.ones(1, 1, dtype=torch.bool))
    step = made().learn(collate([sample([5, 5, 40, 50])]), proposals=given).step
    assert {tuple(box) for box in step.regions.boxes[0].tolist()} == {(5, 5, 41, 52), (5, 5, 40, 50)}


def test_the_hardest_regions_are_those_that_lose_most():
    """OHEM costs nothing but arithmetic here: the score maps are there, and the head has no weights."""
    model = made(11, hard_examples=True)
    step = model.learn(collate(draw_scenes(range(2), CLEAR))).step
    assert step.regions.valid.all() and step.regions.objects.any()


def test_no_shape_of_a_step_depends_on_the_data():
    model, shapes = made(), []
    for boxes in ([], [[5, 5, 40, 50]], [[5, 5, 40, 50], [0, 0, 96, 96]]):
        step = model.learn(collate([sample(*boxes), sample([1, 1, 30, 30])]))
        shapes.append([tuple(x.shape) for x in (step.step.regions.boxes, step.features, step.targets)])
    assert shapes[0] == shapes[1] == shapes[2]


@pytest.mark.parametrize("boxes", ["proposed", "moved", "both"])
def test_stages_end_with_what_is_predicted(boxes):
    model, (scene,) = made(11).eval(), draw_scenes([3], CLEAR)
    model.config = replace(model.config, boxes=boxes, vote=None, threshold=0.5)
    with torch.inference_mode():
        stages = dict(model.stages(scene.image))
        first, again = stages["regions"], model.assemble(stages["features"]["maps"], stages["scores"]["boxes"][:, 0])
    assert list(stages)[-6:] == ["scores", "assembled", "judged", "boxes", "own_masks", "detections"]
    parts = {"proposed": [first["features"]], "moved": [again], "both": [first["features"], again]}[boxes]
    torch.testing.assert_close(stages["assembled"]["features"], torch.cat(parts))
    objects, region = stages["detections"]["instances"], stages["detections"]["region"]
    torch.testing.assert_close(objects.boxes, stages["assembled"]["boxes"][region])
    pair = stages["assembled"]["features"][region][torch.arange(len(objects))[:, None], _pair(objects.labels)]
    torch.testing.assert_close(stages["own_masks"]["probs"], pair.softmax(1)[:, 1])
    assert torch.equal(objects.masks, paste_masks(stages["own_masks"]["probs"], objects.boxes, (96, 96), 0.5))
    (found,) = model.predict([scene.image])
    assert torch.equal(found.masks, objects.masks) and len(found) > 0


def test_boxes_vote_on_the_masks_of_the_objects_class():
    """By hand: three boxes judged, of which the first two lie over each other; the third has no say in their mask."""
    model = made()
    boxes = torch.tensor([[10.0, 10, 20, 20], [10, 10, 20, 21], [60, 60, 70, 70]])
    inside = torch.zeros(3, 4, 2, 2)
    inside[0, 1], inside[1, 1], inside[2, 1] = 1, torch.tensor([[1.0, 1], [0, 0]]), 1
    inside[:, 2] = 1  # another class's mask, which must not count
    probs = torch.tensor([[0.2, 0.6, 0, 0.2], [0.1, 0.9, 0, 0], [0, 1, 0, 0]])
    objects = Instances(boxes[:1], torch.tensor([1]), None, torch.tensor([0.6]))
    model.config = replace(model.config, vote=0.5, threshold=0.5)
    (mask,) = model.voted(objects, inside, boxes, probs, (80, 80))
    assert mask[12, 15] and not mask[17, 15] and not mask[65, 65]  # below: 0.6 + 0.14 · 0.9 of 1.5 votes, 0.48
    model.config = replace(model.config, threshold=0.45)
    assert model.voted(objects, inside, boxes, probs, (80, 80))[0, 17, 15]
    unsure = probs * torch.tensor([[1.0], [0.001], [1]])  # too low for a detection: no vote, however few are needed
    model.config = replace(model.config, threshold=0.99)
    assert model.voted(objects, inside, boxes, unsure, (80, 80))[0, 17, 15]
    assert model.voted(objects[:0], inside, boxes, probs, (80, 80)).shape == (0, 80, 80)


def test_voting_changes_masks_and_nothing_else():
    model, (scene,) = made(11).eval(), draw_scenes([3], CLEAR)
    found = []
    for vote in (None, 0.5):
        model.config = replace(model.config, boxes="both", vote=vote)
        found += model.predict([scene.image])
    assert torch.equal(found[0].boxes, found[1].boxes) and torch.equal(found[0].labels, found[1].labels)
    assert not torch.equal(found[0].masks, found[1].masks)


def _pair(labels):
    return torch.stack([2 * labels, 2 * labels + 1], 1)


def test_masks_have_the_images_own_size_also_where_it_is_resized():
    torch.manual_seed(0)
    model = position_sensitive(11, "tiny", replace(TINY_FCIS_DETECTOR, short_side=64, pad_to=32), TINY_FCIS)
    (found,) = model.predict([draw_scenes([3], CLEAR)[0].image[:, :80]])
    assert found.masks.shape == (len(found), 80, 96) and len(found) > 0


def test_proposals_are_given_as_many_as_asked_for():
    ((found, boxes),) = made().eval().predict_with_proposals([sample([5, 5, 40, 50]).image], 10)
    assert boxes.shape == (10, 4) and len(found) > 0
