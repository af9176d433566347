"""Spatial inhibition: its values, its bound of ⌊e^b⌋ pixels, what happens without it, and padding."""

import math

import pytest
import torch

from lessons_lib.models.instance.inhibition import Inhibition, most_pixels, spatial_inhibition


def test_by_hand():
    """Logits ln 1 and ln 3: p = ¼ and ¾; with e^b = 4 the odds are 1 and 3."""
    masks = spatial_inhibition(torch.tensor([[0.0, math.log(3)]]), torch.tensor(math.log(4)))
    torch.testing.assert_close(masks, torch.tensor([[1 / 2, 3 / 4]]))


def test_it_is_p_times_eb_over_one_more():
    torch.manual_seed(0)
    logits, bias = torch.randn(2, 3, 4, 5, dtype=torch.float64), torch.tensor(1.7, dtype=torch.float64)
    odds = logits.flatten(-2).softmax(-1).view_as(logits) * bias.exp()
    torch.testing.assert_close(spatial_inhibition(logits, bias), odds / (1 + odds), rtol=0, atol=1e-12)


@pytest.mark.parametrize("bias", [0.0, 0.5, 1.0, 3.0, 5.0, 7.0])
def test_at_most_so_many_pixels_reach_one_half_and_so_many_do(bias):
    """The worst case is a flat map over n positions: p = 1/n each, so all n pass as long as n ≤ e^b."""
    most = most_pixels(bias)
    assert most == {0.0: 1, 0.5: 1, 1.0: 2, 3.0: 20, 5.0: 148, 7.0: 1096}[bias]
    for count in (1, most, most + 1):
        logits = torch.full((40, 40), -200.0, dtype=torch.float64)
        logits.view(-1)[:count] = 0
        reached = int((spatial_inhibition(logits, torch.tensor(bias, dtype=torch.float64)) >= 0.5 - 1e-12).sum())
        assert reached == (count if count <= most else 0)
    torch.manual_seed(0)
    for scale in (0.1, 1, 10, 100):
        masks = spatial_inhibition(scale * torch.randn(50, 30, 30), torch.tensor(bias))
        assert int((masks > 0.5).flatten(1).sum(1).max()) <= most


def softmax_instead(logits, bias):
    """The mistake: a softmax without logarithm before the sigmoid, so that b bounds nothing."""
    return (logits.flatten(-2).softmax(-1).view(logits.shape) + bias).sigmoid()


def without(logits, bias):
    """The mistake: no competition at all."""
    return (logits + bias).sigmoid()


@pytest.mark.parametrize("mistake", [softmax_instead, without])
def test_the_bound_catches_who_forgets_the_competition(mistake):
    masks = mistake(torch.zeros(20, 20), torch.tensor(3.0))
    assert int((masks > 0.5).sum()) > most_pixels(3.0)


def test_a_bias_at_the_logarithm_of_the_area_lets_an_object_through():
    """Without training: an object of 120 pixels that stands out is drawn whole with b = ln 130, and not with 1."""
    logits = torch.full((64, 64), -20.0)
    logits[10:20, 10:22] = 0
    assert int((spatial_inhibition(logits, torch.tensor(1.0)) > 0.5).sum()) == 0
    assert int((spatial_inhibition(logits, Inhibition(130.0).bias.detach()) > 0.5).sum()) == 120


def test_gradient():
    logits = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    valid = torch.rand(2, 3, 3) > 0.3
    assert torch.autograd.gradcheck(spatial_inhibition, (logits, bias))
    assert torch.autograd.gradcheck(lambda a, b: spatial_inhibition(a, b, valid), (logits, bias))


def test_padding_neither_competes_nor_is_drawn():
    torch.manual_seed(0)
    small, bias = torch.randn(1, 4, 5), torch.tensor(2.0)
    padded, valid = torch.full((1, 6, 8), 50.0), torch.zeros(1, 6, 8, dtype=torch.bool)
    padded[:, :4, :5], valid[:, :4, :5] = small, True
    masks = spatial_inhibition(padded, bias, valid)
    torch.testing.assert_close(masks[:, :4, :5], spatial_inhibition(small, bias))
    assert not masks[~valid].any()


def test_nothing_valid_is_nothing_drawn():
    logits = torch.zeros(1, 2, 2, requires_grad=True)
    masks = spatial_inhibition(logits, torch.tensor(1.0), torch.zeros(1, 2, 2, dtype=torch.bool))
    masks.sum().backward()
    assert not masks.any() and not logits.grad.any()


def test_huge_logits_half_precision_and_one_position():
    masks = spatial_inhibition(torch.tensor([[1e30, -1e30]]), torch.tensor(0.0))
    assert masks.tolist() == [[0.5, 0.0]]
    assert spatial_inhibition(torch.zeros(2, 2, dtype=torch.bfloat16), torch.tensor(0.0)).dtype == torch.float32
    assert spatial_inhibition(torch.tensor([[5.0]]), torch.tensor(0.0)).item() == 0.5


def test_without_competition_every_position_is_asked_alone():
    module = Inhibition(100.0, compete=False)
    masks = module(torch.zeros(3, 64, 64))
    torch.testing.assert_close(masks.sum((1, 2)), torch.full((3,), 100.0), rtol=1e-3, atol=0)
    assert masks[0, 0, 0] == module.bias.sigmoid()
    assert not module(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2, dtype=torch.bool)).any()
