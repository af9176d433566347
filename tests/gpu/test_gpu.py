"""On a GPU everything is as on the CPU: operators and their gradients, steps, predictions, metrics; and nothing waits.

Skipped where there is no GPU. LESSONS_GPU=cpu runs the file on a CPU, which only shows that it can run.
"""

import math
import os
from dataclasses import replace

import pytest
import torch

from lessons_lib.data.sample import Instances, collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.metrics.boundary import BoundaryScores
from lessons_lib.metrics.detection import DetectionScores
from lessons_lib.metrics.semantic import SemanticScores
from lessons_lib.models.instance.build import detector, faster_rcnn, usual_config
from lessons_lib.models.instance.build_masks import mask_rcnn
from lessons_lib.models.instance.build_mnc import mnc
from lessons_lib.models.semantic.fcn import FCN, fcn_trunk
from lessons_lib.models.zoo import build_model
from lessons_lib.ops.box_coding import decode_boxes, encode_boxes
from lessons_lib.ops.boxes import pairwise_box_iou
from lessons_lib.ops.coverage import pairwise_soft_iou
from lessons_lib.ops.grid import Grid
from lessons_lib.ops.levels import multilevel_roi_align
from lessons_lib.ops.mask_targets import mask_targets
from lessons_lib.ops.masks import pairwise_mask_iou
from lessons_lib.ops.matching import match, overlaps
from lessons_lib.ops.nms import nms
from lessons_lib.ops.pasting import paste_masks, paste_probs
from lessons_lib.ops.roi import ps_roi_pool, roi_align, roi_pool, roi_warp
from lessons_lib.ops.sampling import sample
from lessons_lib.ops.subpixel import pixel_shuffle
from lessons_lib.training.loop import fit
from lessons_lib.training.memory import is_out_of_memory
from lessons_lib.training.recorded import ROUND, RecordedStep, fill_up

DEVICE = os.environ.get("LESSONS_GPU", "cuda" if torch.cuda.is_available() else "")
pytestmark = pytest.mark.skipif(not DEVICE, reason="needs a GPU, or LESSONS_GPU=cpu")
EASY = PRESETS["clear"]


@pytest.fixture(autouse=True)
def whole_float32():
    """A GPU may round the factors of convolutions to 10 bits (TF32); then other anchors are drawn and kept.

    Put back by hand: monkeypatch would delete the second, which no instance or class holds as an attribute.
    """
    switches = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [switch.allow_tf32 for switch in switches]
    for switch in switches:
        switch.allow_tf32 = False
    yield
    for switch, value in zip(switches, before, strict=True):
        switch.allow_tf32 = value


def boxes(count, extent=60.0):
    start = torch.rand(count, 2) * extent
    return torch.cat([start, start + 2 + torch.rand(count, 2) * extent / 2], 1)


def moved(value, device):
    if isinstance(value, torch.Tensor):
        return value.to(device)
    return type(value)(moved(x, device) for x in value) if isinstance(value, list | tuple) else value


