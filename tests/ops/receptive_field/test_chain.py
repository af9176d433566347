"""Receptive fields by hand, against published tables, and formula against gradient on random chains."""

import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lessons_lib.ops.receptive_field.chain import (
    Field,
    Layer,
    at_output_stride,
    extent,
    input_gradient,
    path_counts,
    receptive_fields,
)
from lessons_lib.ops.receptive_field.seen import seen_pixels


def sizes(layers):
    return [field.size for field in receptive_fields(layers)]


def vgg16(convolution=(3, 1, 1)):
    return [layer for depth in (2, 2, 3, 3, 3) for layer in (*[convolution] * depth, (2, 2))]


ALEXNET = [(11, 4), (3, 2), (5, 1, 2), (3, 2), *[(3, 1, 1)] * 3, (3, 2), (6,)]


def test_two_layers_by_hand():
    """3 at stride 2 with padding 1, then 3 with dilation 2: pixels −1 to 1, then 2·4 more."""
    assert receptive_fields([(3, 2, 1), (3, 1, 2, 2)]) == [Field(-1, 2, 3), Field(-5, 2, 11)]
    assert Field(-5, 2, 11).pixels(3) == range(1, 12)
    assert receptive_fields([]) == []
    assert receptive_fields([(1, 3)]) == [(0, 3, 1)]


def test_published_fields():
    """FCN's table 1 (404 and 355), and table 1 of Yu and Koltun with the longer and the shorter of their networks."""
    assert receptive_fields(vgg16())[-1] == Field(-90, 32, 212)
    assert sizes([*vgg16(), (7,)])[-1] == 404
    assert receptive_fields(ALEXNET)[-1] == Field(-64, 32, 355)
    dilated = {d: Layer(3, padding=d, dilation=d) for d in (1, 2, 4, 8, 16, 32, 64)}

    def context(*dilations):
        return [*(dilated[d] for d in dilations), (1,)]

    assert sizes(context(1, 1, 2, 4, 8, 16, 1)) == [3, 5, 9, 17, 33, 65, 67, 67]
    assert sizes(context(1, 1, 2, 4, 8, 16, 32, 64, 1)) == [3, 5, 9, 17, 33, 65, 129, 257, 259, 259]
    assert sizes(context(1, 1, 2, 4, 8, 1)) == [3, 5, 9, 17, 33, 35, 35]


def test_fields_that_double_have_one_less_than_a_power_of_two():
    assert sizes([(3, 1, 0, 2**i) for i in range(10)]) == [2 ** (i + 2) - 1 for i in range(10)]


def random_chain(rng):
    """Up to five layers of every kind, as numbers and as modules that look along the rows only."""
    layers, modules, jump = [], [], 1
    for _ in range(rng.randint(1, 5)):
        kernel, stride = rng.randint(1, 5), rng.choice((1, 1, 2, 3))
        pooling = rng.random() < 0.25
        dilation = 1 if pooling else rng.choice((1, 1, 2, 3))
        padding = rng.randint(0, kernel // 2 if pooling else dilation * (kernel - 1))
        stride = 1 if jump * stride > 12 else stride
        jump *= stride
        layers.append(Layer(kernel, stride, padding, dilation))
        if pooling:
            kind = rng.choice((nn.MaxPool2d, nn.AvgPool2d))
            modules.append(kind((kernel, 1), (stride, 1), (padding, 0)))
        else:
            settings = {"stride": (stride, 1), "padding": (padding, 0), "dilation": (dilation, 1)}
            modules += [nn.Conv2d(1, 1, (kernel, 1), **settings), nn.ReLU(inplace=rng.random() < 0.5)]
    return layers, nn.Sequential(*modules)


@pytest.mark.parametrize("block", range(10))
def test_formula_is_the_gradient_on_600_random_chains(block):
    for number in range(60):
        layers, network = random_chain(random.Random(100 * block + number))
        start, jump, size = field = receptive_fields(layers)[-1]
        cell = -(start // jump)  # the first whose field has no padding in it
        pixels = field.pixels(cell)
        seen = seen_pixels(network, (pixels.stop + jump, 1), (cell, 0), channels=1)
        rows, _ = extent(seen)
        assert (rows.start, rows.size) == (pixels.start, size), layers
        assert seen[pixels.start : pixels.stop, 0].equal(path_counts(layers) > 0), layers


def test_paths_are_the_gradient_of_ones():
    layers = [(3, 2, 0, 1), (2, 1, 0, 3), (3, 1, 0, 2)]
    x = torch.zeros(1, 1, 40, dtype=torch.float64, requires_grad=True)
    y = x
    for kernel, stride, padding, dilation in layers:
        y = F.conv1d(y, torch.ones(1, 1, kernel, dtype=torch.float64), None, stride, padding, dilation)
    (gradient,) = torch.autograd.grad(y[0, 0, 3], x)
    field = receptive_fields(layers)[-1]
    assert gradient[0, 0, field.pixels(3).start : field.pixels(3).stop].equal(path_counts(layers))
    assert gradient.sum() == path_counts(layers).sum() == 18


def test_gridding_by_hand():
    assert path_counts([(3, 1, 0, 2)] * 2).tolist() == [1, 0, 2, 0, 3, 0, 2, 0, 1]
    assert path_counts([]).tolist() == [1]
    assert (path_counts([(3, 1, 0, d) for d in (1, 2, 4, 8)]) > 0).all()
    assert not (path_counts([(3, 1, 0, d) for d in (2, 4, 8)])[1::2]).any()


def test_output_stride_by_hand():
    layers = [(3, 2, 1), (3, 1, 1), (2, 2), (3, 1, 1), (2, 2), (7,)]
    chain = at_output_stride(layers, 2)
    assert chain == [(3, 2, 1, 1), (3, 1, 1, 1), (2, 1, 0, 1), (3, 1, 2, 2), (2, 1, 0, 2), (7, 1, 0, 4)]
    assert at_output_stride(layers, 8) == [Layer(*layer) for layer in layers]
    assert at_output_stride([(5, 4), (3,)], 2) == [(5, 2, 0, 1), (3, 1, 0, 2)]


@pytest.mark.parametrize("output_stride", [1, 2, 4, 8, 16, 32])
def test_output_stride_keeps_every_field(output_stride):
    layers = [*vgg16(), (7,)]
    strided, dense = receptive_fields(layers), receptive_fields(at_output_stride(layers, output_stride))
    assert [(f.start, f.size) for f in strided] == [(f.start, f.size) for f in dense]
    assert [f.jump for f in dense] == [min(f.jump, output_stride) for f in strided]


def test_strided_at_all_shifts_is_the_chain_at_output_stride_1():
    torch.manual_seed(0)
    layers, weights = [(3, 2), (2, 2), (3, 1, 0, 2)], [torch.randn(1, 1, k, dtype=torch.float64) for k in (3, 2, 3)]

    def run(x, chain):
        for layer, weight in zip(chain, weights, strict=True):
            x = F.conv1d(x, weight, None, layer[1], dilation=Layer(*layer).dilation).relu()
        return x[0, 0]

    x = torch.randn(1, 1, 60, dtype=torch.float64)
    dense = run(x, at_output_stride(layers, 1))
    for shift in range(4):
        strided = run(x[:, :, shift:], layers)
        torch.testing.assert_close(dense[shift::4][: len(strided)], strided)


def test_seen_pixels_leave_the_network_as_it_was():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.MaxPool2d(3, 2, 1)
    )
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    rows, columns = extent(seen_pixels(network, (33, 47)))
    assert rows == Field(4 * 4 - 3, 1, 7) and columns == Field(6 * 4 - 3, 1, 7)
    assert network.training and all(
        before[n].equal(t) for n, t in network.state_dict().items() if "num_batches" not in n
    )


def test_dead_relus_and_zero_weights_hide_nothing():
    network = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.ReLU(), nn.Conv2d(1, 1, 3, padding=1), nn.Sigmoid())
    for layer in network[::2]:
        nn.init.zeros_(layer.weight)
        nn.init.constant_(layer.bias, -100.0)
    assert extent(seen_pixels(network, (9, 9), channels=1)) == (Field(2, 1, 5), Field(2, 1, 5))
    assert not input_gradient(network, torch.rand(2, 1, 9, 9)).any()  # the plain gradient sees nothing here


