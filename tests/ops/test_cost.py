"""Counting multiply-adds: by hand, against torch's own counter, in every mode, on shapes alone."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from lessons_lib.ops.cost import MultiplyAdds, conv2d_multiply_adds


def counted(run, *inputs):
    with MultiplyAdds() as cost:
        run(*inputs)
    return cost.total


def test_by_hand():
    x, weight = torch.rand(1, 2, 4, 4), torch.rand(5, 2, 3, 3)
    assert counted(F.conv2d, x, weight) == 2 * 2 * 5 * 2 * 9  # 2 × 2 places, 5 numbers each, 18 weights a number
    assert counted(lambda: F.conv2d(x, weight, padding=1)) == 4 * 4 * 5 * 2 * 9  # padding costs like pixels
    assert counted(lambda: F.conv2d(x, weight, stride=2, padding=1)) == 2 * 2 * 5 * 2 * 9
    assert counted(lambda: F.conv2d(x, weight[:2, :1], groups=2)) == 2 * 2 * 2 * 9
    assert counted(lambda: F.conv_transpose2d(x, torch.rand(2, 5, 4, 4), stride=2)) == 16 * 2 * 5 * 16
    assert counted(F.linear, torch.rand(3, 7), torch.rand(2, 7)) == 3 * 2 * 7
    assert counted(torch.matmul, torch.rand(6, 3, 7), torch.rand(6, 7, 2)) == 6 * 3 * 2 * 7


def test_products_with_vectors_and_attention_by_hand():
    matrix, vector = torch.rand(6, 7), torch.rand(7)
    assert counted(torch.mv, matrix, vector) == counted(torch.addmv, torch.rand(6), matrix, vector) == 6 * 7
    assert counted(torch.dot, vector, vector) == 7
    query, key, value = torch.rand(2, 3, 5, 4), torch.rand(2, 3, 9, 4), torch.rand(2, 3, 9, 8)
    assert counted(F.scaled_dot_product_attention, query, key, value) == 6 * 5 * 9 * (4 + 8)
    same = torch.rand(2, 3, 5, 4)  # of one size, a CPU computes it in one operator, which "meta" does not have
    for device in ("cpu", "meta"):
        assert counted(F.scaled_dot_product_attention, *[same.to(device)] * 3) == 6 * 5 * 5 * (4 + 4)


def test_what_is_no_product_is_free():
    x = torch.rand(1, 2, 8, 8)
    assert counted(lambda: F.max_pool2d(x.relu() + 1, 2)) == 0
    assert counted(lambda: F.conv2d(x[:0], torch.rand(3, 2, 3, 3))) == 0


@pytest.mark.parametrize(
    "mode", [torch.enable_grad, torch.no_grad, torch.inference_mode], ids=lambda mode: mode.__name__
)
@pytest.mark.parametrize("seed", range(8))
def test_half_of_torch_s_own_count(seed, mode):
    generator = torch.Generator().manual_seed(seed)
    c, k, s, d, side = (int(torch.randint(1, 5, (), generator=generator)) for _ in range(5))
    net = nn.Sequential(
        nn.Conv2d(3, 2 * c, k, s, padding=1, dilation=d),
        nn.GroupNorm(1, 2 * c),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * c, 4, k + s, s, groups=2),
        nn.Conv2d(4, 2, 1),
        nn.AdaptiveAvgPool2d(3),
        nn.Flatten(),
        nn.Linear(18, 5),
    )
    x = torch.rand(2, 3, 16 + side, 20)
    with mode(), FlopCounterMode(display=False) as flops:
        net(x)
    with mode():
        assert 2 * counted(net, x) == flops.get_total_flops()
    assert 2 * counted(net.to("meta"), x.to("meta")) == flops.get_total_flops()


def test_counts_go_on_and_are_split():
    with MultiplyAdds() as cost:
        nn.Conv2d(1, 1, 1)(torch.rand(1, 1, 2, 2))
    with cost:
        nn.Linear(3, 1)(torch.rand(1, 3))
    assert dict(cost.by_operator) == {"convolution": 4, "product": 3}


def test_results_are_those_without_counting():
    net, x = nn.Conv2d(3, 4, 3), torch.rand(1, 3, 9, 9)
    with torch.inference_mode(), MultiplyAdds():
        counted_out = net(x)
    assert counted_out.equal(net(x))


def test_one_convolution_by_hand():
    assert conv2d_multiply_adds((96, 96), 3, 16, 3, padding=1) == 96 * 96 * 16 * 27
    assert conv2d_multiply_adds((7, 7), 512, 4096, 7) == 512 * 49 * 4096  # fc6 of VGG-16


@given(st.tuples(*[st.integers(1, 9)] * 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2))
@settings(deadline=None)
def test_the_formula_counts_what_runs(sizes, kernel_size, stride, padding, dilation):
    height, width, c_in, c_out = sizes
    assume(dilation * (kernel_size - 1) < min(height, width) + 2 * padding)
    x, layer = torch.rand(1, c_in, height, width), nn.Conv2d(c_in, c_out, kernel_size, stride, padding, dilation)
    formula = conv2d_multiply_adds((height, width), c_in, c_out, kernel_size, stride, padding, dilation)
    assert formula == counted(layer, x)
