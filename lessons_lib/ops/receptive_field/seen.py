"""The pixels that a cell sees, measured: the gradient of any network once every layer lets all through."""

from collections.abc import Callable, Sequence
from itertools import product

import torch
from jaxtyping import Bool, Int64
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from lessons_lib.ops.receptive_field.chain import input_gradient


def seen_pixels(
    network: Callable[[Tensor], Tensor], size: tuple[int, int], cell: tuple[int, int] | None = None, channels: int = 3
) -> Bool[Tensor, "H W"]:
    """The pixels of an image of `size` (H, W) that one cell of the output depends on, whatever the weights are.

    It is where the gradient is not zero after every layer was made to let all through: weights positive, a maximum
    (median, order, …) replaced by a mean, a difference, quotient or choice (`where`) by a sum, ReLU, rounding and their
    like by nothing, normalisations by a sum that sees the same pixels. The switches of a maximum are tried one by one,
    and what is read or written at them is the mean over all. This happens while the network runs, to any call of torch,
    and its weights are left as they are. A comparison (x > y) lets nothing through. Layers of float32 run in float64. A
    pixel counts for all its channels together.

    >>> seen_pixels(torch.nn.Conv2d(3, 1, kernel_size=3), (5, 5))[2].tolist()
    [False, True, True, True, False]
    """

    def let_through(images: Tensor) -> Tensor:
        with _LetThrough():
            return network(images)

    images = torch.rand(1, channels, *size, dtype=torch.float64) + 0.5
    return input_gradient(let_through, images, cell) > 0


