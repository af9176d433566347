"""Faster R-CNN whole: every backbone and neck learns, every stage can be seen, and hard batches are ordinary ones."""

from dataclasses import replace

import pytest
import torch

from lessons_lib.data.sample import Instances, Sample, collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.instance.build import detector, faster_rcnn, usual_config
from lessons_lib.ops.boxes import pairwise_box_iou

EASY = replace(PRESETS["easy"], void_border=False)
LOSSES = ["rpn_objectness", "rpn_box", "classification", "box"]


def sample(*boxes, size=96, labels=None, crowd=None):
    boxes = torch.tensor(boxes, dtype=torch.float32).view(-1, 4)
    labels = torch.ones(len(boxes), dtype=torch.int64) if labels is None else torch.tensor(labels)
    image = torch.rand(3, size, size, generator=torch.Generator().manual_seed(0))
    objects = Instances(boxes, labels, None, None, None if crowd is None else torch.tensor(crowd))
    return Sample(image, torch.zeros(size, size, dtype=torch.int64), objects)


def learn(model, batch):
    losses = model(batch)
    sum(losses.values()).backward()
    assert list(losses) == LOSSES and all(loss.isfinite() for loss in losses.values())
    idle = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert idle == []
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    return losses


@pytest.mark.parametrize("neck", ["fpn", "tdm", "c4"])
@pytest.mark.parametrize(("backbone", "size"), [("tiny", 96), ("resnet18", 64)])
@pytest.mark.parametrize("change", [{}, {"operator": "pool", "hard_examples": True}])
def test_every_kind_makes_a_step_and_finds(backbone, size, neck, change):
    torch.manual_seed(0)
    model = detector(4, backbone, neck, replace(usual_config(backbone, neck), regions=16, after_nms=(50, 20), **change))
    batch = collate([sample([5, 5, 40, 50], size=size), sample(size=size)])
    learn(model, batch)
    found = model.predict([batch.images[0], batch.images[1, :, :50]])
    assert [type(objects) for objects in found] == [Instances, Instances] and model.training
    assert found[0].masks is None and len(found[0]) <= 100 and bool((found[1].boxes[:, 3] <= 50).all())


@pytest.mark.parametrize(
    ("backbone", "neck", "parameters"),
    [
        ("resnet50", "fpn", 41_755_286),
        ("resnet101", "fpn", None),
        ("resnext101", "tdm", None),
        ("resnet101", "c4", None),
    ],
)
def test_large_ones_are_built(backbone, neck, parameters):
    """On the meta device, for their shapes and counts; torchvision's 41,755,286 leaves out its frozen BatchNorm."""
    with torch.device("meta"):
        model = faster_rcnn(91, backbone, neck=neck)
    model.features.freeze_pretrained()
    norms = sum(p.numel() for layer in model.features._norms() for p in layer.parameters())
    count = sum(p.numel() for p in model.parameters())
    assert parameters is None or count - norms == parameters
    assert not any(p.requires_grad for p in model.backbone.layer1.parameters())
    assert any(p.requires_grad for p in model.backbone.layer4.parameters())


