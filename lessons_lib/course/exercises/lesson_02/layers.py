"""Lesson 02, exercises 3 to 5: the window in loops, unfolding, and the matrix."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import convolution

# 02.3 and 02.4


def layer_cases(with_weight=True):
    """Small layers of odd shapes: more than one image and channel, strides, padding, and a non-contiguous view."""
    generator = torch.Generator().manual_seed(2)

    def tensor(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    layers = [
        (1, 1, 4, 4, 1, 3, 3, 1, 1),
        (1, 1, 4, 4, 1, 3, 3, 2, 1),
        (2, 3, 5, 4, 2, 2, 3, 1, 0),
        (2, 2, 5, 6, 3, 3, 2, 2, 1),
    ]
    cases = []
    for b, c_in, h, w, c_out, k_h, k_w, stride, padding in layers:
        x = tensor(b, c_in, w, h).transpose(2, 3)  # rows and columns as torch means them, memory the other way round
        layer = (
            {"weight": tensor(c_out, c_in, k_h, k_w), "bias": tensor(c_out)}
            if with_weight
            else {"kernel_size": (k_h, k_w)}
        )
        cases.append({"x": x, **layer, "stride": stride, "padding": padding})
    return cases


LOOPS = Exercise(
    "02.3",
    "The window in loops",
    difficulty=2,
    minutes=15,
    oracle=convolution.conv2d_loops,
    cases=layer_cases,
    gradients=True,
    hints=(
        "Pad first: F.pad(x, (padding,) * 4) puts zeros on all four sides. Then every window is a plain slice.",
        "Position (i, j) sees rows i·stride to i·stride + kH and columns j·stride to j·stride + kW, in all channels.",
        "(window[:, None] * weight).sum((2, 3, 4)) is one number for each image and filter; do not forget the bias.",
    ),
)


@LOOPS.model
def conv2d_loops(x, weight, bias, stride=1, padding=0):
    x = F.pad(x, (padding,) * 4)
    k_h, k_w = weight.shape[2:]
    rows = []
    for top in range(0, x.shape[2] - k_h + 1, stride):
        row = []
        for left in range(0, x.shape[3] - k_w + 1, stride):
            window = x[:, None, :, top : top + k_h, left : left + k_w]  # (B, 1, C_in, kH, kW)
            row.append((window * weight).sum((2, 3, 4)) + bias)  # (B, C_out)
        rows.append(torch.stack(row, -1))
    return torch.stack(rows, -2)


@LOOPS.mistake(
    "This looks like a filter that was turned by 180°. That is the convolution of the textbooks; networks do not flip."
)
def flips_the_filter(x, weight, bias, stride=1, padding=0):
    return F.conv2d(x, weight.flip(2, 3), bias, stride, padding)


@LOOPS.mistake(
    "This looks like a window that starts at pixel i instead of i · stride: the positions are right, the steps not."
)
def steps_by_one(x, weight, bias, stride=1, padding=0):
    dense = F.conv2d(x, weight, bias, 1, padding)
    h, w = (n + 2 * padding - k for n, k in zip(x.shape[2:], weight.shape[2:], strict=True))
    return dense[:, :, : h // stride + 1, : w // stride + 1]


@LOOPS.mistake("This looks like a layer without its bias: each filter adds its own number to every position.")
def forgets_the_bias(x, weight, bias, stride=1, padding=0):
    return F.conv2d(x, weight, None, stride, padding) + 0 * bias[:, None, None]


@LOOPS.mistake("This looks like padding above and on the left only. The zeros are on all four sides.")
def pads_two_sides(x, weight, bias, stride=1, padding=0):
    return F.conv2d(F.pad(x, (padding, 0, padding, 0)), weight, bias, stride)


@LOOPS.mistake(
    "This looks like rows and columns exchanged: the third axis of a tensor counts rows, the fourth columns."
)
def exchanges_rows_and_columns(x, weight, bias, stride=1, padding=0):
    return F.conv2d(x.transpose(2, 3), weight.transpose(2, 3), bias, stride, padding)


UNFOLD = Exercise(
    "02.4",
    "Windows as columns",
    difficulty=3,
    minutes=20,
    oracle=convolution.unfold,
    cases=lambda: layer_cases(with_weight=False),
    gradients=True,
    hints=(
        "Take one tap (u, v) at a time: what does it see from all positions? A slice of the padded image with a step.",
        "Padded rows u, u + stride, …: x[:, :, u : u + stride · (oH − 1) + 1 : stride], and columns likewise.",
        "Stack the kH · kW slices after the channels, in the order of reading: (B, C, kH·kW, oH·oW). Then flatten.",
    ),
)


@UNFOLD.model
def unfold(x, kernel_size, stride=1, padding=0):
    (k_h, k_w), x = kernel_size, F.pad(x, (padding,) * 4)
    o_h, o_w = ((n - k) // stride + 1 for n, k in zip(x.shape[2:], kernel_size, strict=True))
    seen = []
    for u in range(k_h):
        for v in range(k_w):
            rows = x[:, :, u : u + stride * (o_h - 1) + 1 : stride]
            seen.append(rows[:, :, :, v : v + stride * (o_w - 1) + 1 : stride].flatten(2))  # (B, C, oH*oW)
    return torch.stack(seen, 2).flatten(1, 2)  # (B, C*kH*kW, oH*oW)


@UNFOLD.mistake(
    "This looks like taps before channels. All taps of channel 0 come first, then those of channel 1, and so on."
)
def taps_before_channels(x, kernel_size, stride=1, padding=0):
    columns = F.unfold(x, kernel_size, stride=stride, padding=padding)
    return columns.unflatten(1, (x.shape[1], -1)).transpose(1, 2).flatten(1, 2)


@UNFOLD.mistake("This looks like positions that are read down the columns. They are read row by row.")
def places_down_the_columns(x, kernel_size, stride=1, padding=0):
    columns = F.unfold(x, kernel_size, stride=stride, padding=padding)
    o_h = (x.shape[2] + 2 * padding - kernel_size[0]) // stride + 1
    return columns.unflatten(2, (o_h, -1)).transpose(2, 3).flatten(2)


@UNFOLD.mistake("This looks like windows as rows. Here each window is a column: (B, C·kH·kW, positions).")
def windows_as_rows(x, kernel_size, stride=1, padding=0):
    return F.unfold(x, kernel_size, stride=stride, padding=padding).transpose(1, 2)


@UNFOLD.mistake(
    "This looks like taps that are read down the columns of the window. They are read row by row: u, then v."
)
def taps_down_the_columns(x, kernel_size, stride=1, padding=0):
    columns = F.unfold(x, kernel_size, stride=stride, padding=padding)
    taps = columns.unflatten(1, (x.shape[1], *kernel_size))
    return taps.transpose(2, 3).flatten(1, 3)


# 02.5


def matrix_cases():
    """Filters of one and more channels over small images, not all of them square."""
    generator = torch.Generator().manual_seed(5)
    layers = [
        (1, 1, 1, 2, (1, 3), 1, 0),
        (1, 1, 3, 3, (4, 4), 2, 1),
        (2, 2, 2, 3, (3, 4), 1, 1),
        (1, 2, 3, 2, (5, 3), 2, 0),
    ]
    return [
        {
            "weight": torch.randn(c_out, c_in, k_h, k_w, generator=generator, dtype=torch.float64),
            "size": size,
            "stride": stride,
            "padding": padding,
        }
        for c_out, c_in, k_h, k_w, size, stride, padding in layers
    ]


MATRIX = Exercise(
    "02.5",
    "Convolution as a matrix",
    difficulty=3,
    minutes=15,
    oracle=convolution.convolution_matrix,
    cases=matrix_cases,
    gradients=True,
    hints=(
        "A matrix is known by what it does to the unit vectors: its column i is what it returns for unit vector i.",
        "Here a unit vector is an image that is black but for one pixel. torch.eye(n) holds all n, one per row.",
        "Reshape the eye to n images (C_in, H, W), convolve them all as one batch, flatten each output, and transpose.",
    ),
)


@MATRIX.model
def convolution_matrix(weight, size, stride=1, padding=0):
    n = weight.shape[1] * size[0] * size[1]
    units = torch.eye(n, dtype=weight.dtype).view(n, weight.shape[1], *size)  # each lights one pixel
    return F.conv2d(units, weight, None, stride, padding).flatten(1).T  # (C_out*oH*oW, C_in*H*W)


@MATRIX.mistake("This looks like the transpose: a row belongs to an output pixel, a column to an input pixel.")
def gives_the_transpose(weight, size, stride=1, padding=0):
    return convolution_matrix(weight, size, stride, padding).T


@MATRIX.mistake(
    "This looks like a filter that was turned by 180°: networks do not flip, row 0 begins with weight (0, 0)."
)
def matrix_of_the_flipped_filter(weight, size, stride=1, padding=0):
    return convolution_matrix(weight.flip(2, 3), size, stride, padding)


@MATRIX.mistake("This looks like height and width exchanged: size is (H, W), rows first.")
def matrix_of_the_turned_image(weight, size, stride=1, padding=0):
    return convolution_matrix(weight, size[::-1], stride, padding)


@MATRIX.mistake(
    "This looks like columns for the padding too. The zeros around the image are no input: the matrix has H·W columns "
    "for each channel, and weights that fall on padding appear nowhere."
)
def keeps_columns_for_the_padding(weight, size, stride=1, padding=0):
    return convolution_matrix(weight, [n + 2 * padding for n in size], stride, 0)
