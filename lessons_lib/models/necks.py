"""Necks: maps of a backbone, from deep to shallow, joined so that the fine ones know what the deep ones have seen.

A neck reads what a backbone gives, {"c1": …, …, "c5": …}, and what its `channels` and `grids` say of these maps. Like a
backbone, it returns maps by name and has their `strides`, `channels` and `grids`. Without a neck, one map of the
backbone is the whole pyramid, for example c4 (then the detector is called "C4").
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.checks import check_ints
from lessons_lib.models.backbones.backbone import Backbone
from lessons_lib.models.backbones.convolutions import Conv3x3

Maps = Mapping[str, Float[Tensor, "B _ _ _"]]


class FPN(nn.Module):
    """A feature pyramid: every level of the backbone with the same number of channels, enriched from above.

    A 1 × 1 convolution brings each map to `out_channels`; each is then added to the next finer one, its cells repeated
    2 × 2, and a 3 × 3 convolution smooths each sum. "c2" becomes "p2". `extra` adds one more level, every second cell
    of the last one in each axis, which only the proposals use. Where a stage of the backbone starts at cell 0 of the
    one below and not between two cells, as in a ResNet, repeating moves the coarse map by half a fine cell: the
    published pyramids do so, and `grids` are those of the fine maps. `outputs` names the maps that become levels
    (None: all); the others only lead down. With `norm` each convolution has BatchNorm in place of its bias.

    Lin et al., "Feature Pyramid Networks for Object Detection" (arXiv:1612.03144), section 3; the extra level is that
    of its section 4.1. Same results as torchvision's `FeaturePyramidNetwork` with `LastLevelMaxPool`. Raises ValueError
    for names that the backbone does not have or that do not go from fine to coarse.
    """

    def __init__(
        self,
        backbone: Backbone,
        names: Sequence[str] = ("c2", "c3", "c4", "c5"),
        out_channels: int = 256,
        extra: bool = True,
        outputs: Sequence[str] | None = None,
        norm: bool = False,
    ) -> None:
        super().__init__()
        _check(backbone, names, out_channels)
        outputs = tuple(names) if outputs is None else tuple(outputs)
        if not outputs or not set(outputs) <= set(names) or (extra and names[-1] not in outputs):
            needed = f", with {names[-1]} among them" if extra else ""
            raise ValueError(f"outputs must be some of {', '.join(names)}{needed}, got {outputs}")
        self.laterals = nn.ModuleDict({name: _conv(backbone.channels[name], out_channels, 1, norm) for name in names})
        self.smoothings = nn.ModuleDict({name: _conv(out_channels, out_channels, 3, norm) for name in outputs})
        self.grids = {_level("p", name): backbone.grids[name] for name in names if name in outputs}
        self.extra = _level("p", names[-1], 1) if extra else None
        if self.extra is not None:
            self.grids[self.extra] = backbone.grids[names[-1]].down(1, 2)
        self.strides = {name: grid.stride for name, grid in self.grids.items()}
        self.channels = dict.fromkeys(self.grids, out_channels)

    def forward(self, maps: Maps) -> dict[str, Float[Tensor, "B D _ _"]]:
        """{"p2": …, …, "p6": …} from {"c2": …, …, "c5": …}: finest first."""
        above, out = None, {}
        for name in reversed(tuple(self.laterals)):
            inner = self.laterals[name](maps[name])
            above = inner if above is None else inner + enlarge(above, inner)
            if name in self.smoothings:
                out[_level("p", name)] = self.smoothings[name](above)
        pyramid = dict(reversed(out.items()))
        if self.extra is not None:
            pyramid[self.extra] = next(iter(out.values()))[:, :, ::2, ::2]
        return pyramid


class TDM(nn.Module):
    """Top-down modulation: one fine map, into which the deeper ones were led back step by step.

    It starts with the deepest map. At each step down to the next finer one, a 3 × 3 convolution (the top-down module)
    and the doubling of its cells meet a 3 × 3 convolution of that finer map (the lateral module), both with ReLU; the
    two are put side by side, and a 1 × 1 convolution with ReLU makes `out_channels` of them. FPN adds what TDM leaves
    to a convolution. "c2" becomes "t2", the only map: proposals and regions are both read from it.

    Shrivastava et al., "Beyond Skip Connections: Top-Down Modulation for Object Detection" (arXiv:1612.06851), section
    3. The paper trains each pair of modules before it adds the next, and has a number of channels for each; here all
    have `out_channels` and are trained together. Raises ValueError for names that the backbone does not have or that do
    not go from fine to coarse.
    """

    def __init__(
        self, backbone: Backbone, names: Sequence[str] = ("c2", "c3", "c4", "c5"), out_channels: int = 256
    ) -> None:
        super().__init__()
        _check(backbone, names, out_channels)
        self.deepest = names[-1]
        self.laterals, self.top_downs, self.outs = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        above = backbone.channels[names[-1]]
        for name in reversed(names[:-1]):
            self.laterals[name] = nn.Conv2d(backbone.channels[name], out_channels, 3, padding=1)
            self.top_downs[name] = nn.Conv2d(above, out_channels, 3, padding=1)
            self.outs[name] = nn.Conv2d(2 * out_channels, out_channels, 1)
            above = out_channels
        for layer in (layer for layer in self.modules() if isinstance(layer, nn.Conv2d)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        self.name = _level("t", names[0])
        self.grids = {self.name: backbone.grids[names[0]]}
        self.strides = {self.name: self.grids[self.name].stride}
        self.channels = {self.name: above}

    def forward(self, maps: Maps) -> dict[str, Float[Tensor, "B D _ _"]]:
        """{"t2": …} from {"c2": …, …, "c5": …}."""
        above = maps[self.deepest]
        for name, lateral in self.laterals.items():
            beside = lateral(maps[name]).relu()
            above = enlarge(self.top_downs[name](above).relu(), beside)
            above = self.outs[name](torch.cat([beside, above], 1)).relu()
        return {self.name: above}


class FineMap(nn.Module):
    """A neck with one more map, finer than all of its own, for masks: the edges of an object lie between coarse cells.

    The backbone's first map, brought to `out_channels` by a 1 × 1 convolution, plus the neck's finest map, brought to
    the same and its cells repeated 2 × 2, as FPN joins its levels. From "c1" it becomes "m1".
    """

    def __init__(self, backbone: Backbone, neck: FPN | TDM, out_channels: int) -> None:
        super().__init__()
        check_ints(1, out_channels=out_channels)
        self.neck, self.finest = neck, next(iter(neck.grids))
        self.lateral = _conv(backbone.channels["c1"], out_channels, 1, norm=False)
        self.top_down = _conv(neck.channels[self.finest], out_channels, 1, norm=False)
        self.grids = {"m1": backbone.grids["c1"], **neck.grids}
        self.strides = {name: grid.stride for name, grid in self.grids.items()}
        self.channels = {"m1": out_channels, **neck.channels}

    def forward(self, maps: Maps) -> dict[str, Float[Tensor, "B _ _ _"]]:
        """{"m1": …} and the maps of the neck."""
        own = self.neck(maps)
        beside = self.lateral(maps["c1"])
        return {"m1": beside + enlarge(self.top_down(own[self.finest]), beside), **own}


def enlarge(coarse: Float[Tensor, "B C h w"], fine: Float[Tensor, "B _ H W"]) -> Float[Tensor, "B C H W"]:
    """The coarse map at the fine one's size, its cells repeated: 2 × 2 each where sides halve, rounded up."""
    return F.interpolate(coarse, size=fine.shape[2:], mode="nearest")


