"""Sliding windows: positions counted by torch's convolution, meetings listed by hand, and what is refused."""

import pytest
import torch
from torch.nn import functional as F

from lessons_lib.ops.window import Axis, sliding_axes

TOO_LONG = "kernel_size {} with dilation {} must reach over at most the 4 padded pixels, got a reach of 5"


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("padding", ["same", "valid", 0, 2])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("size", [13, 14, 20])
def test_places_are_those_of_torchs_convolution(size, kernel_size, dilation, padding):
    (axis,) = sliding_axes(size, kernel_size, 1, padding, dilation, 1)
    want = F.conv1d(torch.zeros(1, 1, size), torch.zeros(1, 1, kernel_size), padding=padding, dilation=dilation)
    assert axis.places == want.shape[2]


@pytest.mark.parametrize(("kernel_size", "before", "after"), [(1, 0, 0), (2, 0, 1), (3, 1, 1), (4, 1, 2), (5, 2, 2)])
def test_same_adds_the_odd_zero_at_the_end(kernel_size, before, after):
    (axis,) = sliding_axes(7, kernel_size, 1, "same", 1, 1)
    assert (axis.before, axis.after, axis.places) == (before, after, 7)


def test_two_axes_and_what_stands_out_at_the_end():
    rows, columns = sliding_axes((5, 8), (3, 2), (2, 3), (1, 0), 1, 2, overhang=1)
    assert rows == Axis(5, 3, 2, 1, 1, 2)
    assert columns == Axis(8, 2, 3, 1, 0, 1)


def test_meetings_by_hand():
    """3 taps, 2 pixels apart, over 4 pixels with 1 zero in front: positions 0 and 1."""
    place, tap, pixel = Axis(4, 3, 1, 2, 1, 1).contacts()
    assert list(zip(place.tolist(), tap.tolist(), pixel.tolist(), strict=True)) == [
        *((0, 1, 1), (0, 2, 3)),
        *((1, 0, 0), (1, 1, 2)),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((8, 3, 1, "full", 1, 1), "padding must be 'valid', 'same' or ints ≥ 0, got 'full'"),
        ((8, 3, 2, "same", 1, 1), "padding='same' must go with stride 1, got stride 2"),
        (((8, 8), 3, (1, 2), "same", 1, 2), "padding='same' must go with stride 1, got stride (1, 2)"),
        ((4, 5, 1, 0, 1, 1), TOO_LONG.format(5, 1)),
        ((4, 3, 1, 0, 2, 1), TOO_LONG.format(3, 2)),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as error:
        sliding_axes(*arguments)
    assert str(error.value) == message


def test_a_window_that_just_fits_and_a_stride_with_valid():
    assert sliding_axes(4, 4, 1, 0, 1, 1)[0].places == 1
    assert sliding_axes(9, 3, 2, "valid", 1, 1)[0].places == 4
