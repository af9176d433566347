"""Objects of an image, from masks or from a map of numbers, one number per object."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from lessons_lib.data.sample import Instances, tight_boxes


def instances_of(
    masks: Bool[Tensor, "N H W"], labels: Sequence[int], crowds: Sequence[bool] | None = None
) -> Instances:
    """Ground truth from masks and their labels: tight boxes, and no crowds unless said."""
    crowd = torch.tensor(crowds, dtype=torch.bool) if crowds else torch.zeros(len(masks), dtype=torch.bool)
    return Instances(tight_boxes(masks), torch.tensor(list(labels), dtype=torch.int64), masks, is_crowd=crowd)


def no_instances(height: int, width: int) -> Instances:
    """Ground truth of an image that is labelled pixel by pixel alone."""
    return instances_of(torch.zeros(0, height, width, dtype=torch.bool), [])


def numbers_in(values: Integer[np.ndarray, "H W"], without: Sequence[int] = (0,)) -> list[int]:
    """The numbers of a map in ascending order, less those that mark no object."""
    return [number for number in np.unique(values).tolist() if number not in without]


def masks_of(values: Integer[np.ndarray, "H W"], numbers: Sequence[int]) -> Bool[Tensor, "N H W"]:
    """One mask for each number: where the map holds it."""
    wanted = np.array(numbers, dtype=values.dtype).reshape(-1, 1, 1)
    return torch.from_numpy(values == wanted)


def with_masks(instances: Instances, masks: Bool[Tensor, "N H W"]) -> Instances:
    """The instances with moved masks and tight boxes, without those whose mask is empty now."""
    kept = masks.flatten(1).any(dim=1)
    scores, crowds = instances.scores, instances.is_crowd
    return Instances(
        boxes=tight_boxes(masks[kept]),
        labels=instances.labels[kept],
        masks=masks[kept],
        scores=None if scores is None else scores[kept],
        is_crowd=None if crowds is None else crowds[kept],
    )


def with_boxes(instances: Instances, boxes: Float[Tensor, "N 4"]) -> Instances:
    """Instances without masks that have moved boxes, without those whose box is empty now."""
    kept = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    return replace(instances, boxes=boxes)[kept]