def _conv(c_in: int, c_out: int, kernel_size: int, norm: bool) -> nn.Module:
    """A convolution of FPN, which keeps the size, begun as the paper's code begins it."""
    layer = Conv3x3(c_in, c_out, not norm) if kernel_size == 3 else nn.Conv2d(c_in, c_out, 1, bias=not norm)
    nn.init.kaiming_uniform_(layer.weight, a=1)
    if layer.bias is None:
        return nn.Sequential(layer, nn.BatchNorm2d(c_out))
    nn.init.zeros_(layer.bias)
    return layer


def _level(letter: str, name: str, more: int = 0) -> str:
    """c2 → p2, or p3 with one more."""
    return f"{letter}{int(name[1:]) + more}"


def _check(backbone: Backbone, names: Sequence[str], out_channels: int) -> None:
    check_ints(1, out_channels=out_channels)
    if len(names) == 0 or not set(names) <= set(backbone.channels):
        known = ", ".join(backbone.channels)
        raise ValueError(f"names must be maps of the backbone, {known}, at least one, got {tuple(names)}")
    strides = [backbone.grids[name].stride for name in names]
    if any(fine > coarse for fine, coarse in pairwise(strides)) or sorted(set(names)) != list(names):
        raise ValueError(f"names must go from fine to coarse, got {tuple(names)} of strides {strides}")
