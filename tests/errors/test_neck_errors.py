"""What the necks say of maps that they cannot join."""

import re

import pytest

from lessons_lib.models.backbones import make_backbone
from lessons_lib.models.necks import FPN, TDM

CASES = [
    ({"names": ("c2", "c7")}, "names must be maps of the backbone, c1, c2, c3, c4, c5, at least one, got ('c2', 'c7')"),
    ({"names": ()}, "names must be maps of the backbone, c1, c2, c3, c4, c5, at least one, got ()"),
    ({"names": ("c5", "c4")}, "names must go from fine to coarse, got ('c5', 'c4') of strides [32, 16]"),
    ({"names": ("c4", "c4")}, "names must go from fine to coarse, got ('c4', 'c4') of strides [16, 16]"),
    ({"out_channels": 0}, "out_channels must be ≥ 1, got 0"),
]


@pytest.mark.parametrize("neck", [FPN, TDM])
@pytest.mark.parametrize(("arguments", "words"), CASES, ids=[words[-40:] for _, words in CASES])
def test_error_names_argument_value_and_allowed(neck, arguments, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        neck(make_backbone("tiny"), **arguments)