FEATURES = (2, 8, 24, 28)
OPERATORS = {
    "roi_align": lambda: (lambda x, b: roi_align(x, b, 7, 0.25, 2, True), torch.rand(FEATURES), [boxes(5), boxes(9)]),
    "roi_align adaptive": lambda: (lambda x, b: roi_align(x, b, 7, 0.25), torch.rand(FEATURES), [boxes(5), boxes(9)]),
    "roi_pool": lambda: (lambda x, b: roi_pool(x, b, 7, 0.25), torch.rand(FEATURES), [boxes(5), boxes(9)]),
    "roi_warp": lambda: (lambda x, b: roi_warp(x, b, 7, 0.25), torch.rand(FEATURES), [boxes(5), boxes(9)]),
    "ps_roi_pool": lambda: (lambda x, b: ps_roi_pool(x, b, 2, 0.25), torch.rand(FEATURES), [boxes(5), boxes(9)]),
    "multilevel_roi_align": lambda: (
        lambda x, y, b: multilevel_roi_align([x, y], [Grid(4, 0.0), Grid(8, 0.0)], b, 7, canonical_size=40.0),
        torch.rand(2, 8, 24, 28),
        torch.rand(2, 8, 12, 14),
        torch.stack([boxes(9), boxes(9)]),
    ),
    "nms": lambda: (lambda b, s: nms(b, s, 0.4), boxes(300), torch.rand(300)),
    "nms of groups": lambda: (
        lambda b, s, g: nms(b, s, 0.4, g),
        boxes(300),
        torch.rand(300),
        torch.randint(0, 5, (300,)),
    ),
    "pairwise_box_iou": lambda: (pairwise_box_iou, boxes(40), boxes(30)),
    "pairwise_mask_iou": lambda: (pairwise_mask_iou, torch.rand(6, 30, 40) > 0.5, torch.rand(5, 30, 40) > 0.5),
    "paste_masks": lambda: (lambda p, b: paste_masks(p, b, (40, 50)), torch.rand(9, 7, 7), boxes(9)),
    "paste_probs": lambda: (lambda p, b: paste_probs(p, b, (40, 50), "torchvision"), torch.rand(9, 7, 7), boxes(9)),
    "mask_targets": lambda: (
        lambda m, b, i: mask_targets([m > 0, m[:3] > 0], b, i, i >= 0, 7),
        (torch.rand(5, 30, 40) > 0.5).int(),
        torch.stack([boxes(6), boxes(6)]),
        torch.randint(0, 3, (2, 6)),
    ),
    "encode_boxes": lambda: (encode_boxes, boxes(40), boxes(40)),
    "decode_boxes": lambda: (decode_boxes, torch.randn(40, 4), boxes(40)),
    "match": lambda: (lambda b, o: match(overlaps(b, o)[0], 0.5, 0.2, force_best=True), boxes(60), boxes(5)),
    "sample": lambda: (lambda y, r: sample(y, r, 16, 0.5), torch.randint(-1, 2, (3, 60)), torch.rand(3, 60)),
    "pixel_shuffle": lambda: (lambda x: pixel_shuffle(x, 2), torch.rand(2, 8, 5, 6)),
    "pairwise_soft_iou": lambda: (pairwise_soft_iou, torch.rand(4, 12, 12), (torch.rand(3, 12, 12) > 0.5).float()),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name):
    torch.manual_seed(0)
    function, *arguments = OPERATORS[name]()
    found = []
    for device in ("cpu", DEVICE):
        own = [moved(argument, device) for argument in arguments]
        if isinstance(own[0], torch.Tensor) and own[0].is_floating_point():
            own[0] = own[0].clone().requires_grad_()
        out = function(*own)
        results = list(out) if isinstance(out, tuple) else [out]
        if results[0].requires_grad:
            weights = torch.linspace(0, 1, results[0].numel(), device=device).view(results[0].shape)
            (gradient,) = torch.autograd.grad((results[0] * weights).sum(), own[0])
            results.append(gradient)
        found.append([result.detach().cpu() for result in results])
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-4)


def batch_of(count=2):
    return collate(draw_scenes(range(count), EASY))


def tiny_detector(**changes):
    torch.manual_seed(0)
    return detector(11, "tiny", "fpn", replace(usual_config("tiny", "fpn"), **changes))


def seeded():
    """Dice that fall alike on every device."""
    generator = torch.Generator().manual_seed(0)
    return lambda *shape, device: torch.rand(*shape, generator=generator).to(device)


@pytest.mark.parametrize("change", [{}, {"operator": "pool"}, {"hard_examples": True}])
def test_a_training_step(change):
    found = []
    for device in ("cpu", DEVICE):
        model = tiny_detector(**change).to(device)
        losses = model.learn(batch_of().to(device), seeded()).losses
        sum(losses.values()).backward()
        norm = torch.stack([p.grad.norm() for p in model.parameters()]).cpu()
        found.append((torch.stack([*losses.values()]).detach().cpu(), norm))
    torch.testing.assert_close(found[1], found[0], rtol=1e-2, atol=5e-3)


def test_a_training_step_with_masks():
    found = []
    for device in ("cpu", DEVICE):
        torch.manual_seed(0)
        model = mask_rcnn(11).to(device)
        losses = model.learn(batch_of().to(device), seeded()).losses
        sum(losses.values()).backward()
        found.append(torch.stack([*losses.values(), model.mask_head.predictor.weight.grad.norm()]).detach().cpu())
    torch.testing.assert_close(found[1], found[0], rtol=1e-2, atol=5e-3)


@pytest.mark.skipif(DEVICE != "cuda", reason="a CPU has nobody to wait for")
@pytest.mark.parametrize("build", [faster_rcnn, mask_rcnn, mnc])
@pytest.mark.parametrize("backbone", ["tiny", "resnet18"])
def test_a_training_step_never_waits(build, backbone):
    torch.manual_seed(0)
    model, batch = build(11, backbone).cuda(), batch_of().to("cuda")
    sum(model(batch).values()).backward()  # the first time, libraries set themselves up
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        sum(model(batch).values()).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def fixed_dice(*shape, device):
    """Dice that fall alike on every device and in every recording."""
    return (torch.arange(math.prod(shape), device=device) * 0.6180339887).frac().view(shape)


