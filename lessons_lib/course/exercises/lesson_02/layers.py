"""Lesson 02, exercises 3 and 4: the window in loops, and unfolding."""

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


@LOOPS.flags(
    flipped="This looks like a filter that was turned by 180°. That is the convolution of the textbooks; networks do "
    "not flip.",
    step_one="This looks like a window that starts at pixel i instead of i · stride: the number of positions is right, "
    "the steps are not.",
    no_stride="This looks like a window that moves one pixel at a time: step over the rows and columns by stride.",
    no_bias="This looks like a layer without its bias: each filter adds its own number to every position.",
    near_only="This looks like padding above and on the left only. The zeros are on all four sides.",
    far_only="This looks like padding below and on the right only. The zeros are on all four sides.",
    no_padding="This looks like an image without its padding: zeros on all four sides first.",
    last_lost="This looks like a range that ends one too early: the last position starts at H − kH itself, so the "
    "range "
    "ends at H − kH + 1.",
    square="This looks like a square kernel. Its height and its width are weight.shape[2] and weight.shape[3].",
    over_batch="This looks like a sum over the images of the batch too: each image has an output of its own.",
    turned_out="This looks like an output with rows and columns exchanged: stack the columns of a row first, then the "
    "rows.",
    one_channel="This looks like the first input channel alone: each output number sums over all of them.",
)
def wrong_loops(
    x,
    weight,
    bias,
    stride=1,
    padding=0,
    *,
    flipped=False,
    step_one=False,
    no_stride=False,
    no_bias=False,
    near_only=False,
    far_only=False,
    no_padding=False,
    last_lost=False,
    square=False,
    over_batch=False,
    turned_out=False,
    one_channel=False,
):
    near, far = (0 if no_padding or other else padding for other in (far_only, near_only))
    weight = weight.flip(2, 3) if flipped else weight
    weight = weight.expand(-1, -1, -1, weight.shape[2]) if square else weight
    x, weight = (x[:, :1], weight[:, :1]) if one_channel else (x, weight)
    dense = F.conv2d(F.pad(x, (near, far, near, far)), weight, None if no_bias else bias)
    h, w = dense.shape[2:]
    starts = dense[:, :, : h - last_lost, : w - last_lost]
    out = starts if no_stride else starts[:, :, ::stride, ::stride]
    out = dense[:, :, : out.shape[2], : out.shape[3]] if step_one else out
    out = out.sum(0) if over_batch else out
    return out.transpose(-1, -2) if turned_out else out


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


@UNFOLD.flags(
    taps_first="This looks like taps before channels. All taps of channel 0 come first, then those of channel 1, and "
    "so "
    "on.",
    columns_first="This looks like positions that are read down the columns. They are read row by row.",
    as_rows="This looks like windows as rows. Here each window is a column: (B, C·kH·kW, positions).",
    taps_down="This looks like taps that are read down the columns of the window. They are read row by row: u, then v.",
    no_permute="This looks like a reshape where axes must be exchanged: the windows were collected position by "
    "position, "
    "so their axis has to move to the end before the reshape (permute, or torch.stack(…, -1)).",
    no_stride="This looks like a window that moves one pixel at a time: slice with the step stride.",
    no_padding="This looks like an image without its padding: zeros on all four sides first.",
    swapped="This looks like (kW, kH): kernel_size is (kH, kW), rows first.",
)
def wrong_unfold(
    x,
    kernel_size,
    stride=1,
    padding=0,
    *,
    taps_first=False,
    columns_first=False,
    as_rows=False,
    taps_down=False,
    no_permute=False,
    no_stride=False,
    no_padding=False,
    swapped=False,
):
    kernel_size = kernel_size[::-1] if swapped else kernel_size
    s, p = 1 if no_stride else stride, 0 if no_padding else padding
    columns = F.unfold(x, kernel_size, stride=s, padding=p)
    if no_permute:
        return columns.transpose(1, 2).reshape(columns.shape)
    o_h = (x.shape[2] + 2 * p - kernel_size[0]) // s + 1
    taps = columns.unflatten(2, (o_h, -1)).unflatten(1, (x.shape[1], *kernel_size))  # (B, C, kH, kW, oH, oW)
    taps = taps.transpose(4, 5) if columns_first else taps
    taps = taps.transpose(2, 3) if taps_down else taps
    taps = taps.flatten(4).flatten(2, 3)
    columns = (taps.transpose(1, 2) if taps_first else taps).flatten(1, 2)
    return columns.transpose(1, 2) if as_rows else columns
