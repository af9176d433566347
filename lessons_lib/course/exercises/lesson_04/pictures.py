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
    "This looks like the mean of the phases' deviations. It must be the deviation of the phases' means: average first."
)
def deviation_before_the_mean(image, stride):
    return checkerboard.split_phases(image, stride).std((-2, -1), correction=0).mean((-2, -1))


@AMPLITUDE.mistake(
    "This looks like the mean of the tiles' deviations. Average all tiles to one first, then take its deviation: what "
    "differs from tile to tile is the image, not the pattern."
)
def deviation_within_each_tile(image, stride):
    return checkerboard.split_phases(image, stride).std((-4, -3), correction=0).mean((-2, -1))


@AMPLITUDE.mistake("This looks like rows only: the tile is square, columns have phases too.")
def rows_only(image, stride):
    return checkerboard.split_phases(image, stride).mean((-3, -2, -1)).std(-1, correction=0)


@AMPLITUDE.flags(
    rest="This looks like rows and columns beyond the last whole tile that count too. Leave them out first.",
    blocks="This looks like a mosaic of means of blocks, pixels side by side. A phase takes every stride-th pixel.",
    one_less="This looks like a division by s² − 1. The tile is no sample from something larger: divide by s² "
    "(correction=0).",
    variance="This looks like the variance. The amplitude is its root, the standard deviation.",
    divided="This looks like the standard deviation divided by s². The tile has s² pixels, and their standard "
    "deviation "
    "is the amplitude as it is.",
    spread="This looks like the largest mean less the smallest. The amplitude is their standard deviation.",
    over_batch="This looks like one number for all images together. Each image and channel has its own: average over "
    "the "
    "last two axes only.",
    first_axes="This looks like rows and columns taken from the first two axes. They are the last two: image[..., "
    "i::s, "
    "j::s].",
)
def wrong_amplitude(
    image,
    stride,
    *,
    rest=False,
    blocks=False,
    one_less=False,
    variance=False,
    divided=False,
    spread=False,
    over_batch=False,
    first_axes=False,
):
    image = image.permute(*range(2, image.dim()), 0, 1) if first_axes else image
    h, w = (n if rest else n // stride * stride for n in image.shape[-2:])
    image, (a, b) = image[..., :h, :w], (h // stride, w // stride)
    places = [(i, j) for i in range(stride) for j in range(stride)]
    if blocks:
        phases = [image[..., i * a : (i + 1) * a, j * b : (j + 1) * b] for i, j in places]
    else:
        phases = [image[..., i::stride, j::stride] for i, j in places]
    means = torch.stack([phase.mean() if over_batch or first_axes else phase.mean((-2, -1)) for phase in phases], -1)
    if spread:
        return means.amax(-1) - means.amin(-1)
    squares = (means - means.mean(-1, keepdim=True)).square().sum(-1) / (stride**2 - one_less)
    amplitude = squares if variance else squares.sqrt()
    return amplitude / stride**2 if divided else amplitude


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


@RESIZE.flags(
    tiled="This looks like copies of the whole image side by side. x.repeat tiles; x.repeat_interleave repeats each "
    "pixel.",
    zeros="This looks like zeros between the pixels: a transposed convolution again, checkerboard included. Repeat "
    "pixels.",
    bilinear="This looks like bilinear resizing. It cures as well, but asked for here is the repetition of pixels "
    "(nearest).",
    factor_two="This looks like a factor of 2 whatever the stride.",
    rows_only="This looks like an enlargement of one axis only: repeat along dim 2 and along dim 3.",
    convolves_first="This looks like the convolution before the resizing: then the result consists of flat blocks. "
    "Resize "
    "first.",
    no_bias="This looks like a layer without its bias: each filter adds its own number to every pixel.",
    rotated="This looks like a filter that was turned by 180°. F.conv2d takes it as it is.",
    no_padding="This looks like a convolution without padding: (k − 1)/2 zeros on each side keep the size.",
    padding_one="This looks like padding 1 whatever the kernel. A kernel of k keeps the size with (k − 1)/2.",
    wide_padding="This looks like k − 1 zeros on each side: half of that keeps the size.",
)
def wrong_resize(
    x,
    weight,
    bias,
    stride=2,
    *,
    tiled=False,
    zeros=False,
    bilinear=False,
    factor_two=False,
    rows_only=False,
    convolves_first=False,
    no_bias=False,
    rotated=False,
    no_padding=False,
    padding_one=False,
    wide_padding=False,
):
    k = weight.shape[-1]
    around = 0 if no_padding else 1 if padding_one else k - 1 if wide_padding else k // 2
    s = 2 if factor_two else stride
    t = 1 if rows_only else s

    def convolved(y):
        return F.conv2d(y, weight.flip(2, 3) if rotated else weight, None if no_bias else bias, padding=around)

    def enlarged(y):
        if tiled:
            return y.repeat(1, 1, s, t)
        if zeros:
            apart = y.new_zeros(*y.shape[:2], y.shape[2] * s, y.shape[3] * t)
            apart[:, :, ::s, ::t] = y
            return apart
        return F.interpolate(y, scale_factor=(s, t), mode="bilinear" if bilinear else "nearest")

    return enlarged(convolved(x)) if convolves_first else convolved(enlarged(x))
