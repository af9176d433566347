"""Proposals to be judged: more of them than a detector goes on with, from the stages of one image."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from lessons_lib.data.sample import Instances
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.rpn import propose


def found_and_proposed(
    stages: Iterable[tuple[str, dict[str, Any]]], config: DetectorConfig, own: Sequence[int], most: int, count: int
) -> tuple[Instances, Float[Tensor, "P 4"]]:
    """The `most` most confident objects of an image, and its first `count` proposals, best first, in its own pixels.

    `stages` are those of a model with an RPN (see `FasterRCNN.stages`), `own` the image's height and width. A detector
    that goes on with fewer proposals is asked for more: its own are the first of them, where its RPN has one level.
    """
    seen = dict(stages)
    size = seen["image"]["size"]
    scored = seen["objectness"]
    objectness, deltas = ([x[None] for x in scored[name]] for name in ("objectness", "deltas"))
    sizes = torch.tensor([size], device=objectness[0].device)
    before, after = config.before_nms[1], max(count, config.after_nms[1])
    if before < count:
        before = 2 * count  # of which NMS leaves about as many as were asked for
    wide = replace(config, before_nms=(before, before), after_nms=(after, after))
    _, proposals = propose(seen["anchors"]["anchors"], objectness, deltas, sizes, wide, training=False)
    boxes = proposals.boxes[0, proposals.valid[0]][:count]
    y, x = own[0] / size[0], own[1] / size[1]
    scale = boxes.new_tensor([x, y, x, y])
    return seen["detections"]["instances"].best(most), boxes * scale
