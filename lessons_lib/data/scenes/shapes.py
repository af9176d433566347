"""The silhouettes of the eight thing classes, as signed distances.

A signed distance is negative inside and positive outside. Points (u, v) are in units of the object's radius, u to
the right and v down; every shape fits the unit circle. `pixel` is the length of one pixel in that unit: thin shapes
use it to stay at least a pixel and a half wide. Near its edge each function grows by 1 a unit; far away, or at sharp
corners, some only bound the distance. Only exactly rounded operations are used.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Points = Float[Tensor, "N P P"]
Pixel = Float[Tensor, "N 1 1"]


def ball(u: Points, v: Points, pixel: Pixel) -> Points:
    """A disc of radius 1."""
    return _length(u, v) - 1


def crate(u: Points, v: Points, pixel: Pixel) -> Points:
    """A rectangle of 1.48 × 1.24 with corners rounded by 0.06."""
    x, y = u.abs() - 0.68, v.abs() - 0.56
    return _length(x.clamp(min=0), y.clamp(min=0)) + torch.maximum(x, y).clamp(max=0) - 0.06


def kite(u: Points, v: Points, pixel: Pixel) -> Points:
    """A four-sided kite: corners (0, −0.95), (±0.62, −0.25) and (0, 1)."""
    x = u.abs()
    upper = _half_plane(x, v, (0.0, -0.95), (0.62, -0.25))
    lower = _half_plane(x, v, (0.62, -0.25), (0.0, 1.0))
    return torch.maximum(upper, lower)


def star(u: Points, v: Points, pixel: Pixel) -> Points:
    """Five tips at radius 1, one of them up, with inner corners at radius 0.48.

    The plane is folded along the star's mirror lines until all ten edges lie on one.
    """
    x, y = u.abs(), -v
    for degrees in (108, 36):  # the mirror lines through the inner corners, counted from the upper tip
        across = (math.cos(math.radians(degrees)), -math.sin(math.radians(degrees)))
        beyond = 2 * (x * across[0] + y * across[1]).clamp(min=0)
        x, y = x - beyond * across[0], y - beyond * across[1]
    inner = (0.48 * math.sin(math.radians(36)), 0.48 * math.cos(math.radians(36)))
    return _half_plane(x.abs(), -y, (0.0, -1.0), (inner[0], -inner[1]))


def ring(u: Points, v: Points, pixel: Pixel) -> Points:
    """A thin band along a circle."""
    half_width = (pixel * 0.85).clamp(min=0.1)
    return (_length(u, v) - (1 - half_width)).abs() - half_width


def pole(u: Points, v: Points, pixel: Pixel) -> Points:
    """A thin upright bar of height 2 with round ends."""
    half_width = (pixel * 0.8).clamp(min=0.085)
    return _length(u, (v.abs() - (1 - half_width)).clamp(min=0)) - half_width


def bird(u: Points, v: Points, pixel: Pixel) -> Points:
    """A sitting bird that looks right: the silhouette of ducks and hens alike."""
    body = ellipse(u + 0.08, v - 0.32, 0.72, 0.44)
    tail = capsule(u, v, (-0.55, 0.2), (-0.82, -0.16), 0.13)
    head = _length(u - 0.44, v + 0.46) - 0.3
    neck = capsule(u, v, (0.42, -0.3), (0.3, 0.2), 0.23)
    beak = capsule(u, v, (0.66, -0.42), (0.84, -0.36), 0.075)
    return torch.minimum(_melt(_melt(body, tail), _melt(head, neck)), beak)


def bird_eye(u: Points, v: Points, radius: Pixel) -> Points:
    """How much of each pixel a bird's eye covers, in [0, 1]; `radius` is the bird's, in pixels."""
    return ((0.06 - _length(u - 0.52, v + 0.52)) * radius + 0.5).clamp(0, 1)


SHAPES: tuple[Callable[[Points, Points, Pixel], Points], ...] = (
    ball,
    crate,
    kite,
    star,
    ring,
    pole,
    bird,
    bird,
)
"""The silhouette of label 1, 2, …, 8."""


def _length(x: Tensor, y: Tensor) -> Tensor:
    return (x * x + y * y).sqrt()


def _half_plane(x: Tensor, y: Tensor, start: tuple[float, float], end: tuple[float, float]) -> Tensor:
    """Distance from the line start–end, positive on its left as one walks with y down."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.sqrt(dx * dx + dy * dy)
    across = (dy / length, -dx / length)
    return x * across[0] + y * across[1] - (start[0] * across[0] + start[1] * across[1])


def ellipse(x: Tensor, y: Tensor, a: float, b: float | Tensor) -> Tensor:
    """Distance from an ellipse with half-axes a and b, exact to first order at its edge."""
    scaled = _length(x * (1 / a), y * (1 / b))
    slope = _length(x * (1 / (a * a)), y * (1 / (b * b)))
    return scaled * (scaled - 1) / slope.clamp(min=1e-3)


def capsule(x: Tensor, y: Tensor, start: tuple[float, float], end: tuple[float, float], r: float) -> Tensor:
    """Distance from the line segment start–end thickened by r."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    px, py = x - start[0], y - start[1]
    along = ((px * dx + py * dy) * (1 / (dx * dx + dy * dy))).clamp(0, 1)
    return _length(px - along * dx, py - along * dy) - r


def _melt(a: Tensor, b: Tensor) -> Tensor:
    """The union of two shapes, with the crease between them filled smoothly (width 0.12)."""
    near = (0.12 - (a - b).abs()).clamp(min=0)
    return torch.minimum(a, b) - near * near * (0.25 / 0.12)
