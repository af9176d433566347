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


@STAMPS.flags(
    covers="This looks like stamps that replace what was under them. Where stamps overlap, they add: += instead of =.",
    rotated="This looks like a kernel rotated by 180°. The stamp has the orientation of the kernel.",
    kernel_transposed="This looks like rows and columns of the kernel exchanged: its third axis counts rows.",
    no_extra="This looks like an output without its output_padding: the far end keeps that many squares more.",
    extra_zeros="This looks like output_padding as a row of new zeros. It keeps squares that padding would have cut "
    "off, "
    "and stamps may lie on them; only what goes beyond the last stamp is zero.",
    extra_near="This looks like output_padding at the near end: the squares are restored below and on the right.",
    square="This looks like a square kernel: its height is weight.shape[2], its width weight.shape[3].",
    no_stride="This looks like stamps side by side: pixel (i, j) stamps at (i · stride, j · stride).",
    no_padding="This looks like the whole canvas: padding squares are cut off on all four sides.",
    near_cut="This looks like padding cut off above and on the left only.",
    far_cut="This looks like padding cut off below and on the right only.",
    one_channel="This looks like the first input channel alone: the stamps of all input channels add.",
)
def wrong_stamps(
    x,
    weight,
    stride=1,
    padding=0,
    output_padding=0,
    *,
    covers=False,
    rotated=False,
    kernel_transposed=False,
    no_extra=False,
    extra_zeros=False,
    extra_near=False,
    square=False,
    no_stride=False,
    no_padding=False,
    near_cut=False,
    far_cut=False,
    one_channel=False,
):
    s, extra = 1 if no_stride else stride, 0 if no_extra else output_padding
    weight = weight.flip(2, 3) if rotated else weight
    weight = weight.transpose(2, 3) if kernel_transposed else weight
    weight = weight.expand(-1, -1, -1, weight.shape[2]) if square else weight
    x, weight = (x[:, :1], weight[:1]) if one_channel else (x, weight)
    (h, w), (k_h, k_w) = x.shape[2:], weight.shape[2:]
    later = 0 if extra_zeros or extra_near else extra
    canvas = x.new_zeros(len(x), weight.shape[1], (h - 1) * s + k_h + later, (w - 1) * s + k_w + later)
    for i in range(h):
        for j in range(w):
            stamp = torch.einsum("bc,couv->bouv", x[:, :, i, j], weight)
            here = canvas[:, :, i * s : i * s + k_h, j * s : j * s + k_w]
            here[:] = stamp if covers else here + stamp
    canvas = F.pad(canvas, (extra, 0) * 2) if extra_near else canvas
    near, far = (0 if no_padding or other else padding for other in (far_cut, near_cut))
    out = canvas[:, :, near : canvas.shape[2] - far, near : canvas.shape[3] - far]
    return F.pad(out, (0, extra) * 2) if extra_zeros else out


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


@ZEROS.flags(
    not_rotated="This looks like a kernel that was not rotated. A convolution slides, it does not stamp: rotate the "
    "kernel by 180°.",
    rotated_all="This looks like a weight flipped along its channels too. Only the rows and columns of a kernel are "
    "rotated: flip(2, 3).",
    kernel_transposed="This looks like a kernel that was transposed, rows for columns. Rotate it by 180°: flip(2, 3).",
    not_swapped="This looks like a weight whose channels were not swapped. F.conv2d wants (C_out, C_in, k, k): "
    "transpose(0, 1).",
    padding_as_given="This looks like padding zeros around the image. It takes k − 1 − padding of them.",
    full_padding="This looks like k − 1 zeros around the image whatever the padding: it takes k − 1 − padding of them.",
    zeros_after="This looks like zeros after the last pixel too. They belong between pixels only.",
    one_more="This looks like stride zeros between neighbours. Pixels stride squares apart have stride − 1 between "
    "them.",
    no_stride="This looks like pixels that were not pulled apart: stride − 1 zeros go between neighbours.",
    strided="This looks like a stride in the convolution as well. The zeros have pulled the pixels apart: it slides at "
    "stride 1.",
    repeated="This looks like pixels that were repeated. Between the pixels there are zeros, not copies.",
)
def wrong_zeros(
    x,
    weight,
    stride=1,
    padding=0,
    *,
    not_rotated=False,
    rotated_all=False,
    kernel_transposed=False,
    not_swapped=False,
    padding_as_given=False,
    full_padding=False,
    zeros_after=False,
    one_more=False,
    no_stride=False,
    strided=False,
    repeated=False,
):
    k, step = weight.shape[2], 1 if no_stride else stride + 1 if one_more else stride
    apart = transposed.insert_zeros(x, step)
    if repeated:
        h, w = apart.shape[2:]
        apart = x.repeat_interleave(step, 2).repeat_interleave(step, 3)[:, :, :h, :w]
    apart = F.pad(apart, (0, step - 1) * 2) if zeros_after else apart
    if kernel_transposed:
        weight = weight.transpose(2, 3)
    elif not not_rotated:
        weight = weight.flip(0, 1, 2, 3) if rotated_all else weight.flip(2, 3)
    weight = weight if not_swapped else weight.transpose(0, 1)
    around = padding if padding_as_given else k - 1 if full_padding else k - 1 - padding
    return F.conv2d(apart, weight, stride=stride if strided else 1, padding=around)
