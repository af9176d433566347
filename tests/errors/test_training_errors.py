"""What the training loop says to a wrong argument."""

import re

import pytest
import torch

from lessons_lib.training.command import model_options
from lessons_lib.training.loop import fit
from lessons_lib.training.schedule import constant, one_cycle, polynomial, warm_up_cosine
from tests.tiny_model import TinyModel

MODEL = TinyModel()
OPTIMIZER = torch.optim.SGD(MODEL.parameters(), lr=0.1)

CASES = [
    (lambda: fit(MODEL, [], OPTIMIZER, 1), "loader must give at least 1 batch each time it is iterated, got 0"),
    (lambda: fit(MODEL, [], OPTIMIZER, -1), "start and steps must be 0 ≤ start ≤ steps, got start 0, steps -1"),
    (lambda: fit(MODEL, [], OPTIMIZER, 3, 4), "start and steps must be 0 ≤ start ≤ steps, got start 4, steps 3"),
    (lambda: fit(MODEL, [], OPTIMIZER, 3, clip=0.0), "clip must be > 0 or None, got 0.0"),
    (lambda: one_cycle(0.1, 0), "steps must be ≥ 1, got 0"),
    (lambda: constant(0.1, 0), "steps must be ≥ 1, got 0"),
    (lambda: polynomial(0.1, 0), "steps must be ≥ 1, got 0"),
    (lambda: warm_up_cosine(0.1, -1), "steps must be ≥ 1, got -1"),
    (lambda: fit(MODEL, [], OPTIMIZER, 3, -1), "start and steps must be 0 ≤ start ≤ steps, got start -1, steps 3"),
]


@pytest.mark.parametrize(("call", "message"), CASES)
def test_error_says_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        list(call())


def test_an_option_given_twice():
    assert model_options("mask_rcnn", ["neck=c4", "mask_head=mlp"]) == {"neck": "c4", "mask_head": "mlp"}
    with pytest.raises(ValueError, match="option neck must be given once, got it twice, the second time as 'fpn'"):
        model_options("mask_rcnn", ["neck=c4", "neck=fpn"])
