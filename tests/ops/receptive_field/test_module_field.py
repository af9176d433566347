"""Fields of whole modules: against the formula on chains, against the gradient where paths meet."""

import itertools
import math
import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lessons_lib.ops.receptive_field.chain import Field, extent, receptive_fields
from lessons_lib.ops.receptive_field.module import module_fields
from lessons_lib.ops.receptive_field.seen import seen_pixels


class Expression(nn.Module):
    """A module whose forward is a function of itself and the picture."""

    def __init__(self, forward, **layers):
        super().__init__()
        self.expression = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.expression(self, x)


def conv(*args, **kwargs):
    return nn.Conv2d(2, 2, *args, **kwargs)


def output(module, channels=2):
    last = module_fields(module, channels)[-1]
    assert last.name == "output"
    return last.rows, last.columns


def test_a_chain_layer_by_layer():
    layers = [(3, 2, 1, 1), (5, 1, 0, 1), (2, 2, 0, 1), (3, 1, 2, 2)]
    module = nn.Sequential(
        nn.Conv2d(2, 2, 3, 2, 1),
        nn.ReLU(inplace=True),
        conv(5),
        nn.BatchNorm2d(2),
        nn.MaxPool2d(2),
        conv(3, padding=2, dilation=2),
    )
    met = module_fields(module, 2)
    assert [(row.name, row.kind) for row in met] == [
        ("0", "conv2d"),
        ("2", "conv2d"),
        ("max_pool2d", "max_pool2d"),
        ("5", "conv2d"),
        ("output", ""),
    ]
    fields = receptive_fields(layers)
    assert [row.rows for row in met] == [row.columns for row in met] == [*fields, fields[-1]]


BRANCHES = {
    "residual": Expression(lambda m, x: F.relu(x + m.a(x)), a=conv(3, padding=1)),
    "two convolutions": Expression(lambda m, x: m.a(x) * m.b(x), a=conv(3, padding=1), b=conv((3, 7), padding=(1, 3))),
    "off centre": Expression(lambda m, x: torch.cat([m.a(x)[:, :, 2:], m.a(x)[:, :, :-2]], 1), a=conv(3, padding=1)),
    "pyramid": Expression(
        lambda m, x: sum(layer(x) for layer in m.p), p=nn.ModuleList(conv(3, 1, d, d) for d in (1, 2, 5))
    ),
    "down and up": Expression(
        lambda m, x: x + m.up(F.relu(m.down(x))), down=conv(4, 2, 1), up=nn.ConvTranspose2d(2, 2, 4, 2, 1)
    ),
    "nearest": Expression(lambda m, x: F.interpolate(F.avg_pool2d(m.a(x), 2), scale_factor=2), a=conv(3, padding=1)),
    "bilinear": Expression(
        lambda m, x: m.a(F.interpolate(F.max_pool2d(x, 2), size=x.shape[2:], mode="bilinear")), a=conv(3, padding=1)
    ),
    "shuffles": Expression(
        lambda m, x: F.pixel_shuffle(m.a(F.pixel_unshuffle(x, 2)), 2), a=nn.Conv2d(8, 8, 3, padding=1)
    ),
    "reflection": Expression(lambda m, x: m.a(F.pad(x, (2, 2, 1, 1), mode="reflect")), a=conv((3, 5))),
    "same": Expression(lambda m, x: m.a(x), a=conv(4, padding="same", dilation=2)),
    "softmax": Expression(lambda m, x: F.log_softmax(m.a(x), 1), a=conv(3, padding=1)),
    "split": Expression(lambda m, x: m.a(x).chunk(2, 1)[0].sigmoid() * x.mean(1, keepdim=True), a=conv(5, padding=2)),
}


@pytest.mark.parametrize("module", BRANCHES.values(), ids=BRANCHES)
def test_union_over_paths_is_the_gradient(module):
    """Of sizes that differ with the phase, the largest."""
    rows, columns = output(module)
    measured = [extent(seen_pixels(module, (40, 40), (i, i), channels=2)) for i in range(12, 20)]
    assert rows.size == max(row.size for row, _ in measured)
    assert columns.size == max(column.size for _, column in measured)