@pytest.mark.parametrize("norm", [nn.GroupNorm(1, 4), nn.InstanceNorm2d(4), nn.LayerNorm((4, 20, 20))])
def test_a_normalisation_over_the_picture_sees_the_picture(norm):
    assert seen_pixels(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), norm), (20, 20), channels=1).all()


@pytest.mark.parametrize("norm", [nn.GroupNorm(1, 1), nn.InstanceNorm2d(1), nn.LayerNorm((1, 1, 1))])
def test_a_normalised_single_value_sees_what_it_saw(norm):
    """It is its own mean, but what it sees must not be taken from itself."""
    network = nn.Sequential(nn.Conv2d(1, 1, 3), norm).eval()
    assert seen_pixels(network, (3, 3), channels=1).all()


class Look(nn.Module):
    def __init__(self, look):
        super().__init__()
        self.near, self.wide, self.look = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 5, padding=2), look

    def forward(self, x):
        return self.look(self.near(x), self.wide(x))


def test_a_bound_given_by_place_is_seen_too():
    for look in (lambda x, wide: x.clamp(wide), lambda x, wide: torch.clamp(x, None, wide)):
        assert extent(seen_pixels(Look(look), (9, 9), channels=1)) == (Field(2, 1, 5), Field(2, 1, 5))


def test_what_is_sorted_sees_its_last_axis():
    seen = seen_pixels(Look(lambda x, _: x.sort()[0]), (5, 5), channels=1)
    assert seen[2].all() and not seen[:2].any() and not seen[3:].any()


def test_a_gradient_is_taken_also_where_the_caller_wants_none():
    conv, images = nn.Conv2d(3, 1, 3, padding=1), torch.ones(1, 3, 5, 5)
    wanted = input_gradient(conv, images)
    with torch.no_grad():
        assert torch.equal(input_gradient(conv, images), wanted) and wanted.any()
        assert seen_pixels(conv, (5, 5)).sum() == 9


def test_input_gradient_of_a_known_filter():
    """A linear layer's gradient is its filter, wherever the cell is; pictures are averaged, channels summed."""
    layer = nn.Conv2d(2, 1, 3, padding=1, bias=False)
    nn.init.constant_(layer.weight, -0.5)
    layer.weight.data[0, 0, 1, 1] = 3
    gradient = input_gradient(layer, torch.rand(5, 2, 7, 6), (2, 4))
    expected = torch.zeros(7, 6)
    expected[1:4, 3:6] = 1.0
    expected[2, 4] = 3.5
    torch.testing.assert_close(gradient, expected)
    assert input_gradient(layer, torch.rand(1, 2, 7, 6)).nonzero()[0].tolist() == [
        2,
        2,
    ]  # the middle is row 3, column 3
