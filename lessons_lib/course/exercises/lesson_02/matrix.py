"""Exercise 02.5: the matrix of a convolution."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import convolution


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


@MATRIX.flags(
    transposed="This looks like the transpose: a row belongs to an output pixel, a column to an input pixel.",
    flipped="This looks like a filter that was turned by 180°: networks do not flip, row 0 begins with weight (0, 0).",
    turned_size="This looks like height and width exchanged: size is (H, W), rows first.",
    padding_columns="This looks like columns for the padding too. The zeros around the image are no input: the matrix "
    "has "
    "H·W columns for each channel, and weights that fall on padding appear nowhere.",
    no_stride="This looks like a window that moves one pixel at a time: pass the stride on to the convolution.",
    no_padding="This looks like a layer without its padding: pass it on to the convolution.",
    one_unit="This looks like unit images that light all channels at once. Each channel has its own columns: "
    "C_in · H · W unit images.",
    reshaped="This looks like a reshape where a transpose belongs: the outputs of the unit images are the columns.",
)
def wrong_matrix(
    weight,
    size,
    stride=1,
    padding=0,
    *,
    transposed=False,
    flipped=False,
    turned_size=False,
    padding_columns=False,
    no_stride=False,
    no_padding=False,
    one_unit=False,
    reshaped=False,
):
    size = size[::-1] if turned_size else size
    size, padding = ([n + 2 * padding for n in size], 0) if padding_columns else (size, padding)
    channels = 1 if one_unit else weight.shape[1]
    n = channels * size[0] * size[1]
    units = torch.eye(n, dtype=weight.dtype).view(n, channels, *size).expand(n, weight.shape[1], *size)
    weight = weight.flip(2, 3) if flipped else weight
    seen = F.conv2d(units, weight, None, 1 if no_stride else stride, 0 if no_padding else padding).flatten(1)
    return seen if transposed else seen.reshape(seen.shape[::-1]) if reshaped else seen.T