SHAPELESS = {
    *("relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "selu", "mish", "softplus", "hardswish", "hardtanh"),
    *("hardsigmoid", "sigmoid", "tanh", "prelu", "rrelu", "celu", "clamp", "dropout", "dropout2d", "batch_norm"),
    *("threshold", "hardshrink", "softshrink", "tanhshrink", "softsign", "logsigmoid", "log_sigmoid", "clip"),
    *("clamp_min", "clamp_max", "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "rsqrt", "square", "abs"),
    *("reciprocal", "sin", "cos", "erf", "floor", "ceil", "round", "trunc", "sign", "nan_to_num", "alpha_dropout"),
}
"""Calls that look at one pixel at a time and keep the shape."""


class _LetThrough(TorchFunctionMode):
    """Replaces calls of torch by linear ones with positive weights that see the same pixels.

    An index of a maximum could be any: `choices` holds them all by the id of the one that is passed on. What is
    computed from it is computed from each, until the result holds no more indices but numbers: their mean goes on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.choices: dict[int, list[Tensor]] = {}
        self.kept: list[Tensor] = []  # so that no id is used twice

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, getattr(func, "__name__", "").strip("_")
        given = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        if any(id(value) in self.choices for value in given):
            return self._of_each_choice(func, args, kwargs)
        if name in SHAPELESS:
            x = args[0] if args else kwargs["input"]
            bounds = [b for b in (*args[1:3], kwargs.get("min"), kwargs.get("max")) if isinstance(b, Tensor)]
            return sum(bounds, start=x) if name.startswith("cl") else x  # clamp, clip: also between maps
        rule = getattr(self, f"_{name}", None) if name else None
        if rule is None or not any(value.is_floating_point() for value in given):
            return func(*args, **kwargs)
        return rule(func, *args, **kwargs)

    def _of_each_choice(self, func, args, kwargs):
        names = [*range(len(args)), *kwargs]
        options = [self.choices.get(id(value), [value]) for value in (*args, *kwargs.values())]
        results = []
        for option in product(*options):
            given = dict(zip(names, option, strict=True))
            results.append(func(*option[: len(args)], **{name: given[name] for name in kwargs}))
        if not isinstance(results[0], Tensor):
            return results[0]
        return sum(results) / len(results) if results[0].is_floating_point() else self._any_of(results)

    def _any_of(self, indices: Sequence[Tensor]) -> Tensor:
        self.choices[id(indices[0])] = list(indices)
        self.kept.append(indices[0])
        return indices[0]

    def _conv2d(self, func, x, weight, bias=None, *args, **kwargs):
        return func(x, torch.full_like(weight, 1 / weight[0].numel(), dtype=x.dtype), None, *args, **kwargs)

    def _conv_transpose2d(self, func, x, weight, bias=None, *args, **kwargs):
        return func(x, torch.full_like(weight, 1 / weight[:, 0].numel(), dtype=x.dtype), None, *args, **kwargs)

    def _linear(self, func, x, weight, bias=None):
        return func(x, torch.full_like(weight, 1 / weight[0].numel(), dtype=x.dtype), None)

    def _pad(self, func, x, pad, mode="constant", value=None):
        return F.pad(x, pad, mode)  # zeros, where a maximum would be padded with −∞

    def _max_pool2d(self, func, x, kernel_size, stride=None, padding=0, dilation=1, *args, **kwargs):
        """Also where indices are asked for: torch then calls it max_pool2d_with_indices."""
        out = func(x, kernel_size, stride, padding, dilation, *args, **kwargs)
        size = (out[0] if isinstance(out, tuple) else out).shape[-2:]
        taps = window_taps(x.shape[-2:], size, kernel_size, stride or kernel_size, padding, dilation)
        flat = x.flatten(-2)
        values = sum(flat[..., tap] for tap in taps) / len(taps)
        if not isinstance(out, tuple):
            return values
        return values, self._any_of([tap.expand(out[1].shape) for tap in taps])

    _max_pool2d_with_indices = _max_pool2d

    def _adaptive_max_pool2d(self, func, x, output_size, *args, **kwargs):
        return F.adaptive_avg_pool2d(x, output_size)

    def _adaptive_max_pool2d_with_indices(self, func, x, output_size, *args, **kwargs):
        values = F.adaptive_avg_pool2d(x, output_size)
        every = torch.arange(x.shape[-2] * x.shape[-1])
        return values, self._any_of([place.expand(values.shape) for place in every])  # more than each window has

    def _max(self, func, x, dim=None, keepdim=False, *, other=None):
        """torch.max in its three forms: of two maps, over an axis with its indices, and of everything."""
        other = dim if isinstance(dim, Tensor) else other
        if other is not None:
            return x + other
        if dim is None:
            return x.mean()
        values = x.mean(dim, keepdim)
        return getattr(torch.return_types, func.__name__)((values, self._any_place(values, x.shape[dim])))

    _min = _median = _nanmedian = _mode = _max

    def _any_place(self, values: Tensor, count: int) -> Tensor:
        """An index of `count` for each value, which could be any."""
        return self._any_of([torch.full_like(values, place, dtype=torch.int64) for place in range(count)])

    def _kthvalue(self, func, x, k, dim=-1, keepdim=False):
        return self._max(func, x, dim, keepdim)

    def _topk(self, func, x, k, dim=-1, *args, **kwargs):
        size = list(x.shape)
        size[dim] = k
        values = x.mean(dim, keepdim=True).expand(size)
        return getattr(torch.return_types, func.__name__)((values, self._any_place(values, x.shape[dim])))

    def _sort(self, func, x, dim=-1, *args, **kwargs):
        return self._topk(func, x, x.shape[dim], dim)

    def _argmax(self, func, x, dim=None, keepdim=False):
        flat, dim = (x, dim) if dim is not None else (x.flatten(), 0)
        return self._any_place(flat.mean(dim, keepdim), flat.shape[dim])

    _argmin = _argmax

    def _amax(self, func, x, dim=(), keepdim=False):
        return x.mean(None if dim == () else dim, keepdim)

    _amin = _amax

    def _maximum(self, func, x, other, **kwargs):
        return x + other  # also differences and quotients, in which what two maps both see could cancel

    _minimum = _fmax = _fmin = _sub = _rsub = _isub = _subtract = _maximum
    _div = _divide = _true_divide = _truediv = _rdiv = _rtruediv = _itruediv = _maximum

    def _mul(self, func, x, other):
        """A factor that is learned may be 0 when it is fresh, as that of a residual branch."""
        x, other = (torch.ones_like(v) if isinstance(v, nn.Parameter) else v for v in (x, other))
        return func(x, other)

    _multiply = _imul = _rmul = _mul

    def _glu(self, func, x, dim=-1):
        value, gate = x.chunk(2, dim)
        return value + gate

    def _where(self, func, condition, x, other):
        return x + other

    def _neg(self, func, x):
        return x

    def _softmax(self, func, x, dim=None, *args, **kwargs):
        return x + x.mean(dim, keepdim=True)

    _log_softmax = _softmax

    def _normalize(self, func, x, p=None, dim=1, *args, **kwargs):
        return x + x.mean(dim, keepdim=True)

    def _cosine_similarity(self, func, x1, x2, dim=1, *args, **kwargs):
        return (x1 + x2).mean(dim)

    def _group_norm(self, func, x, *args, **kwargs):
        return x + x.mean((1, 2, 3), keepdim=True)

    def _instance_norm(self, func, x, *args, **kwargs):
        return x + x.mean((2, 3), keepdim=True)

    def _layer_norm(self, func, x, normalized_shape, *args, **kwargs):
        return x + x.mean(tuple(range(-len(normalized_shape), 0)), keepdim=True)


def window_taps(
    size: Sequence[int],
    places: Sequence[int],
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int],
    padding: int | Sequence[int],
    dilation: int | Sequence[int],
) -> list[Int64[Tensor, "h w"]]:
    """The pixel, row · W + column, that each tap of a pooling's window reads from each position; a tap that meets
    padding reads what the first one on the map reads."""
    axes = []
    for axis in (0, 1):
        k, s, p, d = (v if isinstance(v, int) else v[axis % len(v)] for v in (kernel_size, stride, padding, dilation))
        at = torch.arange(places[axis]) * s - p + torch.arange(k)[:, None] * d  # (k, positions)
        real = (at >= 0) & (at < size[axis])
        axes.append(torch.where(real, at, torch.where(real, at, size[axis] - 1).amin(0)))
    return [row[:, None] * size[1] + column for row in axes[0] for column in axes[1]]