@pytest.mark.parametrize("name", ["fcn8s", "faster_rcnn", "mask_rcnn", "mnc", "fcis"])
def test_a_recorded_step_is_the_step_of_each_batch(name):
    torch.manual_seed(0)
    model = build_model(name, 11).to(DEVICE).train()
    learn = (lambda batch: model.learn(batch, fixed_dice).losses) if hasattr(model, "learn") else None
    recorded, plain = RecordedStep(model, learn), RecordedStep(model, learn)
    for numbers in ([0, 1], [2, 3], [0, 1]):
        batch = collate(draw_scenes(numbers, EASY)).to(DEVICE)
        found = []
        for make in (recorded, lambda own: plain._make(fill_up(own, ROUND))):
            for parameter, gradient in plain.gradients.items():
                parameter.grad = gradient
            losses = make(batch)
            norms = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None])
            found.append((torch.stack([*losses.values()]).detach().cpu(), norms.cpu()))
        torch.testing.assert_close(found[0], found[1], rtol=1e-2, atol=5e-3)
    assert len(recorded.recordings) == (DEVICE == "cuda")


def test_a_training_of_recorded_steps():
    torch.manual_seed(0)
    model = mask_rcnn(11).to(DEVICE)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    batches = [collate(draw_scenes([2 * k, 2 * k + 1], EASY)).to(DEVICE) for k in range(3)]
    losses = [record.loss for record in fit(model, batches, optimizer, 60, clip=10.0, recorded=True)]
    assert sum(losses[-6:]) < 0.7 * sum(losses[:6])


def test_a_step_in_bfloat16_is_finite():
    model, batch = tiny_detector().to(DEVICE), batch_of().to(DEVICE)
    with torch.autocast(DEVICE, torch.bfloat16):
        losses = model(batch)
    sum(losses.values()).backward()
    assert all(loss.isfinite() for loss in losses.values())
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_predictions():
    image = draw_scenes([3], EASY)[0].image
    stages = [dict(tiny_detector().to(device).eval().stages(image.to(device))) for device in ("cpu", DEVICE)]
    answers = [stage["objectness"]["objectness"][0].detach().cpu() for stage in stages]
    torch.testing.assert_close(answers[1], answers[0], rtol=1e-3, atol=1e-3)
    assert stages[1]["detections"]["instances"].boxes.device.type == DEVICE
    fcn = FCN(fcn_trunk("tiny"), 11, ("c5", "c4", "c3"))
    logits = [fcn.to(device).eval().logits(image[None].to(device)).detach().cpu() for device in ("cpu", DEVICE)]
    torch.testing.assert_close(logits[1], logits[0], rtol=1e-3, atol=1e-3)


def test_metrics():
    samples = draw_scenes(range(4), EASY)
    metrics = [SemanticScores(11), BoundaryScores()]
    found = []
    for device in ("cpu", DEVICE):
        metrics = [SemanticScores(11), BoundaryScores(), DetectionScores("box"), DetectionScores("mask")]
        for scene in samples:
            truth, label_map = scene.instances, scene.label_map.to(device)
            masks = truth.masks.roll(1, 2)
            guess = Instances(truth.boxes + 1, truth.labels, masks, torch.linspace(0.1, 0.9, len(truth)))
            for metric in metrics[:2]:
                metric.update(label_map.roll(1, 0), label_map)
            for metric in metrics[2:]:
                metric.update(guess.to(device), truth.to(device))
        found.append([metrics[0].compute()["miou"], metrics[1].compute()["boundary_f"]])
        found[-1] += [metric.compute()["ap"] for metric in metrics[2:]]
    assert found[1] == pytest.approx(found[0], abs=1e-6)


@pytest.mark.skipif(DEVICE != "cuda", reason="a CPU promises more memory than it has")
def test_out_of_memory_is_recognised():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**45, dtype=torch.uint8, device="cuda")
    assert is_out_of_memory(caught.value)


def test_wrong_truth_is_found():
    """On a CPU by name; on a GPU an assertion on the device would end this process, so it is left alone here."""
    bad = Instances(torch.zeros(1, 4), torch.ones(1, dtype=torch.int64), None)
    sample = replace(draw_scenes([0], EASY)[0], instances=bad)
    with pytest.raises(ValueError, match="image 0 of the batch"):
        tiny_detector()(collate([sample]))
