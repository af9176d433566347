"""The checkerboard: taps that meet in a pixel, the patterns they leave in images, and what cures them.

A transposed convolution stamps its kernel once for every input pixel, `stride` pixels apart. Input pixel i sends tap u
to output pixel i·stride + u·dilation − padding. Where the stamps overlap unevenly, some pixels are sums of more terms
than their neighbours, in a pattern that repeats every `stride` pixels: the checkerboard of Odena, Dumoulin and Olah,
"Deconvolution and Checkerboard Artifacts" (Distill, 2016). The phase of an output pixel is its position in that
pattern: (pixel + padding) mod stride. The gradient of a strided convolution is a transposed convolution: the overlap is
the same.
"""

import math

import torch
from jaxtyping import Float, Int64, Num
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.checks import Ints, check_ints, check_same_kind, check_tensor, checked_ints

# Counting taps


def taps_per_phase(kernel_size: int, stride: int, dilation: int = 1) -> tuple[int, ...]:
    """Taps that meet in an interior output pixel of each phase φ = 0, …, stride − 1: ⌈(k − φ)/s⌉ for dilation 1.

    0 where no tap ever falls. The counts sum to `kernel_size`.

    >>> taps_per_phase(kernel_size=5, stride=2)
    (3, 2)
    """
    check_ints(1, kernel_size=kernel_size, stride=stride, dilation=dilation)
    falls_on = [tap * dilation % stride for tap in range(kernel_size)]
    return tuple(falls_on.count(phase) for phase in range(stride))


def is_even(kernel_size: int, stride: int, dilation: int = 1) -> bool:
    """Whether every interior pixel gets equally many taps: stride divides kernel_size and has no factor of dilation."""
    check_ints(1, kernel_size=kernel_size, stride=stride, dilation=dilation)
    return kernel_size % stride == 0 and math.gcd(stride, dilation) == 1


