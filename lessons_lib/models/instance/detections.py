"""Detections: from the classes and boxes of regions to the objects of an image."""

import torch
from jaxtyping import Float
from torch import Tensor

from lessons_lib.data.sample import Instances
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.ops.box_coding import clip_boxes, decode_boxes
from lessons_lib.ops.nms import nms

SMALLEST = 1e-2
"""Pixels: a detection with a shorter side is none."""


def class_boxes(
    deltas: Float[Tensor, "R k 4"], boxes: Float[Tensor, "R 4"], size: tuple[int, int], config: DetectorConfig
) -> Float[Tensor, "R k 4"]:
    """Each region's box as each class would have it, clipped to an image of `size` (height, width)."""
    moved = decode_boxes(deltas, boxes[:, None].expand(deltas.shape), config.box_weights)
    return clip_boxes(moved[None], torch.tensor([size], device=boxes.device))[0]


def detections(
    probs: Float[Tensor, "R K"], boxes: Float[Tensor, "R k 4"], config: DetectorConfig
) -> tuple[Instances, Tensor]:
    """(the objects found, the region of each): most confident first, at most `config.most`.

    Every region speaks for every class but the background, as if it were one detection each. What has too little
    confidence or no area goes; NMS keeps classes apart; then the most confident stay, whatever their class.
    """
    classes = probs.shape[1]
    confident = probs > config.least_confidence
    confident[:, 0] = False
    region, label = confident.nonzero(as_tuple=True)
    found = boxes[region, label if boxes.shape[1] == classes else 0]
    large = ((found[:, 2:] - found[:, :2]) >= SMALLEST).all(1)
    region, label, found = region[large], label[large], found[large]
    scores = probs[region, label]
    keep = nms(found, scores, config.nms, label).nonzero()[:, 0]
    keep = keep[scores[keep].argsort(descending=True, stable=True)][: config.most]
    return Instances(found[keep].float(), label[keep], None, scores[keep].float()), region[keep]
