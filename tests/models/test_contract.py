"""What every semantic model keeps to: any size, gradient everywhere, predictions, one batch learned by heart."""

import pytest
import torch

from lessons_lib.data.sample import VOID, collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.zoo import MODELS, build_model

CLASSES = 11


@pytest.fixture(params=MODELS)
def model(request):
    torch.manual_seed(0)
    return build_model(request.param, CLASSES)


def scenes(count=2):
    return collate(draw_scenes(range(count), PRESETS["easy"]))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2), (31, 33), (64, 96)])
def test_logits_at_any_size(model, size):
    logits = model.logits(torch.rand(2, 3, *size))
    assert logits.shape == (2, CLASSES, *size) and logits.isfinite().all()


def test_gradient_reaches_every_parameter(model):
    """In the second step: a score layer that starts at zero passes no gradient on in the first."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.step()
        optimizer.zero_grad()
        sum(model(scenes()).values()).backward()
    assert [name for name, parameter in model.named_parameters() if not parameter.grad.any()] == []


def test_a_batch_of_void_costs_nothing_and_touches_everything(model):
    batch = scenes()
    batch.label_maps.fill_(VOID)
    loss = sum(model(batch).values())
    loss.backward()
    assert loss == 0 and all(p.grad is not None and not p.grad.any() for p in model.parameters())


def test_predictions_have_each_pictures_own_size(model):
    sizes = [(1, 1), (37, 52), (700, 500)]
    model.train()
    maps = model.predict([torch.rand(3, *size) for size in sizes])
    assert [tuple(m.shape) for m in maps] == sizes and all(m.dtype == torch.int64 for m in maps)
    assert model.training and all(module.training for module in model.modules())
    assert model.predict([]) == []


def test_one_batch_is_learned_by_heart(model):
    batch = collate(draw_scenes(range(2), PRESETS["easy"]))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(150):
        loss = sum(model(batch).values())
        if step == 0:
            first = loss.item()
        if loss < 0.3 * first:
            return
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    raise AssertionError(f"cross-entropy went from {first:.2f} to {loss:.2f} only")
