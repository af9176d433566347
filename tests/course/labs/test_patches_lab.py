"""The laboratory of lesson 06 at the corners of its sliders, against what runs, and moved by hand."""

import io
import itertools

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn
from torch.nn import functional as F

from lessons_lib.course.labs import patches as laboratory
from lessons_lib.course.labs.lab import picture
from lessons_lib.models.semantic.patch import PatchClassifier, run_once, shift_and_stitch, slide
from lessons_lib.ops.cost import MultiplyAdds

CORNERS = list(itertools.product((32, 33, 256), (1, 9), (1, 2, 4, 48)))


@pytest.fixture(scope="module")
def lab():
    return laboratory.lab()


def counted(run, *inputs):
    with MultiplyAdds() as cost:
        run(*inputs)
    return cost.total


@pytest.mark.parametrize(("size", "kernel", "step"), CORNERS)
def test_compute_at_the_corners(size, kernel, step):
    state = laboratory.compute(size, kernel, step)
    assert state.patches == len(range(0, size, step)) ** 2 and min(state.costs) > 0
    patches = torch.zeros(1, 1, size, size)
    patches[:, :, ::step, ::step] = 1
    around = F.conv2d(patches, torch.ones(1, 1, *[state.patch_size] * 2), padding=state.patch_size // 2)
    assert state.reads.equal(around[0, 0].round().long())
    if step == 1:
        assert state.gain > 15
    if step > state.patch_size:
        assert state.reads.max() == 1 and state.gain < 1  # nothing is shared, so nothing is saved


@pytest.mark.parametrize("size", [37, 40])
def test_costs_are_those_of_what_runs(size):
    state = laboratory.compute(size, 3, 1)
    model = PatchClassifier(11).to("meta")
    padded = model.padded(torch.empty(1, 3, size, size, device="meta"))
    assert state.patch_size == model.patch_size
    runs = (
        lambda: slide(model.net, padded, 29),
        lambda: shift_and_stitch(model.net, padded, 29, 4),
        lambda: run_once(model.net, padded, dense=True),
    )
    assert state.costs == tuple(counted(run) for run in runs)


def test_another_reach_and_fewer_patches():
    state = laboratory.compute(40, 5, 8)
    model = PatchClassifier(11)
    model.net[9] = nn.Linear(16 * 25, 32)
    assert state.patch_size == 37 and state.patches == 25 and state.shifts == 1
    one = torch.empty(25, 3, 37, 37, device="meta")
    assert state.costs[0] == counted(model.net.to("meta"), one)
    assert laboratory.compute(40, 5, 2).shifts == 4 and laboratory.compute(40, 5, 3).shifts == 16


@pytest.mark.parametrize(("size", "kernel", "step"), CORNERS[::3])
def test_every_corner_can_be_drawn(size, kernel, step):
    state = laboratory.compute(size, kernel, step)
    assert isinstance(laboratory.draw(state), Figure)
    assert Image.open(io.BytesIO(picture(laboratory.draw, state))).size[0] > 600


def test_captions():
    words = laboratory.caption(laboratory.compute(96, 3, 1))
    assert words == (
        "<b>The whole image at once costs 53 times less.</b> 9216 patches of 29×29: "
        "the same pixel is read up to 841 times."
    )
    words = laboratory.caption(laboratory.compute(32, 1, 48))
    assert words == ("<b>The whole image at once costs 8.0 times more.</b> 1 patch of 21×21: no pixel is read twice.")


def test_controls_redraw_picture_and_number(lab):
    for name, value in (("step", 16), ("kernel", 5), ("size", 64)):
        before = lab.image, lab.words
        lab.controls[name].value = value
        assert (lab.image, lab.words) != before
    assert "16 patches of 37×37" in lab.words