def even_kernel_size(kernel_size: int, stride: int) -> int:
    """The smallest kernel of at least `kernel_size` taps that overlaps evenly: the next multiple of `stride`."""
    check_ints(1, kernel_size=kernel_size, stride=stride)
    return -(-kernel_size // stride) * stride


def overlap_1d(
    size: int,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
    layers: int = 1,
) -> Int64[Tensor, " O"]:
    """Taps that fall on each output pixel of a transposed convolution over `size` pixels, the boundary included.

    With several equal `layers` in a row: the paths that lead from inputs to each output pixel. As in torch, padding
    crops the output at both ends, output_padding adds pixels at the end, and it must be below max(stride, dilation).
    ValueError where the cropping leaves no pixel.
    """
    check_ints(1, size=size, kernel_size=kernel_size, stride=stride, dilation=dilation, layers=layers)
    check_ints(0, padding=padding, output_padding=output_padding)
    if output_padding >= max(stride, dilation):
        raise ValueError(
            f"output_padding must be < max(stride, dilation) = {max(stride, dilation)}, got {output_padding}"
        )
    paths = torch.ones(size, dtype=torch.int64)
    for _ in range(layers):
        reach = (len(paths) - 1) * stride + dilation * (kernel_size - 1) + 1 + output_padding
        if 2 * padding >= reach:
            raise ValueError(
                f"padding must crop less than the {reach} pixels that there are, got {padding} at each end"
            )
        stamped = paths.new_zeros(reach)
        for tap in range(kernel_size):
            first = tap * dilation
            stamped[first : first + (len(paths) - 1) * stride + 1 : stride] += paths
        paths = stamped[padding : reach - padding]
    return paths


def overlap_map(
    size: Ints,
    kernel_size: Ints,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    dilation: Ints = 1,
    layers: int = 1,
) -> Int64[Tensor, "oH oW"]:
    """Taps (paths, for several `layers`) that fall on each output pixel of an image: rows times columns.

    Every argument is one int, or one for rows and one for columns; what each means, `overlap_1d` says.
    """
    arguments = {"kernel_size": kernel_size, "stride": stride, "dilation": dilation, "size": size}
    per_axis = {name: checked_ints(name, value, 1, 2) for name, value in arguments.items()}
    for name, value in {"padding": padding, "output_padding": output_padding}.items():
        per_axis[name] = checked_ints(name, value, 0, 2)
    rows, columns = (
        overlap_1d(**{name: both[axis] for name, both in per_axis.items()}, layers=layers) for axis in (0, 1)
    )
    return rows[:, None] * columns


def interior(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1, layers: int = 1
) -> slice:
    """Output pixels, along one axis, where no stamp is missing because the image ends there.

    Inside, the overlap is `taps_per_phase`, over and over (and repeats every strideˡ pixels after l `layers`); an empty
    slice where the image is too small. A pixel outside may have all its taps too, but need not.
    """
    check_ints(1, size=size, kernel_size=kernel_size, stride=stride, dilation=dilation, layers=layers)
    check_ints(0, padding=padding)
    reach = dilation * (kernel_size - 1) + 1
    first, end = 0, size
    for _ in range(layers):
        first = max(0, (first - 1) * stride + reach - padding)
        size = (size - 1) * stride + reach - 2 * padding
        end = min(end * stride - padding, size)
    return slice(first, max(first, end))


def checkerboard_score(overlap: Num[Tensor, "*shape"]) -> float:
    """By which share the least covered pixel falls short of the most covered: 1 − min/max, in [0, 1].

    0 is even; 0.75 says that some pixel has 75 % fewer taps than another; 1 that some pixel has none. A map of zeros is
    even. Pass the interior alone if the boundary should not count. ValueError for an empty or negative map.

    >>> checkerboard_score(torch.tensor([1, 2, 4]))
    0.75
    """
    if not isinstance(overlap, Tensor):
        raise TypeError(f"overlap must be a tensor, got {overlap!r}")
    if overlap.numel() == 0:
        raise ValueError(f"overlap must hold at least 1 pixel, got the shape {tuple(overlap.shape)}")
    least, most = overlap.min().item(), overlap.max().item()
    if not least >= 0:
        raise ValueError(f"overlap must be ≥ 0 everywhere, got {least}")
    return 1 - least / most if most > 0 else 0.0


# Patterns in weights and in images


def phase_sums(weight: Float[Tensor, "C_in C_out kH kW"], stride: int) -> Float[Tensor, "C_in C_out s s"]:
    """Sum of the weights that fall on each phase: what the layer returns, far from the border, to an input of ones.

    The weight is that of a transposed convolution of dilation 1. Equal sums print no pattern on a flat input, whatever
    the overlap; `taps_per_phase` are the sums of weights that are all 1.
    """
    check_tensor("weight", weight, 4)
    check_ints(1, stride=stride)
    missing = [-size % stride for size in weight.shape[2:]]
    padded = F.pad(weight, (0, missing[1], 0, missing[0]))  # whole tiles
    return padded.unflatten(3, (-1, stride)).unflatten(2, (-1, stride)).sum((2, 4))


def split_phases(image: Float[Tensor, "*B H W"], stride: int) -> Float[Tensor, "*B s s h w"]:
    """The image as stride × stride small ones: [..., φ, ψ, :, :] holds every stride-th pixel from row φ and column ψ.

    Rows and columns after the last whole tile are left out. ValueError where the image is smaller than one tile.
    """
    check_ints(1, stride=stride)
    if not isinstance(image, Tensor) or image.dim() < 2 or not image.is_floating_point():
        raise ValueError(f"image must be a float tensor with at least 2 dimensions, got {_kind(image)}")
    h, w = (size // stride for size in image.shape[-2:])
    if h == 0 or w == 0:
        raise ValueError(f"image must be at least {stride} × {stride} pixels, got {tuple(image.shape[-2:])}")
    tiles = image[..., : h * stride, : w * stride].unflatten(-1, (w, stride)).unflatten(-3, (h, stride))
    return tiles.movedim((-3, -1), (-4, -3))  # (..., h, s, w, s) -> (..., s, s, h, w)


def phase_amplitude(image: Float[Tensor, "*B H W"], stride: int) -> Float[Tensor, "*B"]:
    """How strong the pattern is that repeats every `stride` pixels: the standard deviation of the average tile.

    Average all tiles of stride × stride pixels; take the standard deviation (divided by s²) over the pixels of that one
    tile. In the image's own units; 0 for a flat image, 1 for a checkerboard of ±1 at stride 2, and in a natural image
    close to 0, because no phase is special there. By Parseval its square is the power at the multiples of 1/stride.
    Half precision is computed and returned in float32.
    """
    phases = split_phases(image, stride)
    tile = phases.mean((-2, -1), dtype=torch.promote_types(image.dtype, torch.float32)).flatten(-2)  # (..., s*s)
    return (tile - tile.mean(-1, keepdim=True)).norm(dim=-1) / stride


def spectrum(image: Float[Tensor, "*B H W"]) -> Float[Tensor, "*B H W"]:
    """Amplitude of each frequency, the mean of the image in the middle at [H // 2, W // 2].

    Row r stands for (r − H // 2)/H periods per pixel, columns likewise; a wave of amplitude 1 has two entries of 1/2. A
    pattern that repeats every s pixels has its peaks H/s rows or W/s columns apart. Half precision is computed and
    returned in float32.
    """
    if not isinstance(image, Tensor) or image.dim() < 2 or not image.is_floating_point() or 0 in image.shape[-2:]:
        raise ValueError(f"image must be a float tensor with at least 2 dimensions and 1 pixel, got {_kind(image)}")
    wide = image.to(torch.promote_types(image.dtype, torch.float32))
    return torch.fft.fftshift(torch.fft.fft2(wide, norm="forward").abs(), dim=(-2, -1))


# Cures


def resize_conv2d(
    x: Float[Tensor, "B C_in H W"],
    weight: Float[Tensor, "C_out C_in k k"],
    bias: Float[Tensor, " C_out"] | None = None,
    stride: int = 2,
) -> Float[Tensor, "B C_out sH sW"]:
    """Enlarge `stride` times by repeating pixels, then convolve at stride 1 with zeros around, keeping the size.

    The kernel must be square and odd. Away from the border a flat input stays flat, whatever the weights.
    """
    check_tensor("x", x, 4)
    check_tensor("weight", weight, 4)
    check_ints(1, stride=stride)
    k = weight.shape[-1]
    if weight.shape[-2] != k or k % 2 == 0:
        raise ValueError(f"weight must have a square kernel of odd size, got {tuple(weight.shape[2:])}")
    if weight.shape[1] != x.shape[1]:
        raise ValueError(
            f"weight must have one slice for each of the {x.shape[1]} channels of x, got {weight.shape[1]}"
        )
    if bias is not None and (not isinstance(bias, Tensor) or bias.shape != weight.shape[:1]):
        raise ValueError(f"bias must have one number for each of the {len(weight)} filters, got {_kind(bias)}")
    check_same_kind(x, weight=weight, bias=bias)
    enlarged = x.repeat_interleave(stride, 2).repeat_interleave(stride, 3)
    return F.conv2d(enlarged, weight, bias, padding=k // 2)


def blur(x: Float[Tensor, "B C H W"], stride: int) -> Float[Tensor, "B C H W"]:
    """Average over `stride` pixels, twice, along rows and columns: wipes out every pattern that repeats so.

    The weights are a triangle of 2·stride − 1 taps, [1, 2, 1]/4 at stride 2; edge pixels are repeated outside. It also
    softens the image: that is the cost.
    """
    check_tensor("x", x, 4)
    check_ints(1, stride=stride)
    ramp = torch.arange(1 - stride, stride, dtype=x.dtype, device=x.device)
    triangle = (stride - ramp.abs()) / stride**2
    channels = x.shape[1]
    padded = F.pad(x, (stride - 1,) * 4, mode="replicate")
    rows = F.conv2d(padded, triangle.view(1, 1, -1, 1).expand(channels, -1, -1, -1), groups=channels)
    return F.conv2d(rows, triangle.view(1, 1, 1, -1).expand(channels, -1, -1, -1), groups=channels)


def _kind(value: object) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
