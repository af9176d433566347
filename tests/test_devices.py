"""Tensors that are made on the wrong device, found without a GPU: whatever is created without `device=` betrays itself.

Inputs lie on the CPU while the default device is "meta", so a tensor that an operator or a model makes without saying
where lands on meta; where it meets the others, the mode below raises. With a GPU it would have landed on the CPU.
"""

import importlib
import inspect
import pkgutil

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import lessons_lib.ops
from lessons_lib.data.sample import Instances
from lessons_lib.metrics.boundary import BoundaryScores, ThinRecall
from lessons_lib.metrics.detection import DetectionScores
from lessons_lib.metrics.semantic import SemanticScores
from lessons_lib.models.zoo import MODELS, build_model
from tests.device_calls import CALLS, NOT_CALLED
from tests.models.batches import scenes


class OneDevice(TorchDispatchMode):
    """Raises where the tensors of one operation lie on more than one kind of device; numbers may, as in torch."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor) and leaf.dim()]
        kinds = {tensor.device.type for tensor in tensors}
        if len(kinds) > 1 and "copy_" not in str(func):
            raise AssertionError(f"{func} got tensors on {' and '.join(sorted(kinds))}: one was made without device=")
        return func(*args, **kwargs)


def check(call):
    """Runs the call where a tensor made without a device would land elsewhere, and gives what it returned."""
    with torch.device("meta"), OneDevice():
        out = call()
    devices = {leaf.device.type for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)}
    assert devices <= {"cpu"}, "what it returned was made without device="
    return out


def test_the_mode_finds_what_it_is_for():
    x = torch.rand(3)
    assert check(lambda: x + torch.ones(3, device=x.device) * 2.0).shape == (3,)
    for wrong in (lambda: x + torch.ones(3), lambda: x[torch.arange(2)], lambda: torch.cat([x, torch.zeros(1)])):
        with pytest.raises((AssertionError, NotImplementedError, RuntimeError)):
            check(wrong)
    with pytest.raises(AssertionError, match="what it returned"):
        check(lambda: torch.zeros(2))


def operators():
    """Every public function of the operators that takes a tensor, as module.function."""
    for module in pkgutil.walk_packages(lessons_lib.ops.__path__, "lessons_lib.ops."):
        for name, function in vars(importlib.import_module(module.name)).items():
            own = inspect.isfunction(function) and function.__module__ == module.name
            if own and not name.startswith(("_", "check_")):
                parameters = inspect.signature(function).parameters.values()
                if any("Tensor" in str(p.annotation) or "jaxtyping" in str(p.annotation) for p in parameters):
                    yield f"{module.name.removeprefix('lessons_lib.ops.')}.{name}"


def test_every_operator_has_a_call():
    """A new operator needs a row in `tests/device_calls.py`; one that is gone must leave it."""
    found, called = set(operators()), {name.partition(",")[0] for name in CALLS}
    assert len(found) > 60
    assert sorted(found - called - set(NOT_CALLED)) == []
    assert sorted(called - found) == sorted(set(NOT_CALLED) - found) == []


@pytest.mark.parametrize("name", CALLS)
def test_operator(name):
    check(CALLS[name])


@pytest.mark.parametrize("name", MODELS)
def test_model(name):
    """Forward, backward and predict of every model in the zoo."""
    torch.manual_seed(0)
    model, batch = build_model(name, 12), scenes(0, 1)

    def step():
        losses = model(batch)
        sum(losses.values()).backward()
        return losses

    if any(parameter.requires_grad for parameter in model.parameters()):
        check(step)
    found = check(lambda: model.predict(list(batch.images)))
    assert len(found) == 2


def instances(masks, boxes, labels, scores=None):
    return Instances(boxes, labels, masks, scores=scores)


METRICS = {
    "semantic": (lambda: SemanticScores(3), 2),
    "boundary": (lambda: BoundaryScores(), 2),
    "thin": (lambda: ThinRecall((1,)), 2),
    "detection, masks": (lambda: DetectionScores("mask"), 0),
    "detection, boxes": (lambda: DetectionScores("box"), 0),
}


@pytest.mark.parametrize("name", METRICS)
def test_metric(name):
    """update of every metric: counted on the CPU, wherever the prediction lies."""
    make, dims = METRICS[name]
    label_maps = torch.randint(0, 3, (2, 16, 16))
    boxes, labels = torch.tensor([[0.0, 0, 5, 5], [3, 3, 9, 9]]), torch.tensor([1, 2])
    masks, scores = torch.rand(2, 16, 16) > 0.5, torch.tensor([0.9, 0.3])
    pair = tuple(label_maps) if dims else (Instances(boxes, labels, masks, scores), Instances(boxes, labels, masks))
    metric = make()
    check(lambda: metric.update(*pair))
    check(metric.compute)
