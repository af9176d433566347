"""A tensor made on the wrong device is found without a GPU: everything runs with a default device that holds nothing.

Model and data lie on the CPU while the default device is "meta", and a mode looks at every operation: whatever was
created without `device=` meets a tensor of the CPU there, and is named.
"""

from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lessons_lib.data.sample import Instances, collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.metrics.boundary import BoundaryScores
from lessons_lib.metrics.detection import DetectionScores
from lessons_lib.metrics.leaves import LeafScores
from lessons_lib.metrics.proposal_recall import ProposalRecall
from lessons_lib.metrics.semantic import SemanticScores
from lessons_lib.models.contract import InstanceModel
from lessons_lib.models.zoo import MODELS, build_model
from lessons_lib.ops.box_coding import decode_boxes, encode_boxes
from lessons_lib.ops.grid import Grid
from lessons_lib.ops.levels import multilevel_roi_align
from lessons_lib.ops.matching import match, overlaps
from lessons_lib.ops.nms import nms, nms_by_mask, nms_in_blocks
from lessons_lib.ops.roi import ps_roi_pool, roi_align, roi_pool, roi_warp
from lessons_lib.ops.sampling import sample, sample_hardest

EASY = PRESETS["easy"]


class OneDevice(TorchDispatchMode):
    """Raises when the tensors of one operation lie on devices of more than one type."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        found = {leaf.device.type for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, torch.Tensor)}
        if len(found) > 1:
            raise AssertionError(f"{function} has tensors on {' and '.join(sorted(found))}")
        return out


def alone(call):
    """Runs the call with nothing but its own tensors' device."""
    with torch.device("meta"), OneDevice():
        return call()


def test_a_stray_tensor_is_found():
    x = torch.ones(3)
    with pytest.raises((AssertionError, RuntimeError)):
        alone(lambda: x + torch.zeros(3))
    assert torch.equal(alone(lambda: x + torch.zeros_like(x)), x)


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    torch.manual_seed(0)
    model, batch = build_model(name, 11), collate(draw_scenes(range(2), replace(EASY, size=64)))

    def step():
        losses = model(batch)
        sum(losses.values()).backward()
        return losses

    losses = alone(step)
    assert all(loss.device.type == "cpu" for loss in losses.values())
    (found,) = alone(lambda: model.predict([batch.images[0]]))
    if isinstance(model, InstanceModel):
        alone(lambda: model.predict_with_proposals([batch.images[0]], 50))
    assert (found.boxes if isinstance(found, Instances) else found).device.type == "cpu"


@pytest.mark.parametrize("name", ["faster_rcnn", "mask_rcnn"])
@pytest.mark.parametrize("options", [{"neck": "tdm"}, {"neck": "c4", "operator": "pool"}, {"hard_examples": True}])
def test_detectors_of_other_kinds(name, options):
    model, batch = build_model(name, 11, **options), collate(draw_scenes(range(2), replace(EASY, size=64)))
    alone(lambda: sum(model(batch).values()).backward())
    alone(lambda: model.predict([batch.images[0]]))


@pytest.mark.parametrize("options", [{"neck": "c4", "stages": 3}, {"through_boxes": False}])
def test_cascades_of_other_kinds(options):
    model, batch = build_model("mnc", 11, **options), collate(draw_scenes(range(2), replace(EASY, size=64)))
    alone(lambda: sum(model(batch).values()).backward())
    alone(lambda: model.predict([batch.images[0]]))


@pytest.mark.parametrize("options", [{"operator": "pool"}, {"hard_examples": True, "parts": 1}])
def test_position_sensitive_maps_of_other_kinds(options):
    model, batch = build_model("fcis", 11, **options), collate(draw_scenes(range(2), replace(EASY, size=64)))
    alone(lambda: sum(model(batch).values()).backward())
    alone(lambda: model.predict([batch.images[0]]))


def boxes(count):
    start = torch.rand(count, 2) * 60
    return torch.cat([start, start + 2 + torch.rand(count, 2) * 30], 1)


def operators():
    """Every operator of regions and boxes on small arguments that are made beforehand."""
    x, rows = torch.rand(2, 8, 20, 24, requires_grad=True), [boxes(4), boxes(5)]
    some, other, scores = boxes(40), boxes(6), torch.rand(40)
    labels, groups = torch.randint(-1, 2, (40,)), torch.randint(0, 3, (40,))
    pyramid, both = [x, torch.rand(2, 8, 10, 12)], torch.stack([boxes(4), boxes(4)])
    grids = [Grid(4, 0.0), Grid(8, 0.0)]
    return {
        "roi_align": lambda: roi_align(x, rows, 3, 0.25, 2).sum().backward(),
        "adaptive roi_align": lambda: roi_align(x, rows, 3, 0.25).sum().backward(),
        "roi_pool": lambda: roi_pool(x, rows, 3, 0.25).sum().backward(),
        "roi_warp": lambda: roi_warp(x, rows, 3, 0.25).sum().backward(),
        "ps_roi_pool": lambda: ps_roi_pool(x, rows, 2, 0.25).sum().backward(),
        "multilevel_roi_align": lambda: multilevel_roi_align(pyramid, grids, both, 3).sum().backward(),
        "nms": lambda: nms(some, scores, 0.5, groups),
        "nms by mask": lambda: nms_by_mask(some, scores, 0.5, groups),
        "nms in blocks": lambda: nms_in_blocks(some, scores, 0.5, groups),
        "match": lambda: match(overlaps(some, other)[0], 0.5, 0.3, force_best=True),
        "sample": lambda: sample(labels, scores, 8, 0.5),
        "sample_hardest": lambda: sample_hardest(labels, scores, 8),
        "coding": lambda: decode_boxes(encode_boxes(some, some), some),
    }


@pytest.mark.parametrize("name", operators())
def test_operators(name):
    torch.manual_seed(0)
    call = operators()[name]
    alone(call)


METRICS = {
    "semantic": lambda: SemanticScores(11),
    "boundary": BoundaryScores,
    "box": lambda: DetectionScores("box"),
    "mask": lambda: DetectionScores("mask"),
    "proposals": ProposalRecall,
    "leaves": LeafScores,
}


@pytest.mark.parametrize("name", METRICS)
def test_metrics(name):
    """What a metric counts; it computes its numbers on the CPU, whatever the device."""
    scene = draw_scenes([0], EASY)[0]
    truth, scores = scene.instances, METRICS[name]()
    guess = Instances(truth.boxes, truth.labels, truth.masks, torch.linspace(0.1, 0.9, len(truth)))
    pair = (guess, truth) if name in ("box", "mask", "leaves") else (scene.label_map, scene.label_map)
    if name == "proposals":
        pair = (truth.boxes, truth)
    alone(lambda: scores.update(*pair))
    if name == "leaves":
        alone(lambda: scores.update(guess[:0], truth))  # nothing found
    assert scores.compute()
