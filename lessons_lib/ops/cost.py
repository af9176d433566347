"""Cost: multiply-adds counted while a network runs, on numbers or on shapes alone.

A number that comes out of a convolution costs one multiply-add for each weight that it uses, also where that weight
meets padding. Biases, comparisons, and everything else that is no convolution or matrix product are free.
"""

import math
from collections import Counter

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from lessons_lib.checks import check_ints
from lessons_lib.ops.window import sliding_axes

aten = torch.ops.aten


def conv2d_multiply_adds(
    size: tuple[int, int],
    c_in: int,
    c_out: int,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> int:
    """Multiply-adds of a convolution on one image of `size` (height, width): positions · c_out · c_in · k².

    A fully connected layer is the case where the kernel sees all of its input. Raises ValueError for a kernel that does
    not fit.

    >>> conv2d_multiply_adds((8, 8), c_in=3, c_out=2, kernel_size=3, padding=1)  # 64 · 2 · 3 · 9
    3456
    """
    check_ints(1, c_in=c_in, c_out=c_out)
    rows, columns = sliding_axes(size, kernel_size, stride, padding, dilation, 2)
    return rows.places * columns.places * c_out * c_in * kernel_size**2


class MultiplyAdds(TorchDispatchMode):
    """Counts the multiply-adds of what runs inside a `with` block; backward passes are not counted.

    >>> with MultiplyAdds() as cost:
    ...     scores = torch.zeros(1, 3) @ torch.zeros(3, 2)
    >>> cost.total
    6

    `total` is their number and `by_operator` splits it. Tensors on the "meta" device have a shape and no numbers: with
    them the largest network is counted at once. A block that is entered again continues to count.
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_operator: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """All multiply-adds so far."""
        return sum(self.by_operator.values())

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func not in _COUNTS:
            with self:  # without gradients torch leaves larger operators whole: look into them
                parts = func.decompose(*args, **(kwargs or {}))
            return func(*args, **(kwargs or {})) if parts is NotImplemented else parts
        out = func(*args, **(kwargs or {}))
        name, count = _COUNTS[func]
        self.by_operator[name] += count(out, *args)
        return out


def _convolution(out: Tensor, x: Tensor, weight: Tensor, bias, stride, padding, dilation, transposed, *rest) -> int:
    """Each position of the output (if transposed, of the input) meets all weights of its group."""
    places = x if transposed else out
    return len(x) * math.prod(places.shape[2:]) * weight.numel()


def _product(out: Tensor, *operands: Tensor) -> int:
    """Each number of a product of matrices or vectors costs as many multiply-adds as its row is long."""
    return out.numel() * operands[-2].shape[-1]


def _attention(out: tuple, query: Tensor, key: Tensor, value: Tensor, *rest) -> int:
    """Each query meets each key, and then each value, in one operator."""
    return query[..., 0].numel() * key.shape[-2] * (query.shape[-1] + value.shape[-1])


_COUNTS = {
    aten.convolution.default: ("convolution", _convolution),
    aten.mm.default: ("product", _product),
    aten.bmm.default: ("product", _product),
    aten.addmm.default: ("product", _product),
    aten.baddbmm.default: ("product", _product),
    aten.mv.default: ("product", _product),
    aten.addmv.default: ("product", _product),
    aten.dot.default: ("product", _product),
    aten._scaled_dot_product_flash_attention_for_cpu.default: ("attention", _attention),
    aten._scaled_dot_product_flash_attention.default: ("attention", _attention),
    aten._scaled_dot_product_efficient_attention.default: ("attention", _attention),
    aten._scaled_dot_product_cudnn_attention.default: ("attention", _attention),
}
