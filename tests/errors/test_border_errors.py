"""The first value that is refused, beside the last that is not: strides, windows, grids and sizes of 0."""

import re

import pytest
import torch

from lessons_lib.data.crop import crop
from lessons_lib.data.sample import Instances, Sample
from lessons_lib.models.semantic.hypercolumns import BoxHypercolumns
from lessons_lib.ops.convolution import input_sizes_for, pool_output_size
from lessons_lib.ops.grid import PIXELS
from lessons_lib.ops.roi.align import affine_theta

NONE = Instances(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4, 5, dtype=torch.bool))
SAMPLE = Sample(torch.zeros(3, 4, 5), torch.zeros(4, 5, dtype=torch.int64), NONE)

CASES = [
    (lambda: input_sizes_for(1, 3, 0), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: input_sizes_for(0, 3), ValueError, "output must be ≥ 1, got 0"),
    (lambda: input_sizes_for(1, 0), ValueError, "kernel_size must be ≥ 1, got 0"),
    (lambda: input_sizes_for(1, 3, 1, -1), ValueError, "padding must be ≥ 0, got -1"),
    (lambda: input_sizes_for(1, 3, 1, 0, 0), ValueError, "dilation must be ≥ 1, got 0"),
    (lambda: pool_output_size((4, 4), 2), TypeError, "size must be an int, got (4, 4)"),
    (lambda: pool_output_size(4, (2, 2)), TypeError, "kernel_size must be an int, got (2, 2)"),
    (lambda: pool_output_size(4, 2, 0), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: crop(SAMPLE, 0, 0, 4, 0), ValueError, "window must lie within (4, 5), got rows 0 to 4, columns 0 to 0"),
    (lambda: crop(SAMPLE, 0, 0, 0, 5), ValueError, "window must lie within (4, 5), got rows 0 to 0, columns 0 to 5"),
    (lambda: crop(SAMPLE, -1, 0, 4, 5), ValueError, "window must lie within (4, 5), got rows -1 to 3, columns 0 to 5"),
    (lambda: crop(SAMPLE, 0, 1, 4, 5), ValueError, "window must lie within (4, 5), got rows 0 to 4, columns 1 to 6"),
    (lambda: BoxHypercolumns(20, 0), ValueError, "grid must be ≥ 1, got 0"),
    (lambda: BoxHypercolumns(0, 5), ValueError, "num_classes must be ≥ 1, got 0"),
    (lambda: PIXELS.down(0), ValueError, "kernel_size must be ≥ 1, got 0"),
    (lambda: PIXELS.down(3, 0), ValueError, "stride must be ≥ 1, got 0"),
    (lambda: PIXELS.up(3, 2), ValueError, "stride must divide 1, the stride of the map, got 2"),
    (lambda: affine_theta(torch.zeros(1, 4), 0), ValueError, "size must be ≥ 1, got 0"),
]


@pytest.mark.parametrize(("call", "error", "words"), CASES, ids=[words[:60] for _, _, words in CASES])
def test_error_names_argument_value_and_allowed(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()


def test_the_last_values_that_are_allowed():
    assert crop(SAMPLE, 3, 4, 1, 1).image.shape == (3, 1, 1)
    assert crop(SAMPLE, 0, 0, 4, 5).image.shape == (3, 4, 5)
