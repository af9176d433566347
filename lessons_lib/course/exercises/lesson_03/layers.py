"""Exercises 03.3 and 03.4: a whole layer by stamping, and by zeros between the pixels."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import transposed


def layer_cases(layers):
    """Small layers (B, C_in, H, W, C_out, kH, kW and settings); the images are non-contiguous views."""
    generator = torch.Generator().manual_seed(3)

    def tensor(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return [
        {"x": tensor(b, c_in, w, h).transpose(2, 3), "weight": tensor(c_in, c_out, k_h, k_w), **settings}
        for b, c_in, h, w, c_out, k_h, k_w, settings in layers
    ]


def stamp_cases():
    """The lecture's layer, and others with channels, stamps apart, and squares restored."""
    return layer_cases(
        [
            (1, 1, 2, 2, 1, 3, 3, {"stride": 2, "padding": 1, "output_padding": 1}),
            (1, 1, 3, 2, 1, 2, 2, {"stride": 1, "padding": 0, "output_padding": 0}),
            (2, 3, 2, 3, 2, 3, 2, {"stride": 2, "padding": 0, "output_padding": 1}),
            (1, 2, 3, 3, 2, 4, 4, {"stride": 2, "padding": 1, "output_padding": 0}),
            (1, 1, 2, 2, 1, 1, 2, {"stride": 3, "padding": 0, "output_padding": 2}),
        ]
    )


STAMPS = Exercise(
    "03.3",
    "Stamp by stamp",
    difficulty=2,
    minutes=20,
    oracle=transposed.conv_transpose2d_stamps,
    cases=stamp_cases,
    gradients=True,
    hints=(
        "First the canvas, full of zeros: (H − 1) · stride + kH + output_padding rows, and columns likewise.",
        "Pixel (i, j) stamps on rows i · stride to i · stride + kH. Stamps add: use +=, not =.",
        'torch.einsum("bc,couv->bouv", x[:, :, i, j], weight) is the stamp of pixel (i, j); cut padding off both ends.',
    ),
)


@STAMPS.model
def conv_transpose2d_stamps(x, weight, stride=1, padding=0, output_padding=0):
    (h, w), (k_h, k_w), s = x.shape[2:], weight.shape[2:], stride
    rows, columns = (h - 1) * s + k_h + output_padding, (w - 1) * s + k_w + output_padding
    canvas = x.new_zeros(len(x), weight.shape[1], rows, columns)
    for i in range(h):
        for j in range(w):
            stamp = torch.einsum("bc,couv->bouv", x[:, :, i, j], weight)
            canvas[:, :, i * s : i * s + k_h, j * s : j * s + k_w] += stamp
    return canvas[:, :, padding : rows - padding, padding : columns - padding]


@STAMPS.mistake(
    "This looks like stamps that replace what was under them. Where stamps overlap, they add: += instead of =."
)
def stamps_cover(x, weight, stride=1, padding=0, output_padding=0):
    (h, w), (k_h, k_w), s = x.shape[2:], weight.shape[2:], stride
    rows, columns = (h - 1) * s + k_h + output_padding, (w - 1) * s + k_w + output_padding
    canvas = x.new_zeros(len(x), weight.shape[1], rows, columns)
    for i in range(h):
        for j in range(w):
            stamp = torch.einsum("bc,couv->bouv", x[:, :, i, j], weight)
            canvas[:, :, i * s : i * s + k_h, j * s : j * s + k_w] = stamp
    return canvas[:, :, padding : rows - padding, padding : columns - padding]


@STAMPS.mistake("This looks like a kernel rotated by 180°. The stamp has the orientation of the kernel.")
def turned_stamps(x, weight, stride=1, padding=0, output_padding=0):
    return F.conv_transpose2d(x, weight.flip(2, 3), None, stride, padding, output_padding)


@STAMPS.mistake("This looks like an output without its output_padding: the far end keeps that many squares more.")
def no_squares_given_back(x, weight, stride=1, padding=0, output_padding=0):
    return F.conv_transpose2d(x, weight, None, stride, padding)


