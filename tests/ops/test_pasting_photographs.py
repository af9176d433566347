"""Masks of real objects through 28 × 28 cells and back: what resolution costs, and what torchvision's corners cost.

`test_pasting.py` does the same with scenes, which need no data.
"""

import os
from pathlib import Path

import pytest
import torch

from lessons_lib.data.sets.coco import CocoSamples
from lessons_lib.ops.mask_targets import mask_targets
from lessons_lib.ops.pasting import CONVENTIONS, paste_masks

PHOTOS = Path(os.environ.get("LESSONS_REAL_DATA", "nowhere"), "coco2017_ccby136")
LEAST = 32**2
"""Pixels of the objects that count: COCO's medium and large ones."""


def overlaps(split: str) -> list[torch.Tensor]:
    """The IoU of each object with itself, cut out and pasted by each convention: (2, N) for each photograph."""
    found = []
    for sample in CocoSamples(PHOTOS, split):
        objects = sample.instances
        truth = objects[(objects.masks.sum((1, 2)) > LEAST) & ~objects.is_crowd]
        every = torch.arange(len(truth))[None]
        cells = mask_targets([truth.masks], truth.boxes[None], every, every >= 0, 28)[0]
        again = torch.stack([paste_masks(cells, truth.boxes, truth.masks.shape[1:], 0.5, c) for c in CONVENTIONS])
        found.append((again & truth.masks).sum((2, 3)) / (again | truth.masks).sum((2, 3)))
    return found


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs coco2017_ccby136 in the folder that LESSONS_REAL_DATA names")
def test_real_objects_come_back_and_better_than_torchvisions():
    """detectron2's own test asks for 0.95 of RoIAlign's targets, rounded; ours are not rounded."""
    ious = torch.cat([*overlaps("train2017"), *overlaps("val2017")], 1)
    ours, theirs = ious.mean(1).tolist()
    assert ious.shape[1] == 623
    assert ours > 0.98 and theirs < ours - 0.01
