"""The five exercises of lesson 04: taps a phase, overlap, sums a phase, the amplitude, and a cure."""

import torch
from torch.nn import functional as F

from lessons_lib import checkerboard
from lessons_lib.exercises.exercise import Exercise

# 04.1

TAPS = Exercise(
    "04.1",
    "Taps of each phase",
    oracle=checkerboard.taps_per_phase,
    cases=lambda: [
        {"kernel_size": k, "stride": s} for k, s in ((3, 2), (5, 2), (4, 2), (4, 3), (5, 3), (2, 4), (7, 1))
    ],
    hints=(
        "Number the taps of the kernel from 0. Which of them can ever fall on an even pixel, when stamps start at even ones?",
        "Phase φ gets the taps φ, φ + stride, φ + 2 · stride, … that are still below kernel_size.",
        "How many numbers does range(φ, kernel_size, stride) have?",
    ),
)


@TAPS.model
def taps_per_phase(kernel_size, stride):
    return [len(range(phase, kernel_size, stride)) for phase in range(stride)]


@TAPS.mistake("This looks like rounding down: the tap that is left over falls on some pixel too, so round up.")
def rounds_down(kernel_size, stride):
    return [max(0, kernel_size - phase) // stride for phase in range(stride)]


@TAPS.mistake(
    "This looks like an average, k/s for every phase. Right on average; but the point is that the phases differ."
)
def shares_equally(kernel_size, stride):
    return [kernel_size / stride] * stride


@TAPS.mistake(
    "This looks like the phases in reverse: phase 0 holds tap 0, so it is among the phases that get most, not least."
)
def reversed_phases(kernel_size, stride):
    return taps_per_phase(kernel_size, stride)[::-1]


@TAPS.mistake("This looks like k and s exchanged: there is one count for each of the s phases, not for each tap.")
def exchanged(kernel_size, stride):
    return taps_per_phase(stride, kernel_size)


# 04.2


def overlap_cases():
    """Even and uneven, with gaps between the stamps, cropped, and a single stamp."""
    sizes = (
        (4, 3, 2, 0),
        (4, 3, 2, 1),
        (5, 4, 2, 1),
        (3, 5, 2, 2),
        (3, 2, 4, 0),
        (1, 3, 3, 0),
        (6, 5, 3, 1),
        (4, 3, 1, 1),
    )
    return [dict(zip(("size", "kernel_size", "stride", "padding"), case, strict=True)) for case in sizes]


OVERLAP = Exercise(
    "04.2",
    "Overlap along a row",
    oracle=checkerboard.overlap_1d,
    cases=overlap_cases,
    hints=(
        "Begin with zeros, (size − 1) · stride + kernel_size of them, and stamp size times.",
        "Stamp i adds 1 to the pixels i · stride to i · stride + kernel_size.",
        "Cut off padding pixels at both ends at last. Return whole numbers: torch.zeros(..., dtype=torch.int64).",
    ),
)


@OVERLAP.model
def overlap_1d(size, kernel_size, stride=1, padding=0):
    row = torch.zeros((size - 1) * stride + kernel_size, dtype=torch.int64)
    for i in range(size):
        row[i * stride : i * stride + kernel_size] += 1
    return row[padding : len(row) - padding]


@OVERLAP.mistake(
    "This looks like padding that adds pixels. In a transposed convolution it takes them away: padding pixels at each end."
)
def pads_instead_of_cropping(size, kernel_size, stride=1, padding=0):
    return F.pad(overlap_1d(size, kernel_size, stride), (padding, padding))


@OVERLAP.mistake("This looks like cropping at one end only: padding takes its pixels from both ends.")
def crops_one_end(size, kernel_size, stride=1, padding=0):
    return overlap_1d(size, kernel_size, stride)[padding:]


@OVERLAP.mistake(
    "This looks like a row without ends: the pixels at the border have fewer stamps around them, so fewer taps."
)
def forgets_the_border(size, kernel_size, stride=1, padding=0):
    taps = taps_per_phase(kernel_size, stride)
    pixels = range(padding, (size - 1) * stride + kernel_size - padding)
    return torch.tensor([taps[pixel % stride] for pixel in pixels])


@OVERLAP.mistake(
    "This looks like stamps that lie one pixel apart. Each stamp starts stride pixels behind the one before."
)
def stamps_one_apart(size, kernel_size, stride=1, padding=0):
    row = torch.zeros((size - 1) * stride + kernel_size, dtype=torch.int64)
    for i in range(size):
        row[i : i + kernel_size] += 1
    return row[padding : len(row) - padding]


# 04.3


def image_cases():
    """Pictures with and without a pattern, of sizes that stride does not divide, in batches, and a view."""
    generator = torch.Generator().manual_seed(3)

    def image(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    board = torch.tensor([[1.0, -1], [-1, 1]], dtype=torch.float64).repeat(3, 4)
    return [
        {"image": board, "stride": 2},
        {"image": torch.full((4, 6), 0.3, dtype=torch.float64), "stride": 2},
        {"image": image(6, 9), "stride": 3},
        {"image": image(2, 3, 7, 10).transpose(2, 3), "stride": 2},
        {"image": image(5, 4), "stride": 1},
    ]


AMPLITUDE = Exercise(
    "04.3",
    "Amplitude of the pattern",
    oracle=checkerboard.phase_amplitude,
    cases=image_cases,
    hints=(
        "image[..., i::stride, j::stride] holds the pixels of one phase. Its mean is one pixel of the average tile.",
        "Leave out the rows and columns behind the last whole tile first, so that all phases have equally many pixels.",
        "torch.stack the stride² means and take .std(-1, correction=0), or the root of the mean squared deviation.",
    ),
)


@AMPLITUDE.model
def phase_amplitude(image, stride):
    h, w = (n // stride * stride for n in image.shape[-2:])
    image = image[..., :h, :w]
    phases = [image[..., i::stride, j::stride] for i in range(stride) for j in range(stride)]
    return torch.stack([phase.mean((-2, -1)) for phase in phases], -1).std(-1, correction=0)


@AMPLITUDE.mistake(
    "This looks like the standard deviation of the whole picture. That counts all that happens in it; average each phase first."
)
def deviation_of_the_picture(image, stride):
    return image.std((-2, -1), correction=0)


@AMPLITUDE.mistake(
    "This looks like a division by s² − 1. The tile is no sample from something larger: divide by s² (correction=0)."
)
def divides_by_one_less(image, stride):
    if stride == 1:
        return phase_amplitude(image, stride)
    return phase_amplitude(image, stride) * (stride**2 / (stride**2 - 1)) ** 0.5


@AMPLITUDE.mistake(
    "This looks like a mosaic: the mean of each block of pixels that lie side by side. A phase takes every stride-th pixel."
)
def blocks_instead_of_phases(image, stride):
    h, w = (n // stride for n in image.shape[-2:])
    blocks = [
        image[..., i * h : (i + 1) * h, j * w : (j + 1) * w].mean((-2, -1))
        for i in range(stride)
        for j in range(stride)
    ]
    return torch.stack(blocks, -1).std(-1, correction=0)


@AMPLITUDE.mistake(
    "This looks like the mean of the phases' deviations. It must be the deviation of the phases' means: average first."
)
def deviation_before_the_mean(image, stride):
    return checkerboard.split_phases(image, stride).std((-2, -1), correction=0).mean((-2, -1))


@AMPLITUDE.mistake("This looks like rows only: the tile is square, columns have phases too.")
def rows_only(image, stride):
    return checkerboard.split_phases(image, stride).mean((-3, -2, -1)).std(-1, correction=0)


# 04.4


def weight_cases():
    """Kernels that the stride divides or not, not square, smaller than the stride, of several channels."""
    generator = torch.Generator().manual_seed(4)
    shapes = (((1, 1, 3, 3), 2), ((1, 1, 4, 4), 2), ((2, 3, 5, 3), 2), ((2, 1, 4, 5), 3), ((1, 2, 2, 3), 3))
    return [
        {"weight": torch.randn(shape, generator=generator, dtype=torch.float64), "stride": stride}
        for shape, stride in shapes
    ]


SUMS = Exercise(
    "04.4",
    "What a kernel prints",
    oracle=checkerboard.phase_sums,
    cases=weight_cases,
    gradients=True,
    hints=(
        "An input of ones stamps the kernel everywhere with the same strength. Which weights fall on a pixel of phase (0, 0)?",
        "Those of the rows 0, s, 2s, … and the columns 0, s, 2s, …: weight[:, :, 0::s, 0::s].",
        "Sum each of the s × s slices weight[:, :, i::s, j::s] over its last two axes, and stack the sums to an s × s tile.",
    ),
)


@SUMS.model
def phase_sums(weight, stride):
    tile = [[weight[:, :, i::stride, j::stride].sum((2, 3)) for j in range(stride)] for i in range(stride)]
    return torch.stack([torch.stack(row, -1) for row in tile], -2)  # (C_in, C_out, s, s)


@SUMS.mistake("This looks like means. Taps that meet in a pixel add up; nothing divides by how many there are.")
def means_of_the_phases(weight, stride):
    counts = phase_sums(torch.ones_like(weight), stride)
    return phase_sums(weight, stride) / counts.clamp(min=1)


@SUMS.mistake("This looks like a kernel that was turned by 180°: a stamp is laid down as it is.")
def sums_of_the_turned_kernel(weight, stride):
    return phase_sums(weight.flip(2, 3), stride)


@SUMS.mistake(
    "This looks like rows and columns exchanged: the third axis of the weight counts rows, the fourth columns."
)
def sums_transposed(weight, stride):
    return phase_sums(weight.transpose(2, 3), stride)


@SUMS.mistake(
    "This looks like blocks of weights that lie side by side. The taps of one phase lie stride apart: i::stride."
)
def sums_of_blocks(weight, stride):
    missing = [-n % stride for n in weight.shape[2:]]
    padded = F.pad(weight, (0, missing[1], 0, missing[0]))
    return padded.unflatten(3, (stride, -1)).unflatten(2, (stride, -1)).sum((3, 5))


# 04.5


def resize_cases():
    """Small layers of odd sizes, more than one image and channel, and an input that is a view."""
    generator = torch.Generator().manual_seed(5)

    def tensor(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    layers = ((1, 1, 3, 3, 1, 3, 2), (2, 2, 2, 3, 3, 3, 2), (1, 2, 3, 2, 1, 5, 3), (1, 1, 2, 2, 2, 1, 2))
    return [
        {"x": tensor(b, c, w, h).transpose(2, 3), "weight": tensor(o, c, k, k), "bias": tensor(o), "stride": stride}
        for b, c, h, w, o, k, stride in layers
    ]


RESIZE = Exercise(
    "04.5",
    "Resize, then convolve",
    oracle=checkerboard.resize_conv2d,
    cases=resize_cases,
    gradients=True,
    hints=(
        "Two steps. First make each pixel a block of stride × stride equal ones; then convolve at stride 1.",
        "x.repeat_interleave(stride, dim) repeats along one axis. The convolution keeps the size with padding (k − 1)/2.",
        "F.conv2d(enlarged, weight, bias, padding=weight.shape[-1] // 2)",
    ),
)


@RESIZE.model
def resize_conv2d(x, weight, bias, stride=2):
    enlarged = x.repeat_interleave(stride, dim=2).repeat_interleave(stride, dim=3)
    return F.conv2d(enlarged, weight, bias, padding=weight.shape[-1] // 2)


@RESIZE.mistake(
    "This looks like copies of the whole picture side by side. x.repeat tiles; x.repeat_interleave repeats each pixel."
)
def tiles_the_picture(x, weight, bias, stride=2):
    return F.conv2d(x.repeat(1, 1, stride, stride), weight, bias, padding=weight.shape[-1] // 2)


@RESIZE.mistake(
    "This looks like zeros between the pixels. That is a transposed convolution again, checkerboard included: repeat the pixels."
)
def stuffs_zeros(x, weight, bias, stride=2):
    stuffed = x.new_zeros(*x.shape[:2], x.shape[2] * stride, x.shape[3] * stride)
    stuffed[:, :, ::stride, ::stride] = x
    return F.conv2d(stuffed, weight, bias, padding=weight.shape[-1] // 2)


@RESIZE.mistake(
    "This looks like the convolution before the resizing: then the result consists of flat blocks. Resize first."
)
def convolves_first(x, weight, bias, stride=2):
    small = F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
    return small.repeat_interleave(stride, 2).repeat_interleave(stride, 3)


@RESIZE.mistake("This looks like a layer without its bias: each filter adds its own number to every pixel.")
def forgets_the_bias(x, weight, bias, stride=2):
    return resize_conv2d(x, weight, 0 * bias, stride)


@RESIZE.mistake(
    "This looks like bilinear resizing. It cures as well, but asked for here is the repetition of pixels (nearest)."
)
def resizes_bilinearly(x, weight, bias, stride=2):
    enlarged = F.interpolate(x, scale_factor=stride, mode="bilinear")
    return F.conv2d(enlarged, weight, bias, padding=weight.shape[-1] // 2)
