"""Where maps of other sizes meet: gates, pooled context, phases; the jump is that of the larger map."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models

from lessons_lib.ops.receptive_field import module_fields, receptive_fields, seen_pixels


class Gate(nn.Module):
    """A convolution of stride 2 whose channels are weighted by what the whole image holds."""

    def __init__(self, weight_first: bool) -> None:
        super().__init__()
        self.conv, self.weigh = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 1)
        self.weight_first = weight_first

    def forward(self, x):
        x = self.conv(x)
        weight = self.weigh(F.adaptive_avg_pool2d(x, 1)).sigmoid()
        return weight * x if self.weight_first else x * weight


class Context(nn.Module):
    """Pooled to n × n places and enlarged again beside the map itself."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv, self.n = nn.Conv2d(3, 4, 3, 2, 1), n

    def forward(self, x):
        x = self.conv(x)
        pooled = F.adaptive_avg_pool2d(x, self.n)
        return torch.cat([F.interpolate(pooled, x.shape[2:], mode="bilinear"), x], 1)


@pytest.mark.parametrize("weight_first", [False, True])
def test_a_gate_keeps_the_jump_and_sees_everything(weight_first):
    rows = module_fields(Gate(weight_first))
    assert (rows[-1].rows.jump, rows[-1].rows.size) == (2, math.inf)
    assert (rows[0].rows.jump, rows[0].rows.size) == (2, 3)
    assert seen_pixels(Gate(weight_first), (20, 20)).all()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_pooled_context_keeps_the_jump(n):
    output = module_fields(Context(n))[-1]
    assert (output.columns.jump, output.columns.size) == (2, math.inf)


class Thinned(nn.Module):
    """Pooled to 5 × 5 positions, of which a convolution leaves 3 × 3, and enlarged again beside the map itself."""

    def __init__(self, context_first: bool) -> None:
        super().__init__()
        self.conv, self.thin, self.context_first = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3), context_first

    def forward(self, x):
        x = self.conv(x)
        context = F.interpolate(self.thin(F.adaptive_avg_pool2d(x, 5)), x.shape[2:], mode="bilinear")
        return torch.cat([context, x] if self.context_first else [x, context], 1)


@pytest.mark.parametrize("context_first", [False, True])
def test_the_jump_is_that_of_the_map_whose_positions_follow_the_image(context_first):
    assert module_fields(Thinned(context_first))[-1].rows.jump == 2


def test_one_position_has_no_jump_to_give():
    """A mean over a window of the whole map, added to a map that is normalised over the image."""

    class Mean(nn.Module):
        def forward(self, x):
            return F.group_norm(x, 1) + F.avg_pool2d(x, x.shape[2])

    output = module_fields(Mean())[-1]
    assert (output.rows.jump, output.rows.size) == (1, math.inf)


STATISTICS = {
    "GroupNorm": lambda x: F.group_norm(x, 2),
    "InstanceNorm": F.instance_norm,
    "LayerNorm": lambda x: F.layer_norm(x, x.shape[1:]),
    "softmax of rows": lambda x: F.softmax(x, 2).log_softmax(3),
    "mean": lambda x: x * x.mean((2, 3), keepdim=True),
    "maximum": lambda x: x + x.amax(2, keepdim=True) + x.amax(3, keepdim=True),
    "pooled": lambda x: x - F.adaptive_avg_pool2d(x, 1),
}


@pytest.mark.parametrize("padding", [0, 1, 5])
@pytest.mark.parametrize("name", STATISTICS)
def test_statistics_of_a_padded_map_see_all_of_the_image_once(name, padding):
    """With and without padding before them, and layers behind them; the image does not grow."""

    class Normalised(nn.Module):
        def __init__(self):
            super().__init__()
            self.before, self.after = nn.Conv2d(3, 4, 3, 2, padding), nn.Conv2d(4, 4, 3, 2, padding)

        def forward(self, x):
            return self.after(STATISTICS[name](self.before(x)))

    module, sizes = Normalised(), []
    module.before.register_forward_pre_hook(lambda _, args: sizes.append(args[0].shape[2]))
    met = [(row.kind, row.rows.jump, row.rows.size) for row in module_fields(module) if row.kind in ("conv2d", "")]
    assert met == [("conv2d", 2, 3), ("conv2d", 4, math.inf), ("", 4, math.inf)]
    assert sizes == [64]


