"""A widened backbone: the same maps, the copies behind; and it learns to be another one."""

import pytest
import torch

from lessons_lib.models.backbones import TINY_BACKBONES, TinyBackbone, make_backbone
from lessons_lib.models.backbones.widening import widen


def test_the_maps_are_those_of_the_narrow_one():
    torch.manual_seed(0)
    narrow, wide = TinyBackbone(), make_backbone("tiny_wide")
    assert isinstance(wide, TinyBackbone)
    widen(narrow, wide)
    images = torch.rand(2, 3, 64, 64)
    before, after = narrow(images), wide(images)
    for name, map_ in before.items():
        count = narrow.channels[name]
        assert wide.channels[name] > count
        torch.testing.assert_close(after[name][:, :count], map_, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(after[name][:, count:], map_[:, : wide.channels[name] - count], atol=1e-5, rtol=1e-5)


def test_copies_part_where_fresh_weights_read_them():
    torch.manual_seed(0)
    wide = TinyBackbone((24, 40, 72, 120, 160))
    widen(TinyBackbone(), wide)
    first = wide.stages[0][0].weight
    assert first[16].equal(first[0])
    reader = torch.randn(24)
    (wide(torch.rand(1, 3, 32, 32))["c1"].mean((0, 2, 3)) @ reader).backward()
    assert not first.grad[16].allclose(first.grad[0])


def test_a_narrower_one_is_refused():
    with pytest.raises(ValueError, match="wide must have ≥ 16 channels in c1, got 8"):
        widen(TinyBackbone(), TinyBackbone((8, 24, 48, 80, 96)))


def test_both_sizes_have_the_same_strides():
    narrow, wide = (make_backbone(name, 16) for name in TINY_BACKBONES)
    assert narrow.strides == wide.strides and narrow.grids == wide.grids
    assert all(count % 8 == 0 for count in wide.channels.values()), "groups of 8 are normalised together"