HARD = {
    "no objects": sample(),
    "a crowd alone": sample([0, 0, 90, 90], crowd=[True]),
    "an object and a crowd": sample([10, 10, 30, 40], [20, 0, 90, 90], crowd=[False, True]),
    "one huge object": sample([0, 0, 96, 96]),
    "300 objects": sample(*[[x, y, x + 5, y + 6] for x in range(0, 90, 6) for y in range(0, 80, 4)][:300]),
    "twice the same": sample([10, 10, 40, 40], [10, 10, 40, 40], labels=[1, 2]),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("hard_examples", [True, False])
def test_hard_batches(name, hard_examples):
    torch.manual_seed(0)
    model = faster_rcnn(4, hard_examples=hard_examples)
    losses = learn(model, collate([HARD[name], sample([10, 20, 40, 60], size=64)]))
    assert name != "no objects" or losses["box"] >= 0
    learn(model, collate([HARD["no objects"]]))


def test_dice_are_an_argument():
    torch.manual_seed(0)
    model, batch = faster_rcnn(11), collate(draw_scenes(range(2), EASY))

    def dice(seed):
        generator = torch.Generator().manual_seed(seed)
        return lambda *shape, device: torch.rand(*shape, generator=generator, device=device)

    first, again, other = (model.learn(batch, dice(seed)) for seed in (0, 0, 1))
    assert first.losses == again.losses and first.losses != other.losses
    torch.testing.assert_close(first.regions.boxes, again.regions.boxes)
    assert first.regions.boxes.shape == (2, 16, 4) and list(first.maps) == ["p2", "p3"]


def test_stages_are_named_and_fit_together():
    torch.manual_seed(0)
    model, (scene,) = faster_rcnn(11).eval(), draw_scenes([3], EASY)
    with torch.no_grad():
        stages = dict(model.stages(scene.image))
    names = ["image", "features", "anchors", "objectness", "proposals", "regions", "scores", "detections"]
    assert list(stages) == names
    anchors, objectness = stages["anchors"]["anchors"][0], stages["objectness"]["objectness"][0]
    assert anchors.shape == (12 * 12 * 9, 4) and objectness.shape == (12 * 12 * 9,)
    assert stages["objectness"]["deltas"][0].shape == anchors.shape
    after = stages["proposals"]["after"]
    torch.testing.assert_close(stages["regions"]["boxes"], after.boxes[0][after.valid[0]])
    assert stages["regions"]["features"].shape[1:] == (48, 7, 7)
    assert stages["scores"]["probs"].shape == (len(stages["regions"]["boxes"]), 11)
    found, region = stages["detections"]["instances"], stages["detections"]["region"]
    picked = stages["scores"]["probs"][region, found.labels]
    torch.testing.assert_close(found.scores, picked)
    torch.testing.assert_close(model.predict([scene.image])[0].boxes, found.boxes)


def test_a_resized_image_gives_boxes_in_its_own_pixels():
    """At twice the size in the network, boxes come back halved; padding is normalised to 0 and moves nothing."""
    config = replace(usual_config("tiny", "fpn"), least_confidence=0.0)
    torch.manual_seed(0)
    plain = detector(3, "tiny", "fpn", config).eval()
    double = detector(3, "tiny", "fpn", replace(config, short_side=192, pad_to=32)).eval()
    double.load_state_dict(plain.state_dict())
    image = draw_scenes([0], EASY)[0].image[:, :, :90]
    seen, size = double.fit_image(image)
    assert size == (204, 192) and seen.shape == (1, 3, 224, 192)  # 96 × 90, the shorter side to 192
    assert double.backbone.normalise(seen)[..., 204:, :].abs().max() < 1e-6
    with torch.no_grad():
        *_, (_, last) = double.stages(image)
    (found,) = double.predict([image])
    assert bool((found.boxes[:, 2] <= 90).all()) and bool((found.boxes[:, 3] <= 96).all())
    assert len(last["instances"]) == len(found) > 0


def test_an_image_in_a_larger_batch_keeps_its_border():
    """Proposals are clipped to the image, not to the padding around it."""
    torch.manual_seed(0)
    model = faster_rcnn(4)
    step = model.learn(collate([sample([5, 5, 30, 30], size=48), sample([5, 5, 80, 80], size=96)]))
    small = step.regions.boxes[0][step.regions.valid[0]]
    assert bool((small <= 48).all()) and bool((step.regions.boxes[1] > 48).any())


def test_it_overfits_one_scene():
    """The last steps are small: after them ten seeds had IoUs of 0.59 to 0.99, whatever the processor rounded."""
    torch.manual_seed(0)
    model = faster_rcnn(11)
    scene = draw_scenes([5], EASY)[0]
    batch = collate([scene] * 2)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 2e-3 if step < 150 else 4e-4
        optimizer.zero_grad()
        sum(model(batch).values()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
    (found,) = model.predict([scene.image])
    sure, truth = found[found.scores > 0.5], scene.instances
    same_class = sure.labels[:, None] == truth.labels
    assert torch.where(same_class, pairwise_box_iou(sure.boxes, truth.boxes), 0).amax(0).min() > 0.5
    assert len(sure) <= 3 * len(truth)
