"""The receptive field of any module, layer by layer: the formula along every path, and the union where paths meet.

The module is run once, on images without content (torch's "meta" device: shapes, no numbers, no time), and every call
of torch is followed. Each map carries, for each of its rows and columns, the first and the last pixel seen. Where
branches meet, by a sum, a product or a concatenation, the first is the least and the last the greatest of them.

Followed: convolutions and poolings with any kernel, stride, padding and dilation, transposed convolutions,
interpolation, pixel shuffle, padding, cropping, everything that works pixel by pixel, sums, products and concatenation
of maps. Normalisations over the image and global poolings see all of it. Not followed, and refused by name: calls
that mix positions in another way (attention, indexing by tensors, FFT, reshaping of maps) and modules that look at the
values of the image to decide what to run. For those, measure with `receptive_field.seen_pixels`.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from lessons_lib.ops.receptive_field.chain import Field
from lessons_lib.ops.receptive_field.rules import LISTED, RULES, Axis

LARGEST = 4096
"""The largest image that is tried; a cell that still sees a border of it sees the whole image."""


@dataclass(frozen=True)
class LayerField:
    """A layer that was met: its name in the module, what it does, and its field along rows and along columns.

    `size` is math.inf where cells see the whole image, however large. After upsampling the jump can be a fraction,
    cells of different phase see fields of different sizes, and `size` is the largest.
    """

    name: str
    kind: str
    rows: Field
    columns: Field


def module_fields(module: nn.Module, channels: int = 3) -> list[LayerField]:
    """The fields of every convolution, pooling and upsampling in the order of the run, and of the output, "output".

    The image (1, `channels`, n, n) grows until inner cells see no border of it. ValueError names a call that cannot
    be followed; see the top of this file.

    >>> module_fields(torch.nn.Conv2d(3, 1, kernel_size=3, stride=2))[-1].rows
    Field(start=0, jump=2, size=3)
    """
    size = 64
    while True:
        try:
            rows, cut = _follow(module, channels, size)
            if size >= LARGEST or not cut:
                return rows
        except RuntimeError:  # a network without padding needs an image of some size
            if size >= LARGEST:
                raise
        size *= 2


def _follow(module: nn.Module, channels: int, size: int) -> tuple[list[LayerField], bool]:
    """The fields on an image of this size, and whether the border cut any of them that a larger image would not."""
    places = torch.arange(size)
    start = Axis(places, places, Fraction(1))
    state = {name: t.to("meta") for name, t in (*module.named_parameters(), *module.named_buffers())}
    picture = torch.empty(1, channels, size, size, device="meta")
    with _Follow({id(t): name.rpartition(".")[0] for name, t in state.items()}) as follow:
        follow.know(picture, (start, start))
        output = functional_call(module, state, (picture,))
    if not isinstance(output, Tensor) or id(output) not in follow.axes:
        raise ValueError("module must return one map (B, K, h, w) that depends on the image")
    met = [*follow.met, ("output", "", follow.axes[id(output)])]
    fields = [LayerField(name, kind, *(_field(axis, size) for axis in axes)) for name, kind, axes in met]
    found = [
        (axis, f)
        for (_, _, axes), row in zip(met, fields, strict=True)
        for axis, f in zip(axes, (row.rows, row.columns), strict=True)
    ]
    return fields, any(math.isinf(f.size) and not axis.endless for axis, f in found)


def _field(axis: Axis, size: int) -> Field:
    """The field of the inner positions: those that see no border of the image."""
    inner = ((axis.first > 0) & (axis.last < size - 1)).nonzero()[:, 0]
    inner = inner[(axis.first <= axis.last)[inner]]  # between the stamps of a transposed convolution there is nothing
    jump = int(axis.jump) if axis.jump.denominator == 1 else float(axis.jump)
    if len(inner) == 0 or axis.endless:
        return Field(0, jump, math.inf)
    start = int(axis.first[inner[0]]) - jump * int(inner[0])
    return Field(start, jump, int((axis.last - axis.first)[inner].max()) + 1)


class _Follow(TorchFunctionMode):
    """Carries the axes of every map along while the module runs; `met` lists the layers with windows."""

    def __init__(self, names: dict[int, str]) -> None:
        super().__init__()
        self.names = names
        self.met: list[tuple[str, str, tuple[Axis, Axis]]] = []
        self.axes: dict[int, tuple[Axis, Axis]] = {}
        self.kept: list[Tensor] = []  # so that no id is used twice

    def know(self, tensor: Tensor, axes: tuple[Axis, Axis]) -> None:
        self.axes[id(tensor)] = axes
        self.kept.append(tensor)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, getattr(func, "__name__", str(func)).strip("_")
        given, rule = _tensors((args, kwargs)), RULES.get(name)
        maps = [self.axes[id(t)] for t in given if id(t) in self.axes]
        refusal = f"module must use calls that can be followed, got {name}; measure with seen_pixels"
        try:
            output = func(*args, **kwargs)
        except RuntimeError as error:  # a reshaping that only fits images of some size is refused at every size
            if maps and rule is None:
                raise ValueError(refusal) from error
            raise
        answers = _tensors(output)
        if maps and answers:
            if rule is None:
                raise ValueError(refusal)
            for answer in answers:
                self.know(answer, rule(maps, answer, *args, **kwargs))
            if rule in LISTED:
                weights = [self.names[id(t)] for t in given if self.names.get(id(t))]
                self.met.append((weights[0] if weights else name, name, self.axes[id(answers[0])]))
        return output


def _tensors(value: object) -> list[Tensor]:
    """All tensors in nested lists, tuples and dicts."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [tensor for part in parts for tensor in _tensors(part)]
