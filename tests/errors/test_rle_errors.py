"""What run lengths that are none are told: the argument with its number, what came, and what is allowed."""

import re

import pytest
import torch

from lessons_lib.ops.masks import decode_rle, pairwise_rle_iou, pairwise_rle_ious

GOOD = {"size": [2, 2], "counts": "121"}
LETTERS = "['counts'] must be numbers in COCO's letters, got "
FILL = "['counts'] must be runs that fill 2 · 2 = 4 pixels, got "
SIZE = "['size'] must be [height, width], two ints ≥ 0, got "

CASES = [
    (None, " must be a dict with size and counts, got None"),
    ("121", " must be a dict with size and counts, got '121'"),
    ({"size": [2, 2]}, " must be a dict with size and counts, got {'size': [2, 2]}"),
    ({"counts": "121"}, " must be a dict with size and counts, got {'counts': '121'}"),
    (GOOD | {"size": 4}, SIZE + "4"),
    (GOOD | {"size": [2]}, SIZE + "[2]"),
    (GOOD | {"size": [2.0, 2]}, SIZE + "[2.0, 2]"),
    (GOOD | {"size": [-2, -2]}, SIZE + "[-2, -2]"),
    (GOOD | {"counts": [1, 2, 1]}, LETTERS + "[1, 2, 1]; mask_of_runs decodes lists"),
    (
        GOOD | {"counts": list(range(50))},
        LETTERS + "[0, 1, 2, 3, 4, 5, 6",
    ),
    (GOOD | {"counts": None}, LETTERS + "None"),
    (GOOD | {"counts": 121}, LETTERS + "121"),
    (GOOD | {"counts": "1 2"}, LETTERS + "'1 2'"),
    (GOOD | {"counts": "12p"}, LETTERS + "'12p'"),
    (GOOD | {"counts": "é"}, LETTERS + "'é'"),
    (GOOD | {"counts": "12\ud800"}, LETTERS + r"'12\ud800'"),  # half a character, as JSON may hold it
    (GOOD | {"counts": "12Q"}, LETTERS + "'12Q'"),  # Q says that more of this number follow
    (GOOD | {"counts": "o" * 9 + "0"}, LETTERS + "'ooooooooo0'"),
    (GOOD | {"counts": "12"}, FILL + "3"),
    (GOOD | {"counts": b"122"}, FILL + "5"),
    (GOOD | {"counts": ""}, FILL + "0"),
    (GOOD | {"counts": "11N5"}, FILL + "a run of -2"),
]


@pytest.mark.parametrize(("entry", "words"), CASES, ids=[words[-40:] for _, words in CASES])
def test_every_function_names_the_entry(entry, words):
    calls = {
        "rles": lambda: decode_rle([GOOD, entry], (2, 2)),
        "pred_rles": lambda: pairwise_rle_iou([GOOD, entry], [GOOD]),
        "gt_rles": lambda: pairwise_rle_iou([GOOD], [GOOD, entry]),
        "images[1]: gt_rles": lambda: pairwise_rle_ious([([GOOD], [GOOD], None), ([GOOD], [GOOD, entry], None)]),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=re.escape(f"{name}[1]{words}")):
            call()


def test_the_good_entry_is_read_as_text_and_as_bytes():
    for counts in ("121", b"121"):
        assert decode_rle([GOOD | {"counts": counts}], (2, 2)).tolist() == [[[False, True], [True, False]]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: decode_rle(GOOD, (2, 2)), "rles must be a list of run lengths, got {'size'"),
        (lambda: decode_rle("121", (2, 2)), "rles must be a list of run lengths, got '121'"),
        (lambda: decode_rle([GOOD], (4, 1)), "rles[0] must be of size (4, 1), got (2, 2)"),
        (lambda: decode_rle([], (2, -1)), "size must be ≥ 0, got -1"),
        (
            lambda: pairwise_rle_iou([GOOD], [GOOD | {"size": [1, 4]}]),
            "pred_rles and gt_rles must be of one size, got (1, 4) and (2, 2)",
        ),
        (
            lambda: pairwise_rle_iou([GOOD], [GOOD], torch.tensor([True, False])),
            "is_crowd must be one bool for each of the 1 objects, got torch.bool (2,)",
        ),
        (
            lambda: pairwise_rle_iou([], [GOOD], [True]),
            "is_crowd must be one bool for each of the 1 objects, got [True]",
        ),
    ],
)
def test_the_other_arguments(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()
