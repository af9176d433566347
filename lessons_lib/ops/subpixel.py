"""Sub-pixel convolution: the shuffle, the equal transposed convolution, ICNR, and the cost.

Conventions: r is the factor by which both sides grow; images are (B, C, H, W). Channels are counted channel by channel,
as PyTorch has them: channel c·r² + i·r + j of the small image holds row i and column j of every r × r block of output
channel c. The layer is that of Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient
Sub-Pixel Convolutional Neural Network" (arXiv:1609.05158), section 2; its equality to a transposed convolution is the
subject of their note "Is the deconvolution layer the same as a convolutional layer?" (arXiv:1609.07009).
"""

from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.checks import Ints, check_ints, checked_ints
from lessons_lib.ops.convolution import conv2d_unfold


def pixel_shuffle(x: Shaped[Tensor, "*B C_r_r H W"], factor: int) -> Shaped[Tensor, "*B C r_H r_W"]:
    """Weave every r² channels into one that is r times as high and as wide; no value is changed.

    out[c, rh + i, rw + j] = x[c·r² + i·r + j, h, w]. Any dtype, any number of leading axes or none. The number of
    channels must be a multiple of r², else ValueError.

    >>> pixel_shuffle(torch.arange(4.0).view(4, 1, 1), factor=2).tolist()
    [[[0.0, 1.0], [2.0, 3.0]]]
    """
    _check_image("x", x)
    check_ints(1, factor=factor)
    *batch, channels, height, width = x.shape
    if channels % factor**2:
        raise ValueError(f"x must have a multiple of factor² = {factor**2} channels, got {channels}")
    split = x.reshape(*batch, channels // factor**2, factor, factor, height, width)  # (..., C, i, j, H, W)
    woven = split.permute(*range(len(batch) + 1), -2, -4, -1, -3)  # (..., C, H, i, W, j)
    return woven.reshape(*batch, channels // factor**2, height * factor, width * factor)


def pixel_unshuffle(x: Shaped[Tensor, "*B C r_H r_W"], factor: int) -> Shaped[Tensor, "*B C_r_r H W"]:
    """Undo `pixel_shuffle`: every r-th pixel of every r-th row, from each of the r² starts, becomes a channel.

    So the channels are the phases of the image. Height and width must be multiples of r, else ValueError. Empty images
    get their new shape too (torch's own returns them as they came).

    >>> pixel_unshuffle(torch.tensor([[[0.0, 1.0], [2.0, 3.0]]]), factor=2).flatten().tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    _check_image("x", x)
    check_ints(1, factor=factor)
    *batch, channels, height, width = x.shape
    if height % factor or width % factor:
        raise ValueError(
            f"x must have a height and a width that are multiples of factor {factor}, got {height}×{width}"
        )
    split = x.reshape(*batch, channels, height // factor, factor, width // factor, factor)  # (..., C, H, i, W, j)
    phases = split.permute(*range(len(batch) + 1), -3, -1, -4, -2)  # (..., C, i, j, H, W)
    return phases.reshape(*batch, channels * factor**2, height // factor, width // factor)


def channel_major(weight: Shaped[Tensor, "C_r_r ..."], factor: int) -> Shaped[Tensor, "C_r_r ..."]:
    """Reorder the filters (or biases) of a layer that counts position by position into the order of `pixel_shuffle`.

    Filter (i·r + j)·C + c moves to position c·r² + i·r + j. The first is the order of TensorFlow's depth_to_space
    (ONNX: mode DCR), the second that of PyTorch (CRD). With one output channel, C = 1, they are the same.

    >>> channel_major(torch.tensor([0, 10, 1, 11, 2, 12, 3, 13]), factor=2).tolist()  # 2 channels, 4 positions
    [0, 1, 2, 3, 10, 11, 12, 13]
    """
    check_ints(1, factor=factor)
    positions = factor**2
    channels = _groups("weight", weight, factor)
    return weight.reshape(positions, channels, *weight.shape[1:]).transpose(0, 1).reshape(weight.shape)


def subpixel_conv2d(
    x: Float[Tensor, "B C_in H W"],
    weight: Float[Tensor, "C_r_r C_in kH kW"],
    bias: Float[Tensor, " C_r_r"] | None = None,
    factor: int = 2,
    padding: Ints = 0,
) -> Float[Tensor, "B C r_oH r_oW"]:
    """Convolve at low resolution to r² times the channels, then weave them: r(n + 2p − k + 1) pixels from n.

    >>> subpixel_conv2d(torch.ones(1, 1, 1, 1), torch.arange(4.0).view(4, 1, 1, 1)).tolist()
    [[[[0.0, 1.0], [2.0, 3.0]]]]
    """
    check_ints(1, factor=factor)
    _groups("weight", weight, factor)
    return pixel_shuffle(conv2d_unfold(x, weight, bias, padding=padding), factor)


def transposed_weight(weight: Float[Tensor, "C_r_r C_in kH kW"], factor: int) -> Float[Tensor, "C_in C r_kH r_kW"]:
    """The kernel of stride r that stamps what a sub-pixel convolution gathers: its filters turned by 180° and woven.

    T[c', c, i + r(k − 1 − u), j + r(k − 1 − v)] = W[c·r² + i·r + j, c', u, v].

    >>> transposed_weight(torch.arange(4.0).view(4, 1, 1, 1), factor=2).tolist()
    [[[[0.0, 1.0], [2.0, 3.0]]]]
    """
    check_ints(1, factor=factor)
    _check_kernel(weight)
    _groups("weight", weight, factor)
    return pixel_shuffle(weight.flip(2, 3).transpose(0, 1), factor)


def subpixel_weight(weight: Float[Tensor, "C_in C r_kH r_kW"], stride: int) -> Float[Tensor, "C_r_r C_in kH kW"]:
    """Undo `transposed_weight`: the r² phases of a transposed kernel as filters. Its sides must be multiples of r.

    >>> subpixel_weight(torch.arange(4.0).view(1, 1, 2, 2), stride=2).flatten().tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    check_ints(1, stride=stride)
    _check_kernel(weight)
    height, width = weight.shape[2:]
    if height % stride or width % stride:
        raise ValueError(f"weight must have sides that are multiples of stride {stride}, got {height}×{width}")
    return pixel_unshuffle(weight, stride).flip(2, 3).transpose(0, 1)


def as_transposed(
    weight: Float[Tensor, "C_r_r C_in kH kW"], factor: int, padding: Ints = 0
) -> tuple[Float[Tensor, "C_in C r_kH r_kW"], tuple[int, int]]:
    """(weight, padding) of the transposed convolution of stride r that equals a sub-pixel convolution.

    The padding is r(k − 1 − p); so p may be at most k − 1, else ValueError. A bias carries over only where all r²
    filters of a channel share it: a transposed convolution has one number for each output channel.

    >>> weight, padding = as_transposed(torch.ones(4, 1, 3, 3), factor=2, padding=1)
    >>> tuple(weight.shape), padding
    ((1, 1, 6, 6), (2, 2))
    """
    woven = transposed_weight(weight, factor)
    cut = []
    for k, p in zip(weight.shape[2:], checked_ints("padding", padding, 0, 2), strict=True):
        if p > k - 1:
            raise ValueError(f"padding must be at most kernel_size − 1 = {k - 1} in a transposed convolution, got {p}")
        cut.append(factor * (k - 1 - p))
    return woven, (cut[0], cut[1])


def as_subpixel(
    weight: Float[Tensor, "C_in C kH kW"], stride: int, padding: Ints = 0, output_padding: Ints = 0
) -> tuple[Float[Tensor, "C_r_r C_in qH qW"], tuple[int, int]]:
    """(weight, padding) of the sub-pixel convolution that equals a transposed convolution, up to a crop at the end.

    Any kernel and padding: zeros are put before the kernel until the padding is a multiple of the stride, and after it
    until the output is long enough; the output is then longer by less than a stride (by more where the padding is
    larger than the kernel): cut it to the transposed size (n − 1)s − 2p + k + output_padding. A bias is repeated s²
    times. The zeros are the taps that some phases lack: they are what makes the overlap uneven.

    >>> weight, padding = as_subpixel(torch.ones(1, 1, 4, 4), stride=2, padding=1)
    >>> tuple(weight.shape), padding
    ((4, 1, 3, 3), (1, 1))
    """
    check_ints(1, stride=stride)
    _check_kernel(weight)
    paddings = checked_ints("padding", padding, 0, 2)
    extras = checked_ints("output_padding", output_padding, 0, 2)
    fill, kept = [], []
    for size, p, extra in zip(weight.shape[2:], paddings, extras, strict=True):
        if extra >= stride:
            raise ValueError(f"output_padding must be smaller than stride {stride}, got {extra}")
        before = -p % stride
        taps = max(-(-(size + extra + 2 * before) // stride), (p + before) // stride + 1)
        fill.append((before, taps * stride - size - before))
        kept.append(taps - 1 - (p + before) // stride)
    (top, bottom), (left, right) = fill
    return subpixel_weight(F.pad(weight, (left, right, top, bottom)), stride), (kept[0], kept[1])


def icnr(filters: Float[Tensor, "C ..."], factor: int) -> Float[Tensor, "C_r_r ..."]:
    """A start without checkerboard: r² copies of every filter, so that each r × r block of the output is flat.

    The layer then equals one convolution, enlarged by nearest neighbours. Draw `filters` (C, C_in, kH, kW) as for that
    convolution; give a bias (C,) the same treatment. Aitken et al., "Checkerboard artifact free sub-pixel convolution"
    (arXiv:1707.02937). Training is free to move the copies apart again.

    >>> icnr(torch.tensor([1.0, 2.0]), factor=2).tolist()
    [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]
    """
    check_ints(1, factor=factor)
    if not isinstance(filters, Tensor) or filters.dim() == 0:
        raise ValueError(f"filters must be a tensor with at least 1 dimension, got {_kind(filters)}")
    return filters.repeat_interleave(factor**2, dim=0)


def multiply_adds(size: Ints, kernel_size: int, factor: int, channels_in: int, channels_out: int) -> dict[str, int]:
    """Multiply-adds of four ways from (C_in, H, W) to (C, rH, rW), each output pixel seeing k × k small pixels.

    `size` is that of the small image. Zeros of the padding count, as they do in a profiler. "transposed" stamps a
    kernel of rk; "zero-stuffed" is the same, written as a convolution of the image with r − 1 zeros between its pixels;
    to see k pixels after resizing by nearest neighbours, a kernel needs r(k − 1) + 1 taps per side.

    >>> multiply_adds((4, 4), kernel_size=3, factor=2, channels_in=1, channels_out=1)["transposed"]  # 16 · 6²
    576
    """
    check_ints(1, kernel_size=kernel_size, factor=factor, channels_in=channels_in, channels_out=channels_out)
    height, width = checked_ints("size", size, 1, 2)
    pairs = height * width * channels_in * channels_out  # a small pixel meets a filter slice
    return {
        "sub-pixel": pairs * factor**2 * kernel_size**2,
        "transposed": pairs * (factor * kernel_size) ** 2,
        "resize, then convolve": pairs * factor**2 * (factor * (kernel_size - 1) + 1) ** 2,
        "zero-stuffed": pairs * factor**2 * (factor * kernel_size) ** 2,
    }


def _kind(value: object) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)


def _check_image(name: str, image: Tensor) -> None:
    if not isinstance(image, Tensor) or image.dim() < 3:
        raise ValueError(f"{name} must be a tensor with at least 3 dimensions, got {_kind(image)}")


def _check_kernel(weight: Tensor) -> None:
    if not isinstance(weight, Tensor) or weight.dim() != 4:
        raise ValueError(f"weight must be a tensor with 4 dimensions, got {_kind(weight)}")


def _groups(name: str, filters: Tensor, factor: int) -> int:
    """The number of output channels that r² filters each make."""
    if not isinstance(filters, Tensor) or filters.dim() == 0 or len(filters) % factor**2:
        count = _kind(filters) if not isinstance(filters, Tensor) or filters.dim() == 0 else len(filters)
        raise ValueError(f"{name} must have a multiple of factor² = {factor**2} filters, got {count}")
    return len(filters) // factor**2
