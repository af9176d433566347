"""FCN: alignment by hand and by oracle, the zero start, the way from 32s to 8s, any size, training."""

import pytest
import torch
from torch import nn

from lessons_lib.data.sample import collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.backbones import TinyBackbone
from lessons_lib.models.build import build_model
from lessons_lib.models.fcn import FCN

NAMES = ("fcn32s", "fcn16s", "fcn8s")
SCORES = {"fcn32s": ("c5",), "fcn16s": ("c5", "c4"), "fcn8s": ("c5", "c4", "c3"), "bare": ("c3",)}


def a_batch(count=2):
    return collate(draw_scenes(range(count), PRESETS["easy"]))


def with_random_scores(model):
    torch.manual_seed(3)
    for layer in model.scores.values():
        nn.init.normal_(layer.weight, std=0.3)
        nn.init.normal_(layer.bias)
    return model


@pytest.mark.parametrize("scores", SCORES.values(), ids=SCORES)
@pytest.mark.parametrize("size", [(1, 1), (1, 70), (31, 33), (96, 64), (97, 130)])
def test_logits_have_the_picture_s_size(scores, size):
    assert FCN(TinyBackbone(), 5, scores).logits(torch.rand(2, 3, *size)).shape == (2, 5, *size)


@pytest.mark.parametrize("name", NAMES)
def test_an_untrained_model_says_nothing_and_every_parameter_gets_a_gradient(name):
    model, batch = build_model(name, 11), a_batch()
    assert model.logits(batch.images).eq(0).all()
    loss = model(batch)["cross_entropy"]
    torch.testing.assert_close(loss, torch.tensor(11.0).log())
    with_random_scores(model)(batch)["cross_entropy"].backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@pytest.mark.parametrize("scores", SCORES.values(), ids=SCORES)
def test_overfits_one_batch(scores):
    torch.manual_seed(0)
    model, batch = FCN(TinyBackbone(), 11, scores), collate(draw_scenes([2]))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = model(batch)["cross_entropy"]
        loss.backward()
        optimizer.step()
    assert loss < 0.9