@pytest.mark.parametrize(("factor", "jump"), [(1.5, 2 / 3), (0.75, 4 / 3), (2, 0.5), (0.5, 2), (3, 1 / 3), (0.25, 4)])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_the_jump_of_any_factor(factor, jump, mode):
    """Three positions of a map enlarged by 1.5 lie two pixels apart."""
    rows, columns = output(Expression(lambda m, x: F.interpolate(x, scale_factor=factor, mode=mode)))
    assert rows.jump == columns.jump == pytest.approx(jump)


def test_resizing_without_aliases_sees_more():
    """Halved, a triangle two pixels long on either side: 4 pixels, where plain bilinear interpolation sees 2."""
    for antialias, size in ((True, 4), (False, 2)):
        module = Expression(lambda m, x, a=antialias: F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=a))
        rows, _ = output(module)
        assert (rows.start, rows.jump, rows.size) == (1 - size // 2, 2, size)
        measured, _ = extent(seen_pixels(module, (16, 16), (4, 4), channels=2))
        assert rows.pixels(4) == measured.pixels(0)


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
def test_strides_of_pooling_are_their_own_or_the_kernel(pool):
    """3 pixels, 2 apart: a window of 3 sees 3 + 2 · 2 of them, and of 2 without a stride stand 4 apart."""
    rows, _ = output(Expression(lambda m, x: pool(pool(x, 3, 2), 3, 1)))
    assert (rows.size, rows.jump) == (7, 2)
    rows, _ = output(Expression(lambda m, x: pool(pool(x, 3, 2), 2)))
    assert (rows.size, rows.jump) == (5, 4)


def random_block(rng):
    """A sum or a concatenation of two or three chains that keep the size."""
    chains = []
    for _ in range(rng.randint(2, 3)):
        chain = []
        for _ in range(rng.randint(0, 3)):
            kernel, dilation = rng.choice((1, 3, 5)), rng.randint(1, 3)
            chain += [conv(kernel, padding=dilation * (kernel // 2), dilation=dilation), nn.ReLU()]
        chains.append(nn.Sequential(*chain))
    joined = rng.random() < 0.5

    def forward(m, x):
        maps = [chain(x) for chain in m.chains]
        return m.last(torch.cat(maps, 1)) if joined else sum(maps)

    last = nn.Conv2d(2 * len(chains), 2, 1)
    return Expression(forward, chains=nn.ModuleList(chains), last=last)


def test_50_random_networks_with_branches():
    for seed in range(50):
        rng = random.Random(seed)
        down = [conv(3, 2, 1)] if rng.random() < 0.5 else []
        module = nn.Sequential(random_block(rng), *down, random_block(rng))
        rows, columns = output(module)
        size = 3 * rows.size
        cell = size // rows.jump // 2
        measured, _ = extent(seen_pixels(module, (size, size), (cell, cell), channels=2))
        assert rows == columns and (measured.start, measured.size) == (rows.pixels(cell).start, rows.size)


WHOLE = {
    "group norm": nn.Sequential(conv(3), nn.GroupNorm(1, 2)),
    "instance norm": nn.Sequential(conv(3), nn.InstanceNorm2d(2)),
    "global pooling": Expression(lambda m, x: x * m.a(F.adaptive_avg_pool2d(x, 1)), a=conv(1)),
    "mean": Expression(lambda m, x: x + x.mean((2, 3), keepdim=True)),
    "softmax over places": Expression(lambda m, x: x.softmax(2).softmax(3)),
}


@pytest.mark.parametrize("module", WHOLE.values(), ids=WHOLE)
def test_what_sees_the_whole_picture(module):
    rows, columns = output(module)
    assert rows.size == columns.size == math.inf


def test_one_axis_alone_can_see_everything():
    rows, columns = output(Expression(lambda m, x: m.a(x) + x.mean(2, keepdim=True), a=conv(3, padding=1)))
    assert rows.size == math.inf and columns == Field(-1, 1, 3)


def test_a_wide_network_is_followed_without_computing():
    """1,023 pixels and 4,096 channels: on the meta device nothing is computed."""
    with torch.device("meta"):
        widths = [2, *[4096] * 9]
        layers = [
            nn.Conv2d(a, b, 3, padding=2**i, dilation=2**i) for i, (a, b) in enumerate(itertools.pairwise(widths))
        ]
    assert output(nn.Sequential(*layers))[0].size == 1023
