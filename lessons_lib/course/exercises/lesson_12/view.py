"""Exercise of lesson 12, the affine view: a box as θ."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops.roi import align

# 12.6


def theta_cases():
    """The whole map, one quarter of it, a map that is not square, and random boxes."""
    generator = torch.Generator().manual_seed(6)
    boxes = torch.rand(3, 4, generator=generator, dtype=torch.float64) * 5
    boxes[:, 2:] += boxes[:, :2]
    return [
        {"boxes": torch.tensor([[0.0, 0, 4, 4]]), "size": (4, 4)},
        {"boxes": torch.tensor([[0.0, 0, 4, 2]]), "size": (4, 8)},
        {"boxes": boxes, "size": (10, 12)},
    ]


THETA = Exercise(
    "12.6",
    "A box as θ",
    difficulty=2,
    minutes=15,
    oracle=align.affine_theta,
    cases=theta_cases,
    gradients=True,
    hints=(
        "θ maps −1 to the box's left edge and 1 to its right edge; on the map, 0 is −1 and W is 1.",
        "So position x on the map is 2x/W − 1. Which a and t make a · (−1) + t the left edge and a · 1 + t the right?",
        "θ = [[(x1 − x0)/W, 0, (x0 + x1)/W − 1], [0, (y1 − y0)/H, (y0 + y1)/H − 1]]: scale and shift in each axis.",
    ),
)


@THETA.model
def affine_theta(boxes, size):
    (x0, y0, x1, y1), (height, width) = boxes.unbind(1), size
    zero = torch.zeros_like(x0)
    across = torch.stack([(x1 - x0) / width, zero, (x0 + x1) / width - 1], 1)
    down = torch.stack([zero, (y1 - y0) / height, (y0 + y1) / height - 1], 1)
    return torch.stack([across, down], 1)  # (R, 2, 3)


@THETA.mistake("This looks like height and width exchanged: size is (H, W), and x goes along W.")
def divides_by_the_other_side(boxes, size):
    return align.affine_theta(boxes, size[::-1])


@THETA.mistake("This looks like rows exchanged: the first row of θ gives x, the second y, as affine_grid wants it.")
def puts_y_first(boxes, size):
    theta = align.affine_theta(boxes, size)
    return theta.flip(1)[:, :, [1, 0, 2]]


@THETA.mistake("This looks like a scale twice as large: from −1 to 1 are 2 units, so the scale is width of box / W.")
def doubles_the_scale(boxes, size):
    return align.affine_theta(boxes, size) * torch.tensor([2.0, 2.0, 1.0], dtype=boxes.dtype)


@THETA.mistake("This looks like a shift to the box's corner. θ's last column is the centre of the box.")
def shifts_to_the_corner(boxes, size):
    theta = align.affine_theta(boxes, size)
    scales = torch.stack([theta[:, 0, 0], theta[:, 1, 1]], 1)
    return torch.cat([theta[:, :, :2], theta[:, :, 2:] - scales[:, :, None]], 2)


@THETA.mistake(
    "This looks like W − 1 where W belongs. That is align_corners=True, with −1 and 1 at the centres of the outermost "
    "cells. Here they are the edges of the map."
)
def corners_at_the_centres(boxes, size):
    return align.affine_theta(boxes, [side - 1 for side in size])
