"""What the annotations by hand, the statistics and the search for sets answer to bad input."""

import re

import pytest
import torch

from lessons_lib.data.found import found_sets
from lessons_lib.data.scenes import draw_scenes
from lessons_lib.data.statistics import count
from lessons_lib.ops.annotations import (
    canonical_ids,
    connected_pieces,
    labels_of_colours,
    mask_of_runs,
    polygon_mask,
    run_lengths,
)

BITS, IDS, RGB = torch.zeros(2, 2, dtype=torch.bool), torch.zeros(2, 2).long(), torch.zeros(1, 2, 3).byte()

CALLS = [
    (run_lengths, (IDS,), "mask must be a bool tensor (H, W), got torch.int64 (2, 2)"),
    (run_lengths, (BITS[None],), "mask must be a bool tensor (H, W), got torch.bool (1, 2, 2)"),
    (connected_pieces, ([[True]],), "mask must be a bool tensor (H, W), got [[True]]"),
    (mask_of_runs, ([3, 2], (2, 2)), "counts must sum to 2 · 2 = 4, got 5"),
    (mask_of_runs, ([3, -1], (1, 2)), "counts must be ≥ 0, got -1"),
    (mask_of_runs, ([], (-1, 2)), "size must be ≥ 0, got -1"),
    (canonical_ids, (BITS,), "id_map must be an int64 tensor (H, W), got torch.bool (2, 2)"),
    (canonical_ids, (IDS - 1,), "id_map must be ≥ 0, got -1"),
    (labels_of_colours, (RGB.float(), []), "picture must be a uint8 tensor (H, W, 3), got torch.float32 (1, 2, 3)"),
    (labels_of_colours, (RGB[..., :2], []), "picture must be a uint8 tensor (H, W, 3), got torch.uint8 (1, 2, 2)"),
    (labels_of_colours, (RGB, [(1, 2, 3)]), "of classes or of void, got (0, 0, 0) at row 0, column 0"),
    (labels_of_colours, (RGB, [(0, 0, 256)]), "colours must be three numbers in 0 to 255, got (0, 0, 256)"),
    (labels_of_colours, (RGB, [(0, 0)]), "colours must be three numbers in 0 to 255, got (0, 0)"),
    (labels_of_colours, (RGB, [], (0, 0, -1)), "void_colour must be three numbers in 0 to 255, got (0, 0, -1)"),
    (mask_of_runs, ([1], (1,)), "size must be an int or 2 ints, got (1,)"),
    (polygon_mask, (torch.zeros(3, 2), (2, 2, 2)), "size must be an int or 2 ints, got (2, 2, 2)"),
    (polygon_mask, (torch.zeros(3), (2, 2)), "corners must be a tensor (V, 2), got torch.float32 (3,)"),
    (polygon_mask, (torch.zeros(3, 2), (2, -2)), "size must be ≥ 0, got -2"),
    (count, (draw_scenes([0]), 2), "label_map must be in [0, 1] or 255, got "),
]


@pytest.mark.parametrize(("function", "arguments", "message"), CALLS)
def test_bad_input_is_named(function, arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        function(*arguments)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder must be a folder with datasets, got .*nowhere"):
        found_sets(tmp_path / "nowhere")
