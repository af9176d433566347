"""What a cell depends on through maxima, switches, differences and choices: all of it, the same at every call."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lessons_lib.models.semantic.deconvnet import TinyDeconvNet
from lessons_lib.ops.receptive_field import seen_pixels
from lessons_lib.ops.unpooling import corner_switches, max_pool, max_unpool

torch.manual_seed(0)
NARROW, WIDE = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 7, padding=3)
JOINS = {
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "fmax": torch.fmax,
    "max of two": torch.max,
    "min of two": lambda a, b: torch.min(a, other=b),
    "amax": lambda a, b: torch.stack([a, b]).amax(0),
    "amin": lambda a, b: torch.stack([a, b], -1).amin(-1),
    "max over an axis": lambda a, b: torch.stack([a, b]).max(0).values,
    "min over an axis": lambda a, b: torch.stack([a, b]).min(dim=0)[0],
    "where": lambda a, b: torch.where(a > b, a, b),
    "difference": lambda a, b: a - b,
    "in place": lambda a, b: a.sub_(b),
    "quotient": lambda a, b: a / b,
    "negative": lambda a, b: a + -b,
    "clamped": lambda a, b: a.clamp(max=b),
    "clipped": lambda a, b: torch.clip(a, b, 2 * b),
    "median": lambda a, b: torch.stack([a, b, a]).median(0).values,
    "k-th value": lambda a, b: torch.stack([a, b, a]).kthvalue(2, 0)[0],
    "sorted": lambda a, b: torch.stack([a, b]).sort(0).values[1],
    "largest k": lambda a, b: torch.stack([a, b]).topk(1, 0).values[0],
    "smallest k": lambda a, b: torch.stack([a, b]).topk(1, 0, largest=False)[0][0],
    "argmax": lambda a, b: torch.stack([a, b]).gather(0, torch.stack([a, b]).argmax(0, keepdim=True))[0],
    "gate": lambda a, b: F.glu(torch.cat([a, -1e9 * b], 1), 1),
    "fresh branch": lambda a, b: a + nn.Parameter(torch.zeros(1)) * b,
    "cosine": lambda a, b: F.cosine_similarity(a, b, dim=1)[:, None],
}


@pytest.mark.parametrize("join", JOINS.values(), ids=JOINS)
def test_where_two_paths_meet_the_wider_one_is_seen(join):
    seen = seen_pixels(lambda x: join(NARROW(x), WIDE(x)), (15, 15))
    assert seen.sum() == 49 and seen[4:11, 4:11].all()


HIDDEN = {
    "itself": lambda x: x / x,
    "normalised": lambda x: F.normalize(x[:, :1], dim=1),
    **{f"rounded {way}": lambda x, way=way: getattr(x, way)() for way in ("round", "floor", "ceil", "trunc", "sign")},
    **{name: lambda x, name=name: getattr(F, name)(-1e5 * x) for name in ("mish", "logsigmoid", "softplus", "gelu")},
    **{name: lambda x, name=name: getattr(F, name)(x, 1e9) for name in ("hardshrink", "softshrink")},
    "threshold": lambda x: F.threshold(x, 1e9, 0.0),
    "exponential": lambda x: torch.exp(-1e5 * x),
    "logarithm": lambda x: torch.log(-x),
    "root": lambda x: (-x).sqrt().square(),
    "between": lambda x: x.clamp_min(1e9).clamp_max(-1e9),
}


@pytest.mark.parametrize("change", HIDDEN.values(), ids=HIDDEN)
def test_a_gradient_that_vanishes_hides_nothing(change):
    assert seen_pixels(lambda x: change(WIDE(x)), (15, 15)).sum() == 49


def test_the_switches_of_an_adaptive_maximum():
    def network(x):
        pooled, where = F.adaptive_max_pool2d(x, 2, return_indices=True)
        return F.max_unpool2d(pooled, where, 4, output_size=(8, 8))

    assert seen_pixels(lambda x: F.adaptive_max_pool2d(x, 2, return_indices=True)[0], (8, 8), (0, 1)).sum() == 16
    assert seen_pixels(network, (8, 8), (1, 1))[:4, :4].all()


def test_a_maximum_of_everything_sees_everything():
    assert seen_pixels(lambda x: x.max() + 0 * x, (5, 6)).all()
    assert seen_pixels(lambda x: x.amax((2, 3), keepdim=True), (5, 6), (0, 0)).all()


@pytest.mark.parametrize("indices", [False, True])
@pytest.mark.parametrize(
    ("settings", "cell", "pixels"),
    [
        ((2,), (1, 1), {(y, x) for y in (2, 3) for x in (2, 3)}),
        ((2, 1, 0, 3), (1, 1), {(y, x) for y in (1, 4) for x in (1, 4)}),
        ((3, 2, 1), (0, 0), {(y, x) for y in (0, 1) for x in (0, 1)}),
        ((3, 2, 1, 2), (0, 0), {(1, 1), (1, 3), (3, 1), (3, 3)}),
        (((1, 3), (1, 2), 0, 1), (2, 1), {(2, 2), (2, 3), (2, 4)}),
        ((3, 3, 0, 1, True), (2, 2), {(y, x) for y in (6, 7) for x in (6, 7)}),
    ],
)
def test_windows_of_a_maximum_are_seen_whole(settings, cell, pixels, indices):
    """By hand: kernel, stride, padding, dilation, ceil_mode, on 8 × 8 pixels."""

    def network(x):
        out = F.max_pool2d(x, *settings, return_indices=indices)
        return out[0] if indices else out

    seen = seen_pixels(network, (8, 8), cell)
    assert {tuple(pixel) for pixel in seen.nonzero().tolist()} == pixels


@pytest.mark.parametrize("library", ["torch", "ours"])
def test_a_value_may_go_to_every_switch_of_its_window(library):
    """Unpooled by switches each pixel sees its own window of 2 × 2; by corners, three of four see nothing."""

    def network(x, switches=True):
        if library == "torch":
            pooled, where = F.max_pool2d(x, 2, return_indices=True)
            return F.max_unpool2d(pooled, where, 2)
        pooled, where = max_pool(x)
        return max_unpool(pooled, where if switches else corner_switches((8, 8)), (8, 8))

    for cell in ((4, 4), (5, 4), (4, 5), (5, 5)):
        seen = seen_pixels(network, (8, 8), cell)
        assert seen.sum() == 4 and seen[4:6, 4:6].all()
        if library == "ours":
            assert seen_pixels(lambda x: network(x, False), (8, 8), cell).any() == (cell == (4, 4))


def test_deconvnet_sees_its_whole_image_at_every_call():
    network = TinyDeconvNet(3).eval()
    for _ in range(2):
        assert seen_pixels(network.logits, (64, 64)).sum() == 4096


def test_two_poolings_deep_a_value_may_come_from_either():
    """Two poolings and two unpoolings: every pixel sees its block of 4 × 4."""

    def network(x):
        x, first = max_pool(x)
        size = x.shape[2:]
        x, second = max_pool(x)
        return max_unpool(max_unpool(x, second, size), first, (16, 16))

    seen = seen_pixels(network, (16, 16), (6, 9))
    assert seen.sum() == 16 and seen[4:8, 8:12].all()
