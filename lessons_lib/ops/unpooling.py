"""Unpooling: max pooling that remembers its switches, the way back with them or without, and how far values move.

A *switch* is the position of a window's maximum, as torch counts it: row · W + column on the map before pooling, for
each sample and channel by itself. Windows are k × k and lie side by side; where a side is no multiple of k the last
ones are smaller, so ⌈n / k⌉ remain. DeconvNet's decoder sends each value back to its switch and leaves zeros elsewhere
(Noh, Hong and Han, "Learning Deconvolution Network for Semantic Segmentation", ICCV 2015, section 3.2.1).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.checks import check_ints, check_tensor, checked_ints


def max_pool(
    x: Float[Tensor, "B C H W"], kernel_size: int = 2
) -> tuple[Float[Tensor, "B C h w"], Int64[Tensor, "B C h w"]]:
    """The maximum of each window, and its switch; of equal values the first in reading order.

    Equal to `F.max_pool2d(x, k, ceil_mode=True, return_indices=True)` on finite maps. The gradient goes to the switches
    alone. Raises ValueError for a map without pixels and for anything that is no float map (B, C, H, W).

    >>> pooled, switches = max_pool(torch.tensor([[[[1.0, 4.0], [3.0, 2.0]]]]))
    >>> pooled.item(), switches.item()
    (4.0, 1)
    """
    check_tensor("x", x, 4)
    check_ints(1, kernel_size=kernel_size)
    if 0 in x.shape[2:]:
        raise ValueError(f"x must have at least 1 pixel, got {tuple(x.shape)}")
    k, (height, width) = kernel_size, x.shape[2:]
    wide = F.pad(x, (0, -width % k, 0, -height % k), value=-torch.inf)
    windows = wide.unflatten(3, (-1, k)).unflatten(2, (-1, k)).transpose(3, 4).flatten(4)  # (B, C, h, w, k*k)
    pooled, tap = windows.max(-1)
    switches = corner_switches((height, width), k).to(x.device) + tap // k * width + tap % k
    return pooled, switches


def corner_switches(size: Sequence[int], kernel_size: int = 2) -> Int64[Tensor, "h w"]:
    """The top-left pixel of every window of a map of `size` (H, W): where values go when no switch was kept.

    On the CPU.

    >>> corner_switches((4, 4)).tolist()
    [[0, 2], [8, 10]]
    """
    height, width = checked_ints("size", size, 1, 2)
    check_ints(1, kernel_size=kernel_size)
    rows, columns = (torch.arange(0, side, kernel_size, device="cpu") for side in (height, width))
    return rows[:, None] * width + columns


def max_unpool(
    pooled: Float[Tensor, "B C h w"], switches: Int64[Tensor, "*B_C h w"], size: Sequence[int]
) -> Float[Tensor, "B C H W"]:
    """Each value at its switch on a map of `size` (H, W), zeros elsewhere.

    `switches` may lack the leading dimensions, and then holds for all samples and channels. Switches within a map must
    differ, as those of windows that do not overlap do; otherwise one of the values is lost, and which is not said. The
    gradient is gathered from the switches. Raises ValueError for shapes that do not fit and for a switch outside the
    map (on a GPU, where looking would mean waiting, torch stops instead).

    >>> max_unpool(torch.tensor([[[[4.0]]]]), torch.tensor([[1]]), size=(2, 2)).tolist()
    [[[[0.0, 4.0], [0.0, 0.0]]]]
    """
    check_tensor("pooled", pooled, 4)
    height, width = checked_ints("size", size, 1, 2)
    if not isinstance(switches, Tensor) or switches.dtype != torch.int64:
        got = str(switches.dtype) if isinstance(switches, Tensor) else repr(switches)
        raise ValueError(f"switches must be an int64 tensor, got {got}")
    if switches.shape not in {pooled.shape[lead:] for lead in range(3)}:
        got = f"{tuple(switches.shape)} for {tuple(pooled.shape)}"
        raise ValueError(f"switches must have the shape of pooled, with or without its leading dimensions, got {got}")
    if (
        switches.device.type == "cpu"
        and switches.numel()
        and not 0 <= switches.min() <= switches.max() < height * width
    ):
        span = f"{switches.min().item()} to {switches.max().item()}"
        raise ValueError(f"switches must be in [0, {height * width}) for size {height} × {width}, got {span}")
    places = switches.expand_as(pooled).flatten(2)
    canvas = pooled.new_zeros(*pooled.shape[:2], height * width)
    return canvas.scatter(2, places, pooled.flatten(2)).unflatten(2, (height, width))


def follow_switches(switches: Sequence[Int64[Tensor, "B C _ _"]]) -> Int64[Tensor, "B C h w"]:
    """The position on the first map of each value that several poolings left: a switch of a switch of a switch.

    `switches` come in the order of the poolings. Raises ValueError for none.

    >>> follow_switches([torch.tensor([[[[5, 2], [9, 14]]]]), torch.tensor([[[[3]]]])]).item()
    14
    """
    if len(switches) == 0:
        raise ValueError("switches must hold those of at least 1 pooling, got 0")
    places = switches[-1]
    for earlier in reversed(switches[:-1]):
        places = earlier.flatten(2).gather(2, places.flatten(2)).view_as(places)
    return places


def moved(
    places: Int64[Tensor, "*shape"], others: Int64[Tensor, "*shape_or_less"], width: int
) -> Float[Tensor, "*shape"]:
    """Pixels between two positions on a map `width` wide, in a straight line.

    >>> moved(torch.tensor([0]), torch.tensor([9]), width=5)  # from (0, 0) to (1, 4)
    tensor([4.1231])
    """
    check_ints(1, width=width)
    rows = places // width - others // width
    columns = places % width - others % width
    return torch.hypot(rows.double(), columns.double()).float()
