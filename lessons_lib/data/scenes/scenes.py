"""Scenes: procedural images with exact semantic and instance ground truth, as many as one likes.

Sample i of seed s is a function of (config, s, i) alone: bit-identical over runs, batch sizes, workers, threads and
processors on a CPU, and equal away from edges on a GPU.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from lessons_lib.data.class_table import voc_coloured
from lessons_lib.data.sample import VOID, Instances, Sample, tight_boxes
from lessons_lib.data.scenes.config import CLASSES, PRESETS, SceneConfig
from lessons_lib.data.scenes.drawn import Drawn
from lessons_lib.data.scenes.ground import bird_rounds, paint_ground
from lessons_lib.data.scenes.layout import CROWD_ORDER, Layout, arrange
from lessons_lib.data.scenes.things import Windows, cover, open_windows, paint_things

__all__ = ["CLASSES", "PRESETS", "SceneConfig", "Scenes", "draw_scenes"]

_CHUNK_PIXELS = 32 * 96 * 96
"""Pixels drawn at once on a CPU, so that the planes stay in its cache."""

_DEPTHS = 16
"""More than the depth orders of an image: 0 ground, 1 crowd, 2 to 11 things."""


class Scenes(Drawn):
    """A map-style dataset of scenes; a DataLoader takes it with `collate_fn=collate`.

    `length` images, numbered from 0; another `seed` gives other images.
    """

    classes, colours = CLASSES, voc_coloured(CLASSES).colours

    def __init__(self, config: SceneConfig = PRESETS["easy"], length: int = 1000, seed: int = 0):
        super().__init__(length, seed)
        self.config = config

    def draw(self, indices: list[int]) -> list[Sample]:
        """Scenes of these indices."""
        return draw_scenes(indices, self.config, self.seed)


def draw_scenes(
    indices: Sequence[int],
    config: SceneConfig = PRESETS["easy"],
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> list[Sample]:
    """Draw the images `indices` of a seed, on any device; indices and seed are in [0, 2³²).

    The samples of a call share memory. On a CPU they are drawn in small groups that fit its cache.
    """
    indices = list(indices)
    chunk = max(1, _CHUNK_PIXELS // config.size**2) if torch.device(device).type == "cpu" else len(indices)
    samples = []
    for start in range(0, len(indices), max(1, chunk)):
        samples += _draw(indices[start : start + chunk], config, seed, device)
    return samples


def _draw(indices: list[int], config: SceneConfig, seed: int, device: torch.device | str) -> list[Sample]:
    numbers = arrange(indices, config, seed)
    windows = open_windows(numbers, config, device)
    birds = [rows.to(device) for rows in bird_rounds(numbers)]
    layout = numbers.to(device)
    planes, stuff = paint_ground(layout, birds, config)
    owner, keep = _settle(windows, layout, stuff.shape, config)
    canvas = torch.cat([planes.flatten(1), planes.new_zeros(3, 1)], dim=1)  # one more cell for what falls outside
    paint_things(canvas, windows, layout, keep, config.size)
    images = _quantise(canvas[:, :-1].view(3, *stuff.shape)).transpose(0, 1).contiguous()
    return _samples(images, stuff, owner, keep, layout)


def _settle(
    windows: list[Windows], layout: Layout, shape: torch.Size, config: SceneConfig
) -> tuple[UInt8[Tensor, "B S S"], Bool[Tensor, " M"]]:
    """Who owns each pixel (0 the ground, 255 void, else the depth order), and which things are drawn at all.

    A thing that would keep too few pixels is left out; the others can only gain from it, so one round is enough.
    """
    keep = torch.ones_like(layout.crowd)
    for last in (False, True):
        owner = cover(windows, layout, shape.numel(), keep if last else None).to(torch.uint8).view(shape)
        if config.void_border:
            owner = torch.where(_nearest_neighbour(owner) > owner, VOID, owner)
        if not last:
            visible = _pixels_per_depth(owner)
            keep = visible[layout.picture, layout.order] >= config.min_visible
    return owner, keep


def _nearest_neighbour(owner: UInt8[Tensor, "B S S"]) -> UInt8[Tensor, "B S S"]:
    """The greatest depth order among a pixel and its eight neighbours."""
    rows = owner.clone()
    rows[:, 1:] = torch.maximum(rows[:, 1:], owner[:, :-1])
    rows[:, :-1] = torch.maximum(rows[:, :-1], owner[:, 1:])
    both = rows.clone()
    both[:, :, 1:] = torch.maximum(both[:, :, 1:], rows[:, :, :-1])
    both[:, :, :-1] = torch.maximum(both[:, :, :-1], rows[:, :, 1:])
    return both


def _pixels_per_depth(owner: UInt8[Tensor, "B S S"]) -> Int64[Tensor, "B D"]:
    """How many pixels each depth order owns in each image; void counts for none."""
    depth = torch.where(owner == VOID, 0, owner).to(torch.int64).flatten(1)
    counts = torch.zeros(len(owner), _DEPTHS, dtype=torch.int64, device=owner.device)
    return counts.scatter_add_(1, depth, torch.ones_like(depth))


def _quantise(canvas: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Round to the 256 values of a byte, as an image file does."""
    return (canvas.clamp(0, 1) * 255 + 0.5).floor() / 255


def _samples(images: Tensor, stuff: Tensor, owner: Tensor, keep: Tensor, layout: Layout) -> list[Sample]:
    """Cut the batch into samples; instances are ordered from far to near."""
    labels = torch.zeros(len(images), _DEPTHS, dtype=torch.int64, device=images.device)
    labels[layout.picture, layout.order] = torch.where(keep, layout.label, 0)
    depth = torch.where(owner == VOID, 0, owner).to(torch.int64)
    painted = labels.gather(1, depth.flatten(1)).view_as(depth)
    label_maps = torch.where(owner == VOID, VOID, torch.where(owner > 0, painted, stuff))
    picture, order = labels.nonzero(as_tuple=True)  # image after image, far to near
    masks = owner[picture] == order[:, None, None]
    counts = torch.bincount(picture, minlength=len(images)).tolist()
    values = (tight_boxes(masks), labels[picture, order], masks, order == CROWD_ORDER)
    parts = (torch.split(value, counts) for value in values)
    return [
        Sample(image, label_map, Instances(box, label, mask, is_crowd=crowd))
        for image, label_map, box, label, mask, crowd in zip(images, label_maps, *parts, strict=True)
    ]
