"""Objects as annotation tools write them, and their pixels: polygons by COCO's own routine, pixel masks as they are."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco_mask

from lessons_lib.data.files import DamagedFile
from lessons_lib.data.sets.coco_checks import compressed, segmentation_fault

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Patch:
    """A mask of a part of the image: its upper left pixel is in column `left` and row `top`, which may be outside."""

    left: int
    top: int
    mask: Bool[np.ndarray, "h w"]


@dataclass(frozen=True)
class Ellipse:
    """The pixels whose centres lie in an ellipse around (x, y), turned clockwise as one sees it."""

    x: float
    y: float
    rx: float
    ry: float
    degrees: float = 0.0

    def patch(self, height: int, width: int) -> Patch:
        """Its mask in an image of this size, however large it is."""
        reach = math.ceil(max(self.rx, self.ry)) + 1
        left, top = max(math.floor(self.x) - reach, 0), max(math.floor(self.y) - reach, 0)
        across = np.arange(left, min(math.floor(self.x) + reach + 1, width)) + 0.5 - self.x
        down = (np.arange(top, min(math.floor(self.y) + reach + 1, height)) + 0.5 - self.y)[:, None]
        cosine, sine = math.cos(math.radians(self.degrees)), math.sin(math.radians(self.degrees))
        along, beside = across * cosine + down * sine, down * cosine - across * sine
        return Patch(left, top, (along / max(self.rx, 1e-9)) ** 2 + (beside / max(self.ry, 1e-9)) ** 2 <= 1)


@dataclass(frozen=True, eq=False)
class Shape:
    """One object of an image.

    name: its class. place: where it stands in its file, for messages. segmentation: polygons or run lengths in COCO's
    form. patches: pixel masks and ellipses. An object with none of these is known by its box alone, x0, y0, x1, y1; a
    box beside a mask is the tool's own. relative: the coordinates are shares of the image's width and height. crowd: a
    region of many.
    """

    name: str
    place: str
    segmentation: Any = None
    patches: tuple[Patch | Ellipse, ...] = ()
    box: Box | None = None
    relative: bool = False
    crowd: bool = False

    @property
    def is_box(self) -> bool:
        """Whether nothing but the box is known."""
        return self.segmentation is None and not self.patches

    def in_pixels(self, height: int, width: int) -> "Shape":
        """The same shape with its coordinates in pixels of an image of this size."""
        if not self.relative:
            return self
        polygons = [[v * (height if i % 2 else width) for i, v in enumerate(part)] for part in self.segmentation or ()]
        box = None
        if self.box is not None:
            x0, y0, x1, y1 = self.box
            box = (x0 * width, y0 * height, x1 * width, y1 * height)
        return Shape(self.name, self.place, polygons or None, self.patches, box, crowd=self.crowd)


def draw(shape: Shape, height: int, width: int, file: Path) -> Bool[np.ndarray, "H W"]:
    """The pixels of a shape in an image of this size; a shape that is a box alone is drawn filled.

    Polygons cover the pixels that pycocotools gives them; what leaves the image is cut off. Raises DamagedFile, which
    names `file` and the place in it, for a shape that cannot be drawn.
    """
    mask = np.zeros((height, width), dtype=bool)
    segmentation = shape.segmentation
    if shape.is_box and shape.box is not None:
        x0, y0, x1, y1 = shape.box
        segmentation = [[x0, y0, x1, y0, x1, y1, x0, y1]]
    if segmentation is not None:
        if fault := segmentation_fault(segmentation, height, width):
            raise DamagedFile(file, fault, shape.place, "broken annotation")
        with warnings.catch_warnings():  # pycocotools 2.0 passes arrays in a way that numpy 2 announces to change
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
            mask |= coco_mask.decode(compressed(segmentation, height, width)).astype(bool)
    for patch in shape.patches:
        _paste(mask, patch.patch(height, width) if isinstance(patch, Ellipse) else patch)
    return mask


def _paste(mask: Bool[np.ndarray, "H W"], patch: Patch) -> None:
    """Add a patch to a mask, cut at the borders."""
    height, width = patch.mask.shape
    top, left = max(patch.top, 0), max(patch.left, 0)
    bottom, right = min(patch.top + height, mask.shape[0]), min(patch.left + width, mask.shape[1])
    if top < bottom and left < right:
        rows, columns = slice(top - patch.top, bottom - patch.top), slice(left - patch.left, right - patch.left)
        mask[top:bottom, left:right] |= patch.mask[rows, columns]


def turned_box(x0: float, y0: float, x1: float, y1: float, degrees: float) -> list[float]:
    """The corners of a box that is turned clockwise about its centre, as one polygon x, y, x, y, …"""
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = []
    for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)):
        dx, dy = x - middle_x, y - middle_y
        corners += [middle_x + dx * cosine - dy * sine, middle_y + dx * sine + dy * cosine]
    return corners


def joined(shapes: Sequence[Shape], groups: Sequence[object]) -> list[Shape]:
    """Shapes of one class and one group are one object; None groups nothing. The order is that of the first parts.

    Boxes alone that belong to a group with polygons are drawn with them.
    """
    found: dict[object, list[Shape]] = {}
    for number, (shape, group) in enumerate(zip(shapes, groups, strict=True)):
        found.setdefault((shape.name, group) if group is not None else number, []).append(shape)
    return [_one(parts) if len(parts) > 1 else parts[0] for parts in found.values()]


def _one(parts: list[Shape]) -> Shape:
    first = parts[0]
    if all(part.is_box for part in parts):
        corners = list(zip(*(part.box for part in parts if part.box is not None), strict=True))
        box = (min(corners[0]), min(corners[1]), max(corners[2]), max(corners[3]))
        return Shape(first.name, first.place, box=box)
    polygons = []
    for part in parts:
        if part.is_box and part.box is not None:
            x0, y0, x1, y1 = part.box
            polygons.append([x0, y0, x1, y0, x1, y1, x0, y1])
        polygons += part.segmentation or []
    return Shape(first.name, first.place, polygons or None, tuple(patch for part in parts for patch in part.patches))
