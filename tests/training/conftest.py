"""Runs inside the tests' own process: accelerate keeps one state a process, which each test begins anew."""

import pytest
from accelerate.state import AcceleratorState, PartialState

from lessons_lib.models.instance.pieces import Pieces
from lessons_lib.models.zoo import MODELS, Entry
from tests.tiny_model import TinyModel


@pytest.fixture(autouse=True)
def fresh_machine():
    yield
    AcceleratorState._reset_state()
    PartialState._reset_state()


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """The models "tiny" and "tiny_pieces", with dropout, so that a step depends on its random numbers too."""
    monkeypatch.setitem(MODELS, "tiny", Entry("semantic", lambda classes, backbone: TinyModel(classes, dropout=0.3)))
    pieces = Entry("instance", lambda classes, backbone: Pieces(TinyModel(classes, dropout=0.3)))
    monkeypatch.setitem(MODELS, "tiny_pieces", pieces)
