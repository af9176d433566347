"""Transposed convolution: sizes, stamping, the transposed matrix, zeros between the pixels, bilinear weights.

Conventions, as torch spells them: images are (B, C_in, H, W), weights (C_in, C_out, kH, kW), that is, the weight of the
convolution that goes the other way. Each pixel stamps the kernel, times its value, onto a canvas, `stride` squares from
its neighbour's stamp; where stamps overlap they add. Then `padding` squares are cut off both ends, but
`output_padding` fewer at the far one. `stride`, `padding`, `output_padding` and `dilation` are one int for all axes or
one int per axis. The arithmetic follows Dumoulin and Visin, "A guide to convolution arithmetic for deep learning"
(arXiv:1603.07285), section 4.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.checks import Ints, axes_named, check_ints, check_same_kind, check_tensor, checked_ints
from lessons_lib.ops.convolution import conv2d_unfold, convolution_matrix
from lessons_lib.ops.window import Axis


def transposed_axes(
    size: Ints, kernel_size: Ints, stride: Ints, padding: Ints, output_padding: Ints, dilation: Ints, count: int
) -> tuple[Axis, ...]:
    """The `count` axes of a transposed convolution, checked: those of the convolution that leads back.

    So `Axis.size` is the output, `Axis.padded` the canvas, and `Axis.window(i)` where the stamp of input pixel i lands.
    With output_padding ≥ stride (legal where dilation is larger) `Axis.places` is more than `size`: the convolution
    back has positions that no input pixel stands for.
    """
    names = ("size", "kernel_size", "stride", "padding", "output_padding", "dilation")
    values = (size, kernel_size, stride, padding, output_padding, dilation)
    least = {"padding": 0, "output_padding": 0}
    columns = [checked_ints(name, value, least.get(name, 1), count) for name, value in zip(names, values, strict=True)]
    axes = []
    for n, k, s, p, extra, d in zip(*columns, strict=True):
        if extra >= max(s, d):
            raise ValueError(f"output_padding must be < {max(s, d)}, the larger of stride and dilation, got {extra}")
        output = (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
        if output < 1:
            raise ValueError(f"padding must leave at least 1 of the {output + 2 * p} stamped pixels, got {p}")
        axes.append(Axis(output, k, s, d, p, p))
    return tuple(axes)


def transposed_output_size(
    size: Ints, kernel_size: Ints, stride: Ints = 1, padding: Ints = 0, output_padding: Ints = 0, dilation: Ints = 1
) -> int | tuple[int, ...]:
    """Pixels that a transposed convolution gives: (n − 1)s − 2p + d(k−1) + output_padding + 1.

    An int where every argument is one, else a tuple with one number per axis. Raises ValueError for output_padding
    ≥ max(stride, dilation) and for a padding that cuts everything off, as torch does.

    >>> transposed_output_size(2, kernel_size=3, stride=2, padding=1, output_padding=1)
    4
    """
    arguments = (size, kernel_size, stride, padding, output_padding, dilation)
    count = axes_named(*arguments)
    axes = transposed_axes(*arguments, count=count or 1)
    return tuple(axis.size for axis in axes) if count else axes[0].size


def output_padding_for(
    size: int, output: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """The output_padding with which `size` pixels become `output`.

    A convolution turns each of `convolution.input_sizes_for(size, …)`, at most `stride` neighbours, into `size`. Of
    these the transposed convolution returns the smallest; output_padding asks for a larger one, and for a
    convolution that came from n pixels it is (n + 2p − d(k−1) − 1) mod s. Raises ValueError, naming the range, for
    an output that no legal output_padding gives.

    >>> output_padding_for(2, 4, kernel_size=3, stride=2, padding=1)
    1
    """
    check_ints(1, size=size, output=output, kernel_size=kernel_size, stride=stride, dilation=dilation)
    check_ints(0, padding=padding)
    least = (size - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + 1
    most = least + max(stride, dilation) - 1
    if not least <= output <= most:
        raise ValueError(f"output must be in [{least}, {most}] for size {size}, got {output}")
    return output - least


def conv_transpose2d_stamps(
    x: Float[Tensor, "B C_in H W"],
    weight: Float[Tensor, "C_in C_out kH kW"],
    bias: Float[Tensor, " C_out"] | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    dilation: Ints = 1,
) -> Float[Tensor, "B C_out oH oW"]:
    """Transposed convolution as the lecture draws it: each pixel stamps the kernel, times its value; overlaps add.

    >>> x, weight = torch.tensor([[[[1.0, 2.0]]]]), torch.ones(1, 1, 1, 3)
    >>> conv_transpose2d_stamps(x, weight, stride=2).tolist()
    [[[[1.0, 1.0, 3.0, 2.0, 2.0]]]]
    """
    rows, columns = _layer_axes(x, weight, bias, stride, padding, output_padding, dilation)
    canvas = x.new_zeros(len(x), weight.shape[1], rows.padded, columns.padded)
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            stamp = torch.einsum("bc,couv->bouv", x[:, :, i, j], weight)
            canvas[:, :, rows.window(i), columns.window(j)] += stamp
    out = canvas[:, :, rows.before : rows.before + rows.size, columns.before : columns.before + columns.size]
    return _add_bias(out, bias)


def conv_transpose2d_matrix(
    x: Float[Tensor, "B C_in H W"],
    weight: Float[Tensor, "C_in C_out kH kW"],
    bias: Float[Tensor, " C_out"] | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    dilation: Ints = 1,
) -> Float[Tensor, "B C_out oH oW"]:
    """Transposed convolution as its name says: the transposed matrix of the convolution with the same weight.

    >>> x, weight = torch.tensor([[[[1.0, 2.0]]]]), torch.ones(1, 1, 1, 3)
    >>> conv_transpose2d_matrix(x, weight, padding=(0, 1)).tolist()
    [[[[3.0, 3.0]]]]
    """
    rows, columns = _layer_axes(x, weight, bias, stride, padding, output_padding, dilation)
    matrix = convolution_matrix(weight, (rows.size, columns.size), stride, padding, dilation)
    extra = (0, columns.places - x.shape[3], 0, rows.places - x.shape[2])  # 0 unless output_padding ≥ stride
    out = torch.sparse.mm(matrix.t(), F.pad(x, extra).flatten(1).T).T  # (B, C_out*oH*oW)
    return _add_bias(out.unflatten(1, (weight.shape[1], rows.size, columns.size)), bias)


def insert_zeros(x: Float[Tensor, "B C H W"], stride: Ints) -> Float[Tensor, "B C sH sW"]:
    """The pixels pulled apart, stride − 1 zeros between neighbours and none at the ends: (n − 1)·stride + 1 per side.

    >>> insert_zeros(torch.tensor([[[[1.0, 2.0]]]]), stride=3).tolist()
    [[[[1.0, 0.0, 0.0, 2.0]]]]
    """
    check_tensor("x", x, 4)
    down, across = checked_ints("stride", stride, 1, 2)
    apart = x.new_zeros(*x.shape[:2], (x.shape[2] - 1) * down + 1, (x.shape[3] - 1) * across + 1)
    apart[:, :, ::down, ::across] = x
    return apart


def conv_transpose2d_zeros(
    x: Float[Tensor, "B C_in H W"],
    weight: Float[Tensor, "C_in C_out kH kW"],
    bias: Float[Tensor, " C_out"] | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    dilation: Ints = 1,
) -> Float[Tensor, "B C_out oH oW"]:
    """Transposed convolution as a convolution of stride 1: zeros between the pixels, the kernel turned by 180°.

    The image gets d(k−1) − p zeros around it, output_padding more at the far ends; where that is negative, pixels are
    cut off. Input and output channels of the weight change roles.

    >>> conv_transpose2d_zeros(torch.ones(1, 1, 1, 2), torch.tensor([[[[1.0, 2.0]]]]), stride=2).tolist()
    [[[[1.0, 2.0, 1.0, 2.0]]]]
    """
    rows, columns = _layer_axes(x, weight, bias, stride, padding, output_padding, dilation)
    apart = insert_zeros(x, stride)
    ends = [(axis.reach - 1, axis.padded - n) for axis, n in zip((rows, columns), apart.shape[2:], strict=True)]
    wide = F.pad(apart, (*ends[1], *ends[0]))  # as if nothing were cut off; then the cut
    kept = [slice(axis.before, axis.before + axis.size + axis.reach - 1) for axis in (rows, columns)]
    turned = weight.flip(2, 3).transpose(0, 1)  # (C_out, C_in, kH, kW)
    return conv2d_unfold(wide[:, :, kept[0], kept[1]], turned, bias, dilation=dilation)


def bilinear_kernel(kernel_size: int, dtype: torch.dtype | None = None) -> Float[Tensor, "k k"]:
    """A pyramid whose rows and columns fall linearly from its middle: 1 − |i − c| / f along each axis.

    f = ⌊(k+1)/2⌋, and c = f − 1 for odd k, f − ½ for even k, as in the released FCN code (surgery.py). `dtype` is
    torch's default unless given.

    >>> bilinear_kernel(3).tolist()
    [[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]]
    """
    check_ints(1, kernel_size=kernel_size)
    factor = (kernel_size + 1) // 2
    centre = factor - 1 if kernel_size % 2 else factor - 0.5
    slope = 1 - (torch.arange(kernel_size, dtype=dtype or torch.get_default_dtype()) - centre).abs() / factor
    return slope[:, None] * slope


def bilinear_settings(factor: int) -> dict[str, int]:
    """kernel_size 2s − (s mod 2), stride s, padding ⌈(s−1)/2⌉: with these, n pixels become exactly s·n.

    `nn.ConvTranspose2d(C, C, **bilinear_settings(2))` is the layer that `bilinear_weight(C, 2)` fits.

    >>> bilinear_settings(2)
    {'kernel_size': 4, 'stride': 2, 'padding': 1}
    """
    check_ints(1, factor=factor)
    return {"kernel_size": 2 * factor - factor % 2, "stride": factor, "padding": factor // 2}


def bilinear_weight(channels: int, factor: int, dtype: torch.dtype | None = None) -> Float[Tensor, "C C k k"]:
    """Weight of a transposed convolution that starts as bilinear upsampling by `factor`, each channel for itself.

    With `bilinear_settings(factor)` it equals bilinear interpolation (align_corners=False), but for the outermost
    ⌊factor/2⌋ pixels, which come out darker: outside is zero here, while interpolation repeats the edge. FCN
    initialises its learned upsampling so (arXiv:1411.4038, section 4.2).

    >>> bilinear_weight(2, factor=2)[0, 0, 1].tolist(), bilinear_weight(2, factor=2)[0, 1, 1].tolist()
    ([0.1875, 0.5625, 0.5625, 0.1875], [0.0, 0.0, 0.0, 0.0])
    """
    check_ints(1, channels=channels)
    kernel = bilinear_kernel(bilinear_settings(factor)["kernel_size"], dtype)
    return torch.eye(channels, dtype=kernel.dtype)[:, :, None, None] * kernel


def _layer_axes(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Ints, padding: Ints, output_padding: Ints, dilation: Ints
) -> tuple[Axis, Axis]:
    """The rows' and the columns' axis of a transposed convolution layer, its tensors checked."""
    check_tensor("x", x, 4)
    check_tensor("weight", weight, 4)
    if weight.shape[0] != x.shape[1]:
        raise ValueError(f"weight must have one row for each of the {x.shape[1]} channels of x, got {weight.shape[0]}")
    if bias is not None:
        check_tensor("bias", bias, 1)
        if bias.shape[0] != weight.shape[1]:
            raise ValueError(
                f"bias must have one number for each of the {weight.shape[1]} output channels, got {bias.shape[0]}"
            )
    check_same_kind(x, weight=weight, bias=bias)
    sizes = (x.shape[2:], weight.shape[2:])
    rows, columns = transposed_axes(*sizes, stride, padding, output_padding, dilation, count=2)
    return rows, columns


def _add_bias(out: Float[Tensor, "B C oH oW"], bias: Float[Tensor, " C"] | None) -> Float[Tensor, "B C oH oW"]:
    return out if bias is None else out + bias[:, None, None]
