"""What the parts of recurrent instance segmentation say to arguments that do not fit."""

import math
import re
from dataclasses import replace

import pytest
import torch

from lessons_lib.data.open import open_dataset
from lessons_lib.data.sample import Instances, Sample, collate
from lessons_lib.data.scenes.rosettes import RosetteConfig, Rosettes, draw_rosettes
from lessons_lib.metrics.leaves import LeafScores, best_dice
from lessons_lib.models.instance.conv_lstm import ConvLSTMCell
from lessons_lib.models.instance.inhibition import Inhibition, spatial_inhibition
from lessons_lib.models.instance.recurrent import recurrent, recurrent_model
from lessons_lib.models.instance.recurrent_config import RecurrentConfig

SMALL = RecurrentConfig(steps=2, width=4, fine_width=4)
MASKS = torch.ones(1, 2, 2, dtype=torch.bool)

CASES = [
    (lambda: ConvLSTMCell(3, 4, 2), "kernel_size must be odd, so that the map keeps its size, got 2"),
    (lambda: ConvLSTMCell(0, 4), "c_in must be ≥ 1, got 0"),
    (lambda: ConvLSTMCell(3, 0), "c_hidden must be ≥ 1, got 0"),
    (
        lambda: spatial_inhibition(torch.zeros(3), torch.tensor(1.0)),
        "logits must be float maps of ≥ 1 position, got torch.float32 (3,)",
    ),
    (
        lambda: spatial_inhibition(torch.zeros(2, 0, 3), torch.tensor(1.0)),
        "logits must be float maps of ≥ 1 position, got torch.float32 (2, 0, 3)",
    ),
    (lambda: Inhibition(0.0), "area must be in (0, inf) pixels, got 0.0"),
    (lambda: Inhibition(math.inf), "area must be in (0, inf) pixels, got inf"),
    (lambda: Inhibition(5000.0, compete=False), "area must be in (0, 4096) pixels, got 5000.0"),
    (lambda: RecurrentConfig(steps=0), "steps must be ≥ 1, got 0"),
    (lambda: RecurrentConfig(finest_width=0), "finest_width must be ≥ 1, got 0"),
    (lambda: RecurrentConfig(grow_every=-1), "grow_every must be ≥ 0, got -1"),
    (lambda: RecurrentConfig(loss_variant="round"), "loss_variant must be 'rectangular' or 'square', got 'round'"),
    (lambda: RecurrentConfig(matching="any"), "matching must be 'best' or 'greedy' or 'order', got 'any'"),
    (lambda: RecurrentConfig(lam=-1.0), "lam must be ≥ 0, got -1.0"),
    (lambda: RecurrentConfig(class_weight=float("nan")), "class_weight must be ≥ 0, got nan"),
    (lambda: RecurrentConfig(threshold=1.5), "threshold must be in [0, 1], got 1.5"),
    (lambda: RecurrentConfig(mask_threshold=-0.1), "mask_threshold must be in [0, 1], got -0.1"),
    (lambda: recurrent(1), "num_classes must be ≥ 2, got 1"),
    (lambda: recurrent_model(2, "tiny", SMALL).unroll(torch.rand(1, 3, 32, 32), 0), "steps must be ≥ 1, got 0"),
    (lambda: RosetteConfig(size=16), "size must be in [32, 1024], got 16"),
    (lambda: RosetteConfig(leaves=(0, 3)), "leaves must be (fewest, most) with 1 ≤ fewest ≤ most ≤ 12, got (0, 3)"),
    (lambda: RosetteConfig(leaves=(3, 13)), "leaves must be (fewest, most) with 1 ≤ fewest ≤ most ≤ 12, got (3, 13)"),
    (lambda: RosetteConfig(min_visible=0), "min_visible must be ≥ 1, got 0"),
    (lambda: Rosettes(length=-1), "length must be in [0, 2**32], got -1"),
    (lambda: Rosettes(seed=2**32), "seed must be in [0, 2**32), got 4294967296"),
    (lambda: draw_rosettes([-1]), "index must be in [0, 2**32), got -1"),
    (lambda: open_dataset("scenes", split="test", preset="rosettes"), "split must be one of train, val for scenes"),
    (
        lambda: best_dice(MASKS.float(), MASKS),
        "pred_masks must be a bool tensor (N, H, W), got torch.float32",
    ),
    (lambda: best_dice(MASKS, MASKS[:, :1]), "pred_masks must be as large as gt_masks, (1, 2), got (2, 2)"),
    (lambda: LeafScores().merge({}), "other must be LeafScores, got {}"),
]


@pytest.mark.parametrize(("call", "text"), CASES)
def test_each_argument_is_named(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()


def test_an_index_beyond_the_last():
    with pytest.raises(IndexError, match=re.escape("index must be in [0, 3), got 3")):
        Rosettes(length=3)[3]


def sample(labels, masks=True):
    boxes = torch.tensor([[1.0, 2, 30, 30]] * len(labels))
    objects = Instances(boxes, torch.tensor(labels), torch.ones(len(labels), 32, 32).bool() if masks else None)
    return Sample(torch.rand(3, 32, 32), torch.zeros(32, 32, dtype=torch.int64), objects)


def test_truth_that_cannot_be_names_the_image():
    model = recurrent_model(3, "tiny", replace(SMALL, classes=True))
    for labels, text in (([0], "labels must be ≥ 1, as 0 is the background, got 0"), ([3], "labels must be < 3")):
        with pytest.raises(ValueError, match=re.escape(f"image 1 of the batch: {text}")):
            model(collate([sample([1]), sample(labels)]))
    with pytest.raises(ValueError, match="image 0 of the batch: objects must have masks to learn from"):
        model(collate([sample([1], masks=False)]))


def test_predictions_without_confidence_or_masks_are_not_scored():
    objects = sample([1]).instances
    with pytest.raises(ValueError, match="instances must have scores to be ranked, got none"):
        LeafScores().update(objects, objects)
    boxes = replace(objects, masks=None, scores=torch.ones(1))
    with pytest.raises(ValueError, match="instances must have masks, got boxes alone"):
        LeafScores().update(boxes, objects)
