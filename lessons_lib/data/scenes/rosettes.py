"""Rosettes: procedural plants seen from above, whose leaves touch, overlap and look alike, with a mask for each leaf.

What recurrent instance segmentation is for: many objects of one class that only their outlines tell apart. As for the
other scenes, sample i of seed s is a function of (config, s, i) alone, bit-identical on every processor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lessons_lib.data.class_table import voc_coloured
from lessons_lib.data.sample import Instances, Sample, tight_boxes
from lessons_lib.data.scenes.drawn import Drawn
from lessons_lib.data.scenes.layout import direction
from lessons_lib.data.scenes.noise import picture_keys, uniforms, value_noise
from lessons_lib.data.scenes.palette import tone
from lessons_lib.data.scenes.shapes import capsule, ellipse

ROSETTES = "rosettes"
"""The name of the preset."""

CLASSES = ("background", "leaf")

GOLDEN = 0.381966
"""The part of a turn from one leaf to the next, as most plants grow them."""

_PLANT_FIELDS = (
    "count",
    "x",
    "y",
    "radius",
    "turn",
    "hue",
    "chroma",
    "lightness",
    "sun",
    "hue of soil",
    "lightness of soil",
)
_LEAF_FIELDS = ("angle", "length", "width", "hue", "lightness")
_CHUNK = 64
"""Images drawn at once."""

Numbers = dict[str, Tensor]


@dataclass(frozen=True)
class RosetteConfig:
    """Settings of the plants.

    size: height and width in pixels, 32 to 1024.
    leaves: fewest and most leaves of a plant, 1 to 12; small plants are the most frequent.
    min_visible: leaves with fewer visible pixels, counted at 64 pixels a side, are not drawn at all.
    """

    size: int = 64
    leaves: tuple[int, int] = (3, 12)
    min_visible: int = 20

    def __post_init__(self) -> None:
        if not 32 <= self.size <= 1024:
            raise ValueError(f"size must be in [32, 1024], got {self.size}")
        if not 1 <= self.leaves[0] <= self.leaves[1] <= 12:
            raise ValueError(f"leaves must be (fewest, most) with 1 ≤ fewest ≤ most ≤ 12, got {self.leaves}")
        if self.min_visible < 1:
            raise ValueError(f"min_visible must be ≥ 1, got {self.min_visible}")


class Rosettes(Drawn):
    """A map-style dataset of plants: `length` images, numbered from 0; another `seed` gives other images."""

    classes, colours = CLASSES, voc_coloured(CLASSES).colours

    def __init__(self, config: RosetteConfig | None = None, length: int = 1000, seed: int = 0):
        super().__init__(length, seed)
        self.config = config or RosetteConfig()

    def draw(self, indices: list[int]) -> list[Sample]:
        """Plants of these indices."""
        return draw_rosettes(indices, self.config, self.seed)


def draw_rosettes(indices: Sequence[int], config: RosetteConfig | None = None, seed: int = 0) -> list[Sample]:
    """Draw the images `indices` of a seed on the CPU; indices and seed are in [0, 2³²).

    Instances are ordered from the lowest leaf, which is the oldest, to the uppermost.

    >>> [len(sample.instances) for sample in draw_rosettes(range(3))]
    [10, 10, 4]
    """
    config, indices, samples = config or RosetteConfig(), list(indices), []
    for start in range(0, len(indices), _CHUNK):
        samples += _draw(indices[start : start + _CHUNK], config, seed)
    return samples


def _draw(indices: list[int], config: RosetteConfig, seed: int) -> list[Sample]:
    keys = picture_keys(indices, seed)
    plant = {name: value[0] for name, value in _numbers(keys, _PLANT_FIELDS, 1, 0).items()}  # (B, 1, 1) each
    fewest, most = config.leaves
    count = fewest + (plant["count"] * plant["count"] * (most - fewest + 1)).floor()
    numbers = _numbers(keys, _LEAF_FIELDS, most, 1)
    leaves = [_leaf(k, count, plant, numbers, config.size) for k in range(most)]
    least = max(1, config.min_visible * config.size**2 // 64**2)
    keep = torch.arange(most)[:, None] < count.flatten()
    for last in (False, True):  # a leaf that would keep too few pixels is left out; the others can only gain
        owner = torch.zeros(len(indices), config.size, config.size, dtype=torch.int64)
        for k, leaf in enumerate(leaves):
            owner = torch.where((leaf["distance"] < 0) & keep[k, :, None, None], k + 1, owner)
        if not last:
            visible = torch.stack([(owner == k + 1).sum((1, 2)) for k in range(most)])
            keep = keep & (visible >= least)
    canvas = _soil(keys, plant, config.size)
    for k, leaf in enumerate(leaves):
        canvas = _paint(canvas, leaf, keep[k], config.size)
    images = (canvas.clamp(0, 1) * 255 + 0.5).floor() / 255
    return [_sample(image, of, kept) for image, of, kept in zip(images, owner, keep.T, strict=True)]


def _sample(image: Tensor, owner: Int64[Tensor, "S S"], keep: Bool[Tensor, " most"]) -> Sample:
    masks = owner == (keep.nonzero()[:, 0] + 1)[:, None, None]
    labels, crowd = torch.ones(len(masks), dtype=torch.int64), torch.zeros(len(masks), dtype=torch.bool)
    return Sample(image, (owner > 0).long(), Instances(tight_boxes(masks), labels, masks, is_crowd=crowd))


def _numbers(keys: Tensor, names: Sequence[str], slots: int, first: int) -> dict[str, Float[Tensor, "slots B 1 1"]]:
    """One uniform number in [0, 1) for each name, slot and image."""
    counters = (first << 20) + (torch.arange(slots)[:, None] << 8) + torch.arange(len(names))
    values = uniforms(keys[:, None, None, :], counters).permute(2, 1, 0)[..., None, None]  # (F, slots, B, 1, 1)
    return dict(zip(names, values, strict=True))


def _leaf(k: int, count: Tensor, plant: Numbers, u: Numbers, size: int) -> dict[str, Tensor]:
    """Where leaf k lies: its signed distance in pixels, the position (along, across) on it in lengths, and its tone."""
    turn = plant["turn"] + k * GOLDEN + 0.1 * (u["angle"][k] - 0.5)
    quarters = 4 * (turn - turn.floor())
    cos, sin = direction(quarters - quarters.floor(), quarters.floor().long())
    reach = (0.36 + 0.12 * plant["radius"]) * size  # of the oldest leaf; the younger ones are shorter
    length = reach * (1 - 0.4 * (k / count).clamp(max=1)) * (0.85 + 0.15 * u["length"][k])
    centre = torch.arange(size, dtype=torch.float32) + 0.5
    dx = centre - (0.5 + 0.12 * (plant["x"] - 0.5)) * size
    dy = centre[:, None] - (0.5 + 0.12 * (plant["y"] - 0.5)) * size
    along, across = (dx * cos + dy * sin) / length, (dy * cos - dx * sin) / length
    blade = ellipse(along - 0.62, across, 0.38, 0.2 + 0.07 * u["width"][k])
    stalk = capsule(along, across, (0.06, 0.0), (0.4, 0.0), 0.045)
    facing = (cos + sin) * (plant["sun"] - 0.5)
    lightness = 0.42 + 0.14 * plant["lightness"] + 0.06 * (u["lightness"][k] - 0.5) + 0.06 * facing
    colour = tone(0.24 + 0.1 * plant["hue"] + 0.02 * u["hue"][k], 0.3 + 0.2 * plant["chroma"], lightness)
    return {"distance": torch.minimum(blade, stalk) * length, "across": across.abs() * length, "colour": colour}


def _paint(canvas: Tensor, leaf: dict[str, Tensor], drawn: Bool[Tensor, " B"], size: int) -> Float[Tensor, "B 3 S S"]:
    """The canvas with a leaf on it: darker at its rim, a light midrib, a soft shadow on what lies below."""
    drawn, pixel = drawn.float()[:, None, None], size / 64
    distance = leaf["distance"]
    cover = (0.5 - distance).clamp(0, 1) * drawn
    shadow = (0.5 - distance * (0.2 / pixel)).clamp(0, 1) * drawn
    rim = (distance * (-0.5 / pixel)).clamp(0, 1)
    rib = (1 - leaf["across"] / pixel).clamp(0, 1)
    shade = 0.72 + 0.28 * rim + 0.16 * rib * rim
    colour = leaf["colour"].permute(0, 3, 1, 2) * shade[:, None]  # (B, 3, S, S)
    return canvas * ((1 - cover) * (1 - 0.4 * shadow))[:, None] + colour * cover[:, None]


def _soil(keys: Tensor, plant: Numbers, size: int) -> Float[Tensor, "B 3 S S"]:
    """Brown grains of two sizes, here and there a green one."""
    grains = [
        value_noise(keys, field, size, (cell, cell)) for field, cell in ((8, 1 + size // 12), (9, 1 + size // 40))
    ]
    texture = 0.5 * grains[0] + 0.5 * grains[1]
    lightness = 0.26 + 0.16 * plant["lightness of soil"] + 0.24 * (texture - 0.5)
    return tone(0.06 + 0.1 * plant["hue of soil"].expand_as(texture), texture * 0.25, lightness).permute(0, 3, 1, 2)
