"""Convolution arithmetic: sizes, the window walked in loops, by unfolding, and as one sparse matrix.

Conventions, as torch spells them: images are (B, C, H, W), weights (C_out, C_in, kH, kW); nothing is flipped, so what
the field calls a convolution is a cross-correlation. `kernel_size`, `stride`, `padding` and `dilation` are one int for
all axes or one int per axis; `padding` may also be "valid" (none) or "same" (as many positions as pixels, stride 1
only; where the total is odd, the extra zero goes to the end). The arithmetic follows Dumoulin and Visin, "A guide to
convolution arithmetic for deep learning" (arXiv:1603.07285), sections 2 and 5.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.checks import Ints, axes_named, check_ints, check_same_kind, check_tensor
from lessons_lib.ops.window import Axis, Padding, sliding_axes


def output_size(
    size: Ints, kernel_size: Ints, stride: Ints = 1, padding: Padding = 0, dilation: Ints = 1
) -> int | tuple[int, ...]:
    """Number of positions where a window fits along `size` pixels: ⌊(n + 2p − d(k−1) − 1)/s⌋ + 1.

    An int where every argument is one, else a tuple with one number per axis. A window that is longer than the
    padded pixels raises ValueError, as in torch.

    >>> output_size(4, kernel_size=3, stride=2, padding=1)
    2
    """
    count = axes_named(size, kernel_size, stride, padding, dilation)
    axes = sliding_axes(size, kernel_size, stride, padding, dilation, count=count or 1)
    return tuple(axis.places for axis in axes) if count else axes[0].places


def pool_output_size(
    size: int,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> int:
    """Output size of a pooling layer along one axis; `stride` is `kernel_size` unless given.

    `ceil_mode` rounds up, so that the last window may hang over the end; but a window that would start after the last
    pixel is dropped, as torch does (n 1, k 2, s 2, p 1 gives 1 position, not 2). Padding may be at most half of
    `kernel_size`, as in torch.

    >>> pool_output_size(5, 2), pool_output_size(5, 2, ceil_mode=True)
    (2, 3)
    """
    stride = kernel_size if stride is None else stride
    check_ints(1, size=size, kernel_size=kernel_size, stride=stride, dilation=dilation)
    check_ints(0, padding=padding)
    if padding > kernel_size // 2:
        raise ValueError(f"padding must be at most half of kernel_size {kernel_size} in pooling, got {padding}")
    overhang = stride - 1 if ceil_mode else 0
    (axis,) = sliding_axes(size, kernel_size, stride, padding, dilation, count=1, overhang=overhang)
    starts_behind_the_pixels = ceil_mode and (axis.places - 1) * stride >= axis.before + axis.size
    return axis.places - starts_behind_the_pixels


def paddings_for(size: int, output: int, kernel_size: int, stride: int = 1, dilation: int = 1) -> list[int]:
    """All paddings p (p zeros at both ends) with which `size` pixels have `output` positions: none, one or several.

    `paddings_for(n, n, k)` asks which paddings keep the size: with stride 1, (k−1)/2 for odd k and none for even k.

    >>> paddings_for(7, 7, kernel_size=3), paddings_for(7, 7, kernel_size=4)
    ([1], [])
    """
    check_ints(1, size=size, output=output, kernel_size=kernel_size, stride=stride, dilation=dilation)
    least = stride * (output - 1) + dilation * (kernel_size - 1) + 1 - size  # least <= 2p < least + stride
    return list(range(max(0, -(-least // 2)), max(0, -(-(least + stride) // 2))))


def input_sizes_for(output: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> list[int]:
    """All sizes n ≥ 1 that have `output` positions: at most `stride` neighbours, because the floor leaves pixels over.

    >>> input_sizes_for(3, kernel_size=3, stride=2)
    [7, 8]
    """
    check_ints(1, output=output, kernel_size=kernel_size, stride=stride, dilation=dilation)
    check_ints(0, padding=padding)
    least = stride * (output - 1) + dilation * (kernel_size - 1) + 1 - 2 * padding
    return list(range(max(1, least), max(1, least + stride)))


def conv2d_loops(
    x: Float[Tensor, "B C_in H W"],
    weight: Float[Tensor, "C_out C_in kH kW"],
    bias: Float[Tensor, " C_out"] | None = None,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
) -> Float[Tensor, "B C_out oH oW"]:
    """Convolution as the lecture draws it: from each position, the dot product between the filter and the window.

    >>> conv2d_loops(torch.arange(4.0).view(1, 1, 1, 4), torch.ones(1, 1, 1, 2)).tolist()
    [[[[1.0, 3.0, 5.0]]]]
    """
    rows, columns = _layer_axes(x, weight, bias, stride, padding, dilation)
    padded = F.pad(x, (columns.before, columns.after, rows.before, rows.after))
    out = []
    for i in range(rows.places):
        for j in range(columns.places):
            window = padded[:, :, rows.window(i), columns.window(j)]  # (B, C_in, kH, kW)
            out.append((window[:, None] * weight).sum((2, 3, 4)))  # (B, C_out)
    return _add_bias(torch.stack(out, -1).unflatten(-1, (rows.places, columns.places)), bias)


def unfold(
    x: Float[Tensor, "B C H W"], kernel_size: Ints, stride: Ints = 1, padding: Padding = 0, dilation: Ints = 1
) -> Float[Tensor, "B C_kH_kW places"]:
    """Every window as one column (im2col): row (c·kH + u)·kW + v holds what tap (u, v) sees in channel c.

    >>> unfold(torch.tensor([[[[1.0, 2.0, 3.0]]]]), (1, 2)).tolist()
    [[[1.0, 2.0], [2.0, 3.0]]]
    """
    check_tensor("x", x, 4)
    rows, columns = sliding_axes(x.shape[2:], kernel_size, stride, padding, dilation, count=2)
    padded = F.pad(x, (columns.before, columns.after, rows.before, rows.after))
    taps = [(u, v) for u in range(rows.kernel_size) for v in range(columns.kernel_size)]
    seen = [padded[:, :, rows.seen_by(u), columns.seen_by(v)].flatten(2) for u, v in taps]
    return torch.stack(seen, 2).flatten(1, 2)  # (B, C, kH*kW, oH*oW) -> (B, C*kH*kW, oH*oW)


def conv2d_unfold(
    x: Float[Tensor, "B C_in H W"],
    weight: Float[Tensor, "C_out C_in kH kW"],
    bias: Float[Tensor, " C_out"] | None = None,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
) -> Float[Tensor, "B C_out oH oW"]:
    """Convolution as one matrix product: the filters as rows times the windows as columns.

    >>> conv2d_unfold(torch.arange(4.0).view(1, 1, 1, 4), torch.ones(1, 1, 1, 2), stride=2).tolist()
    [[[[1.0, 5.0]]]]
    """
    rows, columns = _layer_axes(x, weight, bias, stride, padding, dilation)
    windows = unfold(x, weight.shape[2:], stride, padding, dilation)  # (B, C_in*kH*kW, oH*oW)
    return _add_bias((weight.flatten(1) @ windows).unflatten(-1, (rows.places, columns.places)), bias)


def convolution_matrix(
    weight: Float[Tensor, "C_out C_in kH kW"],
    size: Sequence[int],
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
) -> Float[Tensor, "C_out_oH_oW C_in_H_W"]:
    """The sparse matrix M with conv(x).flatten() = M @ x.flatten(), for one image of `size` (H, W).

    Each row is one output pixel: its weights stand in the columns of the input pixels that they multiply, and weights
    that fall on padding are left out. Differentiable in `weight`. Its transpose is the transposed convolution.

    >>> convolution_matrix(torch.tensor([[[[1.0, 2.0]]]]), (1, 3)).to_dense().tolist()
    [[1.0, 2.0, 0.0], [0.0, 1.0, 2.0]]
    """
    check_tensor("weight", weight, 4)
    rows, columns = sliding_axes(size, weight.shape[2:], stride, padding, dilation, count=2)
    (place_y, tap_y, pixel_y), (place_x, tap_x, pixel_x) = rows.contacts(), columns.contacts()
    values = weight[:, :, tap_y[:, None], tap_x]  # (C_out, C_in, contacts_y, contacts_x)
    filters, channels = (torch.arange(n, device="cpu") for n in weight.shape[:2])
    out_pixel = (
        place_y[:, None] * columns.places + place_x + filters[:, None, None, None] * rows.places * columns.places
    )
    in_pixel = pixel_y[:, None] * columns.size + pixel_x + channels[:, None, None] * rows.size * columns.size
    indices = torch.stack([index.expand(values.shape).flatten() for index in (out_pixel, in_pixel)])
    shape = (len(filters) * rows.places * columns.places, len(channels) * rows.size * columns.size)
    with torch.sparse.check_sparse_tensor_invariants(False):  # torch 2.11 warns even where the argument says so
        return torch.sparse_coo_tensor(indices.to(weight.device), values.flatten(), shape).coalesce()


def conv2d_matrix(
    x: Float[Tensor, "B C_in H W"],
    weight: Float[Tensor, "C_out C_in kH kW"],
    bias: Float[Tensor, " C_out"] | None = None,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
) -> Float[Tensor, "B C_out oH oW"]:
    """Convolution as one linear map: the sparse convolution matrix times the flattened images.

    >>> conv2d_matrix(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3), padding=1)[0, 0, 0].tolist()
    [4.0, 6.0, 4.0]
    """
    rows, columns = _layer_axes(x, weight, bias, stride, padding, dilation)
    matrix = convolution_matrix(weight, x.shape[2:], stride, padding, dilation)
    out = torch.sparse.mm(matrix, x.flatten(1).T).T  # (B, C_out*oH*oW)
    return _add_bias(out.unflatten(1, (weight.shape[0], rows.places, columns.places)), bias)


def _layer_axes(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Ints, padding: Padding, dilation: Ints
) -> tuple[Axis, Axis]:
    """The rows' and the columns' axis of a convolution layer, its tensors checked."""
    check_tensor("x", x, 4)
    check_tensor("weight", weight, 4)
    if bias is not None:
        check_tensor("bias", bias, 1)
        if bias.shape != weight.shape[:1]:
            raise ValueError(
                f"bias must have one number for each of the {weight.shape[0]} filters, got {bias.shape[0]}"
            )
    if weight.shape[1] != x.shape[1]:
        raise ValueError(
            f"weight must have one slice for each of the {x.shape[1]} channels of x, got {weight.shape[1]}"
        )
    check_same_kind(x, weight=weight, bias=bias)
    rows, columns = sliding_axes(x.shape[2:], weight.shape[2:], stride, padding, dilation, count=2)
    return rows, columns


def _add_bias(out: Float[Tensor, "B C oH oW"], bias: Float[Tensor, " C"] | None) -> Float[Tensor, "B C oH oW"]:
    return out if bias is None else out + bias[:, None, None]
