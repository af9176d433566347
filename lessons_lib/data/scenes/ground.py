"""The ground of a scene: where water and grass lie, and the textures that tell them apart."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lessons_lib.data.scenes.config import DUCK, GRASS, HEN, WATER, SceneConfig
from lessons_lib.data.scenes.layout import Layout, habitat_lattice
from lessons_lib.data.scenes.noise import smoothstep, value_noise


def paint_ground(
    layout: Layout, birds: list[Int64[Tensor, " _"]], config: SceneConfig
) -> tuple[Float[Tensor, "3 B S S"], Int64[Tensor, "B S S"]]:
    """Image planes and label map (0, 9 or 10) of the images without their things.

    `birds` holds rows of `layout`: each tensor at most one bird per image, all tensors together every bird.
    """
    field = _habitat(layout, birds, config)
    shore = layout.shore[:, None, None]
    stuff = torch.where(field > shore, GRASS, torch.where(field < -shore, WATER, 0))
    sharpness = 2000 / config.size  # shores fade over about a pixel
    grass = ((field - shore) * sharpness + 0.5).clamp(0, 1)
    water = ((-field - shore) * sharpness + 0.5).clamp(0, 1)
    dry = _sand(layout, config.size)
    wet, green = _ripples(layout, config.size), _blades(layout, config.size)
    light = _sunlight(layout, config.size) * (
        1 - 0.22 * smoothstep(1 - (field.abs() - shore).abs().mul(9).clamp(max=1))
    )
    planes = []
    for c in range(3):
        dark, bright = layout.ground_tones[:, :, 0, c], layout.ground_tones[:, :, 1, c]  # (B, 3) each
        tones = [
            dark[:, k, None, None] + texture * (bright - dark)[:, k, None, None]
            for k, texture in enumerate((dry, wet, green))
        ]
        plane = tones[0] + (tones[1] - tones[0]) * water
        planes.append((plane + (tones[2] - plane) * grass) * light)
    return torch.stack(planes), stuff


def _habitat(layout: Layout, birds: list[Tensor], config: SceneConfig) -> Float[Tensor, "B S S"]:
    """Below −shore lies water, above +shore grass, between them ground."""
    size = config.size
    _, cell = habitat_lattice(layout.keys, size)
    rough = value_noise(layout.keys, 2, size, (_px(13, size), _px(13, size)))
    gap, side = _nearest_bird(layout, birds, size)
    if config.clearing is not None:
        beyond = (gap - config.clearing) * (1 / (0.06 * size)) - 0.8 * rough
        return layout.kind[:, None, None] * beyond.clamp(0, 1)
    field = 2 * value_noise(layout.keys, 1, size, (cell, cell)) - 1 + 0.7 * (rough - 0.5)
    pull = smoothstep((1.35 - (gap - 6 * rough) * (1 / (0.2 * size))).clamp(0, 1))
    return field + (0.9 * side - field) * pull


def _nearest_bird(
    layout: Layout, birds: list[Tensor], size: int
) -> tuple[Float[Tensor, "B S S"], Float[Tensor, "B S S"]]:
    """Distance in pixels to the nearest bird's bounding circle, and that bird's stuff: −1 water, 1 grass."""
    centre = torch.arange(size, device=layout.keys.device, dtype=torch.float32) + 0.5
    gap = torch.full((len(layout.keys), size, size), 4.0 * size, device=centre.device)
    side = torch.zeros_like(gap)
    for rows in birds:
        picture = layout.picture[rows]
        dx = centre - layout.x[rows, None]  # (K, S)
        dy = centre - layout.y[rows, None]
        here = ((dx * dx)[:, None, :] + (dy * dy)[:, :, None]).sqrt() - layout.radius[rows, None, None]
        before = gap[picture]
        closer = here < before
        own = torch.where(layout.label[rows] == HEN, 1.0, -1.0)[:, None, None]
        gap[picture] = torch.where(closer, here, before)
        side[picture] = torch.where(closer, own, side[picture])
    return gap, side


def _sand(layout: Layout, size: int) -> Float[Tensor, "B S S"]:
    """Round grains: noise of three scales, the same in all directions."""
    coarse = value_noise(layout.keys, 3, size, (_px(16, size), _px(16, size)))
    middle = value_noise(layout.keys, 4, size, (_px(5, size), _px(5, size)))
    fine = value_noise(layout.keys, 5, size, (_px(2, size), _px(2, size)))
    return 0.4 * coarse + 0.25 * middle + 0.35 * fine


def _ripples(layout: Layout, size: int) -> Float[Tensor, "B S S"]:
    """Long level waves with bright crests that bend a little."""
    bend = value_noise(layout.keys, 6, size, (_px(12, size), _px(26, size)))
    streak = value_noise(layout.keys, 7, size, (_px(2, size), _px(14, size)))
    row = torch.arange(size, device=layout.keys.device, dtype=torch.float32)[:, None]
    wave = row * (1 / (0.075 * size)) + 2.2 * bend
    crest = 2 * (wave - wave.floor() - 0.5).abs()
    return 0.55 * crest * crest + 0.45 * streak


def _blades(layout: Layout, size: int) -> Float[Tensor, "B S S"]:
    """Short upright strokes in tufts."""
    tuft = value_noise(layout.keys, 8, size, (_px(11, size), _px(11, size)))
    blade = value_noise(layout.keys, 9, size, (_px(7, size), _px(2, size)))
    short = value_noise(layout.keys, 10, size, (_px(4, size), _px(1.5, size)))
    return (0.3 * tuft + 0.75 * blade + 0.45 * short - 0.25).clamp(0, 1)


def _sunlight(layout: Layout, size: int) -> Float[Tensor, "B S S"]:
    """A gentle slope of brightness across each image, around 1."""
    place = (torch.arange(size, device=layout.keys.device, dtype=torch.float32) + 0.5) * (1 / size) - 0.5
    slope = 0.3 * (layout.sun - 0.5)
    across = slope[:, 0, None] * place
    down = slope[:, 1, None] * place
    return 1 + across[:, None, :] + down[:, :, None]


def _px(length: int | float, size: int) -> int:
    """A length at 96 pixels, scaled to `size` and rounded to whole pixels, at least 1."""
    return max(1, round(length * size / 96))


def bird_rounds(layout: Layout) -> list[Int64[Tensor, " _"]]:
    """Rows of the birds, the first of each image, then the second of each, and so on; for a layout on the CPU."""
    rows = (layout.label >= DUCK).nonzero()[:, 0]
    if len(rows) == 0:
        return []
    picture = layout.picture[rows]  # ascending
    turn = torch.arange(len(rows)) - torch.searchsorted(picture, picture)
    return [rows[turn == k] for k in range(int(turn.max()) + 1)]
