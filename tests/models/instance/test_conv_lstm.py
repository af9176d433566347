"""The ConvLSTM cell: equal to one written with unfolded windows and matrix products, in values and in all gradients."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lessons_lib.models.instance.conv_lstm import RANGE, ConvLSTMCell


def independent(cell, x, h, c):
    """The same step written out: every window of x and h as a vector, one matrix of weights, gate by gate."""
    kernel = cell.from_input.kernel_size[0]
    both = torch.cat([x, h], 1)
    weight = torch.cat([cell.from_input.weight, cell.from_hidden.weight], 1).flatten(1)  # (4C, (C_in + C)·k²)
    windows = F.unfold(both, kernel, padding=kernel // 2)  # (B, (C_in + C)·k², H·W)
    gates = torch.einsum("ok,bkn->bon", weight, windows) + (cell.from_input.bias + cell.from_hidden.bias)[:, None]
    n = cell.c_hidden
    gates = gates.view(len(x), 4 * n, *x.shape[2:])
    enter, forget, out = (1 / (1 + torch.exp(-gates[:, k * n : (k + 1) * n])) for k in range(3))
    new = forget * c + enter * torch.tanh(gates[:, 3 * n :])
    return out * torch.tanh(new), new


@pytest.mark.parametrize(("c_in", "c_hidden", "kernel"), [(3, 4, 3), (1, 1, 1), (2, 3, 5)])
def test_values_and_gradients_are_those_of_an_independent_cell(c_in, c_hidden, kernel):
    torch.manual_seed(0)
    cell = ConvLSTMCell(c_in, c_hidden, kernel).double()
    inputs = [torch.randn(2, n, 5, 6, dtype=torch.float64, requires_grad=True) for n in (c_in, c_hidden, c_hidden)]
    wanted = (*inputs, *cell.parameters())
    results = []
    for step in (lambda x, h, c: cell(x, (h, c)), lambda x, h, c: independent(cell, x, h, c)):
        state = step(*inputs)
        state = step(inputs[0], *state)  # twice, so that the gradient goes through time
        total = (state[0] * torch.linspace(-1, 1, 30, dtype=torch.float64).view(5, 6)).sum() + state[1].square().sum()
        results.append((state, torch.autograd.grad(total, wanted)))
    (ours, our_gradients), (theirs, their_gradients) = results
    for one, other in zip((*ours, *our_gradients), (*theirs, *their_gradients), strict=True):
        assert (one - other).abs().max() <= 1e-12


def test_on_maps_of_one_position_it_is_torchs_lstm():
    torch.manual_seed(1)
    cell, theirs = ConvLSTMCell(3, 4, 1).double(), nn.LSTMCell(3, 4).double()
    order = [0, 1, 3, 2]  # torch: in, forget, candidate, out
    with torch.no_grad():
        for layer, weight, bias in (
            (cell.from_input, "weight_ih", "bias_ih"),
            (cell.from_hidden, "weight_hh", "bias_hh"),
        ):
            for own, name in ((layer.weight.flatten(1), weight), (layer.bias, bias)):
                rows = own.view(4, 4, *own.shape[1:])[order].flatten(0, 1)
                getattr(theirs, name).copy_(rows)
    x, state = torch.randn(2, 3, dtype=torch.float64), None
    h = c = torch.zeros(2, 4, dtype=torch.float64)
    for _ in range(3):
        state = cell(x[..., None, None], state)
        h, c = theirs(x, (h, c))
    torch.testing.assert_close(state[0][..., 0, 0], h, rtol=0, atol=1e-12)
    torch.testing.assert_close(state[1][..., 0, 0], c, rtol=0, atol=1e-12)


def test_one_step_by_hand():
    """All weights 0, biases 0 but the candidate's: c' = ½·tanh(1) and h' = ½·tanh(c'); then half of c is kept."""
    cell = ConvLSTMCell(1, 1, 1)
    for parameter in cell.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        cell.from_input.bias[3] = 1
    h, c = cell(torch.zeros(1, 1, 1, 1))
    assert c.item() == pytest.approx(0.5 * math.tanh(1)) and h.item() == pytest.approx(0.5 * math.tanh(c.item()))
    _, again = cell(torch.zeros(1, 1, 1, 1), (h, c))
    assert again.item() == pytest.approx(0.75 * math.tanh(1))


def test_what_the_input_adds_can_be_computed_once():
    torch.manual_seed(0)
    cell, x = ConvLSTMCell(2, 3), torch.randn(2, 2, 4, 5)
    gates, state, other = cell.gates_of(x), None, None
    for _ in range(3):
        state, other = cell.step(gates, state), cell(x, other)
        assert state[0].equal(other[0]) and state[1].equal(other[1])


def test_a_fresh_cell_begins_as_the_paper_has_it():
    cell = ConvLSTMCell(3, 5)
    assert (cell.from_input.bias[:10] == 1).all() and (cell.from_input.bias[10:].abs() <= RANGE).all()
    assert all(p.abs().max() <= RANGE for p in (cell.from_input.weight, *cell.from_hidden.parameters()))
    h, c = cell.start(torch.zeros(2, 7, 3, 4, dtype=torch.float64))
    assert h.shape == c.shape == (2, 5, 3, 4) and h.dtype == torch.float64 and not h.any()


@pytest.mark.parametrize("shape", [(0, 2, 4, 4), (1, 2, 1, 1)])
def test_no_image_and_one_position(shape):
    h, c = ConvLSTMCell(2, 3)(torch.rand(shape))
    assert h.shape == c.shape == (shape[0], 3, *shape[2:])
