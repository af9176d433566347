"""Silhouettes against polygons, circles and areas worked out by hand."""

import math

import pytest
import torch
from matplotlib.path import Path

from lessons_lib.data.scenes import shapes

GRID = (torch.arange(400) + 0.5) / 160 - 1.25
V, U = (axis[None] for axis in torch.meshgrid(GRID, GRID, indexing="ij"))
PIXEL = torch.full((1, 1, 1), 1 / 160)
AREA_OF_A_CELL = 1 / 160**2
STAR = [
    (radius * math.sin(math.radians(36 * k)), -radius * math.cos(math.radians(36 * k)))
    for k in range(10)
    for radius in [1 if k % 2 == 0 else 0.48]
]
KITE = [(0, -0.95), (0.62, -0.25), (0, 1), (-0.62, -0.25)]


def inside_polygon(corners):
    points = torch.stack([U.flatten(), V.flatten()], dim=1)
    return torch.from_numpy(Path(corners).contains_points(points.numpy())).view_as(U)


@pytest.mark.parametrize(
    ("shape", "inside"),
    [
        (shapes.ball, U**2 + V**2 < 1),
        (shapes.kite, inside_polygon(KITE)),
        (shapes.star, inside_polygon(STAR)),
        (shapes.ring, ((U**2 + V**2) < 1) & (U**2 + V**2 > 0.64)),
    ],
)
def test_negative_inside_positive_outside(shape, inside):
    distance = shape(U, V, PIXEL)
    clear = distance.abs() > 1e-4
    assert torch.equal((distance < 0)[clear], inside[clear])


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        (shapes.ball, math.pi),
        (shapes.crate, 1.48 * 1.24 - (4 - math.pi) * 0.06**2),
        (shapes.kite, 0.62 * 1.95),
        (shapes.star, 5 * 0.48 * math.sin(math.radians(36))),
        (shapes.ring, math.pi * (1 - 0.8**2)),
        (shapes.pole, 0.17 * 2 * (1 - 0.085) + math.pi * 0.085**2),
    ],
)
def test_area(shape, area):
    assert (shape(U, V, PIXEL) < 0).sum().item() * AREA_OF_A_CELL == pytest.approx(area, rel=0.03)


@pytest.mark.parametrize("shape", shapes.SHAPES[:7])
def test_grows_by_one_a_unit_at_the_edge_and_fits_the_unit_circle(shape):
    distance = shape(U, V, PIXEL)
    assert (distance[(U**2 + V**2) > 1] > 0).all()
    step = GRID[1] - GRID[0]
    slope_u = (distance[:, 1:-1, 2:] - distance[:, 1:-1, :-2]) / (2 * step)
    slope_v = (distance[:, 2:, 1:-1] - distance[:, :-2, 1:-1]) / (2 * step)
    slope = (slope_u**2 + slope_v**2).sqrt()[distance[:, 1:-1, 1:-1].abs() < 0.02]
    share = ((slope - 1).abs() < 0.06).float().mean()
    assert share > (0.8 if shape is shapes.bird else 0.93)  # all but corners, creases and melted joints


def test_thin_shapes_stay_wider_than_a_pixel_and_a_half():
    coarse = torch.full((1, 1, 1), 1 / 3.0)  # a radius of three pixels
    for shape in (shapes.pole, shapes.ring):
        row = (shape(U, V, coarse) < 0)[0, 200]
        runs = row.int().diff().nonzero().flatten()
        assert (runs[1] - runs[0]) / 160 > 1.5 / 3


def test_the_bird_looks_right_and_ducks_and_hens_are_the_same():
    distance = shapes.bird(U, V, PIXEL)
    assert shapes.SHAPES[6] is shapes.SHAPES[7] is shapes.bird

    def at(u, v):
        return shapes.bird(torch.full((1, 1, 1), u), torch.full((1, 1, 1), v), PIXEL).item()

    assert at(0.0, 0.3) < 0 and at(0.45, -0.46) < 0 and at(0.84, -0.36) < 0  # body, head, beak
    assert at(-0.8, -0.1) < 0 and at(-0.85, -0.36) > 0 and at(0.0, -0.5) > 0  # tail, nothing behind, above the back
    assert 0.9 < (distance < 0).sum().item() * AREA_OF_A_CELL < 1.7
    assert (distance < 0).sum() != ((distance < 0) & (distance.flip(2) < 0)).sum()


def test_the_eye_lies_in_the_head():
    eye = shapes.bird_eye(U, V, 1 / PIXEL)
    assert eye.max() == 1 and eye.min() == 0
    assert (shapes.bird(U, V, PIXEL)[eye > 0] < -0.05).all()
    assert eye.sum().item() * AREA_OF_A_CELL == pytest.approx(math.pi * 0.06**2, rel=0.05)
