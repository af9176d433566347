"""Exercises of lesson 04 on pictures: the amplitude of the pattern (04.3), and a cure (04.5)."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import checkerboard

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
    difficulty=2,
    minutes=20,
    oracle=checkerboard.phase_amplitude,
    cases=image_cases,
    hints=(
        "image[..., i::stride, j::stride] holds the pixels of one phase. Its mean is one pixel of the average tile.",
        "Leave out the rows and columns after the last whole tile first, so that all phases have equally many pixels.",
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
    "This looks like the standard deviation of the whole image, contents included. Average each phase first."
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
    "This looks like a mosaic of means of blocks, pixels side by side. A phase takes every stride-th pixel."
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
    difficulty=2,
    minutes=15,
    oracle=checkerboard.resize_conv2d,
    cases=resize_cases,
    gradients=True,
    hints=(
        "Two steps. First make each pixel a block of stride × stride equal ones; then convolve at stride 1.",
        "x.repeat_interleave(stride, dim) repeats along one axis. Padding (k − 1)/2 keeps the size in the convolution.",
        "F.conv2d(enlarged, weight, bias, padding=weight.shape[-1] // 2)",
    ),
)


@RESIZE.model
def resize_conv2d(x, weight, bias, stride=2):
    enlarged = x.repeat_interleave(stride, dim=2).repeat_interleave(stride, dim=3)
    return F.conv2d(enlarged, weight, bias, padding=weight.shape[-1] // 2)


@RESIZE.mistake(
    "This looks like copies of the whole image side by side. x.repeat tiles; x.repeat_interleave repeats each pixel."
)
def tiles_the_picture(x, weight, bias, stride=2):
    return F.conv2d(x.repeat(1, 1, stride, stride), weight, bias, padding=weight.shape[-1] // 2)


@RESIZE.mistake(
    "This looks like zeros between the pixels: a transposed convolution again, checkerboard included. Repeat pixels."
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
