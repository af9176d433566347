"""What each call of torch does to the pixels that the positions of a map see: the rules behind `module_fields`.

A rule returns the two axes after a call, rows and columns, from those of the maps that came in, the output's shape and
the call's own arguments. `RULES` names all calls that can be followed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from jaxtyping import Bool, Int64
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.ops.receptive_field.seen import SHAPELESS

FAR = 1 << 40
"""A pixel beyond every image: what a position sees that looks at padding."""


@dataclass(frozen=True)
class Axis:
    """Along one axis of a map: the first and the last pixel that each position sees, and pixels between positions.

    A position that sees padding has −FAR and FAR, so it is known as one whose field is cut at the border. `endless` is
    the axis of which every position sees all of the image, however large.
    """

    first: Int64[Tensor, " n"]
    last: Int64[Tensor, " n"]
    jump: Fraction
    endless: bool = False

    def windows(self, n: int, kernel: int, stride: int, padding: int, dilation: int) -> "Axis":
        """The axis after a convolution or pooling with `n` positions."""
        index = torch.arange(n)[:, None] * stride + torch.arange(kernel) * dilation - padding
        return self.gather(index, torch.ones_like(index, dtype=torch.bool), self.jump * stride)

    def stamps(self, n: int, kernel: int, stride: int, padding: int, dilation: int) -> "Axis":
        """The axis after a transposed convolution with `n` positions."""
        index = torch.arange(n)[:, None] + padding - torch.arange(kernel) * dilation
        return self.gather(index.div(stride, rounding_mode="floor"), index % stride == 0, self.jump / stride)

    def gather(self, index: Int64[Tensor, "n t"], taps: Bool[Tensor, "n t"], jump: Fraction) -> "Axis":
        """Position i sees what the positions index[i] see together, where taps[i]; outside of the map is padding."""
        outside = (index < 0) | (index >= len(self.first))
        index = index.clamp(0, len(self.first) - 1)
        first = torch.where(outside, -FAR, self.first[index])
        last = torch.where(outside, FAR, self.last[index])
        first, last = torch.where(taps, first, FAR).amin(1), torch.where(taps, last, -FAR).amax(1)
        return Axis(first, last, jump, self.endless)

    def whole(self, n: int) -> "Axis":
        """`n` positions that see all that any position here sees."""
        return Axis(self.first.min().expand(n), self.last.max().expand(n), self.jump, endless=True)

    def united(self, other: "Axis") -> "Axis":
        """What the positions of two maps see together; a single position is seen from all, and the other's jump stays.

        ValueError where both have many positions, and other jumps.
        """
        larger, smaller = (self, other) if len(self.first) >= len(other.first) else (other, self)
        if len(smaller.first) > 1 and smaller.jump != larger.jump and not (smaller.endless or larger.endless):
            jumps = f"{self.jump} and {other.jump}"
            raise ValueError(f"module must join maps of one jump to be followed, got {jumps}; measure with seen_pixels")
        first, last = torch.minimum(self.first, other.first), torch.maximum(self.last, other.last)
        jump = larger.jump if larger.endless <= smaller.endless else smaller.jump
        if len(smaller.first) == 1:
            jump = larger.jump
        return Axis(first, last, jump, self.endless or other.endless)


def _two(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value) * (3 - len(value))


def _same(maps, output, *args, **kwargs):
    """Pixel by pixel: what meets there is seen together. ValueError where positions are cut off or put after others."""
    rows, columns = maps[0]
    for other_rows, other_columns in maps[1:]:
        rows, columns = rows.united(other_rows), columns.united(other_columns)
    for axis, n in zip((rows, columns), output.shape[2:], strict=True):
        if len(axis.first) not in (1, n):
            raise ValueError(
                f"module must join and split maps by channels to be followed, got {n} positions of {len(axis.first)}; "
                "measure with seen_pixels"
            )
    return rows, columns


def _whole(maps, output, *args, **kwargs):
    """Every position sees all."""
    return tuple(axis.whole(n) for axis, n in zip(maps[0], output.shape[2:], strict=True))


def _windows(maps, output, x, weight, bias=None, stride=1, padding=0, dilation=1, *args, **kwargs):
    kernel, dilation = tuple(weight.shape[2:]), _two(dilation)
    if isinstance(padding, str):
        padding = tuple(d * (k - 1) // 2 * (padding == "same") for k, d in zip(kernel, dilation, strict=True))
    return _sliding(Axis.windows, maps[0], output, kernel, stride, padding, dilation)


def _max_pool(maps, output, x, kernel_size, stride=None, padding=0, dilation=1, *args, **kwargs):
    return _sliding(Axis.windows, maps[0], output, kernel_size, stride or kernel_size, padding, dilation)


def _mean_pool(maps, output, x, kernel_size, stride=None, padding=0, *args, **kwargs):
    return _sliding(Axis.windows, maps[0], output, kernel_size, stride or kernel_size, padding, 1)


def _stamps(maps, output, x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    return _sliding(Axis.stamps, maps[0], output, tuple(weight.shape[2:]), stride, padding, dilation)


def _sliding(rule, axes, output, *settings):
    numbers = zip(output.shape[2:], *map(_two, settings), strict=True)
    return tuple(rule(axis, *each) for axis, each in zip(axes, numbers, strict=True))


def _resample(
    maps, output, x, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None,
    antialias=False,
):  # fmt: skip
    def resize(impulses, n):
        wide = impulses.expand(-1, -1, -1, 2)  # with antialias torch 2.11 resizes what is 1 wide wrongly
        return F.interpolate(wide, (n, 2), mode=mode, align_corners=align_corners, antialias=antialias)[..., :1]

    return _probed(resize, maps[0], output)


def _adaptive(maps, output, *args, **kwargs):
    """So many positions whatever the image: what each of them sees grows with it."""
    axes = _probed(lambda impulses, n: F.adaptive_avg_pool2d(impulses, (n, 1)), maps[0], output)
    sizes = zip(maps[0], output.shape[2:], strict=True)
    changed = [len(axis.first) != n for axis, n in sizes]
    return tuple(replace(axis, endless=axis.endless or new) for axis, new in zip(axes, changed, strict=True))


def _probed(call, axes, output):
    """What becomes of an impulse at each position says who sees it."""
    after = []
    for axis, n in zip(axes, output.shape[2:], strict=True):
        before = len(axis.first)
        hit = call(torch.eye(before).view(1, before, before, 1), n).reshape(before, n).T != 0
        after.append(axis.gather(torch.arange(before).expand(n, before), hit, axis.jump * _step(before, n)))
    return tuple(after)


def _step(before: int, n: int) -> Fraction:
    """How many of the positions before one of the `n` after is: a whole number, or one over a whole number, where the
    two sizes are so but for what is left over at the end."""
    larger, smaller = max(before, n), min(before, n)
    whole = round(larger / smaller)
    step = Fraction(whole) if abs(larger - whole * smaller) < whole else Fraction(larger, smaller)
    return step if n <= before else 1 / step


def _pad(maps, output, x, pad, *args, **kwargs):
    ends = [(0, 0), (0, 0), *zip(pad[-2::-2], pad[::-2], strict=True)][-2:]
    after = []
    for axis, (before, _), n in zip(maps[0], ends, output.shape[2:], strict=True):
        index = torch.arange(n)[:, None] - before
        after.append(axis.gather(index, torch.ones_like(index, dtype=torch.bool), axis.jump))
    return tuple(after)


def _cut(maps, output, x, index):
    index = index if isinstance(index, tuple) else (index,)
    if Ellipsis in index:
        gap = index.index(Ellipsis)
        index = (*index[:gap], *(slice(None),) * (5 - len(index)), *index[gap + 1 :])
    index = (*index, *(slice(None),) * (4 - len(index)))
    if output.dim() != 4 or not all(isinstance(part, slice) for part in index):
        raise ValueError("module must cut maps by slices to be followed, got another index; measure with seen_pixels")
    cut = zip(maps[0], index[2:], strict=True)
    return tuple(Axis(a.first[s], a.last[s], a.jump * (s.step or 1), a.endless) for a, s in cut)


def _shuffle(maps, output, x, factor):
    return tuple(axis.stamps(n, factor, factor, 0, 1) for axis, n in zip(maps[0], output.shape[2:], strict=True))


def _unshuffle(maps, output, x, factor):
    return _sliding(Axis.windows, maps[0], output, factor, factor, 0, 1)


def _reduce(maps, output, x, dim=None, *args, **kwargs):
    if output.dim() != 4:
        raise ValueError(
            "module must reduce maps with keepdim=True to be followed, got False; measure with seen_pixels"
        )
    dims = {d % 4 for d in ((dim,) if isinstance(dim, int) else dim)}
    return tuple(axis.whole(1) if d in dims else axis for d, axis in zip((2, 3), maps[0], strict=True))


def _softmax(maps, output, x, dim=None, *args, **kwargs):
    if dim is None:
        raise ValueError("module must give softmax its dim to be followed, got None")
    return tuple(
        axis.whole(n) if dim % 4 == d else axis for d, n, axis in zip((2, 3), output.shape[2:], maps[0], strict=True)
    )


LISTED = (_windows, _max_pool, _mean_pool, _stamps, _resample, _adaptive, _shuffle, _unshuffle)
POINTWISE = (
    "add sub mul div truediv radd rsub rmul rtruediv iadd isub imul itruediv pow neg abs exp log sqrt rsqrt square "
    "maximum minimum where cat concat chunk split contiguous to float double clone detach add_ mul_ sub_ div_"
)
RULES: dict[str, Callable] = {
    **dict.fromkeys((*SHAPELESS, *POINTWISE.split()), _same),
    **dict.fromkeys(("group_norm", "instance_norm", "layer_norm"), _whole),
    **dict.fromkeys(("mean", "sum", "amax", "amin"), _reduce),
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    **dict.fromkeys(("adaptive_avg_pool2d", "adaptive_max_pool2d"), _adaptive),
    **{"conv2d": _windows, "max_pool2d": _max_pool, "avg_pool2d": _mean_pool, "conv_transpose2d": _stamps},
    **{"interpolate": _resample, "pad": _pad, "getitem": _cut, "pixel_shuffle": _shuffle},
    "pixel_unshuffle": _unshuffle,
}
"""The calls that can be followed, without the underscores at either end of their names."""
