"""Images of an exported set: photographs without loss, and maps of numbers."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from PIL import Image
from torch import Tensor

from lessons_lib.data.class_table import voc_colour
from lessons_lib.data.sample import VOID, Sample


def save_photo(image: Float[Tensor, "3 H W"], file: Path) -> None:
    """Save RGB in [0, 1] as bytes, in PNG whatever the name ends with: decoders go by the content."""
    pixels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(pixels).save(file, format="png")


def save_numbers(values: Int64[Tensor, "H W"], file: Path, palette: bool = False, bits: int = 8) -> None:
    """Save one number per pixel, in 8 or 16 bits; with `palette` as indices into Pascal VOC's colours.

    Raises ValueError for a number that the bits cannot hold.
    """
    if values.min() < 0 or values.max() >= 2**bits:
        raise ValueError(f"values must be in [0, {2**bits}), got {int(values.min())} to {int(values.max())}")
    picture = Image.fromarray(values.numpy().astype(np.uint8 if bits == 8 else np.uint16))
    if palette:
        picture.putpalette(voc_palette())  # makes it a palette image with the same indices
    picture.save(file)


def voc_palette() -> list[int]:
    """The 256 colours of Pascal VOC, flat."""
    return [part for index in range(256) for part in voc_colour(index)]


def masks_in(sample: Sample) -> Bool[Tensor, "N H W"]:
    """The masks of a sample's objects. Raises ValueError where only their boxes are known."""
    if sample.instances.masks is None:
        raise ValueError("instances must have masks to be written, got boxes alone")
    return sample.instances.masks


def object_map(sample: Sample) -> Int64[Tensor, "H W"]:
    """Number of the instance at each pixel, from 1; 0 where there is none and 255 where the label map is void."""
    instances = sample.instances
    if instances.is_crowd is not None and instances.is_crowd.any():
        raise ValueError("is_crowd must be false for every instance in the VOC layout, which has no crowds")
    if len(instances) >= VOID:
        raise ValueError(f"instances must be at most 254 per image in the VOC layout, got {len(instances)}")
    numbers = torch.where(sample.label_map == VOID, VOID, 0)
    for i, mask in enumerate(masks_in(sample)):
        if not mask.any() or (numbers[mask] != 0).any() or (sample.label_map[mask] != instances.labels[i]).any():
            raise ValueError(f"mask {i} must be non-empty, free of others, and of its label in the label map")
        numbers[mask] = i + 1
    return numbers