def test_batch_norm_has_statistics_of_its_own_and_sees_one_pixel():
    module = nn.Sequential(nn.ZeroPad2d(3), nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3))
    assert [row.rows.size for row in module_fields(module)] == [3, 3]
    assert module_fields(module)[-1].rows.start == -3


def test_normalisation_over_the_image_does_not_make_it_grow_for_ever():
    module = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 3, 2, 1))
    met = []
    module.register_forward_pre_hook(lambda _, args: met.append(args[0].shape[2]))
    assert [row.rows.size for row in module_fields(module)] == [3, math.inf, math.inf]
    assert met == [64]


def test_maps_of_other_jumps_cannot_be_told_apart_and_are_refused():
    class Crooked(nn.Module):
        def forward(self, x):
            return x[:, :, :16, :16] + F.avg_pool2d(x, x.shape[2] // 16)

    with pytest.raises(ValueError, match="must join maps of one jump to be followed, got 1 and 4; measure with"):
        module_fields(Crooked())


def test_a_map_cut_by_anything_but_slices_is_refused():
    class Picked(nn.Module):
        def forward(self, x):
            return x[:, :, torch.tensor([0, 2, 4])]

    with pytest.raises(ValueError, match="must cut maps by slices to be followed, got another index; measure with"):
        module_fields(Picked())


@pytest.mark.parametrize(
    "call",
    [lambda x: torch.cat([x, x], 2), lambda x: x.chunk(2, 3)[1], lambda x: x.split(8, 2)[3]],
    ids=["cat", "chunk", "split"],
)
def test_rows_put_after_others_or_cut_off_are_refused(call):
    """Row 64 of two maps of 64 rows, one below the other, sees what row 0 sees, and not what would follow row 63."""

    class Cut(nn.Module):
        def forward(self, x):
            return call(x + 1)

    with pytest.raises(ValueError, match=r"must join and split maps by channels to be followed, got .* measure"):
        module_fields(Cut())


def test_positions_that_no_stamp_reaches_have_no_field():
    """Taps 2 apart with stride 2 fall on every other pixel, where 3 of them meet; in between there is nothing."""
    module = nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, dilation=2)
    field = module_fields(module)[-1].rows
    assert (field.start, field.jump, field.size) == (-1.5, 0.5, 3)
    seen = seen_pixels(module, (16, 16), (7, 9)).nonzero()
    assert seen.amin(0).tolist() == [field.pixels(7)[0], field.pixels(9)[0]]
    assert seen.amax(0).tolist() == [field.pixels(7)[-1], field.pixels(9)[-1]]


def test_phases_of_a_transposed_convolution():
    """Pooled by 2, then 3 × 3 with stride 2: even pixels see one cell, odd ones two: fields of 2 and 4."""
    module = nn.Sequential(nn.MaxPool2d(2), nn.ConvTranspose2d(3, 4, 3, 2, 1))
    assert (module_fields(module)[-1].rows.size, module_fields(module)[-1].rows.jump) == (4, 1)
    sizes = [int(seen_pixels(module, (16, 16), (7, column)).any(0).sum()) for column in (6, 7, 8, 9)]
    assert sizes == [2, 4, 2, 4]


def test_efficientnet_has_gates_in_every_block():
    """Five strides of 2, whatever is multiplied in between."""
    assert module_fields(models.efficientnet_b0().features)[-1].rows.jump == 32


def test_the_chain_agrees_where_nothing_meets():
    module = nn.Sequential(nn.Conv2d(3, 4, 7, 2, 3), nn.MaxPool2d(3, 2, 1), nn.Conv2d(4, 4, 3, padding=2, dilation=2))
    fields = receptive_fields([(7, 2, 3), (3, 2, 1), (3, 1, 2, 2)])
    assert [row.columns for row in module_fields(module)][:3] == fields
