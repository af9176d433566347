"""The real sets read whole, their masks against pycocotools and against maps that others derived."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from lessons_lib.data.sets.leaves import LeafSamples
from lessons_lib.data.sets.nuclei import NucleiSamples

# pycocotools 2.0 decodes through an interface that numpy 2 announces to change
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

TOUCHED_TWICE = 3
"""Pictures of the nuclei in which a pixel or two belong to two masks."""


def real(name):
    if "LESSONS_REAL_DATA" not in os.environ:
        pytest.skip("LESSONS_REAL_DATA is not set: no real pictures here")
    root = Path(os.environ["LESSONS_REAL_DATA"]) / name
    if not root.is_dir():
        pytest.skip(f"{root} is not there")
    return root


def agree_with_pycocotools(instances):
    """Encoded and decoded, each mask is itself, and its area and box are pycocotools' own."""
    masks = np.asfortranarray(instances.masks.permute(1, 2, 0).numpy().astype(np.uint8))
    runs = coco_mask.encode(masks)
    assert np.array_equal(coco_mask.decode(runs), masks)
    assert coco_mask.area(runs).tolist() == instances.masks.sum((1, 2)).tolist()
    boxes = torch.tensor(coco_mask.toBbox(runs), dtype=torch.float32)
    assert torch.equal(torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1), instances.boxes)


def test_all_120_nuclei_pictures():
    root = real("nuclei_dsb2018_120")
    samples = NucleiSamples(root, "all")
    assert len(samples) == 120 == len(set(samples.names))
    nuclei = doubled = 0
    for name, sample in zip(samples.names, samples, strict=True):
        masks = sample.instances.masks
        assert sample.image.shape == (3, 256, 256) and masks.shape[0] > 0 and masks.any(2).any(1).all()
        agree_with_pycocotools(sample.instances)
        with Image.open(root / "labels_derived" / f"{name}.png") as picture:
            derived = torch.from_numpy(np.array(picture).astype(np.int64))
        assert torch.equal(derived > 0, sample.label_map == 1) and derived.max() == len(masks)
        once = masks.sum(0) == 1
        owner = masks.int().argmax(0)
        pairs = {(a, b) for a, b in zip(owner[once].tolist(), derived[once].tolist(), strict=True)}
        assert len(pairs) == len(masks)  # the same objects, under other numbers
        nuclei += len(masks)
        doubled += bool((masks.sum(0) > 1).any())
    assert nuclei == 5245 and doubled == TOUCHED_TWICE


def test_all_40_pictures_in_the_leaf_layout():
    samples = LeafSamples(real("nuclei_cvppp_layout40"), "all")
    folder = samples.paths(0)[0].parent
    counts = dict(line.split(",") for line in (folder / "A1.csv").read_text().splitlines() if line.strip())
    assert len(samples) == 40
    for name, sample in zip(samples.names, samples, strict=True):
        agree_with_pycocotools(sample.instances)
        assert len(sample.instances) == int(counts[f"{name}_rgb.png"])
        with Image.open(folder / f"{name}_fg.png") as picture:
            assert torch.equal(torch.from_numpy(np.array(picture) > 0), sample.label_map == 1)
        assert sample.instances.masks.sum(0).max() == 1
