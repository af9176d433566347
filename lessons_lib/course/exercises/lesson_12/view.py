"""Exercise 12.6: a box as θ."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops.roi import align


def theta_cases():
    """A box inside a map that is not square, a quarter of a map, the whole of one, and random boxes."""
    generator = torch.Generator().manual_seed(6)
    boxes = torch.rand(3, 4, generator=generator, dtype=torch.float64) * 5
    boxes[:, 2:] += boxes[:, :2]
    return [
        {"boxes": torch.tensor([[1.0, 2, 4, 3]]), "size": (4, 8)},
        {"boxes": torch.tensor([[0.0, 0, 2, 2]]), "size": (4, 4)},
        {"boxes": torch.tensor([[0.0, 0, 4, 2]]), "size": (2, 4)},
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


@THETA.flags(
    other_side="This looks like height and width exchanged: size is (H, W), and x goes along W.",
    y_first="This looks like y before x: the first row of θ gives x from (x, y, 1), the second y, as affine_grid "
    "wants it.",
    rows_turned="This looks like the two rows of θ exchanged: θ11 scales x and θ22 scales y, and both zeros lie off "
    "that diagonal.",
    double="This looks like a scale twice as large: from −1 to 1 are 2 units, so the scale is width of box / W.",
    halved="This looks like a scale half as large: the box's width is (x1 − x0)/W of the map, and that is θ11 itself.",
    corner="This looks like a shift to the box's corner. θ's last column is the centre of the box.",
    no_minus="This looks like a shift without its − 1: the map goes from −1 to 1, so its left edge is −1, not 0.",
    centre_halved="This looks like a centre counted from 0 to 1: on the map from −1 to 1, position x is 2x/W − 1, so "
    "the centre (x0 + x1)/2 is (x0 + x1)/W − 1.",
    inclusive="This looks like x1 − x0 + 1, a box whose last cell is counted in. Here ends are exclusive.",
    cell_centres="This looks like W − 1 where W belongs. That is align_corners=True, with −1 and 1 at the centres of "
    "the outermost cells. Here they are the edges of the map.",
    half_cell="This looks like half a cell taken off the box. affine_grid with align_corners=False has its edges at 0 "
    "and W already.",
    inverse="This looks like the way back, from the box to the square. affine_grid asks where in the map each "
    "point of the square is read.",
    flat="This looks like six numbers in a row. θ is a matrix for each box: (R, 2, 3).",
)
def wrong_theta(boxes, size, *, other_side=False, y_first=False, rows_turned=False, double=False, halved=False,
                corner=False, no_minus=False, centre_halved=False, inclusive=False, cell_centres=False,
                half_cell=False, inverse=False, flat=False):  # fmt: skip
    height, width = (side - cell_centres for side in size)
    height, width = (width, height) if other_side else (height, width)
    x0, y0, x1, y1 = (boxes - 0.5 * half_cell).unbind(1)
    zero, rows = torch.zeros_like(x0), []
    for low, high, side in ((x0, x1, width), (y0, y1, height)):
        scale = (high - low + inclusive) / side * (2 if double else 0.5 if halved else 1)
        shift = (2 * low if corner else low + high) / side * (0.5 if centre_halved else 1) - float(not no_minus)
        rows.append((1 / scale, -shift / scale) if inverse else (scale, shift))
    (a, t), (b, u) = reversed(rows) if y_first else rows
    theta = torch.stack([torch.stack([a, zero, t], 1), torch.stack([zero, b, u], 1)], 1)
    theta = theta.flip(1) if rows_turned else theta
    return theta.flatten(1) if flat else theta
