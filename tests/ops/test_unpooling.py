"""Unpooling: by hand, against torch's pooling and unpooling, and against the backward pass of pooling."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from lessons_lib.ops.unpooling import corner_switches, follow_switches, max_pool, max_unpool, moved

SIZES = [(1, 1), (1, 6), (2, 2), (5, 4), (7, 7), (8, 3)]


def maps(size, count=2, channels=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, channels, *size, generator=generator, dtype=torch.float64)


def test_by_hand():
    x = torch.tensor([[1.0, 5, 2, 0], [3, 4, 8, 6], [0, 0, 7, 7], [9, 0, 7, 7]])[None, None]
    pooled, switches = max_pool(x)
    assert pooled[0, 0].tolist() == [[5, 8], [9, 7]]
    assert switches[0, 0].tolist() == [[1, 6], [12, 10]]  # row · 4 + column; of the four sevens the first
    back = max_unpool(pooled, switches, (4, 4))[0, 0]
    assert back.tolist() == [[0, 5, 0, 0], [0, 0, 8, 0], [0, 0, 7, 0], [9, 0, 0, 0]]
    assert corner_switches((4, 4)).tolist() == [[0, 2], [8, 10]]
    corners = max_unpool(pooled, corner_switches((4, 4)), (4, 4))[0, 0]
    assert corners.tolist() == [[5, 0, 8, 0], [0] * 4, [9, 0, 7, 0], [0] * 4]
    distances = moved(switches[0, 0], corner_switches((4, 4)), width=4)
    torch.testing.assert_close(distances, torch.tensor([[1, 1], [1, 0.0]]))


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
@pytest.mark.parametrize("size", SIZES)
def test_pooling_is_torchs(size, kernel_size):
    x = maps(size).round(decimals=0)  # many ties
    pooled, switches = max_pool(x, kernel_size)
    theirs, indices = F.max_pool2d(x, kernel_size, ceil_mode=True, return_indices=True)
    assert torch.equal(pooled, theirs) and torch.equal(switches, indices)


@pytest.mark.parametrize("size", SIZES)
def test_unpooling_is_torchs_with_output_size(size):
    pooled, switches = max_pool(maps(size))
    theirs = F.max_unpool2d(pooled, switches, 2, output_size=size)
    assert torch.equal(max_unpool(pooled, switches, size), theirs)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 4), st.integers(0, 99))
def test_unpooling_is_the_backward_pass_of_pooling(height, width, kernel_size, seed):
    x = maps((height, width), seed=seed).requires_grad_()
    pooled, switches = max_pool(x, kernel_size)
    signal = torch.randn(pooled.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    theirs = F.max_pool2d(x, kernel_size, ceil_mode=True)
    for answer in (pooled, theirs):
        (gradient,) = torch.autograd.grad(answer, x, signal)
        assert torch.equal(gradient, max_unpool(signal, switches, (height, width)))


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 4))
def test_pooling_brings_back_what_unpooling_spread(height, width, kernel_size):
    """True for values ≥ 0: a negative one loses against the zeros around it."""
    pooled, switches = max_pool(maps((height, width)), kernel_size)
    for places in (switches, corner_switches((height, width), kernel_size)):
        spread = max_unpool(pooled.relu(), places, (height, width))
        assert torch.equal(max_pool(spread, kernel_size)[0], pooled.relu())


def test_a_negative_value_does_not_come_back():
    spread = max_unpool(torch.full((1, 1, 1, 1), -2.0), torch.zeros(1, 1, dtype=torch.int64), (2, 2))
    assert spread.flatten().tolist() == [-2, 0, 0, 0] and max_pool(spread)[0].item() == 0


def test_gradcheck():
    x = maps((5, 4), count=1, channels=2).requires_grad_()
    switches = max_pool(x)[1]
    pooled = maps((3, 2), count=1, channels=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: max_pool(x)[0], x)
    assert torch.autograd.gradcheck(lambda pooled: max_unpool(pooled, switches, (5, 4)), pooled)


def test_switches_without_leading_dimensions_hold_for_all():
    pooled = maps((3, 2))
    one_map, one_sample = corner_switches((5, 4)), corner_switches((5, 4)).expand(3, 3, 2)
    whole = max_unpool(pooled, corner_switches((5, 4)).expand(2, 3, 3, 2), (5, 4))
    assert torch.equal(max_unpool(pooled, one_map, (5, 4)), whole)
    assert torch.equal(max_unpool(pooled, one_sample, (5, 4)), whole)


def test_no_samples():
    pooled, switches = max_pool(torch.zeros(0, 3, 4, 4))
    assert pooled.shape == switches.shape == (0, 3, 2, 2)
    assert max_unpool(pooled, switches, (4, 4)).shape == (0, 3, 4, 4)


def test_no_cpu_needed():
    with torch.device("meta"):
        pooled = torch.rand(2, 3, 4, 4)
        switches = torch.zeros(2, 3, 4, 4, dtype=torch.int64)
        assert max_unpool(pooled, switches, (8, 8)).shape == (2, 3, 8, 8)


def test_input_stays_as_it_was():
    x = maps((4, 4))
    before = x.clone()
    pooled, switches = max_pool(x)
    max_unpool(pooled, switches, (4, 4)).add_(1)
    assert torch.equal(x, before)


@pytest.mark.parametrize("size", [(8, 8), (13, 10)])
def test_followed_switches_lead_to_the_values(size):
    """After three poolings, what stands on the first map at the followed place is the value that is left."""
    x = first = maps(size)
    kept = []
    for _ in range(3):
        x, switches = max_pool(x)
        kept.append(switches)
        places = follow_switches(kept)
        assert torch.equal(first.flatten(2).gather(2, places.flatten(2)).view_as(x), x)
    assert torch.equal(follow_switches(kept[:1]), kept[0])


@pytest.mark.parametrize(("poolings", "mean"), [(1, 0.8536), (2, 2.4058), (3, 5.4720)])
def test_corners_miss_by_the_mean_distance_in_a_block(poolings, mean):
    """Where every pixel of the 2ⁿ × 2ⁿ block is as likely, the mean of √(i² + j²) over it."""
    side = 2**poolings
    by_hand = sum(math.hypot(i, j) for i in range(side) for j in range(side)) / side**2
    assert abs(by_hand - mean) < 1e-4
    x, kept = maps((256, 256), count=4, channels=8), []
    for _ in range(poolings):
        x, switches = max_pool(x)
        kept.append(switches)
    distance = moved(follow_switches(kept), corner_switches((256, 256), side), 256)
    assert abs(distance.mean() / mean - 1) < 0.02
    assert abs((distance == 0).double().mean() - 1 / side**2) < 0.01
    assert moved(follow_switches(kept), follow_switches(kept), 256).max() == 0