@STAMPS.mistake(
    "This looks like output_padding as a row of new zeros. It keeps squares that padding would have cut off, and "
    "stamps may lie on them; only what goes beyond the last stamp is zero."
)
def output_padding_of_zeros(x, weight, stride=1, padding=0, output_padding=0):
    return F.pad(F.conv_transpose2d(x, weight, None, stride, padding), (0, output_padding) * 2)


@STAMPS.mistake("This looks like output_padding at the near end: the squares are restored below and on the right.")
def squares_given_back_at_the_near_end(x, weight, stride=1, padding=0, output_padding=0):
    canvas = F.conv_transpose2d(x, weight, None, stride)
    canvas = F.pad(canvas, (output_padding, 0) * 2)
    h, w = canvas.shape[2:]
    return canvas[:, :, padding : h - padding, padding : w - padding]


# 03.4


def zeros_cases():
    """The lecture's layer without and with padding, stride 1, and several channels."""
    return layer_cases(
        [
            (1, 1, 2, 2, 1, 3, 3, {"stride": 2, "padding": 1}),
            (1, 1, 2, 3, 1, 2, 2, {"stride": 3, "padding": 0}),
            (2, 2, 3, 2, 2, 3, 3, {"stride": 1, "padding": 0}),
            (1, 2, 2, 3, 3, 4, 4, {"stride": 2, "padding": 1}),
        ]
    )


ZEROS = Exercise(
    "03.4",
    "Zeros between the pixels",
    difficulty=3,
    minutes=20,
    oracle=transposed.conv_transpose2d_zeros,
    cases=zeros_cases,
    gradients=True,
    hints=(
        "apart = x.new_zeros(…), then apart[:, :, ::stride, ::stride] = x: (H − 1) · stride + 1 rows.",
        "F.conv2d wants the weight as (C_out, C_in, k, k), and the kernel rotated: weight.flip(2, 3).transpose(0, 1).",
        "How many zeros around? The first output square sees the first pixel under its last tap: k − 1 − padding.",
    ),
)


@ZEROS.model
def conv_transpose2d_zeros(x, weight, stride=1, padding=0):
    (b, c, h, w), k = x.shape, weight.shape[2]  # square kernels
    apart = x.new_zeros(b, c, (h - 1) * stride + 1, (w - 1) * stride + 1)
    apart[:, :, ::stride, ::stride] = x
    return F.conv2d(apart, weight.flip(2, 3).transpose(0, 1), padding=k - 1 - padding)


@ZEROS.mistake(
    "This looks like a kernel that was not rotated. A convolution slides, it does not stamp: rotate the kernel by 180°."
)
def forgets_to_turn(x, weight, stride=1, padding=0):
    return F.conv_transpose2d(x, weight.flip(2, 3), None, stride, padding)


@ZEROS.mistake("This looks like padding zeros around the image. It takes k − 1 − padding of them.")
def pads_as_it_is_told(x, weight, stride=1, padding=0):
    return F.conv2d(transposed.insert_zeros(x, stride), weight.flip(2, 3).transpose(0, 1), padding=padding)


@ZEROS.mistake("This looks like zeros after the last pixel too. They belong between pixels only.")
def zeros_behind_the_last_pixel(x, weight, stride=1, padding=0):
    apart = F.pad(transposed.insert_zeros(x, stride), (0, stride - 1) * 2)
    return F.conv2d(apart, weight.flip(2, 3).transpose(0, 1), padding=weight.shape[2] - 1 - padding)


@ZEROS.mistake(
    "This looks like stride zeros between neighbours. Pixels stride squares apart have stride − 1 between them."
)
def one_zero_too_many(x, weight, stride=1, padding=0):
    apart = transposed.insert_zeros(x, stride + 1)
    return F.conv2d(apart, weight.flip(2, 3).transpose(0, 1), padding=weight.shape[2] - 1 - padding)


@ZEROS.mistake("This looks like pixels that were repeated. Between the pixels there are zeros, not copies.")
def repeats_the_pixels(x, weight, stride=1, padding=0):
    h, w = (stride * (n - 1) + 1 for n in x.shape[2:])
    apart = x.repeat_interleave(stride, 2).repeat_interleave(stride, 3)[:, :, :h, :w]
    return F.conv2d(apart, weight.flip(2, 3).transpose(0, 1), padding=weight.shape[2] - 1 - padding)
